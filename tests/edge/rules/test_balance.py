"""A machine's meters are held against each other over booked differences (MTR-09 to MTR-11, MTR-17, sas-core 8)."""

from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.hall.catalogue.balance import BALANCE_KINDS
from edge.hall.meters import METERS, Reading
from edge.rules.balance import (
    BILL_VALUES,
    CANCELLED_ROW,
    CREDIT_ROWS,
    GAME_TOTALS,
    BalanceRules,
    Base,
    End,
    Rule,
    Step,
    Unjudged,
    base_of,
    bills_identity,
    credits_identity,
    denominations_identity,
    games_identity,
    grown,
    identities_of,
    judge,
    nearest,
    needs_telling,
)
from protocols.sas.catalog import meter_codes
from protocols.sas.catalog.denominations import BILLS

CENT = Fraction(1)
TERMS = (0x08, 0x0B, 0x15, 0x17, 0x01, 0x00, 0x03, 0x09, 0x16, 0x18)


def end(credits_now: int = 0, width: int = 4, *, codes=TERMS, **more) -> End:
    """A snapshot with current credits and every term of the identity; the values of the terms do not matter."""
    readings = {(0, code): Reading(0, None, code, 0, 4) for code in codes}
    readings[0, 0x0C] = Reading(0, None, 0x0C, credits_now, width)
    return End(**{"generation": 1, "worth": CENT, "coherent": True, "readings": readings} | more)


def base(credits_now: int = 0, width: int = 4) -> Base:
    return Base(1, CENT, credits_now, width)


def booked(**by_code: int | None) -> dict:
    """Booked growth by code in hex: booked(m0B=500, m00=20)."""
    return {(0, int(name[1:], 16)): growth for name, growth in by_code.items()}


def residual(before: int, after: int, **by_code: int | None) -> int:
    step = judge(credits_identity(), base(before), end(after), booked(**by_code))
    assert isinstance(step, Step)
    return step.residual


@pytest.mark.parametrize("row", [*CREDIT_ROWS, CANCELLED_ROW], ids=lambda row: f"{row.code:02X}")
def test_each_row_of_the_credits_identity_is_a_rising_meter_in_credits_with_its_source_mtr_10(row):
    assert METERS[row.code].unit == "credits"
    assert METERS[row.code].monotonic
    assert meter_codes.METERS[row.code].unit == "credits"
    assert row.why
    assert row.source.startswith("sas-core 8")


@pytest.mark.parametrize(
    ("code", "change"),
    [
        (0x08, +1), (0x0B, +1), (0x15, +1), (0x17, +1), (0x01, +1),
        (0x00, -1), (0x03, -1), (0x09, -1), (0x16, -1), (0x18, -1),
    ],
)  # fmt: skip
def test_what_each_meter_moves_on_the_credit_meter_leaves_no_residual_mtr_10(code, change):
    assert residual(1_000, 1_000 + change * 700, **{f"m{code:02X}": 700}) == 0
    assert residual(1_000, 1_000, **{f"m{code:02X}": 700}) == -change * 700


def test_a_win_the_attendant_pays_never_touches_the_credit_meter_mtr_10():
    assert all(row.code not in (0x02, 0x1F, 0x20, 0x21, 0x22, 0x23) for row in CREDIT_ROWS)
    assert residual(100, 80, m00=20, m02=5_000) == 0


def test_cancelled_credits_are_counted_by_parts_or_in_total_as_the_model_has_them():
    by_parts = {term.code for term in credits_identity().terms}
    in_total = {term.code for term in credits_identity(BalanceRules(cancelled="total")).terms}
    tickets_too = {
        term.code for term in credits_identity(BalanceRules(cancelled="total", tickets_in_cancelled=True)).terms
    }
    assert by_parts >= {0x03, 0x09, 0x16}
    assert 0x04 not in by_parts
    assert in_total == by_parts - {0x03, 0x09} | {0x04}
    assert tickets_too == in_total - {0x16}


