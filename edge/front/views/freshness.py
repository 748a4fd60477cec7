"""How old a machine's meters are as they are shown, and whether they may still be taken for current (MTR-16).

Reckoned where it is shown and at the moment of showing: a field that has died cannot tell any more that its figures are
old. A machine whose link is down has stale meters at once, however young they are: it may be played, or be gone.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from edge.board import EgmState
from edge.clock import from_stamp
from edge.front.context import Front
from edge.hall.days import INTERVALS

ANSWERING = frozenset({"up", "shaky"})
"States of a link over which a machine is heard."

Why = Literal["field-away", "link-down", "never-read", "too-old"]
WORDS: dict[Why, str] = {
    "field-away": "the field is away",
    "link-down": "the machine does not answer",
    "never-read": "not read yet",
    "too-old": "no reading came for long",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is shown."""

    wall: datetime
    every_s: float
    "The interval of regular readings."
    connected: bool
    "The field is there: what the board says of links is how they are."

    @classmethod
    def of(cls, front: Front) -> "Moment":
        """Now, in this front."""
        return cls(front.clock.wall(), float(front.settings.polling.meters_every_s), front.seam.connected)


def age_s(read_at: str | None, moment: Moment) -> int | None:
    """Whole seconds since this stamp, not below 0; None: never read."""
    return None if read_at is None else max(0, int((moment.wall - from_stamp(read_at)).total_seconds()))


def why_stale(machine: EgmState, moment: Moment, read_at: str | None = None) -> Why | None:
    """Why its meters are not current; None: they are. ``read_at``: of one meter, where it is not that of the last reading."""
    age = age_s(read_at or machine.meters_at, moment)
    if not moment.connected:
        return "field-away"
    if machine.link not in ANSWERING:
        return "link-down"
    if age is None:
        return "never-read"
    return "too-old" if age > INTERVALS * moment.every_s else None
