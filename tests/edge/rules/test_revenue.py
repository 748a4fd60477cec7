"""The revenue of a day: figures by machine, bank and hall, and what the day does not know beside them."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from edge.clock import stamp
from edge.hall.days import DaySum, Doubt, MachineDay, OpenedDay, Place
from edge.rules.gaming_day import GamingDays
from edge.rules.revenue import Books, Report, Seen, report

SOFIA = GamingDays.of("Europe/Sofia", "06:00")
MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)
DAYS = [
    OpenedDay("2026-11-23", 1, "2026-11-23T04:00:00.000Z"),
    OpenedDay("2026-11-24", 100, "2026-11-24T04:00:00.000Z"),
    OpenedDay("2026-11-25", 250, "2026-11-25T04:00:00.000Z"),
]
LEFT = Place(17, "A", "104", "Left", True, "2026-01-01T00:00:00.000Z")
RIGHT = Place(18, "A", "105", None, True, "2026-01-01T00:00:00.000Z")
ALONE = Place(19, "B", None, None, True, "2026-01-01T00:00:00.000Z")


def at(day: date, seconds_before_end: int) -> str:
    """A stamp so long before this day ends."""
    return stamp(SOFIA.begin(day + timedelta(days=1)) - timedelta(seconds=seconds_before_end))


def whole(asset: int, day: date = MONDAY, *, since: int | None = 30, last: int = 30) -> MachineDay:
    """Read so long before the end of the day before, and of this one."""
    since_at = None if since is None else at(day - timedelta(days=1), since)
    return MachineDay(asset, since_at, at(day, 80_000), at(day, last), 96)


def played(asset: int, coin_in: int, *, worth: Fraction | None = Fraction(1)) -> list[DaySum]:
    """Coin in, and a tenth of it kept; ten credits a game."""
    counts = {0x00: coin_in, 0x01: coin_in * 9 // 10, 0x02: 0, 0x05: coin_in // 10, 0x24: coin_in // 2}
    return [DaySum(asset, 1, 0, None, code, worth, count, 0) for code, count in counts.items()]


def made(
    first=MONDAY, last=MONDAY, *, places=(LEFT, RIGHT, ALONE), days=DAYS, sums=(), reads=(), doubts=(), reviews=()
):
    books = Books(days, places, sums, reads, doubts, reviews)
    return report(books, first, last, calendar=SOFIA, closing_s=60)


def all_read(**more) -> Report:
    sums = [*played(17, 1_000), *played(18, 3_000), *played(19, 500)]
    return made(sums=sums, reads=[whole(17), whole(18), whole(19)], **more)


def test_a_day_of_which_all_is_known_is_complete():
    day = all_read()
    assert (day.state, day.complete, day.positions) == ("closed", True, (1, 99))
    assert [row.cells["coin_in"].value for row in day.machines] == [1_000, 3_000, 500]
    assert [(row.name, row.cells["ggr"].value) for row in day.banks] == [("A", 400), ("B", 50)]
    assert (day.hall.cells["ggr"].value, day.hall.cells["hold"].value) == (450, Fraction(1, 10))
    assert day.hall.cells["games"] == (450, 3, 0)


def test_totals_of_banks_are_the_total_of_the_hall():
    day = all_read()
    for name in ("coin_in", "coin_out", "jackpots", "ggr", "drop_expected", "games"):
        assert sum(row.cells[name].value for row in day.banks) == day.hall.cells[name].value


def test_a_machine_that_was_not_read_has_unknown_figures_and_the_total_says_that_it_lacks_one():
    day = made(sums=played(17, 1_000), reads=[whole(17)], places=(LEFT, RIGHT))
    assert day.machines[1].marks == {"not_read": 1}
    assert set(day.machines[1].cells.values()) == {(None, 0, 1)}
    assert day.hall.cells["coin_in"] == (1_000, 1, 1)
    assert not day.complete


def test_with_no_machine_known_a_total_is_unknown_and_not_zero():
    assert made().hall.cells["ggr"] == (None, 0, 3)


def test_mtr_07_a_machine_without_a_reading_at_the_end_of_the_day_is_named():
    day = made(sums=[*played(17, 10), *played(18, 10)], reads=[whole(17), whole(18, last=61)], places=(LEFT, RIGHT))
    assert [row.marks for row in day.machines] == [{}, {"no_closing": 1}]
    assert not day.complete


def test_a_machine_that_was_away_when_the_day_began_counts_from_before_and_says_so():
    day = made(sums=played(17, 10), reads=[whole(17, since=7_200)], places=(LEFT,))
    assert day.machines[0].marks == {"late_opening": 1}
    assert day.machines[0].since_at == at(MONDAY - timedelta(days=1), 7_200)


def test_an_open_day_is_never_complete_and_asks_for_no_closing():
    day = made(WEDNESDAY, WEDNESDAY, sums=played(17, 10), reads=[whole(17, WEDNESDAY, last=40_000)], places=(LEFT,))
    assert (day.state, day.complete, day.positions) == ("open", False, (250, None))
    assert day.machines[0].marks == {}


def test_inside_a_range_a_missing_closing_moves_nothing_out_of_it():
    # Monday's last reading was hours before its end, and Tuesday's was at its end: the range has one of each.
    reads = [whole(17, MONDAY)._replace(last_at=at(TUESDAY, 30))]
    both = made(MONDAY, TUESDAY, sums=played(17, 10), reads=reads, places=(LEFT,))
    assert (both.machines[0].marks, both.complete, both.positions) == ({}, True, (1, 249))


def test_what_a_machine_does_not_know_stands_with_it_and_counts_machines_in_the_total():
    doubts = [
        Doubt("2026-11-23", 17, "gap", 3),
        Doubt("2026-11-23", 18, "gap", 1),
        Doubt("2026-11-23", 0, "clock_behind", 2),
    ]
    day = all_read(doubts=doubts)
    assert [row.marks for row in day.machines] == [{"gap": 3}, {"gap": 1}, {}]
    assert day.hall.marks == {"gap": 2, "clock_behind": 2}
    assert not day.complete


def test_mtr_12_open_reviews_keep_a_day_from_being_complete_and_decided_ones_do_not():
    waiting = Seen(1, 17, 0x00, "2026-11-23", "ambiguous", True, None, None)
    settled = Seen(1, 17, 0x00, "2026-11-23", "ambiguous", False, 40, "2026-11-25")
    assert all_read(reviews=[waiting]).machines[0].marks == {"review_open": 1}
    assert not all_read(reviews=[waiting]).complete
    assert all_read(reviews=[settled]).machines[0].marks == {"review_decided": 1}
    assert all_read(reviews=[settled]).complete


def test_mtr_12_what_was_decided_is_in_the_figures_of_the_day_of_the_decision_and_shown():
    sums = [one._replace(corrected=40) if one.code == 0x00 else one for one in played(17, 1_000)]
    day = made(sums=sums, reads=[whole(17)], places=(LEFT,))
    assert day.machines[0].cells["coin_in"].value == 1_040
    assert day.machines[0].marks == {"corrected": 1}
    assert [one.corrected for one in day.corrections] == [40]


def test_mtr_02_a_machine_whose_credits_have_no_known_worth_has_games_but_no_money():
    day = made(sums=played(17, 1_000, worth=None), reads=[whole(17)], places=(LEFT,))
    (row,) = day.machines
    assert (row.cells["games"].value, row.cells["ggr"].value) == (100, None)
    assert row.marks["unknown"] == 7, "all but games"


def test_days_without_any_record_are_named_and_days_to_come_are_not():
    days = [DAYS[0], DAYS[2]]
    week = made(MONDAY, MONDAY + timedelta(days=6), days=days)
    assert week.without_records == ["2026-11-24"]
    before = made(date(2026, 11, 20), date(2026, 11, 21))
    assert (before.state, before.without_records, before.machines) == ("none", ["2026-11-20", "2026-11-21"], [])
    assert made(days=[]).state == "none"


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 28), 23), (date(2026, 10, 24), 25), (MONDAY, 24)])
def test_a_day_in_which_the_clocks_change_has_23_or_25_hours_and_its_closing_is_at_its_own_end(day, hours):
    label, after = day.isoformat(), (day + timedelta(days=1)).isoformat()
    days = [OpenedDay(label, 1, "x"), OpenedDay(after, 9, "x")]
    one = made(day, day, days=days, sums=played(17, 10), reads=[whole(17, day)], places=(LEFT,))
    assert one.length == timedelta(hours=hours)
    assert one.complete
    end = SOFIA.begin(day) + timedelta(hours=hours)
    hour_off = MachineDay(17, at(day - timedelta(days=1), 30), stamp(end - timedelta(hours=20)),
                          stamp(end - timedelta(hours=1)), 9)  # fmt: skip
    off = made(day, day, days=days, sums=played(17, 10), reads=[hour_off], places=(LEFT,))
    assert off.machines[0].marks == {"no_closing": 1}


def test_a_machine_that_came_later_is_not_missed_and_one_that_left_is_still_shown():
    new = LEFT._replace(registered_at=stamp(datetime(2026, 11, 24, 9, tzinfo=UTC)))
    gone = RIGHT._replace(enrolled=False)
    day = made(sums=played(18, 10), reads=[whole(18, last=40_000)], places=(new, gone))
    assert [(row.name, row.marks) for row in day.machines] == [("18", {})]
