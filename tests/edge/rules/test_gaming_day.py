"""A gaming day begins at the hall's hour, is 23 or 25 hours long when the clocks change, and leaves no instant out."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.rules.gaming_day import GamingDays

SOFIA = GamingDays.of("Europe/Sofia", "06:00")
NIGHT = GamingDays.of("Europe/Sofia", "03:30")


def test_before_six_it_is_still_yesterday():
    assert SOFIA.label(datetime(2026, 11, 23, 3, 59, 59, tzinfo=UTC)) == "2026-11-22"
    assert SOFIA.label(datetime(2026, 11, 23, 4, 0, 0, tzinfo=UTC)) == "2026-11-23"


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 28), 23), (date(2026, 10, 24), 25), (date(2026, 7, 1), 24)])
def test_the_day_in_which_the_clocks_change_is_an_hour_shorter_or_longer(day, hours):
    assert SOFIA.length(day) == timedelta(hours=hours)


def test_a_start_that_the_clocks_skip_begins_when_they_have_jumped():
    # Sofia, 29 March 2026: 02:59:59 is followed by 04:00:00, so 03:30 does not exist. The jump is at 01:00 UTC.
    assert NIGHT.begin(date(2026, 3, 29)) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_a_start_that_comes_twice_counts_the_first_time():
    # Sofia, 25 October 2026: 03:30 comes at 00:30 UTC and again at 01:30 UTC.
    assert NIGHT.begin(date(2026, 10, 25)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


zones = st.sampled_from(["Europe/Sofia", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kathmandu"])
instants = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001 - bounds of hypothesis are naive


@given(zones, st.integers(0, 23), st.sampled_from([0, 30]), instants)
def test_each_instant_is_in_exactly_one_day(zone, hour, minute, at):
    days = GamingDays.of(zone, f"{hour:02}:{minute:02}")
    day = days.day_of(at)
    assert days.begin(day) <= at < days.begin(day + timedelta(days=1))


@given(zones, st.integers(0, 23), instants, st.integers(0, 400_000))
def test_time_is_split_into_days_without_a_second_lost_or_told_twice(zone, hour, begin, seconds):
    days = GamingDays.of(zone, f"{hour:02}:00")
    end = begin + timedelta(seconds=seconds)
    parts = list(days.split(begin, end))
    assert sum((last - first for _, first, last in parts), timedelta()) == end - begin
    assert all(days.begin(day) <= first < last <= days.begin(day + timedelta(days=1)) for day, first, last in parts)
    assert list(days.split(end, begin)) == []


@given(zones, st.integers(0, 23), st.dates(date(2020, 1, 1), date(2035, 1, 1)))
def test_a_day_is_never_shorter_than_23_hours_or_longer_than_25(zone, hour, day):
    assert timedelta(hours=23) <= GamingDays.of(zone, f"{hour:02}:00").length(day) <= timedelta(hours=25)
