"""Rows about the lines alone: what the bare loop costs, by number of lines."""

from __future__ import annotations

from collections.abc import Callable

from bench.machines import machines
from bench.report import Budget, Row, Sample, WorkNotDone
from bench.ticks import in_child

PERIOD_S = 0.040


def bare(lines: int) -> Callable[[Budget], Sample]:
    """The bare loop over ``lines`` canned machines that have nothing to say."""

    def run(budget: Budget) -> Sample:
        with machines(lines, seed=budget.seed) as canned:
            told = in_child(canned.urls, period_s=PERIOD_S, warm_s=1.0, seconds=budget.seconds)
            heard = canned.counts()
        return checked(told, heard, lines)

    return run


def checked(told: Sample, heard: dict[str, int], lines: int) -> Sample:
    """Figures per poll, once the machines confirm the work. Raises WorkNotDone."""
    if heard["bad"] or heard["general"] < told["polls"]:
        raise WorkNotDone(
            f"{told['polls']:.0f} polls were sent, the machines heard {heard['general']}, bad {heard['bad']}"
        )
    if abs(told["polls"] - told["replies"]) > lines:
        raise WorkNotDone(f"{told['polls']:.0f} polls, {told['replies']:.0f} answers")
    return {
        "cpu_us_per_poll": told["cpu_us"] / told["polls"],
        "lateness_p50_us": told["lateness_p50_us"],
        "lateness_p99_us": told["lateness_p99_us"],
        "lateness_p999_us": told["lateness_p999_us"],
        "polls": told["polls"],
    }


ROWS = (
    Row(
        name="loop",
        what="the bare tick loop by number of lines, 40 ms each: the floor for the field",
        counts="a general poll with the 80 before it, its answer counted at both ends",
        figure="cpu_us_per_poll",
        floor="64 lines",
        variants={"64 lines": bare(64), "256 lines": bare(256)},
    ),
)
