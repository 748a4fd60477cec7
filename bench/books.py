"""Rows about meters: what a snapshot costs beside a bare insert, and what reports cost beside a plain sum, with the years.

The books of the reports are written here as the gateway writes them (the same tables by its own migrations), 500 machines
with fifteen meters. A whole year of 15-minute readings would be 260 million rows; so only the reported day has them, the
other days their sums, and the size of a year on disk is reckoned from that day's.
"""

from __future__ import annotations

import contextlib
import functools
import random
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.durable import DIRECTORY
from bench.report import Budget, Limit, Row, Sample, WorkNotDone

HALL_OF = 500
SNAPSHOTS_A_DAY = 96
CODES = (0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0B, 0x15, 0x16, 0x17, 0x18, 0x24, 0x3F)
READ_AT_ONCE = tuple(range(0x0C)) + tuple(range(0x15, 0x25)) + tuple(range(0x40, 0x4C))
"Forty meters."
MACHINES = 256
LAST = date(2026, 11, 23)
YEAR = 365


def _made(path: Path) -> sqlite3.Connection:
    from edge.store.migrations import MIGRATIONS
    from sync.migrate import migrate

    migrate(path, MIGRATIONS, stream_id="0" * 32)
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA synchronous = FULL")
    return conn


def _enrol(conn: sqlite3.Connection, machines: int) -> None:
    conn.executemany(
        "INSERT INTO egms (asset, line, address, registered_at) VALUES (?, ?, 1, '2020-01-01T00:00:00.000000Z')",
        [(100_000 + place, f"L{place}") for place in range(machines)],
    )


# a snapshot -----------------------------------------------------------------------------------------------------------


@dataclass
class _Transaction:
    """What ``record_snapshot`` is given inside the writer, over a connection of the bench."""

    conn: sqlite3.Connection
    now: datetime

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        return self.conn.execute(sql, parameters)

    def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
        return self.conn.executemany(sql, rows)


def _rounds(budget: Budget, write: Callable[[sqlite3.Connection, int, datetime], None]) -> Sample:
    """Rounds of all machines, one transaction a machine; `write` gets the machine and the moment."""
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(dir=DIRECTORY, prefix="hall-edge-bench-"))
        with closing(_made(Path(directory, "hall.db"))) as conn:
            _enrol(conn, MACHINES)
            moment = datetime(2026, 11, 23, 12, tzinfo=UTC)
            for machine in range(MACHINES):  # the first round makes the series
                _one(conn, write, machine, moment)
            done = 0
            usage = resource.getrusage(resource.RUSAGE_SELF)
            began = time.monotonic()
            while (wall_s := time.monotonic() - began) < budget.seconds:
                if done % MACHINES == 0:
                    moment += timedelta(minutes=15)
                _one(conn, write, done % MACHINES, moment)
                done += 1
            used = resource.getrusage(resource.RUSAGE_SELF)
            stored = conn.execute("SELECT count(*) FROM meter_readings").fetchone()[0]
    if stored != (done + MACHINES) * len(READ_AT_ONCE):
        raise WorkNotDone(f"{done} snapshots of {len(READ_AT_ONCE)} meters were written, {stored} readings are there")
    cpu_s = used.ru_utime + used.ru_stime - usage.ru_utime - usage.ru_stime
    return {"cpu_us_per_snapshot": cpu_s / done * 1e6, "wall_us_per_snapshot": wall_s / done * 1e6}


def _one(
    conn: sqlite3.Connection,
    write: Callable[[sqlite3.Connection, int, datetime], None],
    machine: int,
    moment: datetime,
) -> None:
    conn.execute("BEGIN IMMEDIATE")
    write(conn, machine, moment)
    conn.execute("COMMIT")


def _recorded(budget: Budget) -> Sample:
    from edge.hall.meters import Reading
    from edge.hall.money import Denomination
    from edge.store.meters import Snapshot, record_snapshot

    grown = [0] * MACHINES
    worth = Denomination(1, 1, 1)

    def write(conn: sqlite3.Connection, machine: int, moment: datetime) -> None:
        grown[machine] += 7
        readings = [Reading(0, None, code, grown[machine] + code, 4) for code in READ_AT_ONCE]
        snapshot = Snapshot(100_000 + machine, moment, "interval", readings, denomination=worth)
        record_snapshot(_Transaction(conn, moment), snapshot, day="2026-11-23")

    return _rounds(budget, write)


