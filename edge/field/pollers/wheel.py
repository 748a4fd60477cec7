"""(pure) When each line is due: moments in buckets of a millisecond, so that a thousand lines cost no more than sixty.

A heap of all moments takes longer with each line, in comparisons and in memory touched; here only the numbers of the
buckets that hold anything stand in a heap, and there are never more of them than milliseconds of a poll interval.
"""

from __future__ import annotations

import heapq
from typing import Generic, Protocol, TypeVar

GRAIN_S = 0.001


class Due(Protocol):
    due_at: float
    "The one moment that counts; entries of the wheel with any other are void."


T = TypeVar("T", bound=Due)


class Wheel(Generic[T]):
    """Moments are monotonic seconds. An entry counts only while its owner's ``due_at`` is what was put."""

    __slots__ = ("_buckets", "_numbers")

    def __init__(self) -> None:
        self._buckets: dict[int, list[tuple[float, T]]] = {}
        self._numbers: list[int] = []

    def put(self, at: float, owner: T) -> None:
        """``owner`` is due at ``at``, and at no other moment; infinite: not at all."""
        owner.due_at = at
        if at == float("inf"):
            return
        number = int(at / GRAIN_S)
        bucket = self._buckets.get(number)
        if bucket is None:
            self._buckets[number] = [(at, owner)]
            heapq.heappush(self._numbers, number)
        else:
            bucket.append((at, owner))

    def take(self, now: float) -> list[T]:
        """Who is due by now, to the millisecond in order. Who was put twice for the same moment comes twice."""
        numbers, last = self._numbers, int(now / GRAIN_S)
        due: list[T] = []
        while numbers and numbers[0] <= last:
            number = heapq.heappop(numbers)
            later: list[tuple[float, T]] = []
            for entry in self._buckets.pop(number):
                at, owner = entry
                if owner.due_at == at:
                    if at <= now:
                        due.append(owner)
                    else:
                        later.append(entry)
            if later:
                self._buckets[number] = later
                heapq.heappush(numbers, number)
                break
        return due

    def first(self) -> float:
        """The next moment anybody is due, or a void one before it; infinite: nobody is."""
        if not self._numbers:
            return float("inf")
        return min(at for at, _ in self._buckets[self._numbers[0]])