def test_credits_past_the_size_of_their_meter_balance_modulo_that_size_mtr_10():
    assert residual(99_999_900, 400, m0B=500) == 0
    assert residual(400, 99_999_900, m18=500) == 0
    assert residual(99_999_900, 410, m0B=500) == 10
    wide = judge(credits_identity(), base(99_999_900, 5), end(400, 5), booked(m0B=500))
    assert isinstance(wide, Step)
    assert wide.residual == -100_000_000, "five bytes do not wrap there"


def test_a_dropped_update_of_one_meter_is_the_residual_to_the_credit_and_has_a_sign():
    assert residual(0, 2_500, m15=0) == 2_500, "a ticket went in and no meter tells"
    assert residual(2_500, 0, m16=0) == -2_500, "a ticket came out and no meter tells"


@pytest.mark.parametrize(
    ("after", "growth", "why"),
    [
        (end(coherent=False), {}, Unjudged("incoherent")),
        (end(codes=TERMS[1:]), {}, Unjudged("not_read", ((0, 0x08),))),
        (end(codes=TERMS[1:], unsupported=frozenset({0x08, 0x24})), {}, Unjudged("unsupported", ((0, 0x08),))),
        (end(doubtful={(0, 0x00), (0, 0x05)}), {}, Unjudged("doubtful", ((0, 0x00),))),
        (end(), booked(m01=None), Unjudged("doubtful", ((0, 0x01),))),
        (end(), None, Unjudged("too_long")),
        (end(generation=2), {}, Unjudged("generation")),
        (end(worth=Fraction(5)), {}, Unjudged("denomination")),
    ],
    ids=lambda value: value.reason if isinstance(value, Unjudged) else "",
)
def test_what_cannot_be_judged_is_not_and_says_why_mtr_10(after, growth, why):
    assert judge(credits_identity(), base(), after, growth) == why


def test_the_first_snapshot_is_judged_by_nothing_and_only_a_person_takes_a_meter_out():
    assert judge(credits_identity(), None, end(), {}) == Unjudged("first")
    bare = end(codes=TERMS[1:], unsupported=frozenset({0x08}))
    assert isinstance(judge(credits_identity(BalanceRules(lacks=frozenset({0x08}))), base(), bare, {}), Step)


def test_a_machine_that_does_not_tell_the_worth_of_a_credit_still_balances_in_credits():
    assert isinstance(judge(credits_identity(), base(), end(worth=None), {}), Step)


# bills ------------------------------------------------------------------------------------------------------------------


def test_the_values_of_bills_are_those_of_the_protocol_mtr_11():
    assert list(BILL_VALUES.values()) == list(BILLS.values())
    for code, value in BILL_VALUES.items():
        assert meter_codes.METERS[code].name.replace(" ", "").endswith(f"value{value}")


def bills(counted: dict, value: int, worth: Fraction = CENT, minor_per_unit: int = 100) -> Step:
    codes = (*BILL_VALUES, 0x0B)
    step = judge(
        bills_identity(worth, minor_per_unit), Base(1, worth, 0, 4), end(codes=codes, worth=worth),
        {(0, code): count for code, count in counted.items()} | {(0, 0x0B): value},
    )  # fmt: skip
    assert isinstance(step, Step)
    return step


def test_bills_by_value_agree_with_the_credits_from_bills_in_every_denomination_mtr_11():
    # Three of 5, one of 50: 65.00.
    counted = {0x42: 3, 0x46: 1}
    assert bills(counted, 6_500).residual == 0
    assert bills(counted, 26, Fraction(250)).residual == 0
    assert bills(counted, 13_000, Fraction(1, 2)).residual == 0
    assert bills({0x4B: 2}, 20, Fraction(100), 1).residual == 0, "yen have no smaller unit: a credit of 100"


def test_a_bill_that_one_side_has_not_counted_is_named_in_minor_units_mtr_11():
    assert bills({0x42: 3}, 6_500).residual == 5_000
    assert bills({0x42: 3, 0x46: 1}, 1_500).residual == -5_000
    half = bills({0x42: 1}, 1_001, Fraction(1, 2))
    assert (half.residual, bills_identity(Fraction(1, 2), 100).per) == (1, 2), "half a minor unit"


