"""All lines as one: held while the books are full, let go when there is room; and what the gateway has to say meanwhile.

A line that is held sends nothing, so nothing it has heard is acknowledged; what was on its way is still heard and waits to
be written. What no line waits for (a clock that stepped, a command that ended, a line that was lost) waits here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from edge.clock import Clock
from edge.field.found import Found
from edge.field.journal import Journal, Written
from edge.field.pollers.hearing import Hearing
from edge.field.pollers.sas import SasPoller
from edge.field.pollers.supervisor import Supervisor
from sync.errors import StorageFull

WAITING_MAX = 1000
"Facts without a line that wait for room; beyond that the oldest are given up, and the log of the process says so."

log = structlog.get_logger("field")


class Lines:
    """One per field. ``full`` is called when something found no room."""

    def __init__(
        self, journal: Journal, hearing: Hearing, poller: SasPoller, supervisor: Supervisor, clock: Clock
    ) -> None:
        self._journal = journal
        self._hearing = hearing
        self._poller = poller
        self._supervisor = supervisor
        self._clock = clock
        self._waiting: list[Sequence[Found]] = []
        self.full: Callable[[], None] = lambda: None

    def hold(self) -> None:
        """From now on nothing leaves on any line."""
        for wire in self._supervisor.wires:
            wire.host.hold()

    def let_go(self) -> None:
        """All lines go on; a line of which something waits only once it is written."""
        now = self._clock.monotonic()
        for wire in self._supervisor.wires:
            wire.host.release(now)
        self._hearing.room_again()
        for wire in self._supervisor.wires:
            self._poller.touch(wire)

    def write_waiting(self) -> None:
        """Write down what found no room; lines stay held."""
        self._hearing.write_waiting()
        waiting, self._waiting = self._waiting, []
        for found in waiting:
            self.record(found)

    @property
    def waits_for_room(self) -> bool:
        """Is there anything that was heard, decided or said and is not written?"""
        return self._hearing.waits_for_room or bool(self._waiting)

    def record(self, found: Sequence[Found]) -> None:
        """Write down what no line waits for, when there is room for it."""

        def done(_written: Written | None, error: Exception | None) -> None:
            if isinstance(error, StorageFull):
                if len(self._waiting) >= WAITING_MAX:
                    log.error("given up for want of room", what=repr(self._waiting.pop(0))[:300])
                self._waiting.append(found)
                self.full()
            elif error is not None:
                log.error("a fact was refused by the books", error=str(error))

        self._journal.record(found, done)
