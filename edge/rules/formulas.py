"""The formulas of reports, each with a name and a version, in one table (RPT-03). Exact fractions; nothing is rounded here.

A formula is a sum of meters, or one sum over another. What its meters are worth comes from the day's sums; a meter that was
not read, that the machine does not have, or that counted in credits of an unknown worth makes the result unknown, never 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

from edge.hall.days import DaySum
from edge.hall.meters import COIN_IN, COIN_OUT, GAMES_PLAYED, JACKPOT, meter

Unit = Literal["money", "count", "share"]
"Minor units of the currency; a number; a part of one."
TOTAL_DROP = 0x24
Terms = tuple[tuple[int, int], ...]
"Meter code and sign: +1 or -1."


@dataclass(frozen=True, slots=True)
class Formula:
    """One quantity of a report. `name` and `version` stand beside every figure that was made by it."""

    name: str
    version: int
    title: str
    unit: Unit
    terms: Terms
    over: Terms = ()
    "What the sum is divided by; empty: it is not."
    source: str = ""

    @property
    def inputs(self) -> tuple[int, ...]:
        """Codes of all its meters, in the order in which they are written."""
        return tuple(dict.fromkeys(code for code, _ in (*self.terms, *self.over)))

    @property
    def text(self) -> str:
        """As a person writes it: (00 - 01 - 02) / 00."""
        above, below = _written(self.terms), _written(self.over)
        if not self.over:
            return above
        return f"{f'({above})' if len(self.terms) > 1 else above} / {f'({below})' if len(self.over) > 1 else below}"


_IN: Terms = ((COIN_IN, 1),)
_WIN: Terms = ((COIN_IN, 1), (COIN_OUT, -1), (JACKPOT, -1))
_PA = "PA meter definitions; sas-core 8"

FORMULAS: tuple[Formula, ...] = (
    Formula("coin_in", 1, "Coin in", "money", _IN, source=_PA),
    Formula("coin_out", 1, "Coin out", "money", ((COIN_OUT, 1),), source=_PA),
    Formula("jackpots", 1, "Jackpots", "money", ((JACKPOT, 1),), source=_PA),
    # 01 and 02 already contain progressive and bonus wins; 1C to 21 split them up and are never subtracted again.
    Formula("ggr", 1, "GGR", "money", _WIN, source="field usage; PA meter definitions; meter relations of sas-core 8"),
    Formula("hold", 1, "Hold", "share", _WIN, _IN, source="Miss. 13-7-9.6(b)"),
    Formula("drop_expected", 1, "Drop expected", "money", ((TOTAL_DROP, 1),), source="sas-core 8, meter 24"),
    Formula("games", 1, "Games", "count", ((GAMES_PLAYED, 1),), source="sas-core 8, meter 05"),
    Formula("average_bet", 1, "Average bet", "money", _IN, ((GAMES_PLAYED, 1),), source="field usage"),
)
"The order of the columns of a report."
BY_NAME: Mapping[str, Formula] = {formula.name: formula for formula in FORMULAS}
CODES: frozenset[int] = frozenset(code for formula in FORMULAS for code in formula.inputs)
"Every meter that a report needs."
Exact = int | Fraction
"Whole numbers stay whole: a hall's report is reckoned several times as fast as with fractions alone."
Amounts = Mapping[int, Exact | None]
"By meter code: money in minor units for meters of credits, else a number. None: unknown. No entry: not read."


class Parts(NamedTuple):
    """A result before it is divided, so that machines can be added up."""

    above: Exact
    below: Exact | None
    "None: it is not divided."

    @property
    def value(self) -> Exact | None:
        """The result; None: it would be divided by nothing, as the hold of a machine nobody played."""
        if self.below is None:
            return self.above
        return Fraction(self.above) / self.below if self.below else None


def amounts(sums: Iterable[DaySum]) -> dict[int, Exact | None]:
    """What the meters of one machine as a whole are worth, from its sums of credits and of counts.

    Sums of single games and of asked denominations are left out: they tell the cabinet's story again (MTR-09). Meters of
    cents are in no formula yet.
    """
    known: dict[int, Exact] = {}
    unknown: set[int] = set()
    nothing: set[int] = set()
    for one in sums:
        if one.game or one.denomination is not None:
            continue
        unit = meter(one.code).unit
        if unit == "count":
            known[one.code] = known.get(one.code, 0) + one.total
        elif unit == "credits" and one.worth is not None:
            worth = one.worth.numerator if one.worth.denominator == 1 else one.worth
            known[one.code] = known.get(one.code, 0) + one.total * worth
        elif unit == "credits":
            (unknown if one.total else nothing).add(one.code)
    # No credits of an unknown worth take nothing from what is known in another; alone they are unknown, and never 0.
    return {**dict.fromkeys(nothing), **known, **dict.fromkeys(unknown)}


def parts(formula: Formula, meters: Amounts) -> Parts | None:
    """The result for one machine; None: one of its meters is unknown."""
    above, below = _sum(formula.terms, meters), _sum(formula.over, meters)
    if above is None or below is None:
        return None
    return Parts(above, below if formula.over else None)


def evaluate(formula: Formula, meters: Amounts) -> Exact | None:
    """The result for one machine; None: unknown, or divided by nothing."""
    found = parts(formula, meters)
    return None if found is None else found.value


def added(formula: Formula, machines: Iterable[Parts]) -> Exact | None:
    """The result for several machines: their sums first, the division last. None: divided by nothing."""
    above: Exact = 0
    below: Exact = 0
    for one in machines:
        above += one.above
        below += one.below or 0
    return Parts(above, below if formula.over else None).value


def _sum(terms: Terms, meters: Amounts) -> Exact | None:
    total: Exact = 0
    for code, sign in terms:
        amount = meters.get(code)
        if amount is None:
            return None
        total += sign * amount
    return total


def _written(terms: Terms) -> str:
    text = "".join(f"{' + ' if sign > 0 else ' - '}{code:02X}" for code, sign in terms)
    return text.removeprefix(" + ").strip()
