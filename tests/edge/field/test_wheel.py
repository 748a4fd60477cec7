"""The wheel of due moments against a list that is searched anew each time."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from edge.field.pollers.wheel import Wheel


@dataclass
class Owner:
    name: int
    due_at: float = inf


MOMENTS = st.one_of(st.floats(0, 0.05), st.sampled_from((0.001, 0.002, 0.0025, 0.04, inf)))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5), MOMENTS),
        st.tuples(st.just("take"), st.just(0), st.floats(0, 0.02)),
    ),
    max_size=60,
)


@given(STEPS)
def test_who_is_due_comes_once_at_its_last_moment_and_never_before_it(steps: list[tuple[str, int, float]]) -> None:
    wheel: Wheel[Owner] = Wheel()
    owners = [Owner(name) for name in range(6)]
    expected: dict[int, float] = {}
    now = 0.0
    for what, name, figure in steps:
        if what == "put":
            wheel.put(now + figure, owners[name])
            expected[name] = now + figure
            assert wheel.first() <= now + figure
            continue
        now += figure
        due = {owner.name for owner in wheel.take(now)}
        assert due == {name for name, at in expected.items() if at <= now}
        for name in due:
            del expected[name]
            owners[name].due_at = inf
        waiting = [at for at in expected.values() if at < inf]
        if waiting:
            assert now < wheel.first() <= min(waiting), "whoever sleeps until then misses nobody"


def test_those_of_an_earlier_millisecond_come_first() -> None:
    wheel: Wheel[Owner] = Wheel()
    owners = [Owner(0), Owner(1), Owner(2)]
    for owner, at in zip(owners, (0.0305, 0.0102, 0.0201), strict=True):
        wheel.put(at, owner)
    assert [owner.name for owner in wheel.take(0.0306)] == [1, 2, 0]


def test_whoever_is_moved_to_later_is_not_due_at_its_first_moment() -> None:
    wheel: Wheel[Owner] = Wheel()
    owner = Owner(0)
    wheel.put(0.010, owner)
    wheel.put(0.030, owner)
    assert wheel.take(0.020) == []
    assert wheel.take(0.030) == [owner]
