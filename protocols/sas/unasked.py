"""Characters that come while nothing is awaited: chirps and strays, counted and told with restraint.

A babbling line must cost neither memory nor a flood of events.
"""

from __future__ import annotations

from protocols.sas.events import Chirp, SasEvent, Stray

TOLD_MAX = 64
"""Bytes of rubbish worth showing to a technician; the rest is a number."""
STRAY_EVERY_S = 1.0
CHIRP_EVERY_S = 5.0


class Unasked:
    """Collects strays and chirps of one line and says when the next may be told."""

    __slots__ = ("_chirped_at", "_data", "_told_at", "count")

    def __init__(self) -> None:
        self._data = bytearray()
        self.count = 0
        "Strays not told of yet."
        self._told_at = float("-inf")
        self._chirped_at: dict[int, float] = {}

    def stray(self, value: int) -> None:
        self.count += 1
        if len(self._data) < TOLD_MAX:
            self._data.append(value)

    def chirp(self, address: int, now: float, events: list[SasEvent]) -> None:
        """Tell of a chirp, of one machine at most every 5 s (it chirps five times a second)."""
        if now - self._chirped_at.get(address, float("-inf")) >= CHIRP_EVERY_S:
            self._chirped_at[address] = now
            events.append(Chirp(address))

    def tell(self, now: float, events: list[SasEvent]) -> None:
        """Tell of the strays since last time, at most once a second."""
        if self.count and now - self._told_at >= STRAY_EVERY_S:
            self._told_at = now
            events.append(Stray(bytes(self._data), self.count))
            self._data.clear()
            self.count = 0
