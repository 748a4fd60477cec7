"""The exceptions a machine still has to report: priority ones first, then a first-in first-out queue of limited length.

On overflow the oldest queued entry is lost and 70 is reported at the next opportunity. An entry leaves only by
acknowledgement. Each carries the owner's own number, so that a book can be kept of what became of it. Source: sas-core 7.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Set
from typing import NamedTuple

from protocols.sas.catalog.exception_codes import EXCEPTIONS, PRIORITY_ORDER

OVERFLOW = 0x70
QUEUE_MAX = 25
"""The standard wants at least 20; the engine whose source is public has 25."""

_RANK = {code: place for place, code in enumerate(PRIORITY_ORDER)}


def _rank(entry: Entry) -> int:
    return _RANK.get(entry.code, len(_RANK))


class Entry(NamedTuple):
    """One exception that waits."""

    code: int
    serial: int
    "The owner's number; -1 for the 70 of an overflow that the owner does not number."
    data: bytes = b""
    "What its real-time event frame carries behind the code; outside of that mode nobody sees it."


class ExceptionQueue:
    """``on_dropped(code, serial)`` is called for an entry that is lost: by overflow, or given up by the machine.

    ``on_overflow()`` is asked for the number of the 70 that an overflow makes.
    """

    __slots__ = ("_also", "_fifo", "_limit", "_overflow", "_priority", "on_dropped", "on_overflow")

    def __init__(self, limit: int = QUEUE_MAX, also_priority: Set[int] = frozenset()) -> None:
        """``limit`` holds for each of both places. ``also_priority``: codes of class Q/P whose function is configured."""
        self._limit = limit
        self._also = frozenset(also_priority)
        self._fifo: deque[Entry] = deque()
        self._priority: list[Entry] = []
        self._overflow: Entry | None = None
        self.on_dropped: Callable[[int, int], None] | None = None
        self.on_overflow: Callable[[], int] | None = None

    def __len__(self) -> int:
        return len(self._fifo) + len(self._priority)

    def __iter__(self) -> Iterator[Entry]:
        yield from sorted(self._priority, key=_rank)
        yield from self._fifo

    def add(self, code: int, serial: int, data: bytes = b"") -> None:
        """Raise an exception. Class P goes before everything queued; Q is queued, and so is Q/P unless configured."""
        row = EXCEPTIONS.get(code)
        if code in self._also or (row is not None and row.klass == "P"):
            # The 70 of an overflow takes no room and never makes room: it says that something was lost.
            waiting = [entry for entry in self._priority if entry is not self._overflow]
            if len(waiting) >= self._limit:
                self._priority.remove(waiting[0])
                self._lose(waiting[0])
            self._priority.append(Entry(code, serial, data))
            return
        if len(self._fifo) >= self._limit:
            self._lose(self._fifo.popleft())
        self._fifo.append(Entry(code, serial, data))

    def _lose(self, lost: Entry) -> None:
        if self.on_dropped is not None:
            self.on_dropped(lost.code, lost.serial)
        if not any(entry.code == OVERFLOW for entry in self._priority):
            self._overflow = Entry(OVERFLOW, -1 if self.on_overflow is None else self.on_overflow())
            self._priority.append(self._overflow)

    def holds(self, code: int) -> bool:
        """One of this code waits."""
        return any(entry.code == code for entry in self._priority) or any(entry.code == code for entry in self._fifo)

    def first(self) -> Entry | None:
        """What is reported next; it stays until `remove`."""
        if self._priority:
            return min(self._priority, key=_rank)
        return self._fifo[0] if self._fifo else None

    def remove(self, entry: Entry) -> bool:
        """Acknowledged. False: it was lost by an overflow meanwhile."""
        for place in (self._priority, self._fifo):
            if entry in place:
                place.remove(entry)
                return True
        return False

    def give_up(self, entry: Entry) -> None:
        """The machine forgets what it has told without hearing an acknowledgement: lost, if nobody stored it."""
        if self.remove(entry) and entry.serial >= 0 and self.on_dropped is not None:
            self.on_dropped(entry.code, entry.serial)

    def clear(self) -> None:
        self._fifo.clear()
        self._priority.clear()
