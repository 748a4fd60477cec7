"""The gaming day of what the field writes: a range of the log that goes on whatever the clock does."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.clock import ManualClock
from edge.errors import BadFact
from edge.field.found import ExceptionFound, Found, SnapshotFound
from edge.hall.events import Fact
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.rules.gaming_day import GamingDays
from tests.edge.field import small_hall
from tests.edge.field.books import NIGHT, Books, open_books, settings_for
from tests.edge.field.small_hall import SmallHall

SUNDAY, MONDAY, TUESDAY = "2026-11-22", "2026-11-23", "2026-11-24"
MORNING = NIGHT.replace(hour=4, minute=0, second=0, microsecond=0)
"Six in the morning in Sofia: Monday's gaming day begins."


def door(books: Books) -> Found:
    return ExceptionFound(17, 0x11, books.clock.at, False)


def snapshot(books: Books, coin_in: int, *, read_before: timedelta = timedelta(0)) -> Found:
    at = books.clock.at - read_before
    readings = [Reading(0, None, 0x00, coin_in, 4)]
    return SnapshotFound(17, at, "interval", None, True, Denomination(1, 1, 1), readings, ())


def opened(books: Books) -> list[tuple[str, int]]:
    return books.ask("SELECT gamingday, first_position FROM gaming_days ORDER BY gamingday")


def labels(books: Books) -> list[str]:
    return [event["gamingday"] for event in books.events()]


def counted(books: Books) -> dict[str, int]:
    return dict(books.ask("SELECT gamingday, sum(counted) FROM meter_days GROUP BY gamingday"))


async def test_a_day_begins_with_the_first_record_after_its_hour(books: Books) -> None:
    await books.record(door(books))
    books.clock.at = MORNING - timedelta(milliseconds=1)
    await books.record(door(books))
    books.clock.at = MORNING
    await books.record(door(books))
    assert opened(books) == [(SUNDAY, 1), (MONDAY, 3)]
    assert labels(books) == [SUNDAY, SUNDAY, MONDAY]


async def test_what_was_read_before_the_hour_and_written_after_it_belongs_to_the_day_in_which_it_was_written(
    books: Books,
) -> None:
    await books.record(snapshot(books, 100))
    books.clock.at = MORNING + timedelta(seconds=2)
    await books.record(snapshot(books, 150, read_before=timedelta(seconds=5)))
    assert counted(books) == {SUNDAY: 0, MONDAY: 50}
    assert labels(books)[-1] == MONDAY, "the record says the day in which it is counted"


async def test_a_clock_set_back_over_the_hour_leaves_the_day_and_its_sums_where_they_are(books: Books) -> None:
    books.clock.at = MORNING
    await books.record(snapshot(books, 100))
    books.clock.at = MORNING - timedelta(hours=3)
    await books.record(snapshot(books, 130))
    assert opened(books) == [(MONDAY, 1)]
    assert labels(books) == [MONDAY, MONDAY]
    assert counted(books) == {MONDAY: 30}
    assert (MONDAY, 0, "clock_behind", 1) in books.ask("SELECT * FROM day_doubts")


async def test_a_clock_without_trust_that_wakes_in_another_year_opens_no_day(tmp_path: Path) -> None:
    clock = ManualClock(NIGHT)
    async with open_books(settings_for(tmp_path), clock=clock) as books:
        await books.record(door(books))
        clock.at, clock.believed = NIGHT.replace(year=2099), "untrusted"
        await books.record(door(books))
        clock.at = MORNING
        await books.record(door(books))
        assert opened(books) == [(SUNDAY, 1), (MONDAY, 3)]
        assert books.ask("SELECT gamingday, kind FROM day_doubts") == [
            (SUNDAY, "clock_ahead"), (MONDAY, "clock_untrusted"),
        ]  # fmt: skip


async def test_the_days_tile_the_log_across_restarts(tmp_path: Path) -> None:
    clock = ManualClock(NIGHT)
    for hours in (1, 5, 30, -20, 26):
        async with open_books(settings_for(tmp_path), clock=clock) as books:
            clock.at += timedelta(hours=hours)
            await books.record(door(books))
            await books.record(door(books))
            days, told = opened(books), labels(books)
    assert [day for day, _ in days] == [SUNDAY, MONDAY, TUESDAY, "2026-11-24"][: len(days)]
    ends = [first for _, first in days[1:]] + [len(told) + 1]
    assert told == [day for (day, first), end in zip(days, ends, strict=True) for _ in range(first, end)]


async def test_a_gap_in_what_a_machine_told_is_a_doubt_of_that_day(books: Books) -> None:
    await books.record(door(books))
    await books.record(ExceptionFound(17, 0x70, books.clock.at, False))
    assert books.ask("SELECT * FROM day_doubts") == [(SUNDAY, 17, "gap", 1)]


async def test_mtr_16_a_reading_that_was_due_and_did_not_come_is_a_doubt_of_that_day(tmp_path: Path) -> None:
    def missed(hall: SmallHall) -> list[tuple[str, int, int]]:
        return hall.books.ask("SELECT gamingday, asset, count FROM day_doubts WHERE kind = 'missed'")

    async with small_hall.opened(tmp_path, {"A": [17]}, every_s=30.0) as hall:
        await hall.up(17)
        assert missed(hall) == []
        answers = hall.machine(17).egm.answers
        answers.busy_polls |= {0x6F, 0xAF, 0x2F}
        await hall.go(90, lambda: hall.books.events("hall.egm.meters.missed") != [])
        assert hall.hearing.seats[17].up, "only its meters are missing"
        assert missed(hall) == [(SUNDAY, 17, 1)]


async def test_a_record_that_is_refused_opens_no_day(books: Books) -> None:
    await books.record(door(books))
    books.clock.at = MORNING
    with contextlib.suppress(BadFact):
        await books.record(Fact("hall.egm.door.opened.v1", "egm/17", MORNING, {"asset": "no number"}))
    assert opened(books) == [(SUNDAY, 1)]


async def test_what_the_log_says_was_counted_is_what_the_day_has_counted(books: Books) -> None:
    for number, value in enumerate((80_000, 81_000, 85_000, 90_000, 90_500)):
        books.clock.at = MORNING - timedelta(hours=1) + timedelta(minutes=20 * number)
        await books.record(snapshot(books, value))
    told: dict[str, int] = {}
    for event in books.events("hall.egm.meters.snapshot"):
        day = event["gamingday"]
        told[day] = told.get(day, 0) + sum(int(one["delta"] or 0) for one in event["data"]["readings"])
    assert told == counted(books) == {SUNDAY: 5_000, MONDAY: 5_500}


# the days in which the clocks change ----------------------------------------------------------------------------------

SPRING, AUTUMN = date(2026, 3, 28), date(2026, 10, 24)
"In Sofia the clocks jump from 03:00 to 04:00 in the night that ends the one, and from 04:00 back to 03:00 in the other."
SIX = timedelta(hours=6)


async def wrong_days(directory: Path, day: date) -> list[str]:
    """Something happens each hour, at half past, from a day before this one to a day after it. What is wrong with their days?

    Judged by the clock on the wall of the hall alone: a record belongs to the date that it showed six hours earlier.
    """
    wall = ZoneInfo("Europe/Sofia")
    clock = ManualClock(datetime(day.year, day.month, day.day - 1, 12, 30, tzinfo=wall).astimezone(UTC))
    expected: Counter[str] = Counter()
    async with open_books(settings_for(directory), clock=clock) as books:
        while (shown := clock.at.astimezone(wall).replace(tzinfo=None) - SIX).date() <= day + timedelta(days=1):
            expected[shown.date().isoformat()] += 1
            await books.record(door(books))
            clock.at += timedelta(hours=1)
        wrong = [
            f"{event['time']} is booked in {event['gamingday']}"
            for event in books.events()
            if event["gamingday"] != (datetime.fromisoformat(event["time"]).astimezone(wall).replace(tzinfo=None) - SIX)
            .date().isoformat()
        ]  # fmt: skip
        held = Counter(labels(books))
        wrong += [f"{one} holds {held[one]} hours" for one in expected if held[one] != expected[one]]
        assert sum(held.values()) == sum(expected.values()), "each record is in exactly one day"
    return wrong


@pytest.mark.parametrize("day", [SPRING, AUTUMN, date(2026, 6, 2)], ids=["23 hours", "25 hours", "24 hours"])
async def test_the_records_of_a_day_are_those_of_its_23_24_or_25_hours(tmp_path: Path, day: date) -> None:
    assert await wrong_days(tmp_path, day) == []


def by_fixed_length(self: GamingDays, day: date) -> datetime:
    """A planted bug: every day has 24 hours, counted from the first of the month."""
    return right_begin(self, day.replace(day=1)) + timedelta(hours=24 * (day.day - 1))


def by_the_offset_of_the_day_before(self: GamingDays, day: date) -> datetime:
    """A planted bug: the offset from UTC is looked up for the begin of the day before."""
    begin = datetime.combine(day, self.start)
    offset = (begin - timedelta(days=1)).replace(tzinfo=self.zone).utcoffset()
    assert offset is not None
    return (begin - offset).replace(tzinfo=UTC)


def by_winter_time(self: GamingDays, day: date) -> datetime:
    """A planted bug: one offset from UTC for the whole year."""
    return datetime.combine(day, self.start, tzinfo=UTC) - timedelta(hours=2)


right_begin = GamingDays.begin


@pytest.mark.parametrize("planted", [by_fixed_length, by_the_offset_of_the_day_before, by_winter_time])
@pytest.mark.parametrize("day", [SPRING, AUTUMN], ids=["23 hours", "25 hours"])
async def test_a_day_boundary_that_is_off_by_the_clock_change_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: date, planted: Callable[[GamingDays, date], datetime]
) -> None:
    monkeypatch.setattr(GamingDays, "begin", planted)
    wrong = await wrong_days(tmp_path, day)
    assert any("is booked in" in one for one in wrong), wrong
    assert any("hours" in one for one in wrong), wrong
