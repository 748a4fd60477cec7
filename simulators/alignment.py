"""Which event at central is which exception of the machine? Both are only rows of codes, and codes repeat. Pure.

The cheapest explanation wins: a row of codes is laid beside the other with the fewest faults (lost, extra, altered).
What the contract allows costs nothing: a machine's answer that was never acknowledged may be missing, and an event
flagged `maybe_repeat` may repeat the one before it.
"""

import heapq
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_MISSING = 2
_EXTRA = 2
_OTHER = 3
"An altered code costs more than one fault and less than two, so that exchanged neighbours count as moved, not altered."
WORK_MAX = 600_000
"Steps after which two rows are called too different to be compared."


class Given(NamedTuple):
    """One answer of the machine."""

    serial: int
    code: int
    acknowledged: bool


class Kept(NamedTuple):
    """One event in the books."""

    code: int
    maybe_repeat: bool
    place: str
    "Stream and sequence, for people."


class TooDifferent(Exception):
    """The rows have so little in common that no explanation is worth anything."""


class Alignment(NamedTuple):
    """How the rows lie beside each other."""

    lost: tuple[Given, ...]
    "Acknowledged by the machine and not in the books."
    doubled: tuple[Kept, ...]
    "In the books once more than the machine had it, and not flagged."
    invented: tuple[Kept, ...]
    "In the books, and the machine never raised this code that often."
    altered: tuple[tuple[Given, Kept], ...]
    moved: tuple[tuple[Given, Kept], ...]
    "In the books, but not where the machine's order has it."
    repeated: tuple[Kept, ...]
    "Flagged repeats that are repeats."
    flagged: tuple[Kept, ...]
    "All that carry the flag, repeats or not."
    tail: tuple[Given, ...]
    "Acknowledged after everything that is in the books."
    matched: int

    @property
    def faults(self) -> int:
        """Everything that must not be."""
        return len(self.lost) + len(self.doubled) + len(self.invented) + len(self.altered) + len(self.moved)


_Step = tuple[int, int]


def align(given: Sequence[Given], kept: Sequence[Kept]) -> Alignment:
    """Explain the books by what the machine gave, in the machine's order. Raises TooDifferent."""
    goal = (len(given), len(kept))
    best: dict[_Step, int] = {(0, 0): 0}
    came: dict[_Step, _Step] = {}
    queue: list[tuple[int, int, int]] = [(0, 0, 0)]
    # Among equals the one further on goes first: rows that fit are walked through once, without detours.
    while queue:
        cost, progress, i = heapq.heappop(queue)
        j = -progress - i
        if best[i, j] < cost:
            continue
        if (i, j) == goal:
            break
        if len(best) > WORK_MAX:
            raise TooDifferent(f"{len(given)} answers and {len(kept)} events have too little in common")
        for step, price in _steps(given, kept, i, j):
            total = cost + price
            if total < best.get(step, 1 << 60):
                best[step] = total
                came[step] = (i, j)
                heapq.heappush(queue, (total, -(step[0] + step[1]), step[0]))
    return _told(given, kept, came, goal)


def _steps(given: Sequence[Given], kept: Sequence[Kept], i: int, j: int) -> list[tuple[_Step, int]]:
    steps: list[tuple[_Step, int]] = []
    if i < len(given) and j < len(kept):
        fits = given[i].code == kept[j].code
        if fits and given[i].acknowledged and not kept[j].maybe_repeat:
            return [((i + 1, j + 1), 0)]
        steps.append(((i + 1, j + 1), 0 if fits else _OTHER))
    if i < len(given):
        steps.append(((i + 1, j), _MISSING if given[i].acknowledged else 0))
    if j < len(kept):
        steps.append(((i, j + 1), 0 if _is_repeat(kept, j) else _EXTRA))
    return steps


def _is_repeat(kept: Sequence[Kept], j: int) -> bool:
    return kept[j].maybe_repeat and j > 0 and kept[j].code == kept[j - 1].code


def _told(given: Sequence[Given], kept: Sequence[Kept], came: dict[_Step, _Step], goal: _Step) -> Alignment:
    lost: list[tuple[int, Given]] = []
    extra: list[Kept] = []
    altered: list[tuple[Given, Kept]] = []
    repeated: list[Kept] = []
    partner: dict[int, list[Kept]] = {}
    last_match = 0
    matched = 0
    at = goal
    while at != (0, 0):
        before = came[at]
        i, j = before
        if at == (i + 1, j + 1):
            if given[i].code == kept[j].code:
                matched += 1
                last_match = max(last_match, i + 1)
                partner.setdefault(given[i].serial, []).append(kept[j])
            else:
                altered.append((given[i], kept[j]))
        elif at == (i + 1, j):
            if given[i].acknowledged:
                lost.append((i, given[i]))
        elif _is_repeat(kept, j):
            repeated.append(kept[j])
        else:
            extra.append(kept[j])
        at = before
    for events in partner.values():
        # One exception, told twice with another between, and both kept: only the flag excuses the later one.
        for event in events[:-1]:
            (repeated if event.maybe_repeat else extra).append(event)
            matched -= 1
    lost.reverse()
    extra.sort(key=lambda event: kept.index(event))
    altered.reverse()
    moved: list[tuple[Given, Kept]] = []
    for event in list(extra):
        twin = next((pair for pair in lost if pair[1].code == event.code), None)
        if twin is not None:
            lost.remove(twin)
            extra.remove(event)
            moved.append((twin[1], event))
    raised = Counter(answer.code for answer in given)
    tail = [answer for i, answer in lost if i >= last_match]
    return Alignment(
        lost=tuple(answer for i, answer in lost if i < last_match),
        doubled=tuple(event for event in extra if raised[event.code]),
        invented=tuple(event for event in extra if not raised[event.code]),
        altered=tuple(altered),
        moved=tuple(moved),
        repeated=tuple(reversed(repeated)),
        flagged=tuple(event for event in kept if event.maybe_repeat),
        tail=tuple(tail),
        matched=matched,
    )