def _bare(budget: Budget) -> Sample:
    numbers = iter(range(1, 1 << 40))
    series: dict[int, int] = {}

    def write(conn: sqlite3.Connection, machine: int, moment: datetime) -> None:
        number, asset = next(numbers), 100_000 + machine
        if machine not in series:
            series[machine] = first = machine * len(READ_AT_ONCE) + 1
            conn.executemany(
                "INSERT INTO meter_series (series, asset, generation, game, denomination, code) VALUES (?, ?, 1, 0, -1, ?)",
                [(first + place, asset, code) for place, code in enumerate(READ_AT_ONCE)],
            )
        conn.execute(
            "INSERT INTO meter_snapshots (snapshot, asset, generation, read_at, reason, coherent) VALUES (?, ?, 1, ?, ?, 1)",
            (number, asset, moment.isoformat(), "interval"),
        )
        conn.executemany(
            "INSERT INTO meter_readings (snapshot, series, value, width, delta, verdict) VALUES (?, ?, ?, 4, 7, 'delta')",
            [(number, series[machine] + place, number + code) for place, code in enumerate(READ_AT_ONCE)],
        )

    return _rounds(budget, write)


# reports --------------------------------------------------------------------------------------------------------------


@functools.cache
def _books(years: int) -> tuple[Path, tempfile.TemporaryDirectory[str]]:
    """So many years of sums of 500 machines, and every reading of the last day but one, which is closed. Made once a run."""
    directory = tempfile.TemporaryDirectory(dir=DIRECTORY, prefix="hall-edge-bench-")
    path = Path(directory.name, "hall.db")
    dice = random.Random(years)
    with closing(_made(path)) as conn:
        conn.execute("PRAGMA synchronous = OFF")
        conn.execute("BEGIN")
        _enrol(conn, HALL_OF)
        for place in range(years * YEAR + 1):
            day = LAST - timedelta(days=years * YEAR - place)
            label, opened = day.isoformat(), f"{day.isoformat()}T06:00:00.000000Z"
            conn.execute("INSERT INTO gaming_days VALUES (?, ?, ?)", (label, place * 100_000 + 1, opened))
            assets = range(100_000, 100_000 + HALL_OF)
            conn.executemany(
                "INSERT INTO meter_days VALUES (?, ?, 1, 0, -1, ?, 1, 1, ?, 0)",
                [(label, asset, code, dice.randrange(100_000)) for asset in assets for code in CODES],
            )
            end = f"{(day + timedelta(days=1)).isoformat()}T05:59:00.000000Z"
            conn.executemany(
                "INSERT INTO day_machines VALUES (?, ?, ?, ?, ?, 1, 96, 96)",
                [(label, asset, opened, opened, end) for asset in assets],
            )
        _fill_one_day(conn, LAST - timedelta(days=1), dice)
        conn.execute("COMMIT")
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path, directory


def _fill_one_day(conn: sqlite3.Connection, day: date, dice: random.Random) -> None:
    conn.executemany(
        "INSERT INTO meter_series (series, asset, generation, game, denomination, code) VALUES (?, ?, 1, 0, -1, ?)",
        [
            (machine * len(CODES) + place + 1, 100_000 + machine, code)
            for machine in range(HALL_OF)
            for place, code in enumerate(CODES)
        ],
    )
    number = 0
    for turn in range(SNAPSHOTS_A_DAY):
        at = (datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(minutes=15 * turn)).isoformat()
        for machine in range(HALL_OF):
            number += 1
            conn.execute(
                "INSERT INTO meter_snapshots (snapshot, asset, generation, read_at, reason, coherent, event_id) "
                "VALUES (?, ?, 1, ?, 'interval', 1, ?)",
                (number, 100_000 + machine, at, f"{'0' * 32}:{number}"),
            )
            conn.executemany(
                "INSERT INTO meter_readings (snapshot, series, value, width, delta, verdict) VALUES (?, ?, ?, 4, ?, 'delta')",
                [
                    (number, machine * len(CODES) + place + 1, dice.randrange(1 << 26), dice.randrange(2000))
                    for place in range(len(CODES))
                ],
            )


def _ways() -> Any:
    from edge.front.views.revenue import HallWays
    from edge.rules.gaming_day import GamingDays

    return HallWays("bench", "EUR", "UTC", GamingDays.of("UTC", "06:00"), 900, "bench")


def _timed(budget: Budget, work: Callable[[], object]) -> Sample:
    taken: list[float] = []
    until = time.monotonic() + budget.seconds
    while time.monotonic() < until or len(taken) < 3:
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1e3)
    return {"ms": statistics.median(taken), "worst_ms": max(taken), "runs": float(len(taken))}


