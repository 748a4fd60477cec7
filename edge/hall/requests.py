"""What may be asked of a machine, in hall words. How a protocol asks it is not said here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Enable:
    """Let the machine be played."""

    asset: int


@dataclass(frozen=True, slots=True)
class Disable:
    """Stop play; credits stay and can be cashed out."""

    asset: int


@dataclass(frozen=True, slots=True)
class ReadMeters:
    """Read these meters now."""

    asset: int
    codes: tuple[int, ...]
    games: tuple[int, ...] = (0,)
    "0 is the machine as a whole."
    reason: Literal["first", "interval", "event", "command", "link_up", "stop"] = "command"
    because: str | None = None
    "Id of the event that caused it."


@dataclass(frozen=True, slots=True)
class SetClock:
    """Set the machine's clock to this local time of the hall, and read it back."""

    asset: int
    local_time: datetime


@dataclass(frozen=True, slots=True)
class Identify:
    """Ask the machine who it is."""

    asset: int


Request = Enable | Disable | ReadMeters | SetClock | Identify
