"""Do a machine's own meters agree with each other? The self-audit of MTR-10, games and denominations against the total, bills.

Each identity says that one meter states what others sum up to. It is judged over a range between two snapshots of one
generation, on booked differences, never on totals: a machine may have had a life before us in which it did not hold.

The credits identity (MTR-10): the change of current credits (0C) is what came in less what went out. Its rows follow from
what SAS means by each meter (sas-core 8). Not among them, and why:
- 02, and 1F to 21 in it: wins an attendant paid. They were never on the credit meter.
- 1C to 1E: parts of 01. 23: 02 and 03 together. 22: all wins, also those of 02.
- 04 beside 03 and 09: it holds both. Where a machine lacks one of those, `cancelled` takes 04 in place of the two.
- 24, 0A, 58, 63: where the money went inside the cabinet. 27: no source says whether 08 holds it.
- 0D to 14, 28 to 39, 80 on: the same tickets and transfers by kind.

Meters of one denomination (SAS B0) count in credits of accounting, as all others do (sas-core 4): their sum needs no worth.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

from edge.hall.meters import CREDITS_NOW, Reading
from edge.rules.meters import modulus

Rule = Literal["credits", "bills", "games", "denominations"]
Scale = Literal["credits", "minor", "count"]
"What a residual is counted in."
Reason = Literal["first", "incoherent", "not_read", "unsupported", "doubtful", "generation", "denomination", "too_long"]
"""Why an identity is not judged. first: there is nothing before to compare with. not_read: a term was not asked for, or not
answered. unsupported: the machine does not have a term. doubtful: a reading of one, or a growth within the range, is not
booked or is for review. generation, denomination: the range would cross from one into another. too_long: too much lies
between to be looked through while a snapshot is written."""
NOT_AN_END = frozenset({"incoherent", "not_read", "unsupported", "doubtful"})
"For these the range stays open and a later snapshot may end it."
MeterOf = tuple[int, int] | tuple[int, int, int]
"Game (0: the machine as a whole) and meter code; then the denomination, for what the machine tells of one only."


class Row(NamedTuple):
    """One meter of the credits identity."""

    code: int
    sign: Literal[1, -1]
    why: str
    source: str


CREDIT_ROWS: tuple[Row, ...] = (
    Row(0x08, +1, "coins put on the credit meter", "sas-core 8"),
    Row(0x0B, +1, "bills accepted", "sas-core 8"),
    Row(0x15, +1, "tickets of all kinds redeemed", "sas-core 8"),
    Row(0x17, +1, "electronic transfers to the machine", "sas-core 8"),
    Row(0x01, +1, "wins the machine paid, bonuses and progressives among them", "sas-core 8, relations"),
    Row(0x00, -1, "wagers", "sas-core 8"),
    Row(0x03, -1, "credits cancelled and paid by hand", "sas-core 8"),
    Row(0x09, -1, "credits paid in coins by the hopper", "sas-core 8"),
    Row(0x16, -1, "tickets of all kinds printed", "sas-core 8"),
    Row(0x18, -1, "electronic transfers to the host", "sas-core 8"),
)
CANCELLED_ROW = Row(0x04, -1, "all cancelled credits, by hand and by the hopper", "sas-core 8")
"In place of 03 and 09."
_IN_CANCELLED = frozenset({0x03, 0x09})
_TICKETS_OUT = 0x16

BILLS_VALUE = 0x0B
BILL_VALUES: Mapping[int, int] = {
    0x40: 1, 0x41: 2, 0x42: 5, 0x43: 10, 0x44: 20, 0x45: 25, 0x46: 50, 0x47: 100, 0x48: 200, 0x49: 250, 0x4A: 500,
    0x4B: 1_000, 0x4C: 2_000, 0x4D: 2_500, 0x4E: 5_000, 0x4F: 10_000, 0x50: 20_000, 0x51: 25_000, 0x52: 50_000,
    0x53: 100_000, 0x54: 200_000, 0x55: 250_000, 0x56: 500_000, 0x57: 1_000_000,
}  # fmt: skip
"Count of bills -> value of one in units of the currency (sas-core 8)."
GAME_TOTALS = (0x00, 0x01, 0x02, 0x05, 0x06, 0x07)
"Meters whose sum over the games, and over the denominations, is that of the cabinet (MTR-09)."
_GAMES = frozenset({0x05, 0x06, 0x07})


@dataclass(frozen=True, slots=True)
class BalanceRules:
    """What is known of a model beside the standard. Defaults: the standard, and nothing forgiven."""

    tolerance: int = 0
    "A residual up to this, in credits, is none; those of the other rules are never forgiven."
    cancelled: Literal["parts", "total"] = "parts"
    "parts: 03 and 09 are the terms; total: 04, which holds both."
    tickets_in_cancelled: bool = False
    "With total: tickets printed are in 04 already, as some makers fill it."
    lacks: frozenset[int] = frozenset()
    "Meters that are no terms because a person said that the machine has no such device. Silence is no such word."


class Term(NamedTuple):
    """A meter in a sum."""

    game: int
    code: int
    weight: int
    "What one step of the meter adds; negative: takes away."
    denomination: int | None = None
    "Code; None: all of them."

    @property
    def key(self) -> MeterOf:
        """Which meter it is."""
        return (self.game, self.code) if self.denomination is None else (self.game, self.code, self.denomination)


@dataclass(frozen=True, slots=True)
class Identity:
    """`stated` x its weight = the sum of the terms, each x its weight."""

    rule: Rule
    stated: Term
    terms: tuple[Term, ...]
    scale: Scale
    per: int = 1
    "The residual is in 1/per of the scale."
    tolerance: int = 0
    level: bool = False
    "The stated meter is a level: its change counts, modulo its size; it has no booked growth."

    def total(self, before: int, step: "Step", end: "End") -> int:
        """The residual of a range and the step that follows it."""
        if not self.level:
            return before + step.residual
        return nearest(before + step.residual, modulus(end.readings[self.stated.key].width))


@dataclass(frozen=True, slots=True)
class End:
    """A snapshot as one end of a range."""

    generation: int
    worth: Fraction | None
    "Minor units per credit; None: not told."
    coherent: bool
    readings: Mapping[MeterOf, Reading]
    doubtful: Collection[MeterOf] = frozenset()
    "Of the readings, those that were not booked."
    unsupported: frozenset[int] = frozenset()
    "Of the machine as a whole."


class Base(NamedTuple):
    """What is kept of the snapshot at which the last judgement ended."""

    generation: int
    worth: Fraction | None
    value: int
    "Of the stated meter, as read."
    width: int


class Unjudged(NamedTuple):
    """Nothing is said of this range, and why."""

    reason: Reason
    terms: tuple[MeterOf, ...] = ()
    "The meters that are the reason."


@dataclass(frozen=True, slots=True)
class Step:
    """An identity over one range: what the one meter states, what the others sum up to, and the difference."""

    stated: int
    summed: int
    residual: int
    "Stated less summed; for a level the one nearest 0 modulo its size. In 1/per of the identity's scale."
    growth: Mapping[MeterOf, int] = field(default_factory=dict)
    "Of each term."


@lru_cache(maxsize=64)
def credits_identity(rules: BalanceRules = BalanceRules()) -> Identity:
    """MTR-10."""
    rows = list(CREDIT_ROWS)
    if rules.cancelled == "total":
        gone = _IN_CANCELLED | ({_TICKETS_OUT} if rules.tickets_in_cancelled else set())
        rows = [row for row in rows if row.code not in gone] + [CANCELLED_ROW]
    terms = tuple(Term(0, row.code, row.sign) for row in rows if row.code not in rules.lacks)
    stated = Term(0, CREDITS_NOW, 1)
    return Identity("credits", stated, terms, "credits", tolerance=rules.tolerance, level=True)


@lru_cache(maxsize=256)
def bills_identity(worth: Fraction, minor_per_unit: int, *, without: frozenset[int] = frozenset()) -> Identity:
    """The bills' part of MTR-11: each count x its value is the credits from bills x the worth of a credit.

    worth: minor units per credit. without: counts the machine does not have, because it takes no such bill.
    """
    per = worth.denominator
    terms = tuple(
        Term(0, code, value * minor_per_unit * per) for code, value in BILL_VALUES.items() if code not in without
    )
    return Identity("bills", Term(0, BILLS_VALUE, worth.numerator), terms, "minor", per)


@lru_cache(maxsize=512)
def games_identity(code: int, games: int) -> Identity:
    """MTR-09: this meter of games 1 to `games` together is that of the cabinet."""
    terms = tuple(Term(game, code, 1) for game in range(1, games + 1))
    return Identity("games", Term(0, code, 1), terms, "count" if code in _GAMES else "credits")


@lru_cache(maxsize=512)
def denominations_identity(code: int, denominations: tuple[int, ...]) -> Identity:
    """MTR-09: this meter of all these denominations together is that of the cabinet."""
    terms = tuple(Term(0, code, 1, denomination) for denomination in denominations)
    return Identity("denominations", Term(0, code, 1), terms, "count" if code in _GAMES else "credits")


def identities_of(
    end: End,
    games: int,
    minor_per_unit: int | None,
    rules: BalanceRules = BalanceRules(),
    *,
    denominations: tuple[int, ...] = (),
) -> Iterator[Identity]:
    """The identities this snapshot was read for: those whose stated meter is in it, with something to hold against it.

    games: how many the machine offers. minor_per_unit: of the currency; None where the worth of a credit is not told.
    denominations: all the player may choose from, by code.
    """
    if (0, CREDITS_NOW) in end.readings:
        yield credits_identity(rules)
    asked_bills = any((0, code) in end.readings for code in BILL_VALUES)
    if asked_bills and (0, BILLS_VALUE) in end.readings and end.worth is not None and minor_per_unit is not None:
        yield bills_identity(end.worth, minor_per_unit, without=end.unsupported)
    if games > 1:
        for code in GAME_TOTALS:
            if (0, code) in end.readings and any(key[0] and key[1:] == (code,) for key in end.readings):
                yield games_identity(code, games)
    if len(denominations) > 1:
        for code in GAME_TOTALS:
            if (0, code) in end.readings and any(len(key) == 3 and key[:2] == (0, code) for key in end.readings):
                yield denominations_identity(code, denominations)


def unfit(identity: Identity, end: End) -> Unjudged | None:
    """Why this snapshot cannot end a range, or begin one; None: it can."""
    keys = [term.key for term in (identity.stated, *identity.terms)]
    lacking = [key for key in keys if key not in end.readings]
    unsupported = tuple(key for key in lacking if len(key) == 2 and not key[0] and key[1] in end.unsupported)
    if unsupported:
        return Unjudged("unsupported", unsupported)
    if lacking:
        return Unjudged("not_read", tuple(lacking))
    doubtful = tuple(key for key in keys if key in end.doubtful)
    if doubtful:
        return Unjudged("doubtful", doubtful)
    return None if end.coherent else Unjudged("incoherent")


def base_of(identity: Identity, end: End) -> Base:
    """What to keep of a snapshot that can begin a range."""
    reading = end.readings[identity.stated.key]
    return Base(end.generation, end.worth, reading.value, reading.width)


def judge(
    identity: Identity, before: Base | None, end: End, growth: Mapping[MeterOf, int | None] | None
) -> Step | Unjudged:
    """Hold the identity from `before` to `end`.

    growth: all that was booked of each meter between the two; None: there is a place in between across which nothing may
    be counted. A meter that is not in it did not grow. None altogether: it was too long.
    """
    wrong = unfit(identity, end)
    if wrong is not None:
        return wrong
    if before is None:
        return Unjudged("first")
    if before.generation != end.generation:
        return Unjudged("generation")
    if before.worth is not None and end.worth is not None and before.worth != end.worth:
        return Unjudged("denomination")
    if growth is None:
        return Unjudged("too_long")
    keys = [term.key for term in identity.terms]
    stated_key = identity.stated.key
    doubtful = tuple(key for key in (*keys, *(() if identity.level else (stated_key,))) if growth.get(key, 0) is None)
    if doubtful:
        return Unjudged("doubtful", doubtful)
    grown = {key: growth.get(key) or 0 for key in keys}
    summed = sum(term.weight * grown[term.key] for term in identity.terms)
    if not identity.level:
        stated = identity.stated.weight * (growth.get(stated_key) or 0)
        return Step(stated, summed, stated - summed, grown)
    now = end.readings[stated_key]
    size = modulus(min(before.width, now.width))
    change = now.value - before.value
    return Step(change, summed, nearest(change - summed, size), grown)


def nearest(residual: int, size: int) -> int:
    """Of all numbers that are this one modulo `size`, the one nearest 0."""
    rest = residual % size
    return rest - size if 2 * rest > size else rest


def grown(
    before: Mapping[MeterOf, int | None], readings: Iterable[tuple[MeterOf, str, int | None]]
) -> dict[MeterOf, int | None]:
    """What was booked of each meter, with the readings of one more snapshot: (meter, kind of verdict, booked growth)."""
    growth = dict(before)
    for key, kind, delta in readings:
        known = growth.get(key, 0)
        if kind == "corrupt_read":
            continue  # Not booked: the next reading is compared with the one before it.
        growth[key] = None if known is None or delta is None else known + delta
    return growth


def needs_telling(told: int, residual: int, tolerance: int) -> Literal["unbalanced", "balanced"] | None:
    """What to say when a residual was told before (0: none) and now is another. None: nothing new."""
    if abs(residual) <= tolerance:
        return "balanced" if told else None
    return "unbalanced" if abs(residual - told) > tolerance else None
