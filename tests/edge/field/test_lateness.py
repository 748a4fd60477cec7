"""Lateness of polls: every frame counts, percentiles are upper edges, and a window forgets the night before."""

from __future__ import annotations

import pytest

from edge.field.pollers.lateness import BINS, STEP_S, Lateness


def test_where_nothing_was_sent_there_is_no_lateness() -> None:
    assert Lateness().figures() == {"polls": 0, "lateness_p50_us": 0, "lateness_p99_us": 0, "lateness_p999_us": 0}


def test_percentiles_are_the_upper_edge_of_their_step() -> None:
    lateness = Lateness()
    for _ in range(980):
        lateness.note(0.00005)
    for _ in range(15):
        lateness.note(0.00455)
    for _ in range(5):
        lateness.note(0.1)
    assert lateness.figures() == {
        "polls": 1000,
        "lateness_p50_us": 100,
        "lateness_p99_us": 4600,
        "lateness_p999_us": 100_100,
    }
    assert lateness.worst_s == 0.1


@pytest.mark.parametrize(("late_s", "told_us"), [(-0.5, 100), (1.99995, 2_000_000), (60.0, 2_000_000)])
def test_early_is_not_late_and_the_latest_are_counted_in_the_last_step(late_s: float, told_us: int) -> None:
    lateness = Lateness()
    lateness.note(late_s)
    assert lateness.figures()["lateness_p99_us"] == told_us == round(told_us / (STEP_S * 1e6)) * 100 <= BINS * 100


def test_a_bad_start_does_not_colour_the_window_after_it() -> None:
    lateness = Lateness()
    lateness.note(1.0)
    began = lateness.mark()
    lateness.note(0.0)
    assert lateness.figures(began) == {
        "polls": 1, "lateness_p50_us": 100, "lateness_p99_us": 100, "lateness_p999_us": 100,
    }  # fmt: skip
    assert lateness.figures()["polls"] == 2