def test_bills_the_machine_does_not_take_are_no_terms_and_those_not_asked_for_keep_it_unjudged_mtr_11():
    read = end(codes=(0x0B, 0x42, 0x43), unsupported=frozenset(BILL_VALUES) - {0x42, 0x43})
    (identity,) = (one for one in identities_of(read, 1, 100) if one.rule == "bills")
    assert {term.code for term in identity.terms} == {0x42, 0x43}
    asked_for_two = end(codes=(0x0B, 0x42, 0x43))
    (identity,) = (one for one in identities_of(asked_for_two, 1, 100) if one.rule == "bills")
    unjudged = judge(identity, base(), asked_for_two, {})
    assert isinstance(unjudged, Unjudged)
    assert unjudged.reason == "not_read"


def test_without_the_worth_of_a_credit_bills_are_held_against_nothing():
    assert not [one for one in identities_of(end(codes=(0x0B, 0x42), worth=None), 1, None) if one.rule == "bills"]


# games ------------------------------------------------------------------------------------------------------------------


def games_end(games) -> End:
    readings = {(game, 0x00): Reading(game, None, 0x00, 0, 4) for game in games}
    return End(1, CENT, True, readings)


def test_games_that_do_not_sum_up_to_the_cabinet_name_both_sums_and_the_difference_mtr_09():
    growth = {(0, 0x00): 900, (1, 0x00): 500, (2, 0x00): 300}
    step = judge(games_identity(0x00, 2), base(), games_end((0, 1, 2)), growth)
    assert isinstance(step, Step)
    assert (step.stated, step.summed, step.residual) == (900, 800, 100)


def test_a_snapshot_without_all_games_is_not_judged_by_its_games_mtr_09():
    unjudged = judge(games_identity(0x00, 3), base(), games_end((0, 1, 2)), {})
    assert unjudged == Unjudged("not_read", ((3, 0x00),))


# sums -------------------------------------------------------------------------------------------------------------------


def test_the_growth_of_a_range_passes_over_a_corrupt_read_and_stops_at_what_is_for_review():
    key = (0, 0x00)
    assert grown({}, [(key, "delta", 5), (key, "corrupt_read", None), (key, "rollover", 7)]) == {key: 12}
    assert grown({key: 3}, [(key, "delta", 5), (key, "ambiguous", None), (key, "delta", 7)]) == {key: None}
    assert grown({key: None}, [(key, "delta", 5)]) == {key: None}


@given(st.integers(-(10**9), 10**9), st.integers(1, 9))
def test_the_residual_is_the_one_nearest_zero_of_all_that_the_meter_cannot_tell_apart(number, width):
    size = 10 ** (2 * width)
    found = nearest(number, size)
    assert (found - number) % size == 0
    assert 2 * abs(found) <= size


def test_a_residual_is_told_once_and_again_only_when_it_changes_or_is_gone():
    assert needs_telling(0, 0, 0) is None
    assert needs_telling(0, 7, 0) == "unbalanced"
    assert needs_telling(7, 7, 0) is None
    assert needs_telling(7, 9, 0) == "unbalanced"
    assert needs_telling(9, 0, 0) == "balanced"
    assert needs_telling(0, 7, 10) is None, "within the tolerance"
    assert needs_telling(12, 10, 10) == "balanced"


@given(st.lists(st.tuples(st.sampled_from(TERMS), st.integers(0, 10**6)), max_size=40), st.integers(0, 10**8 - 1))
def test_no_sequence_of_moves_that_each_meter_tells_leaves_a_residual_mtr_10(moves, credits_before):
    growth: dict = {}
    now = credits_before
    for code, amount in moves:
        growth[0, code] = growth.get((0, code), 0) + amount
        now += amount if code in (0x08, 0x0B, 0x15, 0x17, 0x01) else -amount
    step = judge(credits_identity(), base(credits_before), end(now % 10**8), growth)
    assert isinstance(step, Step)
    assert step.residual == 0


def test_what_is_kept_of_an_end_is_enough_to_begin_the_next_range():
    assert base_of(credits_identity(), end(77, 5)) == Base(1, CENT, 77, 5)


