"""What a day or a range of days brought, by machine, bank and hall, with all that these days do not know.

Pure: from sums, times of reading, doubts and reviews to rows. A bank is a line of the hall: the wire on which a machine is
now. Nothing is smoothed: a machine whose figure is unknown is in no total, and each total says how many it lacks.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple, TypeVar

from edge.clock import from_stamp
from edge.hall.days import HALL, DaySum, Doubt, MachineDay, OpenedDay, Place, Silence
from edge.rules.formulas import FORMULAS, Exact, Parts, added, amounts, parts
from edge.rules.gaming_day import GamingDays

MARKS: Mapping[str, str] = {
    "not_read": "no reading of it was booked: its figures are unknown",
    "no_closing": "it was not read when the days ended: what it counted after its last reading is in a later day",
    "late_opening": "it was not read when the days began: what it counted since its reading before is in these days",
    "unknown": "a figure is unknown: a meter was not read or is not there, or what a credit is worth was not told",
    "review_open": "readings wait for a person's decision; nothing is counted of them",
    "review_decided": "readings of these days were decided",
    "corrected": "amounts that people decided on these days are counted",
}
"What a row may not know, or should say, beside the doubts of `edge.hall.days.DOUBTS`."
_SETTLED = frozenset({"review_decided", "corrected"})
"Marks that leave nothing open."
DAY = timedelta(days=1)
T = TypeVar("T")


class Seen(NamedTuple):
    """A doubtful reading that was booked on these days, and what became of it."""

    review: int
    asset: int
    code: int
    gamingday: str
    cause: str
    is_open: bool
    amount: int | None
    "What the decision counts, in the unit of the meter."
    decided_day: str | None
    "The day in whose figures that amount is."


@dataclass(frozen=True, slots=True)
class Books:
    """What the books say of the days of a report."""

    days: Sequence[OpenedDay]
    "All that were ever opened, oldest first; the last one is still being written."
    places: Sequence[Place]
    sums: Sequence[DaySum]
    reads: Sequence[MachineDay]
    doubts: Sequence[Doubt]
    reviews: Sequence[Seen]
    silences: Sequence[Silence] = ()
    "Of each machine, what is known of the time in which nothing was known of it."
    now: datetime | None = None
    "When they were read; None: what goes on now is not counted."


class Cell(NamedTuple):
    """One figure."""

    value: Exact | None
    "None: unknown, or divided by nothing."
    machines: int
    "So many machines are in it."
    lacks: int
    "So many machines are not in it, because theirs is unknown."


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of a machine, a bank or the hall, by name of the formula."""

    name: str
    cells: Mapping[str, Cell]
    marks: Mapping[str, int]
    "What it does not know: how often for a machine, of how many machines for a bank or the hall."
    place: Place | None = None
    "None: it is no single machine."
    since_at: str | None = None
    "The reading from which on the machine counts in these days. Stamp, UTC."
    last_at: str | None = None
    "The last one that is in them."
    without_data_s: int | None = None
    "Seconds of these days in which its link was down or its meters were stale, so far; None: it is no single machine."


@dataclass(frozen=True, slots=True)
class Report:
    """A day or a range of days."""

    first: date
    last: date
    state: Literal["open", "closed", "none"]
    "open: the last of them is still being written; none: no record was written in any of them."
    positions: tuple[int, int | None] | None
    "First and last place in the log; None as the last: it goes on."
    without_records: Sequence[str]
    "Days of the range that have passed, or would have, without any record."
    length: timedelta
    "By the hall's clock: a day in which the clocks change has 23 or 25 hours."
    machines: Sequence[Row]
    banks: Sequence[Row]
    hall: Row
    doubts: Sequence[Doubt]
    reviews: Sequence[Seen]
    corrections: Sequence[DaySum]
    "Sums of these days that hold what people decided."

    @property
    def complete(self) -> bool:
        """Are these days over, and is there nothing that they do not know?"""
        return self.state == "closed" and not self.without_records and self.hall.marks.keys() <= _SETTLED


def report(books: Books, first: date, last: date, *, calendar: GamingDays, closing_s: int) -> Report:
    """The figures from `first` to `last`, both included. `closing_s`: a reading so long before an end of a day is its closing
    one."""
    opened = [one for one in books.days if first.isoformat() <= one.gamingday <= last.isoformat()]
    newest = books.days[-1].gamingday if books.days else ""
    state: Literal["open", "closed", "none"] = "none"
    if opened:
        state = "open" if opened[-1].gamingday == newest else "closed"
    span = _Span(calendar.begin(first), calendar.begin(last + DAY), timedelta(seconds=closing_s), state)
    machines = _machines(books, span)
    by_line: defaultdict[str, list[_Machine]] = defaultdict(list)
    for machine in machines:
        by_line[machine.place.line].append(machine)
    hall = _together("hall", machines, [one for one in books.doubts if one.asset == HALL])
    return Report(
        first,
        last,
        state,
        _positions(books.days, opened),
        _without_records(opened, first, min(last.isoformat(), newest)),
        span.end - span.begin,
        [machine.row for machine in machines],
        [_together(line, here, ()) for line, here in sorted(by_line.items())],
        hall,
        books.doubts,
        books.reviews,
        [one for one in books.sums if one.corrected],
    )


