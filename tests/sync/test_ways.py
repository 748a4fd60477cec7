"""Which broker is used: the next when one fails, the first again when it was well for a while, later each time it was not."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sync.ways import Ways


def test_one_way_is_tried_for_ever() -> None:
    ways = Ways(1)
    for now in range(5):
        ways.failed(now)
        assert (ways.current, ways.on_spare) == (0, False)


def test_each_that_fails_gives_way_to_the_next_and_the_last_to_the_first() -> None:
    ways = Ways(3)
    seen = []
    for now in range(6):
        ways.failed(now)
        seen.append(ways.current)
    assert seen == [1, 2, 0, 1, 2, 0]


def test_the_first_must_be_well_without_a_break_before_it_is_gone_back_to() -> None:
    ways = Ways(2, well_for_s=300)
    ways.failed(0)
    assert [ways.probed(True, now) for now in (30, 150, 300)] == [False, False, False]
    assert not ways.probed(False, 320)
    assert [ways.probed(True, now) for now in (340, 600, 639)] == [False, False, False]
    assert ways.current == 1
    assert ways.probed(True, 640)
    assert ways.current == 0


def test_a_first_way_that_fails_just_after_the_way_back_is_believed_twice_as_late() -> None:
    ways = Ways(2, well_for_s=300, back_max_s=1000)
    now, waits = 0.0, []
    for _ in range(4):
        ways.failed(now)
        since = now
        while not ways.probed(True, now):
            now += 10
        waits.append(now - since)
        now += 20  # and down it goes again
    assert waits == [300, 600, 1000, 1000]
    now += 5000  # this time it held
    ways.failed(now)
    assert not ways.probed(True, now)
    assert ways.probed(True, now + 300)


@given(
    st.integers(1, 4), st.lists(st.tuples(st.sampled_from(["fail", "well", "unwell"]), st.floats(0, 900)), max_size=80)
)
def test_there_is_always_one_way_and_it_never_goes_back_and_forth_within_the_time(
    count: int, steps: list[tuple[str, float]]
) -> None:
    ways, now, backs = Ways(count, well_for_s=300), 0.0, []
    for step, passed in steps:
        now += passed
        if step == "fail":
            ways.failed(now)
        elif ways.on_spare and ways.probed(step == "well", now):
            assert ways.current == 0
            backs.append(now)
        assert 0 <= ways.current < count
    assert all(later - earlier >= 300 for earlier, later in pairwise(backs))
