"""What the field does in the background for its own books and disk: little at a time, and never in the way of a line."""

from typing import Protocol


class Upkeep(Protocol):
    """One such duty."""

    async def run(self) -> None:
        """Goes on until it is cancelled; an error ends the field."""
