"""MTR-07: at the end of each gaming day every machine is read once, in the minute before the hour, none twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge.field.pollers.dayend import DayEnd
from edge.field.pollers.sas import Wire
from edge.field.pollers.seats import Seat, Stage
from edge.field.pollers.supervisor import not_open
from edge.hall.devices import Egm, Identity
from edge.rules.gaming_day import GamingDays
from protocols.sas.host import Host, Start
from protocols.sas.rules import LineRules
from tests.edge.field.small_hall import SmallHall, opened

SOFIA = GamingDays.of("Europe/Sofia", "06:00")
EARLY = GamingDays.of("Europe/Sofia", "03:30")
"On the last Sunday of March this local time does not exist, on that of October it comes twice."


def a_floor(lines: int, machines: int) -> dict[int, Seat]:
    """Machines that are known and read, so many on each of so many lines; numbered 101, 102, ... on the first."""
    seats: dict[int, Seat] = {}
    for line in range(1, lines + 1):
        name = f"L{line}"
        wire = Wire(name, not_open(name), Host(range(1, machines + 1), LineRules(), now=0.0, start=Start.CLEAN))
        for address in range(1, machines + 1):
            asset = 100 * line + address
            egm = Egm(asset, name, address, None, None, True, 1, "first", None, Identity(), None)
            seats[asset] = Seat(egm, wire, up=True, stage=Stage.READY)
    return seats


def over(day_end: DayEnd, begin: datetime, seconds: int) -> list[tuple[int, int]]:
    """Second after the begin and machine, for each that is due in these seconds."""
    return [
        (second, seat.asset)
        for second in range(seconds)
        for seat in day_end.due(begin + timedelta(seconds=second), float(second))
    ]


def test_mtr_07_each_machine_is_due_once_before_the_hour_and_the_machines_of_a_line_far_apart() -> None:
    seats = a_floor(lines=10, machines=4)
    hour = SOFIA.begin(date(2026, 11, 24))
    due = over(DayEnd(seats, SOFIA, 60.0), hour - timedelta(minutes=5), 600)
    assert sorted(asset for _, asset in due) == sorted(seats)
    assert all(240 <= second <= 290 for second, _ in due), "of the 60 s before the hour the last 10 are left to finish"
    for line in range(1, 11):
        seconds = [second for second, asset in due if asset // 100 == line]
        assert min(later - sooner for sooner, later in pairwise(seconds)) >= 12


@pytest.mark.parametrize(
    ("days", "day", "minutes"),
    [
        (SOFIA, date(2026, 3, 28), 23 * 60), (SOFIA, date(2026, 6, 1), 24 * 60), (SOFIA, date(2026, 10, 24), 25 * 60),
        (EARLY, date(2026, 3, 28), 23 * 60 + 30), (EARLY, date(2026, 10, 25), 25 * 60),
    ],
    ids=["spring", "summer", "autumn", "ends when the clocks jump", "begins the first time of two"],
)  # fmt: skip
def test_mtr_07_a_day_of_23_or_25_hours_is_closed_once_too(days: GamingDays, day: date, minutes: int) -> None:
    assert days.length(day) == timedelta(minutes=minutes)
    begin, end = days.begin(day), days.begin(day + timedelta(days=1))
    seats = a_floor(1, 3)
    due = over(DayEnd(seats, days, 60.0), begin, minutes * 60 + 3600)
    assert [asset for _, asset in due] == [101, 102, 103]
    for second, _ in due:
        assert end - timedelta(seconds=60) <= begin + timedelta(seconds=second) < end


def test_a_clock_that_jumps_back_over_the_hour_does_not_close_the_day_again() -> None:
    seats = a_floor(1, 2)
    day_end = DayEnd(seats, SOFIA, 60.0)
    hour = SOFIA.begin(date(2026, 11, 24))
    assert len(over(day_end, hour - timedelta(seconds=70), 100)) == 2
    assert over(day_end, hour - timedelta(seconds=70), 100) == []
    assert len(over(day_end, hour + timedelta(hours=24, seconds=-70), 100)) == 2, "the next day is closed as well"


def test_what_could_not_be_read_is_due_again_while_the_day_lasts_and_not_after() -> None:
    seats = a_floor(1, 1)
    day_end = DayEnd(seats, SOFIA, 60.0)
    hour = SOFIA.begin(date(2026, 11, 24))
    assert day_end.due(hour - timedelta(seconds=60), 0.0) == [seats[101]]
    day_end.failed(seats[101], 2.0)
    assert day_end.due(hour - timedelta(seconds=50), 10.0) == [], "not at once"
    assert day_end.due(hour - timedelta(seconds=43), 17.0) == [seats[101]]
    day_end.failed(seats[101], 50.0)
    assert day_end.due(hour + timedelta(seconds=20), 80.0) == []


def test_a_machine_that_is_away_or_not_known_yet_is_not_asked() -> None:
    seats = a_floor(1, 3)
    seats[101].up = False
    seats[102].stage = Stage.GREETING
    due = over(DayEnd(seats, SOFIA, 60.0), SOFIA.begin(date(2026, 11, 24)) - timedelta(seconds=60), 60)
    assert [asset for _, asset in due] == [103]


def closing(hall: SmallHall, reason: str = "day_end") -> list[dict[str, Any]]:
    return [one for one in hall.books.events("hall.egm.meters.snapshot") if one["data"]["reason"] == reason]


async def test_a_closing_reading_that_ends_after_the_hour_does_not_say_that_it_closes_the_day(tmp_path: Path) -> None:
    async with opened(tmp_path, {"A": [17]}) as hall:
        await hall.up(17)
        hour = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
        hall.books.clock.jump(hour - timedelta(seconds=59) - hall.books.clock.wall())
        await hall.go(5, lambda: hall.hearing.seats[17].closed is not None)
        hall.books.clock.jump(timedelta(seconds=60))
        await hall.up(17)
        assert closing(hall) == []
        (late,) = closing(hall, "interval")
        assert late["gamingday"] == "2026-11-23"


async def test_mtr_07_the_closing_readings_of_a_hall_stand_in_the_day_they_close(tmp_path: Path) -> None:
    async with opened(tmp_path, {"A": [17, 18], "B": [19, 20]}, polling={"day_end_within_s": 10}) as hall:
        await hall.up(17, 18, 19, 20)
        hall.machine(20).plugged = False
        await hall.go(10, lambda: not hall.hearing.seats[20].up)
        hour = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # 06:00 in Sofia
        hall.books.clock.jump(hour - timedelta(seconds=11) - hall.books.clock.wall())
        await hall.go(15)
        assert [one["data"]["asset"] for one in closing(hall)] == [17, 19, 18], (
            "the first of each line, then the second"
        )
        assert {one["gamingday"] for one in closing(hall)} == {"2026-11-22"}
        assert all(one["data"]["because"] is None for one in closing(hall))
        hall.machine(20).plugged = True
        await hall.go(20, lambda: closing(hall, "link_up") != [])
        (back,) = closing(hall, "link_up")
        assert back["data"]["asset"] == 20
        assert back["gamingday"] == "2026-11-23", "what it counted until it was away is in the day of its return"
