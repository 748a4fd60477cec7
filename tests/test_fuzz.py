"""A moment of fuzzing in the suite, and proof that the fuzzer finds what is broken. The long runs are ``./dev fuzz``."""

import json
import random

import pytest

from protocols.errors import BadCrc
from tests.harness import fuzz
from tests.harness.fuzztargets import TARGETS, Target

EACH = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


@EACH
def test_hostile_input_breaks_nothing(target):
    run = fuzz.Fuzz([target])
    report = run.report(run.run(seed=7, for_s=0.2))
    assert report["cases"] >= fuzz.ROUND
    assert report["ok"], [failure.again for failure in run.failures]


def breaks_sometimes(dice):
    if dice.random() < 0.1:
        raise KeyError("not documented")
    if dice.random() < 0.5:
        raise BadCrc("documented")
    return 0.0


def test_an_error_that_is_not_documented_is_found_and_one_command_repeats_it():
    run = fuzz.Fuzz([Target("planted", breaks_sometimes, (BadCrc,))])
    report = run.report(run.run(seed=1, for_s=0.05))
    assert not report["ok"]
    assert len(run.failures) == fuzz.FAILURES_MAX, "then others get the time"
    first = run.failures[0]
    assert first.again == f"./dev fuzz --target planted --case {first.number}"
    again = fuzz.Fuzz([]).case(Target("planted", breaks_sometimes, (BadCrc,)), first.number)
    assert "KeyError" in again
    assert report["targets"]["planted"]["refused"] > 0, "documented errors are counted and no failure"


def test_a_buffer_above_its_limit_and_an_input_that_costs_too_much_are_found(monkeypatch):
    assert "1.50 of what it may" in fuzz.Fuzz([]).case(Target("full", lambda dice: 1.5), 1)
    monkeypatch.setattr(fuzz, "CASE_MAX_S", 0.001)
    slow = Target("slow", lambda dice: float(sum(range(300_000)) < 0))
    assert "of processor time" in fuzz.Fuzz([]).case(slow, 1)


def test_what_never_ends_is_interrupted_and_named(monkeypatch):
    monkeypatch.setattr(fuzz, "HANGS_AFTER_S", 0.1)

    def hangs(dice):
        while True:
            dice.random()

    run = fuzz.Fuzz([Target("endless", hangs)])
    run.run(seed=1, for_s=0.01)
    assert "no end after 0.1 s" in run.failures[0].what


@EACH
def test_the_same_number_is_the_same_input(target):
    def outcome(number):
        dice = random.Random(number)
        try:
            target.run(dice)
        except target.expected as error:
            return type(error), str(error), dice.random()
        return None, None, dice.random()

    assert [outcome(number) for number in range(5)] == [outcome(number) for number in range(5)]


def test_the_report_is_one_json_object_on_the_last_line(capsys):
    assert fuzz.main(["--for", "0.1s", "--target", "command", "--seed", "3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["ok"] is True
    assert report["targets"]["command"]["cases"] > 0
