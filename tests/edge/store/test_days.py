"""Days of the books: each record and each count in exactly one, whatever the clock does; sums that only grow."""

import sqlite3
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.clock import stamp
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.rules.gaming_day import GamingDays
from edge.store import days
from edge.store.devices import Seed, seed_egms
from edge.store.meters import Snapshot, counted, record_snapshot
from edge.store.migrations import create
from tests.edge.store.conftest import HandTx

CENT = Denomination(1, 1, 1)
MONDAY, TUESDAY, WEDNESDAY = "2026-11-23", "2026-11-24", "2026-11-25"
SOFIA = GamingDays.of("Europe/Sofia", "06:00")


def read(tx, day, *, asset=17, denomination: Denomination | None = CENT, after_s=900, coherent=True, **values):
    """Book a snapshot in this day: read(tx, MONDAY, m00=5) is meter 00 at 5."""
    readings = [Reading(0, None, int(name[1:], 16), value, 4) for name, value in values.items()]
    at = tx.later(after_s)
    snapshot = Snapshot(asset, at, "interval", readings, denomination=denomination, coherent=coherent)
    return record_snapshot(tx, snapshot, day=day)


def kinds(tx, day):
    return {(one.asset, one.kind): one.times for one in days.doubts(tx, day, day)}


def of(tx, first, last, code=0x00, asset=17):
    return sum(one.total for one in days.sums(tx, first, last) if one.code == code and one.asset == asset)


# which day it is ------------------------------------------------------------------------------------------------------


def test_a_day_is_opened_once_by_the_first_record_of_a_later_label(tx):
    assert days.newest_day(tx) is None
    assert days.open_day(tx, MONDAY, 1, tx.now) == MONDAY
    assert days.open_day(tx, MONDAY, 5, tx.later(60)) == MONDAY
    assert days.open_day(tx, TUESDAY, 9, tx.later(60)) == TUESDAY
    assert [(one.gamingday, one.first_position) for one in days.days(tx)] == [(MONDAY, 1), (TUESDAY, 9)]
    assert days.doubts(tx, MONDAY, TUESDAY) == []


def test_a_clock_set_back_opens_nothing_and_the_day_says_so(tx):
    days.open_day(tx, TUESDAY, 1, tx.now)
    assert days.open_day(tx, MONDAY, 5, tx.now) == TUESDAY
    assert days.open_day(tx, MONDAY, 6, tx.now) == TUESDAY
    assert len(days.days(tx)) == 1
    assert kinds(tx, TUESDAY) == {(0, "clock_behind"): 2}


def test_an_untrusted_clock_opens_the_next_day_with_a_mark_and_not_one_of_another_year(tx):
    days.open_day(tx, MONDAY, 1, tx.now)
    assert days.open_day(tx, TUESDAY, 2, tx.now, trusted=False) == TUESDAY
    assert days.open_day(tx, "2099-01-01", 3, tx.now, trusted=False) == TUESDAY
    assert kinds(tx, TUESDAY) == {(0, "clock_untrusted"): 1, (0, "clock_ahead"): 1}
    assert days.open_day(tx, "2027-03-01", 4, tx.now) == "2027-03-01", "a box that was away over the winter"


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-28", 23), ("2026-10-24", 25), ("2026-11-23", 24)], ids=["spring", "autumn", "any"]
)
def test_a_day_of_23_and_of_25_hours_holds_what_was_written_in_these_hours(tx, day, hours):
    begin = SOFIA.begin(datetime.fromisoformat(day).date())
    at, position, booked = begin - timedelta(hours=2), 0, []
    while at < begin + timedelta(hours=30):
        position += 1
        booked.append(days.open_day(tx, SOFIA.label(at), position, at))
        at += timedelta(minutes=30)
    assert booked.count(day) == 2 * hours
    assert booked == sorted(booked), "the hour that comes twice is in no two days"


# what it counts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("series", "counts"),
    [((80_000, 81_000, 85_000, 0, 0, 0, 5, 15), 5_015), ((82_000, 82_999, 84_000, 0, 0, 0, 10, 35), 2_035)],
)
def test_mtr_04_the_vendors_example_counts_5015_and_2035_in_the_day_and_says_that_it_was_cleared(hall, series, counts):
    for value in series:
        read(hall, MONDAY, m00=value, m01=value)
    assert of(hall, MONDAY, MONDAY) == counts
    assert {one.generation for one in days.sums(hall, MONDAY, MONDAY)} == {1, 2}
    assert kinds(hall, MONDAY)[17, "ram_clear"] == 1


