"""A plan of faults harms as much as it says, when it says, and the same twice."""

import pytest

from simulators.faults.plan import Fate, Fault, FaultPlan


def fates(*faults: Fault, seed: int = 7, count: int = 10_000, to_host: bool = True, at: float = 0.0) -> list[Fate]:
    plan = FaultPlan(faults, seed, start=0.0)
    return [plan.fate(0x55, False, to_host=to_host, now=at) for _ in range(count)]


def test_it_loses_the_share_it_says_and_the_same_characters_again() -> None:
    lost = [fate.value is None for fate in fates(Fault(drop=0.2))]
    assert 0.18 < sum(lost) / len(lost) < 0.22
    assert lost == [fate.value is None for fate in fates(Fault(drop=0.2))]
    assert lost != [fate.value is None for fate in fates(Fault(drop=0.2), seed=8)]


def test_it_turns_one_bit_of_nine() -> None:
    for fate in fates(Fault(corrupt=1.0)):
        assert fate.value is not None
        assert (fate.value ^ 0x55).bit_count() + fate.wakeup == 1


def test_it_keeps_to_its_time_and_its_direction() -> None:
    fault = Fault(begin_s=30.0, last_s=10.0, way="to_machine", drop=1.0)
    assert [fates(fault, count=1, to_host=False, at=at)[0].value for at in (29.9, 30.0, 39.9, 40.0)] == [
        0x55, None, None, 0x55,
    ]  # fmt: skip
    assert fates(fault, count=1, to_host=True, at=35.0)[0].value == 0x55


@pytest.mark.parametrize("delay_s", [0.002, 0.5])
def test_it_delays(delay_s: float) -> None:
    assert {fate.later_s for fate in fates(Fault(delay=1.0, delay_s=delay_s))} == {delay_s}
