"""Some hundred machine-years of ``./dev lives`` in the suite (MTR-03 to MTR-05), and bugs that its judge must see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.hall.meters import FIRST_SNAPSHOT, meter
from edge.rules import meters as rules
from edge.rules.meters import Pace, Verdict
from simulators.lives.counters import AT_ONCE, PER_HOUR, SLOTS, most
from simulators.lives.life import Life
from simulators.lives.moments import CAUSES
from tests.harness import lives

YEARS = 200
SEED = 11
LIVES = 4
"So many of ten years, in which a planted bug must show itself."


@pytest.fixture(scope="module")
def some_lives() -> lives.Result:
    return lives.run(YEARS, SEED)


def test_mtr_3_to_5_no_certain_verdict_of_years_of_lives_is_wrong(some_lives: lives.Result) -> None:
    assert some_lives.wrong == []
    assert some_lives.wrongs == 0
    assert sum(count for (_, judgement), count in some_lives.judged.items() if judgement == "right") > 300_000


def test_each_thing_that_can_happen_to_a_machine_happens(some_lives: lives.Result) -> None:
    assert {cause for cause in CAUSES if not some_lives.happened[cause]} == set()


def test_play_and_wraps_are_counted_and_not_put_off_to_a_person(some_lives: lives.Result) -> None:
    """A rule that leaves everything to a person would never be wrong either."""
    for cause in ("counted_twice", "narrow", "power", "no_clock", "hang", "memory_error"):
        right, review = (some_lives.judged[cause, name] for name in ("right", "review"))
        assert review * 100 <= right, cause
    assert some_lives.judged["play", "review"] * 100 <= some_lives.judged["play", "right"]
    assert some_lives.judged["rollover", "right"] > 100
    for cause in ("clear_told", "clear_possible", "swap_told"):
        assert some_lives.judged[cause, "review"] == 0, cause


def test_what_nobody_can_be_certain_of_is_for_a_person(some_lives: lives.Result) -> None:
    assert some_lives.doubtful > 1_000
    assert some_lives.judged["silence", "review"] > 500
    assert (
        some_lives.kinds["lie_far", "corrupt_read"] >= some_lives.happened["lie_far"] - some_lives.happened["silence"]
    )
    assert some_lives.returned > 0, "a near lie from which the meter came back is seen at the latest then"


def test_the_tables_say_what_the_rules_say(some_lives: lives.Result) -> None:
    assert some_lives.stored > 3_000


def test_a_life_follows_from_its_seed_alone() -> None:
    assert list(Life(3).moments(1)) == list(Life(3).moments(1))
    assert list(Life(3).moments(1)) != list(Life(4).moments(1))


def test_the_machines_of_these_lives_keep_within_the_pace_of_the_rules() -> None:
    pace = Pace()
    for unit in ("credits", "count", "cents"):
        assert pace.most(unit, 7_200) == most(unit, 7_200) == AT_ONCE[unit] + 2 * PER_HOUR[unit]
    for slot in SLOTS:
        assert meter(slot.code).unit == ("credits" if slot.unit == "level" else slot.unit)
        assert meter(slot.code).monotonic == (slot.unit != "level")
    assert {slot.code for slot in SLOTS} & {*FIRST_SNAPSHOT}


# --- planted bugs -------------------------------------------------------------------------------------------------


def wrongs() -> int:
    for seed in range(SEED, SEED + LIVES):
        if found := lives.live(seed, lives.YEARS_EACH).wrongs:
            return found
    return 0


def test_without_a_bug_nothing_is_wrong_in_the_lives_that_show_the_bugs() -> None:
    assert wrongs() == 0


def test_a_width_taken_from_the_code_table_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table says four bytes where the machine answered with six, or five."""
    right = rules.difference

    def planted(old, new, evidence):  # type: ignore[no-untyped-def]  # as the rule
        return right(None if old is None else old._replace(width=4), new._replace(width=4), evidence)

    monkeypatch.setattr(rules, "difference", planted)
    assert wrongs() > 0


@pytest.mark.parametrize("power", [-1, 1])
def test_a_rollover_at_the_wrong_power_of_ten_is_seen(monkeypatch: pytest.MonkeyPatch, power: int) -> None:
    right = rules.modulus
    monkeypatch.setattr(rules, "modulus", lambda width: right(width) * 10 if power > 0 else right(width) // 10)
    if power < 0:
        assert wrongs() > 0
        return
    # Too large a turn explains no wrap any more and leaves all of them to a person: never wrong, and no use.
    result = lives.live(SEED, 2 * lives.YEARS_EACH)
    assert result.judged["rollover", "right"] == 0 < result.judged["rollover", "review"]


def test_a_difference_across_generations_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = rules.difference

    def planted(old, new, evidence):  # type: ignore[no-untyped-def]  # as the rule
        return right(old, new, replace(evidence, replaced=False, ram_clear=False))

    monkeypatch.setattr(rules, "difference", planted)
    assert wrongs() > 0


def test_a_corrupt_read_that_is_booked_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = rules.difference

    def planted(old, new, evidence):  # type: ignore[no-untyped-def]  # as the rule
        verdict = right(old, new, evidence)
        if verdict.kind != "corrupt_read" or old is None:
            return verdict
        return Verdict("delta", max(0, new.value - old.value), True)

    monkeypatch.setattr(rules, "difference", planted)
    assert wrongs() > 0


def test_a_suspect_that_becomes_the_base_of_the_next_difference_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is counted at the bad number itself; but what follows is counted from it."""
    right = rules.difference

    def planted(old, new, evidence):  # type: ignore[no-untyped-def]  # as the rule
        verdict = right(old, new, evidence)
        return verdict._replace(booked=True)

    monkeypatch.setattr(rules, "difference", planted)
    assert wrongs() > 0


def test_a_denomination_change_counted_as_play_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = rules.difference

    def planted(old, new, evidence):  # type: ignore[no-untyped-def]  # as the rule
        return right(old, new, replace(evidence, denomination_changed=False))

    monkeypatch.setattr(rules, "difference", planted)
    assert wrongs() > 0


def test_a_wrap_too_many_that_is_guessed_away_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """After weeks unheard the smallest growth that fits is the likeliest, and a guess."""
    right = rules.difference

    def planted(old, new, evidence):  # type: ignore[no-untyped-def]  # as the rule
        verdict = right(old, new, evidence)
        if verdict.kind != "ambiguous" or old is None or evidence.undecided:
            return verdict
        return Verdict("delta", (new.value - old.value) % rules.modulus(min(old.width, new.width)), True)

    monkeypatch.setattr(rules, "difference", planted)
    assert wrongs() > 0
