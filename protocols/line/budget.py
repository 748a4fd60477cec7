"""(pure) How much a line may deliver: no more than a wire can carry, with room for what a network held back.

A real wire brings 1,745 characters a second. A broken device server or a hostile one brings millions, and each would
cost the time of the other lines. What is over the budget is thrown away by the line without being looked at, rather than
left in the kernel: there it would age, and everything behind it would be answered late.
"""

from __future__ import annotations

from protocols.line.line import CHAR_S, DRAIN_MAX

SLACK = 2.0
"""The clocks of both ends differ, and a socket delivers in lumps."""


class ReadBudget:
    """A bucket that holds `DRAIN_MAX` characters and fills at twice the speed of the wire."""

    __slots__ = ("_at", "_per_s", "_room")

    def __init__(self, now: float, *, char_s: float = CHAR_S) -> None:
        self._per_s = SLACK / char_s
        self._room = float(DRAIN_MAX)
        self._at = now

    def take(self, count: int, now: float) -> int:
        """How many of ``count`` characters may be looked at: all of them unless the line floods."""
        room = self._room
        if room < DRAIN_MAX:
            room = min(float(DRAIN_MAX), room + max(0.0, now - self._at) * self._per_s)
        self._at = now
        allowed = count if count <= room else int(room)
        self._room = room - allowed
        return allowed