@dataclass(frozen=True, slots=True)
class _Span:
    begin: datetime
    end: datetime
    closing: timedelta
    state: str


@dataclass(frozen=True, slots=True)
class _Machine:
    place: Place
    row: Row
    parts: Mapping[str, Parts | None]


def _machines(books: Books, span: _Span) -> list[_Machine]:
    """One for each machine that was in the hall on these days, in the order of the floor."""
    sums = _by_asset(books.sums, lambda one: one.asset)
    reads = {one.asset: one for one in books.reads}
    doubts = _by_asset(books.doubts, lambda one: one.asset)
    reviews = _by_asset(books.reviews, lambda one: one.asset)
    silences = {one.asset: one for one in books.silences}
    found = []
    for place in books.places:
        asset = place.asset
        there = place.enrolled and span.state != "none" and from_stamp(place.registered_at) < span.end
        if not (there or asset in reads or asset in sums or asset in doubts or asset in reviews):
            continue
        meters = amounts(sums[asset])
        results = {formula.name: parts(formula, meters) for formula in FORMULAS}
        marks: Counter[str] = Counter()
        for doubt in doubts[asset]:
            marks[doubt.kind] += doubt.times
        marks["review_open"] = sum(one.is_open for one in reviews[asset])
        marks["review_decided"] = sum(not one.is_open for one in reviews[asset])
        marks["corrected"] = sum(one.corrected > 0 for one in sums[asset])
        read = reads.get(asset)
        marks["unknown"] = 0 if read is None else sum(result is None for result in results.values())
        _mark_edges(marks, place, read, span)
        cells = {
            name: Cell(None, 0, 1) if result is None else Cell(result.value, 1, 0) for name, result in results.items()
        }
        row = Row(
            str(asset),
            cells,
            {mark: count for mark, count in marks.items() if count},
            place,
            read.since_at if read else None,
            read.last_at if read else None,
            _without_data(silences.get(asset), span, books.now if there else None),
        )
        found.append(_Machine(place, row, results))
    return found


def _without_data(silence: Silence | None, span: _Span, now: datetime | None) -> int:
    """What has ended, and what goes on since then, as far as it lies in these days."""
    if silence is None:
        return 0
    if now is None or silence.current_until is None:
        return silence.seconds
    goes_on = min(now, span.end) - max(from_stamp(silence.current_until), span.begin)
    return silence.seconds + max(0, goes_on.days * 86_400 + goes_on.seconds)


def _mark_edges(marks: Counter[str], place: Place, read: MachineDay | None, span: _Span) -> None:
    """Only the edges of a range move a figure: a closing that is missing inside it shifts counts from one of its days to
    another."""
    if read is None:
        marks["not_read"] = 1
        return
    if read.since_at is not None and span.begin - from_stamp(read.since_at) > span.closing:
        marks["late_opening"] = 1
    # Of a machine taken out of the hall the last reading is its closing one.
    if span.state == "closed" and place.enrolled and span.end - from_stamp(read.last_at) > span.closing:
        marks["no_closing"] = 1


def _together(name: str, machines: Sequence[_Machine], doubts: Iterable[Doubt]) -> Row:
    cells = {}
    for formula in FORMULAS:
        known = [result for machine in machines if (result := machine.parts[formula.name]) is not None]
        value = added(formula, known) if known else None
        cells[formula.name] = Cell(value, len(known), len(machines) - len(known))
    marks = Counter(mark for machine in machines for mark in machine.row.marks)
    for doubt in doubts:
        marks[doubt.kind] += doubt.times
    return Row(name, cells, dict(marks))


def _positions(days: Sequence[OpenedDay], opened: Sequence[OpenedDay]) -> tuple[int, int | None] | None:
    if not opened:
        return None
    after = [one for one in days if one.gamingday > opened[-1].gamingday]
    return opened[0].first_position, after[0].first_position - 1 if after else None


def _without_records(opened: Sequence[OpenedDay], first: date, until: str) -> list[str]:
    known = {one.gamingday for one in opened}
    found = []
    while first.isoformat() <= until:
        if first.isoformat() not in known:
            found.append(first.isoformat())
        first += DAY
    return found


def _by_asset(rows: Sequence[T], asset_of: Callable[[T], int]) -> defaultdict[int, list[T]]:
    found: defaultdict[int, list[T]] = defaultdict(list)
    for row in rows:
        found[asset_of(row)].append(row)
    return found
