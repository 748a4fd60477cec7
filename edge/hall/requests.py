"""What may be asked of a machine, in hall words. How a protocol asks it is not said here."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Literal

SnapshotReason = Literal[
    "first", "interval", "day_end", "link_up", "command", "move", "last", "drop", "access", "service", "denomination",
    "before_clear", "after_clear", "event",
]  # fmt: skip
"Why meters are read (MTR-07); what each means is said in the catalogue of meter events."


@dataclass(frozen=True, slots=True)
class Enable:
    """Let the machine be played."""

    urgent: ClassVar[bool] = False
    asset: int


@dataclass(frozen=True, slots=True)
class Disable:
    """Stop play; credits stay and can be cashed out."""

    urgent: ClassVar[bool] = False
    asset: int


@dataclass(frozen=True, slots=True)
class ReadMeters:
    """Read these meters now."""

    urgent: ClassVar[bool] = False
    asset: int
    codes: tuple[int, ...]
    games: tuple[int, ...] = (0,)
    "0 is the machine as a whole."
    reason: SnapshotReason = "command"
    because: str | None = None
    "Id of the event that caused it."
    before_change: bool = False
    "The machine waits for it before it clears meters or changes its games: never one with another reading."
    denominations: tuple[int, ...] = ()
    "Codes of denominations of which the same is read, beside the total."

    @property
    def whole(self) -> bool:
        """Is it a reading of the machine as a whole, the one that snapshots and their schedule are about?"""
        return self.games == (0,) and not self.denominations


@dataclass(frozen=True, slots=True)
class SetClock:
    """Set the machine's clock to this local time of the hall, and read it back."""

    urgent: ClassVar[bool] = False
    asset: int
    local_time: datetime


@dataclass(frozen=True, slots=True)
class Identify:
    """Ask the machine who it is."""

    urgent: ClassVar[bool] = False
    asset: int


@dataclass(frozen=True, slots=True)
class Describe:
    """Ask the machine what it offers: games, denominations, features."""

    urgent: ClassVar[bool] = False
    asset: int


@dataclass(frozen=True, slots=True)
class Confirm:
    """A person says: the machine that answers here now is the right one. Nothing is sent for it."""

    urgent: ClassVar[bool] = False
    asset: int
    serial: str | None
    "The serial number that was seen; None: whichever answers."


@dataclass(frozen=True, slots=True)
class ReadHandpay:
    """Read the handpay the machine is locked for. Its answer is deleted in the machine once acknowledged."""

    urgent: ClassVar[bool] = True
    asset: int


@dataclass(frozen=True, slots=True)
class ReadLastBill:
    """Which bill was accepted last, and how many of its kind."""

    urgent: ClassVar[bool] = False
    asset: int
    because: str | None


@dataclass(frozen=True, slots=True)
class ReadHopper:
    """How the hopper stands."""

    urgent: ClassVar[bool] = False
    asset: int
    because: str | None


@dataclass(frozen=True, slots=True)
class ReadSelection:
    """Which game and denomination the player has selected."""

    urgent: ClassVar[bool] = False
    asset: int
    because: str | None


@dataclass(frozen=True, slots=True)
class AnswerMeterChange:
    """Tell a machine that wants to clear meters or change its games what it waits for (SAS B6)."""

    urgent: ClassVar[bool] = True
    asset: int
    answer: Literal["wait", "go_ahead", "not_now"]
    because: str | None


Request = (
    Enable
    | Disable
    | ReadMeters
    | SetClock
    | Identify
    | Describe
    | Confirm
    | ReadHandpay
    | ReadLastBill
    | ReadHopper
    | ReadSelection
    | AnswerMeterChange
)


def merged(waiting: Request, new: Request) -> Request | None:
    """One request that does for both of the gateway's own; None: each is asked by itself.

    A reading of an event serves the regular one too, and of two events with the same reason the first; each other reason
    has a reading of its own (MTR-07), and the machine's total, its games and its denominations are separate readings. Of
    a bill, a hopper or a selection the newest occasion counts: what is asked is how it stands now.
    """
    if type(waiting) is not type(new):
        return None
    if isinstance(waiting, ReadMeters) and isinstance(new, ReadMeters):
        return _merged_readings(waiting, new)
    if isinstance(waiting, AnswerMeterChange) and isinstance(new, AnswerMeterChange):
        return new
    if isinstance(waiting, ReadLastBill | ReadHopper | ReadSelection):
        return new
    return waiting


_OF_EVENTS = frozenset({"drop", "access", "service", "denomination", "before_clear", "after_clear", "event"})


def _merged_readings(waiting: ReadMeters, new: ReadMeters) -> ReadMeters | None:
    if waiting.before_change or new.before_change:
        return None
    if (waiting.games, waiting.denominations) != (new.games, new.denominations):
        return None
    if waiting.reason == new.reason or (new.reason == "interval" and waiting.reason in _OF_EVENTS):
        chosen = waiting
    elif waiting.reason == "interval" and new.reason in _OF_EVENTS:
        chosen = new
    else:
        return None  # the first reading of a machine is a test of its own, and an event's meters name the event
    codes = (*waiting.codes, *(code for code in new.codes if code not in waiting.codes))
    return replace(chosen, codes=codes)
