"""The head of the log as the front knows it, and a way to wait for it to grow without asking the database."""

import asyncio
import contextlib

from edge.seam.messages import Cursor


class HeadWatch:
    """Told by the seam's client; a long poll and the uplink wait here."""

    def __init__(self) -> None:
        self.position = 0
        "Position of the newest durable record in the log's table."
        self.cursor: Cursor | None = None
        self._moved: asyncio.Event = asyncio.Event()

    def tell(self, position: int, cursor: Cursor | None) -> None:
        """The log has grown to here."""
        self.position = position
        self.cursor = cursor
        self._wake()

    def lost(self) -> None:
        """The field is away: whoever waits goes and finds out."""
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait_beyond(self, position: int, timeout: float) -> bool:  # noqa: ASYNC109 - callers wait in slices
        """Wait until the log is longer than this, at most so many seconds. False: it is not (or the field was lost)."""
        if self.position <= position:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._moved.wait()
        return self.position > position
