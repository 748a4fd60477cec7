"""What a scan of a line found, as data: who is there, what each said, and who was silent."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.sas.longpoll import Values


@dataclass(frozen=True, slots=True)
class Damaged:
    """An answer that cannot be used: why, and at most 64 bytes of it."""

    slug: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Exceptional:
    """An exception that was told and not acknowledged: it is still in the machine's queue."""

    code: int
    real_time: bool
    "It came as an event frame: real-time events are on, left so by another host."


@dataclass(slots=True)
class Heard:
    """What came from one address."""

    address: int
    chirps: int = 0
    info: Values | None = None
    "1F: game, denomination, max bet, paytable; None: not answered."
    serial: Values | None = None
    "54: version and serial; None: not asked or not answered."
    answers: int = 0
    "Good answers of any kind."
    busy: int = 0
    damages: int = 0
    damaged: list[Damaged] = field(default_factory=list)
    exceptions: list[Exceptional] = field(default_factory=list)
    idle: bool = False
    "It answered a general poll: nothing new."
    second: bool = False
    "A second answer came behind a good one."

    @property
    def is_there(self) -> bool:
        return bool(self.chirps or self.answers or self.damages or self.exceptions)

    @property
    def duplicate_suspected(self) -> bool:
        """Two machines at one address answer at once: a second answer, or nothing but damage."""
        return self.second or (self.damages > 1 and self.answers == 0)


@dataclass(frozen=True, slots=True)
class Scanned:
    """The outcome of a scan."""

    found: tuple[Heard, ...]
    "By address: who chirped or answered, whatever it was."
    silent: tuple[int, ...]
    "Asked twice, no character came."
    unasked: tuple[int, ...]
    "Not asked, or not a second time: the scan was ended before. One of them may have chirped."
    listened: bool
    general_polls: bool
    echo: bool
    "The line gives back what is sent on it."
    strays: int
    "Characters that belong to no answer."
    took_s: float
    stopped: bool
    "It was told to stop, the line was lost, or there were too many silences."
