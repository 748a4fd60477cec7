"""The exceptions a machine still has to report: priority ones first, then a first-in first-out queue of limited length.

On overflow the oldest queued entry is lost and 70 is reported at the next opportunity. An entry leaves only by
acknowledgement. Each carries the owner's own number, so that a book can be kept of what became of it. Source: sas-core 7.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from protocols.sas.catalog.exception_codes import EXCEPTIONS, PRIORITY_ORDER

OVERFLOW = 0x70
QUEUE_MAX = 25
"""The standard wants at least 20; the engine whose source is public has 25."""

_RANK = {code: place for place, code in enumerate(PRIORITY_ORDER)}


class Entry(NamedTuple):
    """One exception that waits."""

    code: int
    serial: int
    "The owner's number; -1 for the 70 that an overflow makes."


class ExceptionQueue:
    """``on_dropped(code, serial)`` is called for an entry lost by overflow."""

    __slots__ = ("_fifo", "_limit", "_priority", "on_dropped")

    def __init__(self, limit: int = QUEUE_MAX) -> None:
        self._limit = limit
        self._fifo: deque[Entry] = deque()
        self._priority: list[Entry] = []
        self.on_dropped: Callable[[int, int], None] | None = None

    def __len__(self) -> int:
        return len(self._fifo) + len(self._priority)

    def __iter__(self) -> Iterator[Entry]:
        yield from self._priority
        yield from self._fifo

    def add(self, code: int, serial: int) -> None:
        """Raise an exception. Class P goes before everything queued; Q and Q/P are queued."""
        row = EXCEPTIONS.get(code)
        if row is not None and row.klass == "P":
            self._add_priority(Entry(code, serial))
            return
        if len(self._fifo) >= self._limit:
            lost = self._fifo.popleft()
            if self.on_dropped is not None:
                self.on_dropped(lost.code, lost.serial)
            if not any(entry.code == OVERFLOW for entry in self._priority):
                self._add_priority(Entry(OVERFLOW, -1))
        self._fifo.append(Entry(code, serial))

    def _add_priority(self, entry: Entry) -> None:
        self._priority.append(entry)
        self._priority.sort(key=lambda one: _RANK.get(one.code, len(_RANK)))

    def first(self) -> Entry | None:
        """What is reported next; it stays until `remove`."""
        if self._priority:
            return self._priority[0]
        return self._fifo[0] if self._fifo else None

    def remove(self, entry: Entry) -> bool:
        """Acknowledged. False: it was lost by an overflow meanwhile."""
        for place in (self._priority, self._fifo):
            if entry in place:
                place.remove(entry)
                return True
        return False

    def clear(self) -> None:
        self._fifo.clear()
        self._priority.clear()