def test_growth_is_counted_in_the_day_in_which_it_was_booked(hall):
    read(hall, MONDAY, m00=100)
    read(hall, MONDAY, m00=150)
    read(hall, TUESDAY, m00=180)
    assert [of(hall, day, day) for day in (MONDAY, TUESDAY, WEDNESDAY)] == [50, 30, 0]
    assert of(hall, MONDAY, TUESDAY) == 80


def test_a_meter_that_stood_still_has_a_row_and_one_that_was_not_read_has_none(hall):
    read(hall, MONDAY, m00=100)
    read(hall, MONDAY, m00=100)
    assert [(one.code, one.counted) for one in days.sums(hall, MONDAY, MONDAY)] == [(0x00, 0)]


def test_credits_on_the_machine_are_a_level_and_in_no_sum(hall):
    read(hall, MONDAY, m0C=5)
    read(hall, MONDAY, m0C=500)
    assert days.sums(hall, MONDAY, MONDAY) == []


def test_mtr_02_credits_of_two_worths_are_kept_apart_and_an_unknown_worth_is_no_number(hall):
    read(hall, MONDAY, m00=0)
    read(hall, MONDAY, m00=7)
    read(hall, MONDAY, denomination=Denomination(2, 5, 1), m00=1)
    read(hall, MONDAY, denomination=Denomination(2, 5, 1), m00=4)
    read(hall, MONDAY, denomination=None, m00=6)
    assert [(one.worth, one.counted) for one in days.sums(hall, MONDAY, MONDAY)] == [
        (None, 2), (Fraction(1), 7), (Fraction(5), 3),
    ]  # fmt: skip
    assert kinds(hall, MONDAY)[17, "denomination_change"] == 1


def test_mtr_02_fourteen_digits_come_back_exactly(hall):
    days.count(hall, MONDAY, 17, 1, CENT, [(0, None, 0x00, 99_999_999_999_999)])
    days.count(hall, TUESDAY, 17, 1, CENT, [(0, None, 0x00, 99_999_999_999_999)])
    assert of(hall, MONDAY, MONDAY) == 99_999_999_999_999
    assert of(hall, MONDAY, TUESDAY) == 199_999_999_999_998


def test_a_sum_that_would_not_fit_is_refused_and_never_becomes_a_floating_number(hall):
    days.count(hall, MONDAY, 17, 1, CENT, [(0, None, 0x00, 2**63 - 1)])
    with pytest.raises(sqlite3.IntegrityError):
        days.count(hall, MONDAY, 17, 1, CENT, [(0, None, 0x00, 2**63 - 1)])
    assert of(hall, MONDAY, MONDAY) == 2**63 - 1


def test_mtr_12_a_correction_is_a_fact_of_the_day_on_which_it_is_made(hall):
    read(hall, MONDAY, m00=100)
    days.correct(hall, TUESDAY, 17, 1, 0, None, 0x00, CENT, 40)
    days.correct(hall, TUESDAY, 17, 1, 0, None, 0x00, Fraction(1), 2)
    assert of(hall, MONDAY, MONDAY) == 0
    (one,) = days.sums(hall, TUESDAY, TUESDAY)
    assert (one.counted, one.corrected, one.total) == (0, 42, 42)


def test_when_a_machine_was_read_in_a_day_and_since_when_the_day_counts(hall):
    read(hall, MONDAY, m00=1)
    read(hall, TUESDAY, m00=2)
    read(hall, TUESDAY, m00=3)
    (monday,), (tuesday,) = (days.reads(hall, day, day) for day in (MONDAY, TUESDAY))
    assert (monday.since_at, monday.first_at, monday.snapshots) == (None, "2026-11-23T00:15:00.000Z", 1)
    assert (tuesday.since_at, tuesday.first_at, tuesday.last_at, tuesday.snapshots) == (
        "2026-11-23T00:15:00.000Z", "2026-11-23T00:30:00.000Z", "2026-11-23T00:45:00.000Z", 2,
    )  # fmt: skip
    (both,) = days.reads(hall, MONDAY, TUESDAY)
    assert both == (17, None, monday.first_at, tuesday.last_at, 3)
    assert kinds(hall, MONDAY) == {(17, "first"): 1}


