"""What goes wrong on a line, when, and how often: "from 30 s for 10 s lose every 20th character". Seeded. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from simulators.egm.dice import Dice

Way = Literal["to_machine", "to_host", "both"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble in a span of time; shares are of characters."""

    begin_s: float = 0.0
    "Seconds from the start of the plan."
    last_s: float = float("inf")
    way: Way = "both"
    drop: float = 0.0
    corrupt: float = 0.0
    "One bit of the character is turned; sometimes it is the wake-up bit."
    delay: float = 0.0
    delay_s: float = 0.01
    "How much later a delayed character comes; those behind it wait."


class Fate(NamedTuple):
    """What becomes of a character. value None: lost."""

    value: int | None
    wakeup: bool
    later_s: float


class FaultPlan:
    """Faults and the dice that place them: the same seed harms the same characters."""

    def __init__(self, faults: Sequence[Fault], seed: int, *, start: float) -> None:
        self._faults = tuple(faults)
        self._dice = Dice(seed)
        self._start = start
        self.dropped = self.corrupted = self.delayed = 0

    def fate(self, value: int, wakeup: bool, *, to_host: bool, now: float) -> Fate:
        """What becomes of this character now."""
        later_s = 0.0
        for fault in self._faults:
            if not fault.begin_s <= now - self._start < fault.begin_s + fault.last_s:
                continue
            if fault.way != "both" and (fault.way == "to_host") != to_host:
                continue
            if fault.drop and self._dice.happens(fault.drop):
                self.dropped += 1
                return Fate(None, wakeup, 0.0)
            if fault.corrupt and self._dice.happens(fault.corrupt):
                self.corrupted += 1
                bit = self._dice.below(9)
                value, wakeup = (value, not wakeup) if bit == 8 else (value ^ (1 << bit), wakeup)
            if fault.delay and self._dice.happens(fault.delay):
                self.delayed += 1
                later_s = max(later_s, fault.delay_s)
        return Fate(value, wakeup, later_s)
