"""A meter that falls gets one of six causes, and nothing is counted on a guess (MTR-03 to MTR-05, sas-core 9.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.hall.meters import Reading
from edge.rules.meters import (
    Evidence,
    Last,
    Pace,
    SnapshotEvidence,
    Verdict,
    difference,
    key_of,
    modulus,
    snapshot_verdicts,
)

HOUR = Evidence(most=Pace().most("credits", 3600))


def coin_in(value: int, width: int = 4) -> Reading:
    return Reading(0, None, 0x00, value, width)


def last_of(*readings: Reading, elapsed_s: int | None = 900) -> dict:
    return {key_of(reading): Last(reading, elapsed_s) for reading in readings}


def meters(**values: int) -> list[Reading]:
    """Readings by code in hex: meters(m00=5, m05=1)."""
    return [Reading(0, None, int(name[1:], 16), value, 4) for name, value in values.items()]


def kinds(last, readings, **evidence) -> list[str]:
    return [verdict.kind for verdict in snapshot_verdicts(last, readings, SnapshotEvidence(**evidence))]


def test_an_eight_digit_meter_from_99_999_990_to_5_has_rolled_over_and_grew_by_15():
    assert difference(coin_in(99_999_990), coin_in(5), HOUR) == Verdict("rollover", 15, True)


def test_the_first_reading_counts_nothing_and_an_equal_one_counts_zero():
    assert difference(None, coin_in(80_000), HOUR) == Verdict("first", None, True)
    assert difference(coin_in(7), coin_in(7), HOUR) == Verdict("equal", 0, True)


def test_when_two_wraps_were_possible_in_the_gap_the_difference_is_ambiguous():
    month = Evidence(most=Pace().most("credits", 30 * 86_400))
    assert difference(coin_in(99_999_990), coin_in(5), month) == Verdict("ambiguous", None, True)
    assert difference(coin_in(5), coin_in(50), month) == Verdict("ambiguous", None, True), "a rise may hide a wrap too"


def test_without_a_trusted_clock_a_fall_is_never_a_wrap():
    unknown = Evidence(most=None)
    assert difference(coin_in(99_999_990), coin_in(5), unknown).delta is None
    assert difference(coin_in(5), coin_in(7), unknown) == Verdict("delta", 2, True)


def test_a_fall_that_nothing_explains_is_first_a_corrupt_read_and_not_booked():
    assert difference(coin_in(50_000), coin_in(30_000), HOUR) == Verdict("corrupt_read", None, False)


def test_a_fall_that_the_next_reading_confirms_is_for_a_person():
    evidence = Evidence(most=HOUR.most, suspect=coin_in(30_000))
    assert difference(coin_in(50_000), coin_in(30_005), evidence) == Verdict("ambiguous", None, True)
    assert difference(coin_in(50_000), coin_in(30_000), Evidence(most=HOUR.most, confirmed=True)).kind == "ambiguous"


@pytest.mark.parametrize("spike", [90_000_123, 12])
def test_a_spike_that_returns_to_the_old_line_is_never_booked(spike):
    assert difference(coin_in(50_000), coin_in(spike), HOUR) == Verdict("corrupt_read", None, False)
    evidence = Evidence(most=HOUR.most, suspect=coin_in(spike))
    assert difference(coin_in(50_000), coin_in(50_010), evidence) == Verdict("delta", 10, True)


def test_another_serial_number_or_a_cleared_memory_counts_nothing_across():
    assert difference(coin_in(5), coin_in(9), Evidence(most=99, replaced=True)) == Verdict("replaced", None, True)
    assert difference(coin_in(5), coin_in(9), Evidence(most=99, ram_clear=True)) == Verdict("ram_clear", None, True)


def test_another_denomination_rebases_credits_but_not_counts_or_cents():
    changed = Evidence(most=10**6, denomination_changed=True)
    games = Reading(0, None, 0x05, 100, 4)
    cents = Reading(0, None, 0xA0, 100, 5)
    assert difference(coin_in(1000), coin_in(200), changed) == Verdict("denomination_change", None, True)
    assert difference(games, games._replace(value=103), changed) == Verdict("delta", 3, True)
    assert difference(cents, cents._replace(value=103), changed) == Verdict("delta", 3, True)


def test_credits_on_the_machine_may_fall_without_anything_being_wrong():
    now = Reading(0, None, 0x0C, 500, 4)
    assert difference(now, now._replace(value=0), HOUR) == Verdict("level", None, True)


def test_a_four_byte_poll_after_an_extended_one_is_compared_in_the_digits_both_have():
    wide, narrow = coin_in(123_400_000_100, 6), coin_in(130, 4)
    assert difference(wide, narrow, HOUR) == Verdict("delta", 30, True)
    assert difference(narrow, coin_in(123_400_000_190, 6), HOUR) == Verdict("delta", 60, True)


def test_half_of_the_meters_falling_together_is_a_cleared_memory():
    last = last_of(*meters(m00=85_000, m01=60_000, m05=900, m06=0))
    assert kinds(last, meters(m00=0, m01=0, m05=901, m06=0)) == ["ram_clear"] * 4


def test_one_falling_meter_among_many_is_judged_alone():
    last = last_of(*meters(m00=99_999_990, m01=60_000, m05=900, m06=300))
    assert kinds(last, meters(m00=5, m01=60_010, m05=901, m06=301)) == ["rollover", "delta", "delta", "delta"]


def test_meters_at_zero_have_no_vote_on_a_cleared_memory():
    last = last_of(*meters(m00=50, m05=3, m01=0, m02=0, m03=0, m04=0, m0B=0))
    assert set(kinds(last, meters(m00=0, m05=0, m01=0, m02=0, m03=0, m04=0, m0B=0))) == {"ram_clear"}


def test_falls_together_that_wraps_explain_as_well_prove_nothing_and_count_nothing():
    last = last_of(*meters(m00=99_999_990, m22=99_999_000, m05=10))
    assert kinds(last, meters(m00=5, m22=7, m05=11)) == ["ambiguous", "ambiguous", "delta"]


def test_the_machine_saying_7a_is_enough_even_if_nothing_fell():
    last = last_of(*meters(m00=0, m05=0))
    assert kinds(last, meters(m00=5, m05=1), cleared="certain") == ["ram_clear", "ram_clear"]


def test_a_memory_error_is_a_clear_only_if_something_fell():
    last = last_of(*meters(m00=100, m01=50, m05=10, m06=4, m07=6))
    assert kinds(last, meters(m00=110, m01=50, m05=11, m06=4, m07=7), cleared="possible")[0] == "delta"
    assert set(kinds(last, meters(m00=110, m01=0, m05=11, m06=4, m07=7), cleared="possible")) == {"ram_clear"}


def test_six_causes_get_six_different_names():
    many = meters(m00=50_000, m01=40_000, m05=900)
    last = last_of(*many)
    seen = [
        kinds(last_of(coin_in(99_999_990)), [coin_in(5)])[0],
        kinds(last, meters(m00=0, m01=0, m05=0))[0],
        kinds(last, meters(m00=7, m01=3, m05=1), serial_changed=True)[0],
        kinds(last, meters(m00=10_000, m01=8_000, m05=900), denomination_changed=True)[0],
        kinds(last, meters(m00=30_000, m01=40_000, m05=900))[0],
        kinds(last, meters(m00=30_000, m01=40_000, m05=900), confirmed=True)[0],
    ]
    assert seen == ["rollover", "ram_clear", "replaced", "denomination_change", "corrupt_read", "ambiguous"]


def test_a_denomination_change_does_not_look_like_a_cleared_memory():
    last = last_of(*meters(m00=50_000, m01=40_000, m0B=30_000, m05=900))
    assert kinds(last, meters(m00=500, m01=400, m0B=300, m05=905), denomination_changed=True) == [
        "denomination_change", "denomination_change", "denomination_change", "delta",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("series", "counted"),
    [
        ((80_000, 81_000, 85_000, 0, 0, 0, 5, 15), 5_015),
        ((82_000, 82_999, 84_000, 0, 0, 0, 10, 35), 2_035),
    ],
)
def test_the_vendors_own_example_of_a_cleared_memory_comes_out_right(series, counted):
    """MTR-04: IGT Machine Accounting, section 16.5. Coin out falls along with coin in."""
    total, last = 0, {}
    for value in series:
        readings = meters(m00=value, m01=value // 2)
        verdicts = snapshot_verdicts(last, readings, SnapshotEvidence())
        total += verdicts[0].delta or 0
        last = last_of(*readings)
    assert total == counted


@given(
    width=st.integers(1, 9),
    start=st.integers(0, 10**18),
    steps=st.lists(st.integers(0, 10**6), max_size=30),
)
def test_a_wrapping_meter_read_often_enough_counts_exactly_what_it_counted(width, start, steps):
    """The model: a counter without bound, seen modulo its width; no step as large as half a turn."""
    wrap = modulus(width)
    steps = [step % (wrap // 2) for step in steps]
    true = start % wrap
    shown, counted = coin_in(true, width), 0
    for step in steps:
        true += step
        new = coin_in(true % wrap, width)
        verdict = difference(shown, new, Evidence(most=wrap // 2))
        assert verdict.delta == step
        counted += verdict.delta
        shown = new
    assert counted == sum(steps)


@given(old=st.integers(0, 10**8 - 1), new=st.integers(0, 10**8 - 1), most=st.none() | st.integers(0, 3 * 10**8))
def test_a_booked_difference_is_the_only_one_that_fits(old, new, most):
    verdict = difference(coin_in(old), coin_in(new), Evidence(most=most))
    if verdict.delta is None:
        return
    assert (old + verdict.delta) % 10**8 == new
    if most is not None:
        fitting = list(range((new - old) % 10**8, most + 1, 10**8))
        assert fitting == [verdict.delta]


@given(st.lists(st.tuples(st.integers(0, 10**18 - 1), st.booleans()), max_size=20))
def test_what_was_counted_is_never_negative_and_never_a_float(values):
    last, total = {}, 0
    for value, cleared in values:
        readings = [coin_in(value, 9)]
        (verdict,) = snapshot_verdicts(last, readings, SnapshotEvidence(cleared="certain" if cleared else None))
        assert verdict.delta is None or (type(verdict.delta) is int and verdict.delta >= 0)
        total += verdict.delta or 0
        last = last_of(*readings)
    assert total >= 0
