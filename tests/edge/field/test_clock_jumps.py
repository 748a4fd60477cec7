"""A wall clock that jumps, wakes in 1970 or is set by a bad server: labels suffer, the books do not."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.clock import FLOOR, ManualClock, SystemClock, clock_allows_expiry
from edge.field.found import ExceptionFound, Found, SnapshotFound
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.rules.gaming_day import GamingDays
from edge.store.days import newest_day, open_day
from edge.store.migrations import create
from tests.edge.field.books import NIGHT, Books, open_books, settings_for
from tests.edge.field.small_hall import opened

LABELS = {"time", "recordedat", "gamingday", "clock", "hash", "prevhash"}
"Members of an envelope that say when, and what follows from them."
TIMES = {"time", "since", "until", "read_at", "begun_at", "ended_at", "previous_at", "at", "silent_since"}
PLANS = 50
A_DAY_AND_A_YEAR = (timedelta(days=-1), timedelta(days=366), timedelta(days=-365))


def stimuli() -> list[tuple[float, int, Any]]:
    """What the machines do in one hour: after so many seconds, which machine, an exception or its coin-in."""
    dice = random.Random(2026)
    coin_in = {17: 1000, 18: 5000}
    plan: list[tuple[float, int, Any]] = []
    for _ in range(16):
        asset = dice.choice((17, 18))
        if dice.random() < 0.5:
            plan.append((dice.uniform(1, 400), asset, ("exception", dice.choice((0x11, 0x12, 0x13, 0x14, 0x17, 0x18)))))
        else:
            coin_in[asset] += dice.randrange(500)
            plan.append((dice.uniform(1, 400), asset, ("meters", coin_in[asset])))
    return plan


def found(asset: int, what: tuple[str, int], at: datetime, *, stepped: bool = False) -> Found:
    kind, value = what
    if kind == "exception":
        return ExceptionFound(asset, value, at, False)
    readings = [Reading(0, None, 0x00, value, 4)]
    return SnapshotFound(
        asset, at, "interval", None, True, Denomination(1, 1, 1), readings, (), follows=not stepped, stepped=stepped
    )


async def books_under(directory: Path, jumps: dict[int, timedelta]) -> tuple[list[Any], list[Any], list[Any]]:
    """The same stimuli, with the clock jumping before some of them: log and books without what says when."""
    fresh = directory.parent / "fresh"
    if not fresh.exists():  # the tables are made once
        async with open_books(settings_for(fresh), clock=ManualClock(NIGHT)):
            """Made and closed."""
    shutil.copytree(fresh / "state", directory / "state")
    async with open_books(settings_for(directory), clock=ManualClock(NIGHT)) as books:
        stepped = {17: False, 18: False}
        for place, (after_s, asset, what) in enumerate(stimuli()):
            books.clock.advance(after_s)
            books.clock.jump(jumps.get(place, timedelta(0)))
            if books.clock.step() is not None:
                stepped = {17: True, 18: True}  # as the field notes it of every machine
            waits = asyncio.ensure_future(books.record(found(asset, what, books.clock.wall(), stepped=stepped[asset])))
            await asyncio.sleep(0)
            books.journal.hurry()
            await waits
            stepped[asset] = stepped[asset] and what[0] != "meters"
        log = [without_labels(event) for event in books.events()]
        sums = books.ask(
            "SELECT asset, generation, game, code, sum(counted), sum(corrected) FROM meter_days "
            "GROUP BY asset, generation, game, code ORDER BY asset, code"
        )
        last = books.ask("SELECT asset, code, sequence FROM last_exceptions ORDER BY asset")
        assert_days_tile(books)
        return log, sums, last


def without_labels(event: dict[str, Any]) -> dict[str, Any]:
    bare = {name: value for name, value in event.items() if name not in LABELS}
    bare["data"] = {name: value for name, value in event["data"].items() if name not in TIMES}
    return bare


def assert_days_tile(books: Books) -> None:
    labels = [event["gamingday"] for event in books.events()]
    assert labels == sorted(labels), "a day that was opened is never gone back from"
    firsts = dict(books.ask("SELECT gamingday, first_position FROM gaming_days"))
    assert firsts == {day: labels.index(day) + 1 for day in dict.fromkeys(labels)}


async def test_ck_1_under_fifty_plans_of_steps_log_and_sums_are_those_without_any_step(tmp_path: Path) -> None:
    calm = await books_under(tmp_path / "calm", {})
    assert len(calm[0]) >= 16
    assert calm[1]
    for seed in range(PLANS):
        dice = random.Random(seed)
        jumps = {
            place: dice.choice((*A_DAY_AND_A_YEAR, timedelta(seconds=dice.uniform(-90_000, 90_000))))
            for place in dice.sample(range(16), dice.randrange(1, 6))
        }
        told = await books_under(tmp_path / str(seed), jumps)
        assert told == calm, f"plan {seed}: {jumps}"


async def test_ck_1_polls_and_their_moments_do_not_know_of_the_wall_clock(tmp_path: Path) -> None:
    async def frames(directory: Path, *, jump: bool) -> list[tuple[float, str, str]]:
        async with opened(directory, {"A": [17]}) as hall:
            await hall.up(17)
            begun = hall.now
            for by in A_DAY_AND_A_YEAR:
                if jump:
                    hall.books.clock.jump(by)
                hall.happens(17, "open_door")
                await hall.go(1.0)
            return [(round(at - begun, 3), line, data) for at, line, data in hall.frames if at >= begun]

    calm = await frames(tmp_path / "calm", jump=False)
    wild = await frames(tmp_path / "wild", jump=True)
    assert len(calm) > 60
    # Commits take real time, so a moment may differ by a tick; what is sent and in what order does not.
    assert [data for _, _, data in wild[:60]] == [data for _, _, data in calm[:60]]
    assert max(abs(a[0] - b[0]) for a, b in zip(calm[:60], wild[:60], strict=True)) < 0.05


async def test_ck_2_a_box_that_wakes_in_1970_collects_with_a_label_and_the_step_tells_how_far_it_was_off(
    tmp_path: Path,
) -> None:
    ns = [0]
    monotonic = [5.0]
    clock = SystemClock(kernel_synced=lambda: ns[0] > 10**18, wall_ns=lambda: ns[0], monotonic=lambda: monotonic[0])
    assert clock.quality() == "untrusted"
    woken = ManualClock(datetime(1970, 1, 1, 0, 3, tzinfo=UTC), quality=clock.quality())
    async with open_books(settings_for(tmp_path), clock=woken) as books:
        await books.record(found(17, ("exception", 0x11), woken.wall()))
        assert [event["clock"] for event in books.events()] == ["untrusted"]
        woken.jump(NIGHT - woken.wall())
        woken.believed = "synced"
        step = woken.step()
        assert step is not None
        assert step.days > 20_000
        await books.record(found(17, ("exception", 0x12), woken.wall()))
        stored = books.events()
        assert [event["clock"] for event in stored] == ["untrusted", "synced"]
        label = datetime.fromisoformat(stored[0]["time"]) + step
        assert abs(label - NIGHT) < timedelta(seconds=1), "the offset corrects the label"
    ns[0], monotonic[0] = int(FLOOR.timestamp() * 10**9) + 10**9, 20.0
    assert clock.quality() == "synced"
    assert clock.step() is not None


SOFIA = GamingDays.of("Europe/Sofia", "06:00")
MOMENTS = st.one_of(
    *(
        st.integers(-3 * 86_400, 3 * 86_400).map(lambda s, base=base: base + timedelta(seconds=s))
        for base in (
            datetime(2026, 3, 29, 1, 0, tzinfo=UTC),  # the clocks go forward
            datetime(2026, 10, 25, 1, 0, tzinfo=UTC),  # and back
            datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),  # where a leap second would stand
        )
    )
)


class _Tx:
    """Tables in memory, as the store sees a transaction."""

    def __init__(self) -> None:
        conn = sqlite3.connect(":memory:", isolation_level=None)
        create(conn)
        self.conn, self.execute, self.executemany = conn, conn.execute, conn.executemany


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(MOMENTS, st.booleans()), min_size=1, max_size=25))
def test_ck_3_each_record_is_in_one_day_and_each_day_is_opened_once_wherever_the_clock_jumps(
    writes: list[tuple[datetime, bool]],
) -> None:
    tx = _Tx()
    days = [
        open_day(tx, SOFIA.label(at), position, at, trusted=trusted) for position, (at, trusted) in enumerate(writes, 1)
    ]
    rows = tx.execute("SELECT gamingday, first_position FROM gaming_days ORDER BY first_position").fetchall()
    tx.conn.close()
    assert [day for day, _ in rows] == sorted(set(days)), "opened once, in the order of the calendar"
    for position, day in enumerate(days, 1):
        holds = [label for label, first in rows if first <= position]
        assert holds[-1] == day, "the range that holds the record is the day it says"
    assert days == sorted(days)
    trusted = [SOFIA.label(at) for at, believed in writes if believed]
    assert not trusted or max(days) >= max(trusted), "a clock that is believed opens its day"


def test_ck_3_no_day_is_ever_earlier_than_the_newest_one_opened() -> None:
    tx = _Tx()
    late = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert open_day(tx, SOFIA.label(late), 1, late) == "2026-11-23"
    back = late - timedelta(days=400)
    assert open_day(tx, SOFIA.label(back), 2, back) == "2026-11-23"
    assert newest_day(tx) == "2026-11-23"
    tx.conn.close()


def test_ck_4_a_time_server_that_goes_mad_is_a_step_each_time_and_without_sync_nothing_expires() -> None:
    true = int(NIGHT.timestamp() * 10**9)
    off, monotonic, synced = [0], [100.0], [True]
    clock = SystemClock(
        kernel_synced=lambda: synced[0],
        wall_ns=lambda: true + off[0] + int(monotonic[0] * 10**9),
        monotonic=lambda: monotonic[0],
    )
    assert clock_allows_expiry(clock.quality())
    dice = random.Random(4)
    for _ in range(50):
        by = dice.uniform(-(10**6), 10**6)
        off[0] += int(by * 10**9)
        monotonic[0] += dice.uniform(0, 30)
        step = clock.step()
        assert (step is not None) == (abs(by) > 2), "each jump once, none made up"
        assert step is None or abs(step.total_seconds() - by) < 0.001
        assert clock.step() is None
    off[0] = 0
    monotonic[0] += 60
    assert clock.quality() == "synced"
    synced[0] = False
    monotonic[0] += 3600
    assert clock.quality() == "holdover"
    monotonic[0] += 25 * 3600
    assert clock.quality() == "untrusted"
    assert not clock_allows_expiry(clock.quality())
