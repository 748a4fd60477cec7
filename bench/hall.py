"""Rows about a hall of machines: CPU of a poll, lateness, growth with the number of lines, memory, and the most that goes.

What is compared is always the field against something of the same run with the same number of polls a second: CPU of one
poll falls as load rises, because a core that sleeps is expensive to wake.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from bench.field import Beside, run_field
from bench.fronts import busy_front, idle_front, plain_front
from bench.lines import PERIOD_S, bare
from bench.report import Budget, Limit, Outcome, Row, Sample

CHANCE = 0.01
"""Share of polls answered with an exception, where there are any."""

SLOW_S = 0.200
"""Poll interval of machines that do not declare 40 ms."""

MANY = 1000
"""Lines of the largest hall shown."""

COUNTS = "a general poll heard by a machine, with the 80 before it and its answer"
WITH_FACTS = (
    "a general poll heard by a machine (80 and answer included; 1 % with an exception: its commit and the long poll that "
    "proves it acknowledged as well); machines' books against the log"
)


def _with_facts(lines: int, period_s: float, beside: Beside | None) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        return run_field(lines, budget.seconds, seed=budget.seed, chance=CHANCE, period_s=period_s, beside=beside)

    return run


@functools.cache
def _one_idle_run(lines: int, period_s: float, budget: Budget) -> Sample:
    return run_field(lines, budget.seconds, seed=budget.seed, chance=0.0, period_s=period_s)


def _idle(lines: int, period_s: float) -> Callable[[Budget], Sample]:
    """Nobody has anything to tell. Rows that want the same run of the same round share it."""

    def run(budget: Budget) -> Sample:
        return _one_idle_run(lines, period_s, budget)

    return run


def _cost(lines: int, period_s: float) -> Row:
    return Row(
        name=f"idle-{lines}",
        what=f"{lines} machines on as many lines at {period_s * 1000:.0f} ms, nothing to tell: CPU beside the bare loop",
        counts=f"{COUNTS}; counted by the machines, at least 80 % of what would fit",
        figure="cpu_us_per_poll",
        floor="bare loop",
        shown=(
            "cpu_us_per_poll",
            "polls_per_s",
            "rate_percent",
            "lateness_p50_us",
            "lateness_p99_us",
            "lateness_p999_us",
        ),
        variants={"bare loop": bare(lines, period_s), "field": _idle(lines, period_s)},
        must=3.0,
        sky=1.7,
    )


def _lateness(lines: int, period_s: float, *, must_be_below_us: float | None) -> Row:
    fronts = {"idle front": idle_front, "busy front": busy_front, "busy front, plain pages": plain_front}
    return Row(
        name=f"late-{lines}",
        what=f"{lines} machines on as many lines at {period_s * 1000:.0f} ms, 1 % of polls with a fact: lateness beside a "
        "front that idles, or drains and renders",
        counts=WITH_FACTS,
        figure="lateness_p99_us",
        shown=(
            "lateness_p50_us",
            "lateness_p99_us",
            "lateness_p999_us",
            "rate_percent",
            "exceptions_per_s",
            "cpu_percent",
            "machines_cpu_percent",
        ),
        floor="idle front",
        variants={name: _with_facts(lines, period_s, front) for name, front in fronts.items()},
        judged="busy front",
        must=1.5,
        sky=1.1,
        limits=()
        if must_be_below_us is None
        else tuple(Limit(name, "lateness_p99_us", must_be_below_us) for name in fronts),
    )


SAME_RATE = {64: 0.040, 256: 0.160, MANY: 0.625}
"""Lines and interval: 1,600 polls a second each."""


def _name(lines: int) -> str:
    return f"{lines:,} lines"


def _kib_per_machine(fewer: int, more: int) -> Callable[[Outcome], float]:
    def slope(outcome: Outcome) -> float:
        step = outcome.median(_name(more), "rss_mib") - outcome.median(_name(fewer), "rss_mib")
        return step * 1024 / (more - fewer)

    return slope


def _most(lines: int) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        return run_field(lines, budget.seconds, seed=budget.seed, chance=CHANCE, least_rate=0.2)

    return run


ROWS = (
    _cost(64, PERIOD_S),
    _cost(256, PERIOD_S),
    _cost(MANY, SLOW_S),
    Row(
        name="growth",
        what="the same 1,600 polls a second spread over 64, 256 and 1,000 lines (at 40, 160 and 625 ms): CPU of one poll",
        counts=f"{COUNTS}; all else the same, so what is left is what lines cost by being many",
        figure="cpu_us_per_poll",
        floor=_name(64),
        variants={_name(lines): _idle(lines, period_s) for lines, period_s in SAME_RATE.items()},
        judged=_name(MANY),
        shown=("cpu_us_per_poll", "polls_per_s", "lateness_p99_us", "cpu_percent"),
        must=1.25,
        sky=1.1,
    ),
    Row(
        name="memory",
        what="resident memory of the field by machines, one a line, some seconds after all were identified and read once",
        counts="a machine that is up and polled; not a day of running (the long runs show that)",
        figure="rss_mib",
        floor=None,
        variants={_name(lines): _idle(lines, period_s) for lines, period_s in SAME_RATE.items()},
        limits=(Limit(_name(256), "rss_mib", 80),),
        shown=("rss_mib",),
        derived={
            "kib_per_machine_64_to_256": _kib_per_machine(64, 256),
            "kib_per_machine_256_to_1000": _kib_per_machine(256, MANY),
        },
    ),
    _lateness(64, PERIOD_S, must_be_below_us=5000),
    _lateness(256, PERIOD_S, must_be_below_us=5000),
    _lateness(MANY, SLOW_S, must_be_below_us=None),
    Row(
        name="most-1000",
        what="1,000 machines on as many lines, all declaring 40 ms, 1 % of polls with a fact: how much of it goes on this "
        "machine, and what it takes",
        counts=f"{WITH_FACTS}; bare loop: without facts",
        figure="cpu_us_per_poll",
        floor="bare loop",
        variants={"bare loop": bare(MANY, PERIOD_S, least_rate=0.2), "field": _most(MANY)},
    ),
)
