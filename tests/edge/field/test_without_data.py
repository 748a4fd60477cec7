"""MTR-16: for each machine the day says how many minutes of it are without data: its link was down, or no reading came."""

from __future__ import annotations

import contextlib
from datetime import date, datetime, timedelta
from pathlib import Path

from edge.clock import from_stamp
from edge.front.views.revenue import HallWays, read_report, told
from edge.front.views.revenue_csv import as_csv
from edge.rules.gaming_day import GamingDays
from sync.db import Database
from tests.edge.field.small_hall import SmallHall, opened

SOFIA = GamingDays.of("Europe/Sofia", "06:00")
WAYS = HallWays("Hall 7", "EUR", "Europe/Sofia", SOFIA, 60, "hall-edge test")
SUNDAY, MONDAY = date(2026, 11, 22), date(2026, 11, 23)
"The hall begins at 02:11 in the night that belongs to Sunday; Monday begins at 06:00."
HOUR = timedelta(hours=1)


def report_of(hall: SmallHall, day: date, now: datetime) -> dict[int, int]:
    """Minutes without data of each machine, as the report of this day tells them."""
    with contextlib.closing(Database(hall.books.path).open_reader()) as reader:
        made = told(read_report(reader, day, day, WAYS, now), WAYS, now)
    lines = as_csv(made).splitlines()
    (head,) = (line.split(",") for line in lines if line.startswith("level,"))
    minutes = {one["asset"]: one["minutes_without_data"] for one in made["machines"]}
    for line in lines:
        cells = line.split(",")
        if cells[0] == "machine":
            assert cells[head.index("minutes without data")] == str(minutes[int(cells[1])])
    return minutes


async def away(hall: SmallHall, asset: int, for_: timedelta) -> None:
    """It is unplugged for so long, and then plugged in again."""
    hall.machine(asset).plugged = False
    await hall.go(20, lambda: not hall.hearing.seats[asset].up)
    hall.books.clock.jump(for_)
    hall.machine(asset).plugged = True
    await hall.up(asset)


async def test_mtr_16_a_day_with_a_link_gap_tells_its_minutes_without_data(tmp_path: Path) -> None:
    async with opened(tmp_path, {"A": [17], "B": [18]}) as hall:
        await hall.up(17, 18)
        assert report_of(hall, SUNDAY, hall.books.clock.wall()) == {17: 0, 18: 0}
        await away(hall, 17, timedelta(minutes=25))
        now = hall.books.clock.wall()
        assert report_of(hall, SUNDAY, now) == {17: 25, 18: 0}, "a reading of the other is current for half an hour"
        (down,) = hall.books.events("hall.egm.link.down")
        (counted,) = hall.books.ask("SELECT seconds FROM day_silences WHERE asset = 17 AND seconds >= 60")
        back = hall.books.events("hall.egm.meters.snapshot")[-1]
        assert back["data"]["asset"] == 17
        whole = from_stamp(back["time"]) - from_stamp(down["data"]["last_heard_at"])
        first = from_stamp(hall.books.events("hall.egm.meters.snapshot")[0]["time"])
        began = hall.books.ask("SELECT registered_at FROM egms WHERE asset = 17")[0][0]
        assert 0 <= counted[0] - int(whole.total_seconds()) <= int((first - from_stamp(began)).total_seconds()) + 1


async def test_mtr_16_a_gap_over_the_end_of_the_day_is_in_both_days_and_one_under_way_counts_until_now(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, {"A": [17], "B": [18]}, every_s=8.0) as hall:
        await hall.up(17, 18)
        hall.books.clock.jump(SOFIA.begin(MONDAY) - timedelta(minutes=40) - hall.books.clock.wall())
        await hall.go(10)
        before = report_of(hall, SUNDAY, hall.books.clock.wall())[17]
        hall.machine(17).plugged = False
        await hall.go(20, lambda: not hall.hearing.seats[17].up)
        assert report_of(hall, SUNDAY, SOFIA.begin(MONDAY) - timedelta(minutes=20))[17] in range(
            before + 18, before + 21
        )
        hall.books.clock.jump(SOFIA.begin(MONDAY) + timedelta(minutes=10) - hall.books.clock.wall())
        hall.happens(18, "open_door")
        await hall.go(5)
        under_way = report_of(hall, MONDAY, hall.books.clock.wall())
        assert under_way[17] == 10
        sunday = report_of(hall, SUNDAY, hall.books.clock.wall())[17]
        assert sunday in range(before + 38, before + 41)
        hall.machine(17).plugged = True
        await hall.up(17)
        later = hall.books.clock.wall() + timedelta(minutes=15)
        assert report_of(hall, SUNDAY, later)[17] == sunday, "what was under way is now counted, and the same"
        assert report_of(hall, MONDAY, later)[17] == 10
        assert report_of(hall, MONDAY, later + HOUR)[17] == 10 + 45, "and no reading since"
