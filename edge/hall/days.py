"""The gaming day in the books: what it is, what it counted, and what it does not know."""

from fractions import Fraction
from typing import NamedTuple

HALL = 0
"In place of an asset number: of the hall and not of one machine."


INTERVALS = 2
"Meters older than so many regular readings are stale: one may fail, two that fail are no accident."


class OpenedDay(NamedTuple):
    """A day holds the records from its first position to before the first one of the next day."""

    gamingday: str
    first_position: int
    opened_at: str
    "Stamp, UTC. The day before ended here."


class DaySum(NamedTuple):
    """What one meter of one machine counted in a day or a range of days, in one worth of a credit."""

    asset: int
    generation: int
    game: int
    "0 is the machine as a whole."
    denomination: int | None
    "The denomination code it was asked for; None: the machine's accounting denomination."
    code: int
    worth: Fraction | None
    "Minor units per credit; None: the machine did not tell it."
    counted: int
    "Sum of the booked differences, in the meter's own unit."
    corrected: int
    "Sum of what people decided on these days, in the meter's own unit; not in `counted`."

    @property
    def total(self) -> int:
        """Both together."""
        return self.counted + self.corrected


class MachineDay(NamedTuple):
    """When a machine was read in a day or a range of days. Stamps, UTC."""

    asset: int
    since_at: str | None
    "When the snapshot before the first one of these days was read: from there on they count. None: there was none."
    first_at: str
    last_at: str
    snapshots: int


class Silence(NamedTuple):
    """How long nothing was known of a machine in a day or a range of days: its link was down, or its meters were stale."""

    asset: int
    seconds: int
    "Of what has ended: data came again."
    current_until: str | None
    "Stamp: from here on nothing is known of it, unless data has come since. None: that is not known either."


class Doubt(NamedTuple):
    """Something a day does not know."""

    gamingday: str
    asset: int
    "`HALL`: of the hall."
    kind: str
    "One of `DOUBTS`."
    times: int


DOUBTS = {
    "gap": "events of the machine may be missing",
    "missed": "readings of its meters that were due did not come though its link was up; counted once for each row of them",
    "first": "its meters were read for the first time: what it counted before is in no day",
    "ram_clear": "its meters were cleared: what it counted between the last reading and the clearing is in no day",
    "replaced": "another machine took its place: what either counted between the two readings is in no day",
    "denomination_change": "its credits changed their worth: what it counted between the two readings is in no day",
    "incoherent": "its meters were not all read at one moment",
    "clock_untrusted": "the day was opened by a clock that was not to be trusted",
    "clock_behind": "the clock stood in an earlier day while this one was written",
    "clock_ahead": "the clock, not to be trusted, stood so far ahead that no day was opened for it",
}
"""What a day may not know. An unexplained or ambiguous reading is not among them: it has its own row for review."""


class Place(NamedTuple):
    """A machine as the registry has it now."""

    asset: int
    line: str
    location: str | None
    label: str | None
    enrolled: bool
    registered_at: str
