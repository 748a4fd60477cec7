"""Rows about the lines alone: what the bare loop costs, by number of lines."""

from __future__ import annotations

from collections.abc import Callable

from bench.machines import machines
from bench.report import Budget, Row, Sample, WorkNotDone
from bench.ticks import in_child

PERIOD_S = 0.040


def bare(lines: int, period_s: float = PERIOD_S, least_rate: float = 0.95) -> Callable[[Budget], Sample]:
    """The bare loop over ``lines`` canned machines that have nothing to say. least_rate: share of the polls that fit."""

    def run(budget: Budget) -> Sample:
        with machines(lines, seed=budget.seed) as canned:
            told = in_child(canned.urls, period_s=period_s, warm_s=1.0, seconds=budget.seconds)
            heard = canned.counts()
        wanted = lines * budget.seconds / period_s
        if told["polls"] < least_rate * wanted:
            raise WorkNotDone(f"{told['polls']:.0f} of {wanted:.0f} polls were sent")
        return {
            **checked(told, heard, lines),
            "rate_percent": 100 * told["polls"] / wanted,
            "cpu_percent": told["cpu_us"] / budget.seconds / 1e4,
        }

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
        "polls_per_s": told["polls"] / told["seconds"],
    }


ROWS = (
    Row(
        name="loop",
        what="the bare tick loop, the same 1,600 polls a second over 64 and 1,000 lines: what the kernel alone adds",
        counts="a general poll with the 80 before it, its answer counted at both ends",
        figure="cpu_us_per_poll",
        floor="64 lines",
        variants={"64 lines": bare(64, 0.040), "1,000 lines": bare(1000, 0.625)},
    ),
)