def test_a_reading_that_is_not_booked_closes_no_day_and_the_next_day_counts_from_the_one_before_it(hall):
    read(hall, MONDAY, m00=50_000)
    read(hall, MONDAY, m00=90_000_000)  # a spike, kept as a suspect
    (monday,) = days.reads(hall, MONDAY, MONDAY)
    assert (monday.last_at, monday.snapshots) == ("2026-11-23T00:15:00.000Z", 1)
    read(hall, TUESDAY, m00=50_010)
    (tuesday,) = days.reads(hall, TUESDAY, TUESDAY)
    assert tuesday.since_at == monday.last_at
    assert (of(hall, MONDAY, MONDAY), of(hall, TUESDAY, TUESDAY)) == (0, 10)


def test_mtr_17_a_day_says_how_often_it_was_read_in_motion(hall):
    read(hall, MONDAY, m00=1, coherent=False)
    assert kinds(hall, MONDAY)[17, "incoherent"] == 1


# what can never happen ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE meter_days SET counted = counted - 1",
        "UPDATE meter_days SET corrected = 0",
        "UPDATE meter_days SET gamingday = '2026-11-22'",
        "UPDATE meter_days SET asset = 18",
        "DELETE FROM meter_days",
        "INSERT OR REPLACE INTO meter_days VALUES ('2026-11-23', 17, 1, 0, -1, 0, 1, 1, 0, 0)",
        "UPDATE gaming_days SET first_position = 7",
        "DELETE FROM gaming_days",
        "INSERT INTO gaming_days VALUES ('2026-11-22', 99, 'x')",
        "INSERT INTO gaming_days VALUES ('2026-11-24', 0, 'x')",
        "UPDATE day_doubts SET count = 0",
        "DELETE FROM day_doubts",
        "UPDATE meter_readings SET value = 0",
        "UPDATE meter_readings SET delta = NULL",
    ],
)
def test_mtr_06_no_statement_lowers_a_sum_takes_back_a_day_or_changes_a_reading(hall, sql):
    hall.execute("PRAGMA recursive_triggers=1")  # as the writer's connection has it
    days.open_day(hall, MONDAY, 1, hall.now)
    read(hall, MONDAY, m00=1)
    read(hall, MONDAY, m00=50)
    days.correct(hall, MONDAY, 17, 1, 0, None, 0x00, CENT, 3)
    before = days.sums(hall, MONDAY, MONDAY), days.days(hall), days.doubts(hall, MONDAY, MONDAY)
    with pytest.raises(sqlite3.IntegrityError):
        hall.execute(sql)
    assert (days.sums(hall, MONDAY, MONDAY), days.days(hall), days.doubts(hall, MONDAY, MONDAY)) == before


# against other arithmetic ---------------------------------------------------------------------------------------------

moves = st.lists(
    st.tuples(st.sampled_from([17, 18]), st.integers(0, 3), st.integers(0, 9_000), st.sampled_from([1, 2, 5])),
    min_size=1,
    max_size=40,
)


