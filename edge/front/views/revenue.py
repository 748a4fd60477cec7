"""The revenue report of a day or a range of days: read from the books, told as JSON.

Figures are exact: `value` is minor units (or a number, or a share) as digits, `n/d` where it is not whole. `shown` is for
people: money in units of the currency, with all its digits; shares and averages are rounded half to even, as `ROUNDED` says.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any

from edge.clock import stamp
from edge.hall.days import DOUBTS, HALL, INTERVALS, DaySum
from edge.hall.money import minor_per_unit
from edge.rules.formulas import BY_NAME, CODES, FORMULAS, Exact, Formula, Unit
from edge.rules.gaming_day import GamingDays
from edge.rules.revenue import MARKS, Books, Cell, Report, Row, Seen, report
from edge.store import days
from edge.store.reviews import Review, opened_in

TITLE = "Revenue"
ROUNDED = "shares to 0.01 %, averages to four digits, half to even; everything else is exact"
WITHOUT_DATA = (
    f"minutes without data: whole minutes in which the link was down or no reading was newer than {INTERVALS} intervals"
)
LEGEND: Mapping[str, str] = {**MARKS, **DOUBTS}
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class HallWays:
    """What the configuration of the hall says of its reports."""

    hall: str
    currency: str
    time_zone: str
    calendar: GamingDays
    closing_s: int
    software: str


def read_report(
    conn: sqlite3.Connection, first: date, last: date, ways: HallWays, now: datetime | None = None
) -> Report:
    """Read the books of these days, all in one moment, and make the report. `now`: until when a machine that is silent
    has been so; None: such silence is not counted."""
    begin, end = first.isoformat(), last.isoformat()
    conn.execute("BEGIN")
    try:
        books = Books(
            days.days(conn),
            days.places(conn),
            days.sums(conn, begin, end, codes=CODES, game=0),
            days.reads(conn, begin, end),
            days.doubts(conn, begin, end),
            [_seen(review) for review in opened_in(conn, begin, end)],
            days.silences(conn, begin, end),
            now,
        )
    finally:
        conn.execute("COMMIT")
    return report(books, first, last, calendar=ways.calendar, closing_s=ways.closing_s)


def newest_day(conn: sqlite3.Connection) -> date | None:
    """The day that is being written; None: there is none yet."""
    label = days.newest_day(conn)
    return None if label is None else date.fromisoformat(label)


def told(made: Report, ways: HallWays, now: datetime) -> dict[str, Any]:
    """The whole report as JSON."""
    return {
        "title": TITLE,
        "hall": ways.hall,
        "from": made.first.isoformat(),
        "to": made.last.isoformat(),
        "state": made.state,
        "complete": made.complete,
        "begins_at": stamp(ways.calendar.begin(made.first)),
        "hours": _plain(Fraction(made.length.days * 24) + Fraction(made.length.seconds, 3600)),
        "positions": None if made.positions is None else list(made.positions),
        "time_zone": ways.time_zone,
        "currency": ways.currency,
        "generated_at": stamp(now),
        "software": ways.software,
        "rounded": ROUNDED,
        "bank": "line",
        "without_data": WITHOUT_DATA,
        "formulas": formulas(),
        "machines": [_row(row, ways.currency) for row in made.machines],
        "banks": [_row(row, ways.currency) for row in made.banks],
        "total": _row(made.hall, ways.currency),
        "without_records": list(made.without_records),
        "doubts": [
            {
                "gamingday": doubt.gamingday,
                "asset": None if doubt.asset == HALL else doubt.asset,
                "kind": doubt.kind,
                "times": doubt.times,
            }
            for doubt in made.doubts
        ],
        "reviews": [_review(seen) for seen in made.reviews],
        "corrections": [_correction(one) for one in made.corrections],
        "legend": dict(LEGEND),
    }


def formulas() -> list[dict[str, Any]]:
    """Every formula with its name and version (RPT-03)."""
    return [
        {
            "name": formula.name,
            "version": formula.version,
            "title": formula.title,
            "text": formula.text,
            "unit": formula.unit,
            "meters": [f"{code:02x}" for code in formula.inputs],
            "source": formula.source,
        }
        for formula in FORMULAS
    ]


def exact(value: Exact) -> str:
    """12 or 25/2"""
    return str(value)


def shown(value: Exact, unit: Unit, currency: str, *, average: bool = False) -> str:
    """For people: 1234.50, 7, 8.25 %. Money has all its digits, unless it is an average."""
    if unit == "count":
        return _plain(value)
    if unit == "share":
        return f"{_digits(100 * value, 2)} %"
    scale = minor_per_unit(currency)
    digits = len(str(scale)) - 1
    if isinstance(value, int) and not average:
        return _pointed(value, digits)
    money = Fraction(value, scale) if isinstance(value, int) else value / scale
    if average:
        return _digits(money, max(digits, 4))
    text = _plain(money)
    # Whole cents are shown as cents, parts of a cent with the digits they have.
    have = len(text.partition(".")[2])
    return text if have >= digits else _digits(money, digits)


def _digits(value: Exact, digits: int) -> str:
    return _pointed(round(value * 10**digits), digits)  # of a fraction: exact, half to even


def _pointed(scaled: int, digits: int) -> str:
    """12345 with two digits behind the point: 123.45"""
    sign, number = "-" if scaled < 0 else "", str(abs(scaled)).rjust(digits + 1, "0")
    return f"{sign}{number[:-digits]}.{number[-digits:]}" if digits else f"{sign}{number}"


def _plain(value: Exact) -> str:
    """As a decimal number with all its digits: the worths of the standard have denominators of 1, 2, 4 and 20 only."""
    if value.denominator == 1:
        return str(value.numerator)
    return f"{_EXACT.divide(Decimal(value.numerator), Decimal(value.denominator)).normalize(_EXACT):f}"


def _row(row: Row, currency: str) -> dict[str, Any]:
    figures = {name: _cell(BY_NAME[name], cell, currency) for name, cell in row.cells.items()}
    told: dict[str, Any] = {"name": row.name, "figures": figures, "marks": dict(row.marks)}
    if row.place is not None:
        told |= {
            "asset": row.place.asset,
            "place": row.place.location,
            "label": row.place.label,
            "line": row.place.line,
            "since_at": row.since_at,
            "last_at": row.last_at,
            "minutes_without_data": None if row.without_data_s is None else row.without_data_s // 60,
        }
    return told


def _cell(formula: Formula, cell: Cell, currency: str) -> dict[str, Any]:
    value = cell.value
    average = formula.unit == "money" and bool(formula.over)
    return {
        "value": None if value is None else exact(value),
        "shown": None if value is None else shown(value, formula.unit, currency, average=average),
        "machines": cell.machines,
        "lacks": cell.lacks,
    }


def _seen(review: Review) -> Seen:
    return Seen(
        review.review,
        review.asset,
        review.after.code,
        review.gamingday,
        review.cause,
        review.is_open,
        review.amount,
        review.decided_day,
    )


def _review(seen: Seen) -> dict[str, Any]:
    return {
        "review": seen.review,
        "asset": seen.asset,
        "code": f"{seen.code:02x}",
        "gamingday": seen.gamingday,
        "cause": seen.cause,
        "open": seen.is_open,
        "amount": None if seen.amount is None else str(seen.amount),
        "decided_day": seen.decided_day,
    }


def _correction(one: DaySum) -> dict[str, Any]:
    return {
        "asset": one.asset,
        "generation": one.generation,
        "code": f"{one.code:02x}",
        "worth": None if one.worth is None else exact(one.worth),
        "amount": str(one.corrected),
    }
