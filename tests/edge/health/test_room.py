"""The room of the books: levels with hysteresis, days left, and what is said once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.health.room import (
    BALLAST_BYTES,
    FOREVER_DAYS,
    LEVELS,
    ROOM_AGAIN_BYTES,
    Course,
    DaysAlarm,
    Level,
    Limits,
    Space,
    days_words,
    next_level,
    room_words,
)

MIB = 1 << 20
GIB = 1 << 30
LIMITS = Limits(enough_bytes=8 * GIB)


def disk(free: int, size: int = 10 * GIB, **more: int | None) -> Space:
    return Space(free, size, more.get("inodes"), more.get("books") or 0, more.get("spare") or 0, more.get("quota"))


@pytest.mark.parametrize(
    ("percent", "level"),
    [(100, "ok"), (16, "ok"), (15, "low"), (9, "low"), (8, "short"), (4, "short"), (3, "critical"), (0, "critical")],
)
def test_levels_begin_at_fifteen_eight_and_three_percent(percent: int, level: Level) -> None:
    assert next_level("ok", disk(percent * 10 * GIB // 100), LIMITS) == level


def test_a_level_is_left_only_with_a_quarter_more_than_where_it_began() -> None:
    assert next_level("low", disk(18 * 10 * GIB // 100), LIMITS) == "low"
    assert next_level("low", disk(19 * 10 * GIB // 100), LIMITS) == "ok"
    assert next_level("critical", disk(9 * 10 * GIB // 100), LIMITS) == "short"


def test_much_room_is_enough_whatever_share_of_a_large_disk_it_is() -> None:
    assert next_level("ok", disk(20 * GIB, 1000 * GIB), LIMITS) == "ok"
    assert next_level("ok", disk(7 * GIB, 1000 * GIB), LIMITS) == "critical"


def test_a_quota_counts_where_it_is_smaller_than_the_disk_and_deleted_pages_are_room() -> None:
    tight = Space(8 * GIB, 10 * GIB, None, books=99 * MIB, spare=0, quota=100 * MIB)
    assert (tight.free, tight.whole) == (1 * MIB, 100 * MIB)
    assert next_level("ok", tight, LIMITS) == "critical"
    assert next_level("critical", tight._replace(spare=50 * MIB), LIMITS) == "ok"


def test_st_2_a_disk_that_runs_out_of_inodes_is_critical_though_bytes_are_left() -> None:
    assert next_level("ok", disk(9 * GIB, inodes=3), LIMITS) == "critical"
    assert next_level("critical", disk(9 * GIB, inodes=300), LIMITS) == "ok"


def test_a_full_disk_stays_full_until_the_ballast_and_as_much_again_have_room() -> None:
    assert ROOM_AGAIN_BYTES == 2 * BALLAST_BYTES
    assert next_level("full", disk(ROOM_AGAIN_BYTES - 1, 24 * MIB), LIMITS) == "full"
    assert next_level("full", disk(ROOM_AGAIN_BYTES, 24 * MIB), LIMITS) == "ok"
    assert next_level("full", disk(ROOM_AGAIN_BYTES), LIMITS) == "critical"


@given(
    before=st.sampled_from(LEVELS[:-1]),
    free=st.integers(0, 10 * GIB),
    more=st.integers(0, 10 * GIB),
    inodes=st.none() | st.integers(0, 100),
)
def test_more_room_never_makes_a_level_worse_and_measuring_twice_changes_nothing(
    before: Level, free: int, more: int, inodes: int | None
) -> None:
    less, better = disk(free, inodes=inodes), disk(min(10 * GIB, free + more), inodes=inodes)
    first = next_level(before, less, LIMITS)
    assert LEVELS.index(next_level(before, better, LIMITS)) <= LEVELS.index(first)
    assert next_level(first, less, LIMITS) == first
    assert first != "full"


def test_days_are_reckoned_by_the_growth_of_the_last_day() -> None:
    course = Course()
    for hour in range(25):
        course.note(hour * 3600.0, hour * 10 * MIB)
    assert course.days(24 * 3600.0, 240 * MIB, 2400 * MIB) == 10
    assert len(course.samples) <= 26


def test_nothing_is_said_of_days_before_the_first_hour_and_books_that_do_not_grow_hold_for_ever() -> None:
    course = Course()
    assert course.note(0.0, MIB)
    assert not course.note(60.0, MIB)
    assert course.days(1800.0, 5 * MIB, GIB) is None
    assert course.days(3600.0, MIB, GIB) == FOREVER_DAYS


def test_growth_of_more_than_a_day_ago_counts_no_more() -> None:
    course = Course([(0.0, 0), (3600.0, GIB)])
    course.note(30 * 3600.0, GIB)
    assert course.days(31 * 3600.0, GIB, GIB) == FOREVER_DAYS


def test_each_mark_of_days_is_told_once_and_again_only_after_it_was_over() -> None:
    alarm = DaysAlarm((30, 14, 7))
    assert [alarm.note(days) for days in (None, 40, 30, 29, 31, 14, 14, 6, 7)] == [
        None, None, 30, None, None, 14, None, 7, None,
    ]  # fmt: skip
    assert [alarm.note(days) for days in (9, 200, 12)] == [14, None, 14]


def test_days_are_told_in_words() -> None:
    assert [days_words(days) for days in (None, 0, 1, 30, FOREVER_DAYS)] == [
        "days left known after the first hour", "less than a day at today's rate", "1 day at today's rate",
        "30 days at today's rate", "over 10 years at today's rate",
    ]  # fmt: skip
    assert room_words("ok", 30, 3 << 30) == "3.0 GiB free, 30 days at today's rate"
    assert room_words("short", None, 5 * MIB) == "short: 5 MiB free, days left known after the first hour"
    assert room_words("ok", None, None) == "not measured yet"