def _report(years: int, days: int) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        from edge.front.views.revenue import read_report

        last = LAST - timedelta(days=1)
        with closing(sqlite3.connect(_books(years)[0], isolation_level=None)) as conn:

            def work() -> None:
                made = read_report(conn, last - timedelta(days=days - 1), last, _ways())
                if len(made.machines) != HALL_OF or made.hall.cells["coin_in"].value is None:
                    raise WorkNotDone(f"{len(made.machines)} machines in the report")

            return _timed(budget, work)

    return run


def _sum_of_readings(years: int) -> Callable[[Budget], Sample]:
    """What a gateway without sums by day would ask: the same answer, from the readings of that day."""

    def run(budget: Budget) -> Sample:
        with closing(sqlite3.connect(_books(years)[0])) as conn:
            asked = (
                "SELECT s.asset, s.code, sum(r.delta) FROM meter_readings r JOIN meter_series s USING (series) "
                "WHERE r.snapshot BETWEEN 1 AND ? GROUP BY s.asset, s.code"
            )
            of_day = HALL_OF * SNAPSHOTS_A_DAY
            return _timed(budget, lambda: conn.execute(asked, (of_day,)).fetchall())

    return run


def _sum_of_days(years: int, days: int) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        last = LAST - timedelta(days=1)
        with closing(sqlite3.connect(_books(years)[0])) as conn:
            asked = (
                "SELECT asset, code, sum(counted) FROM meter_days WHERE gamingday BETWEEN ? AND ? GROUP BY asset, code"
            )
            span = ((last - timedelta(days=days - 1)).isoformat(), last.isoformat())
            return _timed(budget, lambda: conn.execute(asked, span).fetchall())

    return run


def _size(budget: Budget) -> Sample:
    with closing(sqlite3.connect(_books(1)[0])) as conn:
        page = conn.execute("PRAGMA page_size").fetchone()[0]
        sizes = dict(conn.execute("SELECT name, count(*) * ? FROM dbstat GROUP BY name", (page,)).fetchall())
    readings = sum(size for name, size in sizes.items() if name.startswith(("meter_readings", "meter_snapshots")))
    sums = sum(size for name, size in sizes.items() if name.startswith(("meter_days", "day_machines")))
    return {"readings_gib_a_year": readings * YEAR / (1 << 30), "sums_gib_a_year": sums / (1 << 30)}


ROWS = (
    Row(
        name="snapshot-40",
        what=f"one snapshot of 40 meters, {MACHINES} machines in turn, judged and booked, beside a bare insert of the same rows",
        counts="a snapshot in a transaction of its own, committed; the readings are counted afterwards",
        figure="cpu_us_per_snapshot",
        floor="bare insert",
        variants={"bare insert": _bare, "recorded": _recorded},
    ),
    Row(
        name="report-day",
        what=f"the report of one day of {HALL_OF} machines beside a plain sum over that day's readings",
        counts=f"{HALL_OF * SNAPSHOTS_A_DAY * len(CODES):,} readings of the day; 1 and 5 years of days before it",
        figure="ms",
        floor="sum of readings",
        variants={
            "sum of readings": _sum_of_readings(1),
            "report": _report(1, 1),
            "after 5 years": _report(5, 1),
            "sum of days": _sum_of_days(1, 1),
        },
        must=2.0,
        shown=("ms", "worst_ms"),
    ),
    Row(
        name="report-years",
        what="the same report of one day, with five years of days before it beside one year",
        counts="as in report-day",
        figure="ms",
        floor="1 year",
        variants={"1 year": _report(1, 1), "5 years": _report(5, 1)},
        must=1.25,
        shown=("ms",),
    ),
    Row(
        name="report-month",
        what=f"the report of 30 days of {HALL_OF} machines beside a plain sum over the same rows",
        counts="sums of 30 days",
        figure="ms",
        floor="sum of days",
        variants={"sum of days": _sum_of_days(1, 30), "report": _report(1, 30)},
        shown=("ms",),
    ),
    Row(
        name="report-year",
        what=f"the report of 365 days of {HALL_OF} machines beside a plain sum over the same rows",
        counts="sums of 365 days",
        figure="ms",
        floor="sum of days",
        variants={"sum of days": _sum_of_days(1, YEAR), "report": _report(1, YEAR)},
        must=2.0,
        shown=("ms",),
    ),
    Row(
        name="books-size",
        what=f"a year of {HALL_OF} machines on disk, a snapshot of {len(CODES)} meters every 15 minutes",
        counts="one day's readings and snapshots times 365, and the sums of a year; without the log",
        figure="readings_gib_a_year",
        floor=None,
        variants={"books": _size},
        limits=(Limit("books", "sums_gib_a_year", 1),),
    ),
)
