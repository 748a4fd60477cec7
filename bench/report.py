"""What a row of the bench is, how rounds are interleaved, and how the table is printed.

A figure is only worth something beside its floor or peer of the same run, so a row measures several variants in random
order, round by round, and compares them within each round. Nothing here knows what is measured.
"""

from __future__ import annotations

import os
import platform
import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Sample = Mapping[str, float]
"""Figures of one run of one variant, by name; the unit is the end of the name (_us, _ms, _per_s)."""


class WorkNotDone(Exception):
    """The books do not show the work that was to be measured: the figure would be worth nothing."""


class Missing(Exception):
    """A part this row needs is not on this machine; the row is skipped and counted."""


class Budget(NamedTuple):
    """What one run of one variant may take."""

    seconds: float
    seed: int
    rows: int = 1_000_000
    "Records in the log, for rows that ask what a long log costs."


class Limit(NamedTuple):
    """What a figure of a variant must not exceed (with ``at_least``: fall below). Absolute, in its own unit."""

    variant: str
    figure: str
    value: float
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table in the performance design."""

    name: str
    what: str
    counts: str
    "What counts as one (a poll, a fact), and how the work is checked."
    figure: str
    "The figure whose ratio to the floor is formed."
    floor: str | None
    "The variant the others are compared with; None: the row has absolute limits alone."
    variants: Mapping[str, Callable[[Budget], Sample]]
    must: float | None = None
    "The ratio must not exceed this; for rates (`higher_is_better`) not fall below. None: shown only."
    sky: float | None = None
    higher_is_better: bool = False
    judged: str | None = None
    "The variant that has to keep `must`; None: every variant but the floor."
    limits: tuple[Limit, ...] = ()
    shown: tuple[str, ...] = ()
    "Figures of the printed table; empty: all. The JSON has all."
    derived: Mapping[str, Callable[[Outcome], float]] = field(default_factory=dict)
    "Figures that need more than one variant, such as a slope; shown, not judged."


@dataclass(slots=True)
class Outcome:
    """What came out of a row. ``samples``: variant -> rounds, in the order measured; missing where a round broke."""

    row: Row
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    skipped: str | None = None
    failed: str | None = None

    def median(self, variant: str, figure: str) -> float:
        return statistics.median(sample[figure] for sample in self.samples[variant])

    def spread(self, variant: str, figure: str) -> tuple[float, float]:
        values = [sample[figure] for sample in self.samples[variant]]
        return min(values), max(values)

    def ratios(self, variant: str) -> list[float]:
        """To the floor, round by round."""
        if self.row.floor is None:
            return []
        pairs = zip(self.samples[variant], self.samples[self.row.floor], strict=True)
        return [mine[self.row.figure] / floor[self.row.figure] for mine, floor in pairs if floor[self.row.figure]]

    def derived(self) -> dict[str, float]:
        """Figures over several variants, from their medians."""
        return {name: of(self) for name, of in self.row.derived.items()}

    @property
    def compared(self) -> list[str]:
        """The variants that have a ratio."""
        return [name for name in self.row.variants if self.ratios(name) and name != self.row.floor]

    def misses(self) -> list[str]:
        """Sentences about what should hold and does not; empty when all is well."""
        if self.skipped is not None:
            return []
        if self.failed is not None:
            return [f"{self.row.name}: {self.failed}"]
        found: list[str] = []
        row = self.row
        for variant in (row.judged,) if row.judged else self.compared:
            if row.must is None:
                break
            ratio = statistics.median(self.ratios(variant))
            if ratio < row.must if row.higher_is_better else ratio > row.must:
                found.append(
                    f"{row.name}: {variant} is {ratio:.2f} x {row.floor}, must be {_bound(row)} {row.must:g} x."
                )
        for limit in row.limits:
            value = self.median(limit.variant, limit.figure)
            if value < limit.value if limit.at_least else value > limit.value:
                word = "at least" if limit.at_least else "at most"
                found.append(
                    f"{row.name}: {limit.variant} {limit.figure} is {value:,.0f}, must be {word} {limit.value:,.0f}."
                )
        return found

    def as_json(self) -> dict[str, object]:
        """For one line of JSON."""
        told: dict[str, object] = {"name": self.row.name, "figure": self.row.figure, "floor": self.row.floor}
        if self.skipped is not None:
            return {**told, "skipped": self.skipped}
        if self.failed is not None:
            return {**told, "failed": self.failed}
        told["variants"] = {
            name: {figure: [self.median(name, figure), *self.spread(name, figure)] for figure in rounds[0]}
            for name, rounds in self.samples.items()
        }
        told["ratios"] = {name: statistics.median(self.ratios(name)) for name in self.compared}
        if self.row.derived:
            told["derived"] = self.derived()
        return {**told, "must": self.row.must, "sky": self.row.sky, "misses": self.misses()}


def measure(
    rows: Sequence[Row],
    *,
    rounds: int,
    seconds: float,
    seed: int,
    tell: Callable[[str], None],
    log_rows: int = 1_000_000,
) -> list[Outcome]:
    """Every variant of every row once per round, in a new random order each round; the order follows from ``seed``."""
    dice = random.Random(seed)
    outcomes = {row.name: Outcome(row, {name: [] for name in row.variants}) for row in rows}
    for number in range(rounds):
        turns = [(row, name) for row in rows for name in row.variants]
        dice.shuffle(turns)
        for row, name in turns:
            outcome = outcomes[row.name]
            if outcome.skipped is not None or outcome.failed is not None:
                continue
            tell(f"round {number + 1}/{rounds}: {row.name}, {name}")
            try:
                outcome.samples[name].append(row.variants[name](Budget(seconds, seed * 1000 + number, log_rows)))
            except Missing as missing:
                outcome.skipped = str(missing)
            except WorkNotDone as not_done:
                outcome.failed = f"{name}: {not_done}"
    return list(outcomes.values())


def table(outcomes: Sequence[Outcome]) -> str:
    """For people: per row its variants, medians with spread, and the ratio to the floor."""
    lines = [machine(), ""]
    for outcome in outcomes:
        row = outcome.row
        lines.append(f"{row.name} - {row.what}")
        lines.append(f"    counts: {row.counts}")
        if outcome.skipped is not None or outcome.failed is not None:
            lines.append(f"    {'skipped' if outcome.skipped else 'FAILED'}: {outcome.skipped or outcome.failed}")
            lines.append("")
            continue
        width = max(len(name) for name in row.variants)
        for name in row.variants:
            known = [figure for figure in outcome.samples[name][0] if not row.shown or figure in row.shown]
            figures = ", ".join(_figure(outcome, name, figure) for figure in known)
            lines.append(f"    {name:<{width}}  {figures}")
        lines.extend(f"    {_ratio(outcome, name)}" for name in outcome.compared)
        lines.extend(f"    {name} {_number(value)}" for name, value in outcome.derived().items())
        lines.extend(
            f"    {limit.variant}: {limit.figure} {'at least' if limit.at_least else 'at most'} {limit.value:,.0f}"
            for limit in row.limits
        )
        lines.extend(f"    MISSED {miss}" for miss in outcome.misses())
        lines.append("")
    return "\n".join(lines)


def machine() -> str:
    """Where this was measured, and what else went on: figures move with it."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"Python {sys.version.split()[0]}, load {load}"
    )


def _bound(row: Row) -> str:
    return ">=" if row.higher_is_better else "<="


def _ratio(outcome: Outcome, name: str) -> str:
    row = outcome.row
    ratios = outcome.ratios(name)
    middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
    text = f"{row.figure}: {name} / {row.floor} = {middle:.2f} x ({low:.2f} to {high:.2f})"
    if row.must is not None and row.judged in (None, name):
        text += f", must {_bound(row)} {row.must:g}"
        text += f", sky {_bound(row)} {row.sky:g}" if row.sky is not None else ""
    return text


def _figure(outcome: Outcome, variant: str, figure: str) -> str:
    low, high = outcome.spread(variant, figure)
    return f"{figure} {_number(outcome.median(variant, figure))} ({_number(low)} to {_number(high)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"
