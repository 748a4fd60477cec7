"""``./dev lives``: years of machine lives through the rules of the meters; the truth against what was booked.

A machine-year holds about 24 happenings and 430 snapshots of 10 to 12 meters: quiet weeks are a snapshot every half to
two days, around each happening there is a row of them a quarter of an hour apart. Judged is every single reading:

- right: booked, and to the credit what the machine counted since the last booked reading;
- cut: a new life of the meters, a first reading or another denomination, and so it was: nothing counted across;
- review: left to a person, nothing counted. Whatever nobody can be certain of must be here or cut off;
- unseen: what play would explain as well, so that no rule can see it when it comes. A wrong number that nobody asked
  for twice: when the meter passes it, the sum is right again; when the meter stands lower, that must go to review. And
  a machine without a serial number, or a cleared memory that told nothing, where no meter stands too low or too high;
- wrong: all else. Must be 0.

A part of the lives runs through the real tables too, and both must say the same.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from edge.hall.devices import Identity
from edge.hall.exceptions import CLEAR_CERTAIN, CLEAR_POSSIBLE
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.rules import meters as rules
from edge.rules.meters import NEEDS_REVIEW, NEW_GENERATION, Last, MeterKey, SnapshotEvidence, Verdict, key_of
from edge.store.devices import Seed, note_identity, seed_egms
from edge.store.last_exceptions import note_exception
from edge.store.meters import Snapshot, record_snapshot
from edge.store.migrations import create
from simulators.lives.counters import SLOTS
from simulators.lives.life import Life
from simulators.lives.moments import CAUSES, Moment, Told

YEARS_EACH = 10
"Of one life."
STORED_EVERY = 50
"One life in so many goes through the tables too."
ASSET = 17
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
COUNTED = frozenset({"delta", "equal", "rollover"})
SHOWN_MOST = 20


class Booked(NamedTuple):
    """The last booked reading of a meter, and the truth of it."""

    reading: Reading
    at: int
    told: Told
    worth: int
    suspect: Reading | None = None


class Entry(NamedTuple):
    """What the books made of one snapshot."""

    verdicts: tuple[Verdict, ...]
    known: Mapping[MeterKey, Booked]
    "What each reading was compared with."
    generation: int
    certain: bool
    "The machine had told that its meters restarted."


class Books:
    """The bookkeeping of `edge.store.meters`, in memory."""

    def __init__(self) -> None:
        self.generation = 1
        self.last: dict[MeterKey, Booked] = {}
        self._pending: rules.Cleared | None = None
        self._serial: int | None = None
        self._worth: int | None = None

    def enter(self, moment: Moment, readings: Sequence[Reading]) -> Entry:
        """Judge one snapshot and book what the verdicts allow."""
        known = dict(self.last)
        replaced = self._identified(moment)
        self._noted(moment.exceptions)
        pending, first = self._pending, self._worth is None
        changed = not replaced and not first and self._worth != moment.worth
        verdicts = rules.snapshot_verdicts(
            {
                key: Last(
                    old.reading,
                    moment.at - old.at if moment.clock_trusted else None,
                    old.suspect,
                    None if old.worth == moment.worth else Fraction(old.worth, moment.worth),
                )
                for key, old in known.items()
            },
            readings,
            SnapshotEvidence(replaced, changed, pending, confirmed=moment.confirmed, coherent=moment.coherent),
        )
        certain = pending == "certain" and not first
        if not replaced and (certain or any(verdict.kind in NEW_GENERATION for verdict in verdicts)):
            self._begin()
        elif pending is not None and (
            first or (moment.confirmed is not False and any(key_of(reading) in known for reading in readings))
        ):
            self._pending = None
        self._worth = moment.worth
        for told, reading, verdict in zip(moment.told, readings, verdicts, strict=True):
            key = key_of(reading)
            if verdict.booked:
                self.last[key] = Booked(reading, moment.at, told, moment.worth)
            elif key in self.last:
                self.last[key] = self.last[key]._replace(suspect=reading)
        return Entry(verdicts, known, self.generation, certain)

    def _identified(self, moment: Moment) -> bool:
        replaced = moment.serial is not None and self._serial is not None and moment.serial != self._serial
        if moment.serial is not None:
            self._serial = moment.serial
        if replaced:
            self._begin()
        return replaced

    def _begin(self) -> None:
        self.generation += 1
        self.last = {}
        self._pending = None

    def _noted(self, exceptions: Sequence[int]) -> None:
        for code in exceptions:
            if code in CLEAR_CERTAIN:
                self._pending = "certain"
            elif code in CLEAR_POSSIBLE and self._pending is None:
                self._pending = "possible"


class _Tx:
    """What the tables see of the writer's transaction."""

    def __init__(self) -> None:
        self.conn = sqlite3.connect(":memory:", isolation_level=None)
        create(self.conn)
        self.now = BEGAN
        self.execute = self.conn.execute
        self.executemany = self.conn.executemany