# denominations ----------------------------------------------------------------------------------------------------------

CHOICES = (0x01, 0x02, 0x0A)


def apart(code: int = 0x00, choices=CHOICES, **more) -> End:
    """A snapshot with the total of one meter and what each of these denominations tells of it."""
    readings = {(0, code): Reading(0, None, code, 0, 4)}
    readings |= {(0, code, choice): Reading(0, choice, code, 0, 4) for choice in choices}
    return End(**{"generation": 1, "worth": CENT, "coherent": True, "readings": readings} | more)


@given(
    st.sampled_from((0x00, 0x01, 0x02, 0x05, 0x06, 0x07)),
    st.lists(st.tuples(st.sampled_from(CHOICES), st.integers(0, 10**15)), max_size=30),
    st.integers(-(10**15), 10**15),
)
def test_what_the_denominations_tell_sums_up_to_the_total_and_what_one_side_lacks_is_the_residual_mtr_09(
    code, plays, lacking
):
    growth = {(0, code): sum(amount for _, amount in plays) + lacking}
    for choice, amount in plays:
        growth[0, code, choice] = growth.get((0, code, choice), 0) + amount
    step = judge(denominations_identity(code, CHOICES), base(), apart(code), growth)
    assert isinstance(step, Step)
    assert step.residual == lacking
    assert step.stated - step.summed == lacking
    assert step.growth == {(0, code, choice): growth.get((0, code, choice), 0) for choice in CHOICES}


@pytest.mark.parametrize(
    ("after", "growth", "why"),
    [
        (apart(choices=CHOICES[:2]), {}, Unjudged("not_read", ((0, 0x00, 0x0A),))),
        (apart(doubtful={(0, 0x00, 0x02)}), {}, Unjudged("doubtful", ((0, 0x00, 0x02),))),
        (apart(), {(0, 0x00, 0x02): None}, Unjudged("doubtful", ((0, 0x00, 0x02),))),
        (apart(coherent=False), {}, Unjudged("incoherent")),
        (apart(worth=Fraction(5)), {}, Unjudged("denomination")),
    ],
    ids=["not_read", "doubtful", "in_between", "incoherent", "denomination"],
)
def test_denominations_are_judged_only_where_all_of_them_were_read_and_believed_mtr_09(after, growth, why):
    assert judge(denominations_identity(0x00, CHOICES), base(), after, growth) == why


def test_denominations_are_held_against_the_total_only_where_a_player_has_a_choice_and_they_were_read_mtr_09():
    def rules_of(end: End, denominations=CHOICES) -> list[str]:
        return [one.rule for one in identities_of(end, 1, 100, denominations=denominations)]

    assert rules_of(apart()) == ["denominations"]
    assert rules_of(apart(), CHOICES[:1]) == rules_of(apart(), ()) == []
    assert rules_of(apart(choices=())) == []
    assert rules_of(apart(0x0B)) == [], "bills are of no denomination"


def test_what_a_denomination_tells_is_no_term_of_the_games_and_no_growth_of_the_total_mtr_09():
    both = apart(readings=games_end((0, 1, 2)).readings | apart().readings)
    growth = {(0, 0x00): 900, (1, 0x00): 500, (2, 0x00): 400, (0, 0x00, 0x01): 900}
    steps = [judge(one, base(), both, growth) for one in identities_of(both, 2, 100, denominations=CHOICES)]
    assert [(step.stated, step.summed) for step in steps if isinstance(step, Step)] == [(900, 900), (900, 900)]


def test_a_residual_is_told_in_words_the_catalogue_has():
    told = BALANCE_KINDS[0].required["scale"]["enum"]
    scales = {
        one(code, of).scale
        for one, of in ((games_identity, 2), (denominations_identity, CHOICES))
        for code in GAME_TOTALS
    }
    assert scales == {"credits", "count"} <= set(told)
    assert {credits_identity().scale, bills_identity(CENT, 100).scale} <= set(told)
    assert set(BALANCE_KINDS[0].required["rule"]["enum"]) == set(get_args(Rule))