@settings(deadline=None, max_examples=150)
@given(moves)
def test_the_days_sums_are_those_of_a_model_that_knows_only_money(history):
    """Each move: machine, days that pass before it, credits played, worth of a credit. The model keeps money by day; where
    the worth changed nothing may be counted."""
    conn = sqlite3.connect(":memory:", isolation_level=None)
    create(conn)
    tx = HandTx(conn)
    seed_egms(tx, [Seed(17, "A", 1), Seed(18, "A", 2)])
    machine: dict[int, list[int]] = {}
    money: list[tuple[int, int, int]] = []
    today, first = 0, datetime(2026, 1, 1, tzinfo=UTC).date()
    for asset, passed, played, worth in history:
        today += passed
        before, worth_before = machine.get(asset, [1_000_000, worth])
        if asset in machine and worth_before == worth:
            money.append((today, asset, played * worth))
        # Another denomination: the machine tells its credits in the new one (sas-core 9.5).
        before = before * worth_before // worth
        machine[asset] = [before + played, worth]
        label = (first + timedelta(days=today)).isoformat()
        day = days.open_day(tx, label, 1, tx.now)
        read(tx, day, asset=asset, denomination=Denomination(1, worth, 1), after_s=900, m00=before + played)
    for since in range(0, today + 1, 1 + today // 5):
        for until in range(since, today + 1, 1 + today // 5):
            first_day, last_day = (str(first + timedelta(days=number)) for number in (since, until))
            told = sum(one.total * one.worth for one in days.sums(tx, first_day, last_day))
            assert told == sum(amount for day, _, amount in money if since <= day <= until)
    assert sum(one.counted for one in days.sums(tx, "2026-01-01", "2027-12-31")) == sum(
        counted(tx, asset, 0x00) for asset in machine
    )
    conn.close()


# the time without data ------------------------------------------------------------------------------------------------


def silent(tx, first, last, asset=17):
    return next((one.seconds, one.current_until) for one in days.silences(tx, first, last) if one.asset == asset)


def came(tx, at, current_s=1800):
    days.note_data(tx, 17, at, at + timedelta(seconds=current_s), SOFIA)


def test_mtr_16_silence_is_counted_in_the_days_in_which_it_lies_when_data_comes_again(hall):
    begin = SOFIA.begin(datetime.fromisoformat(TUESDAY).date())
    for day in (MONDAY, TUESDAY):
        days.open_day(hall, day, 1 + (day == TUESDAY), hall.now)
    hall.execute("UPDATE egms SET registered_at = ?", (stamp(begin - timedelta(hours=3)),))
    came(hall, begin - timedelta(hours=2))
    assert silent(hall, MONDAY, MONDAY)[0] == 3_600, "from its registration to its first reading"
    came(hall, begin - timedelta(hours=1, minutes=31))
    assert silent(hall, MONDAY, MONDAY)[0] == 3_600, "a reading is current for two intervals"
    days.note_silence(hall, 17, begin - timedelta(minutes=70))
    assert silent(hall, MONDAY, MONDAY) == (3_600, stamp(begin - timedelta(minutes=70))), "still under way"
    days.note_silence(hall, 17, begin - timedelta(minutes=60))
    came(hall, begin + timedelta(minutes=5))
    assert [silent(hall, day, day)[0] for day in (MONDAY, TUESDAY)] == [3_600 + 70 * 60, 5 * 60]
    assert silent(hall, MONDAY, TUESDAY)[0] == 3_600 + 75 * 60
    came(hall, begin + timedelta(minutes=45))
    assert silent(hall, TUESDAY, TUESDAY)[0] == 15 * 60, "no link was down: the reading was due and came late"


def test_a_time_that_cannot_be_right_counts_no_silence_and_one_of_a_clock_that_goes_on_does(hall):
    begin = SOFIA.begin(datetime.fromisoformat(MONDAY).date())
    days.open_day(hall, MONDAY, 1, hall.now)
    came(hall, begin)
    seconds, until = silent(hall, MONDAY, MONDAY)
    for wrong in (datetime(1970, 1, 1, 0, 20, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)):
        days.note_data(hall, 17, wrong, wrong + timedelta(minutes=30), SOFIA, trusted=False)
        days.note_silence(hall, 17, wrong, trusted=False)
        assert silent(hall, MONDAY, MONDAY) == (seconds, until)
    at = begin + timedelta(hours=2)
    days.note_data(hall, 17, at, at + timedelta(minutes=30), SOFIA, trusted=False)
    assert silent(hall, MONDAY, MONDAY) == (seconds + 90 * 60, stamp(at + timedelta(minutes=30)))


def test_a_machine_of_an_older_version_is_silent_from_its_next_reading_on(hall):
    days.open_day(hall, MONDAY, 1, hall.now)
    hall.execute("INSERT INTO machine_data (asset, current_until) VALUES (17, NULL)")
    assert silent(hall, MONDAY, MONDAY) == (0, None)
    came(hall, SOFIA.begin(datetime.fromisoformat(MONDAY).date()) + timedelta(hours=1))
    assert silent(hall, MONDAY, MONDAY)[0] == 0


def test_the_silences_of_a_day_only_grow(hall):
    days.open_day(hall, MONDAY, 1, hall.now)
    hall.execute("UPDATE egms SET registered_at = ?", (stamp(SOFIA.begin(datetime.fromisoformat(MONDAY).date())),))
    came(hall, SOFIA.begin(datetime.fromisoformat(MONDAY).date()) + timedelta(hours=1))
    for statement in ("UPDATE day_silences SET seconds = seconds - 1", "DELETE FROM day_silences"):
        with pytest.raises(sqlite3.IntegrityError, match="only grow"):
            hall.execute(statement)