class Stored:
    """The same snapshots in the real tables."""

    def __init__(self) -> None:
        self._tx = _Tx()
        self._number = 0
        self._serial: int | None = None
        seed_egms(self._tx, [Seed(ASSET, "A", 1)])

    def enter(self, moment: Moment, readings: Sequence[Reading]) -> tuple[tuple[Verdict, ...], int]:
        """The verdicts as recorded, and the generation the snapshot stands in."""
        tx = self._tx
        tx.now = BEGAN + timedelta(seconds=moment.at)
        if moment.serial is not None and moment.serial != self._serial:
            note_identity(tx, ASSET, Identity(serial=str(moment.serial)))
            self._serial = moment.serial
        for code in moment.exceptions:
            self._number += 1
            note_exception(tx, ASSET, code, self._number)
        recorded = record_snapshot(
            tx,
            Snapshot(
                ASSET,
                tx.now,
                "interval",
                readings,
                coherent=moment.coherent,
                denomination=Denomination(1, moment.worth, 1),
                clock_trusted=moment.clock_trusted,
                confirmed=moment.confirmed,
            ),
        )
        return tuple(judged.verdict for judged in recorded.judged), recorded.generation


@dataclass(slots=True)
class Result:
    """What was seen in some lives."""

    years: int = 0
    snapshots: int = 0
    readings: int = 0
    stored: int = 0
    "Snapshots that went through the tables too."
    happened: Counter[str] = field(default_factory=Counter)
    "Snapshots by cause."
    judged: Counter[tuple[str, str]] = field(default_factory=Counter)
    "Readings by cause and judgement."
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    "Readings by cause and verdict."
    passed: int = 0
    "Unseen numbers that the meter passed: the sum is right."
    returned: int = 0
    "Unseen numbers from which the meter came back: in review."
    doubtful: int = 0
    "Readings that nobody can be certain of."
    wrong: list[str] = field(default_factory=list)
    "The first ones, in words."
    wrongs: int = 0

    def add(self, other: Result) -> None:
        """Take in what others saw."""
        for name in ("years", "snapshots", "readings", "stored", "passed", "returned", "doubtful", "wrongs"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("happened", "judged", "kinds"):
            getattr(self, name).update(getattr(other, name))
        self.wrong = (self.wrong + other.wrong)[:SHOWN_MOST]

    def said(self, words: str) -> None:
        """One thing that must not be."""
        self.wrongs += 1
        if len(self.wrong) < SHOWN_MOST:
            self.wrong.append(words)


def live(seed: int, years: int, *, stored: bool = False) -> Result:
    """One life, judged reading by reading."""
    result = Result(years=years)
    books, tables = Books(), Stored() if stored else None
    for moment in Life(seed).moments(years):
        readings = [
            Reading(SLOTS[told.place].game, None, SLOTS[told.place].code, told.value, told.width)
            for told in moment.told
        ]
        entry = books.enter(moment, readings)
        result.snapshots += 1
        result.readings += len(readings)
        _judge(seed, moment, readings, entry, result)
        if tables is not None:
            result.stored += 1
            verdicts, generation = tables.enter(moment, readings)
            if verdicts != entry.verdicts or generation != entry.generation:
                result.said(f"life {seed} at {moment.at}: the tables say {verdicts}, the rules {entry.verdicts}")
                return result
    return result


def _judge(seed: int, moment: Moment, readings: Sequence[Reading], entry: Entry, result: Result) -> None:
    known = entry.known
    parted = any(
        old.told.era != told.era
        for told, reading in zip(moment.told, readings, strict=True)
        if (old := known.get(key_of(reading))) is not None
    )
    causes = Counter[str]()
    for told, reading, verdict in zip(moment.told, readings, entry.verdicts, strict=True):
        slot = SLOTS[told.place]
        if slot.unit == "level":
            continue
        old = known.get(key_of(reading))
        judgement = _judgement(moment, told, verdict, old, entry, parted)
        cause = moment.cause
        if cause == "play" and old is not None and old.told.era == told.era and told.value < old.reading.value:
            cause = "rollover" if not (told.error or old.told.error) else cause
        causes[cause] += 1
        result.judged[cause, judgement] += 1
        result.kinds[cause, verdict.kind] += 1
        result.doubtful += told.place in moment.doubtful
        if old is not None and old.told.error and judgement != "cut":
            result.passed += judgement == "right"
            result.returned += judgement == "review" and old.suspect is None
        if judgement == "wrong":
            result.said(
                f"life {seed} at {moment.at}, {moment.cause}: meter {slot.game}/{slot.code:02X} "
                f"{old.reading.value if old else None} -> {reading.value} ({reading.width} bytes) is {verdict.kind} "
                f"{verdict.delta}; truth {told.total - old.told.total if old else None}, "
                f"{'another' if old and old.told.era != told.era else 'same'} era, error {told.error}"
            )
    result.happened.update(dict.fromkeys(causes, 1))


def _judgement(moment: Moment, told: Told, verdict: Verdict, old: Booked | None, entry: Entry, parted: bool) -> str:
    """One of right, cut, review, unseen, wrong."""
    if verdict.kind in NEEDS_REVIEW:
        return "review" if verdict.delta is None else "wrong"
    if verdict.kind in COUNTED:
        if old is None or told.place in moment.doubtful or verdict.delta is None:
            return "wrong"
        # Both ends may be off by a number nobody could see; then the sum from before it to after it must be right.
        moved = told.total + told.error - old.told.total - old.told.error
        if verdict.delta != moved or (verdict.delta and told.era != old.told.era):
            return "unseen" if moment.hidden else "wrong"
        return "unseen" if told.error else "right"
    if verdict.delta is not None or (told.error and verdict.booked):
        return "wrong"
    if verdict.kind == "first":
        return "cut" if old is None else "wrong"
    if verdict.kind == "denomination_change":
        return "cut" if old is not None and old.told.era != told.era else "wrong"
    return "cut" if parted or entry.certain else "wrong"


# --- many lives ---------------------------------------------------------------------------------------------------


def _one(task: tuple[int, int, bool]) -> Result:
    seed, years, stored = task
    return live(seed, years, stored=stored)


def tasks(years: int, seed: int) -> Iterator[tuple[int, int, bool]]:
    """(seed of the life, years, through the tables too), until the machine-years are full."""
    number = 0
    while years > 0:
        yield seed * 1_000_003 + number, min(YEARS_EACH, years), number % STORED_EVERY == 0
        years -= YEARS_EACH
        number += 1


def run(years: int, seed: int, *, processes: int = 1) -> Result:
    """So many machine-years."""
    total = Result()
    if processes == 1:
        for task in tasks(years, seed):
            total.add(_one(task))
        return total
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for result in pool.imap_unordered(_one, tasks(years, seed), chunksize=4):
            total.add(result)
    return total


COLUMNS = ("right", "cut", "review", "unseen", "wrong")


def table(result: Result) -> Iterator[str]:
    """The figures in lines: per cause, then in all."""
    yield f"{'cause':22}{'happenings':>12}" + "".join(f"{column:>12}" for column in COLUMNS)
    for cause in CAUSES:
        row = "".join(f"{result.judged[cause, column]:>12,}" for column in COLUMNS)
        yield f"{cause:22}{result.happened[cause]:>12,}{row}"
    total = "".join(f"{sum(result.judged[cause, column] for cause in CAUSES):>12,}" for column in COLUMNS)
    yield f"{'all':22}{sum(result.happened.values()):>12,}{total}"


def data(result: Result) -> dict[str, Any]:
    """The figures for a program."""
    return {
        "years": result.years, "snapshots": result.snapshots, "readings": result.readings, "stored": result.stored,
        "doubtful": result.doubtful, "passed": result.passed, "returned": result.returned, "wrong": result.wrongs,
        "causes": {
            cause: {"happenings": result.happened[cause]} | {name: result.judged[cause, name] for name in COLUMNS}
            for cause in CAUSES
        },
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="./dev lives", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--years", type=int, default=1_000, help="machine-years in all")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(31))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args(arguments)
    print(f"seed {asked.seed}", flush=True)
    began = time.perf_counter()
    result = run(asked.years, asked.seed, processes=asked.processes)
    took = time.perf_counter() - began
    for line in table(result):
        print(line)
    for cause, meaning in CAUSES.items():
        print(f"  {cause}: {meaning}")
    for words in result.wrong:
        print(f"WRONG: {words}")
    print(
        f"a machine-year: {result.snapshots / result.years:.0f} snapshots of {result.readings / result.snapshots:.1f} "
        f"meters; {result.doubtful:,} readings nobody can be certain of, none of them counted; "
        f"numbers nobody could see: {result.passed} passed by the meter (sum right), {result.returned} in review"
    )
    print(
        f"{result.years:,} machine-years, {result.snapshots:,} snapshots, {result.stored:,} of them through the tables, "
        f"{result.years / took:.0f} machine-years a second; {result.wrongs} wrong"
    )
    if asked.json:
        print(json.dumps({"seed": asked.seed, "ok": not result.wrongs} | data(result)))
    return 1 if result.wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
