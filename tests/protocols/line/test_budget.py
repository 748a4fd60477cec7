"""What a line may deliver: everything a wire can bring, and little more."""

from hypothesis import given
from hypothesis import strategies as st

from protocols.line.budget import SLACK, ReadBudget
from protocols.line.line import CHAR_S, DRAIN_MAX


@given(st.lists(st.floats(min_value=0.0, max_value=3.0), max_size=60), st.floats(min_value=0.0, max_value=1.0))
def test_what_a_real_wire_brings_is_never_thrown_away_however_seldom_it_is_drained(pauses, filled):
    """Each drain brings what fits on the wire since the last one, up to what one read takes."""
    now = 10.0
    budget = ReadBudget(now)
    for pause in pauses:
        now += pause
        count = min(DRAIN_MAX, int(pause / CHAR_S * filled))
        assert budget.take(count, now) == count


@given(st.lists(st.tuples(st.floats(min_value=0.0, max_value=0.1), st.integers(0, 100_000)), max_size=200))
def test_over_any_time_no_more_passes_than_twice_the_wire_and_one_bucket(steps):
    now = 0.0
    budget = ReadBudget(now)
    passed = 0
    for pause, count in steps:
        now += pause
        passed += budget.take(count, now)
        assert passed <= DRAIN_MAX + SLACK * now / CHAR_S + 1


def test_a_clock_that_steps_back_gives_no_room():
    budget = ReadBudget(100.0)
    assert budget.take(2 * DRAIN_MAX, 100.0) == DRAIN_MAX
    assert budget.take(1, 50.0) == 0
