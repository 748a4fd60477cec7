"""Sums an attendant must pay, and what the wire is told of them: 51, 52, 55 and the records that 1B reads (sas-core 5.5).

Two ways of reporting, an operator's option. Legacy: 51 and 52 once each, 1B shows what is so now. Queued: at least five
records outlive everything; 51 comes again every 15 s until the record was read, 52 when it was read and paid, then 51 for
the next. Money is not moved here.
"""

from collections.abc import Callable
from dataclasses import dataclass

HANDPAY_PENDING, HANDPAY_RESET, HANDPAY_CANCELLED = 0x51, 0x52, 0x55
RECORDS_MAX = 5
REMIND_EVERY_S = 15.0
TOP_LEVEL, CANCELLED_LEVEL = 0x40, 0x80


@dataclass(slots=True)
class Handpay:
    """One sum."""

    kind: str
    "jackpot, or cancelled (credits)."
    credits: int
    level: int = 0x00
    "00 or 40: a win without progressive; 01 to 20: progressive; 80: cancelled credits."
    amount: int = 0
    "As 1B tells it: cents for a progressive level, else credits."
    group: int = 0
    is_read: bool = False
    "The host has acknowledged the answer that carried it."
    is_reset: bool = False
    "An attendant has paid."


class Handpays:
    """``say`` raises an exception; ``waits`` tells whether one of a code still waits to be heard."""

    def __init__(self, *, queued: bool, say: Callable[[int], None], waits: Callable[[int], bool]) -> None:
        self._queued = queued
        self._say = say
        self._waits = waits
        self._records: list[Handpay] = []
        self._shown: Handpay | None = None

    @property
    def pending(self) -> Handpay | None:
        """What locks the machine now."""
        last = self._records[-1] if self._records else None
        return last if last is not None and not last.is_reset else None

    @property
    def is_full(self) -> bool:
        """No room for another: nothing may be won or cashed out until the host has read."""
        return len(self._records) >= RECORDS_MAX

    @property
    def wants_reading(self) -> bool:
        """The host is to be reminded."""
        return self._queued and bool(self._records) and not self._records[0].is_read

    def lock(self, handpay: Handpay) -> None:
        """A sum to pay. Only when nothing is pending and there is room."""
        assert self.pending is None
        assert not self.is_full
        self._records.append(handpay)
        if len(self._records) == 1:
            self._say(HANDPAY_PENDING)

    def reset(self) -> None:
        """The pending one was paid."""
        handpay = self.pending
        assert handpay is not None
        handpay.is_reset = True
        self._settle()

    def cancel(self) -> None:
        """The player would rather play on; the record is gone."""
        self._records.pop()
        self._say(HANDPAY_CANCELLED)

    def shown(self) -> Handpay | None:
        """What 1B tells. None: no record."""
        self._shown = self._records[0] if self._records else None
        return self._shown

    def acknowledged(self) -> None:
        """The host has what `shown` told last."""
        if self._shown is not None:
            self._shown.is_read = True
            self._settle()

    def remind(self) -> None:
        """51 again, unless the last one is still waiting to be heard: it is told once, however late."""
        if self.wants_reading and not self._waits(HANDPAY_PENDING):
            self._say(HANDPAY_PENDING)

    def clear(self) -> None:
        """With the memory."""
        self._records.clear()
        self._shown = None

    def _settle(self) -> None:
        if self._records and self._records[0].is_reset and (self._records[0].is_read or not self._queued):
            self._records.pop(0)
            self._say(HANDPAY_RESET)
            if self._records:
                self._say(HANDPAY_PENDING)
