"""Which of a machine's identities hold, since when, and by how much one does not.

A row is a range: from `since_snapshot` to `judged_snapshot`, with the residual of all that was booked between. It is a
state, not a record: what was said of it stands in the log. Amounts are text, for no sum of meters may overflow a column.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from edge.rules.balance import Base, MeterOf, Reason, Rule
from edge.store.tx import Reader, Row, Tx

Key = tuple[Rule, int]
"Rule and code of the stated meter."
REACH = 1_000
"""So many snapshots may lie within a range, ten days of quarters of an hour: what ends it is judged inside the transaction
that writes a snapshot, and a thousand of them are some tens of milliseconds."""
_HALF = 10**9
_ACCOUNTING = -1
"In the key of a series: the machine's accounting denomination, in which it tells of all it does."


@dataclass(frozen=True, slots=True)
class Balance:
    """One identity of one machine."""

    asset: int
    rule: Rule
    code: int
    "Of the meter that states the sum."
    base: Base | None
    "What the next snapshot is held against; None: nothing could be judged so far."
    residual: int = 0
    "Of the range, in 1/per of the identity's scale; 0: it holds."
    told: int = 0
    "The residual of the last event about it; 0: none, or it was said to hold again."
    since_snapshot: int | None = None
    judged_snapshot: int | None = None
    unjudged: Reason | None = None
    "Why the newest snapshot that was read for it could not be judged; None: it was."


class Standing(NamedTuple):
    """A machine's identities, and how many games it says that it has."""

    balances: Mapping[Key, Balance]
    games: int


_COLUMNS = (
    "asset, rule, code, generation, worth, value, width, residual, told, since_snapshot, judged_snapshot, unjudged"
)


def balances(conn: Reader, asset: int | None = None) -> list[Balance]:
    """Of one machine, or of all."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM balances WHERE asset = ? OR ? IS NULL ORDER BY asset, rule, code", (asset, asset)
    ).fetchall()
    return [_balance(row) for row in rows]


def standing(conn: Reader, asset: int) -> Standing:
    """What a snapshot of this machine is held against."""
    rows = conn.execute(f"SELECT {_COLUMNS} FROM balances WHERE asset = ?", (asset,)).fetchall()
    games = conn.execute("SELECT games FROM egms WHERE asset = ?", (asset,)).fetchone()
    found = [_balance(row) for row in rows]
    return Standing({(one.rule, one.code): one for one in found}, int((games and games[0]) or 1))


def begin_anew(tx: Tx, asset: int, rule: Rule) -> None:
    """What the terms of this rule are has changed: its next range begins with the next snapshot, whatever was between."""
    tx.execute(
        "UPDATE balances SET generation = NULL, worth = NULL, value = NULL, width = NULL, judged_snapshot = NULL "
        "WHERE asset = ? AND rule = ?",
        (asset, rule),
    )


def keep_balance(tx: Tx, balance: Balance) -> None:
    """Write down how it stands now."""
    base = balance.base
    worth = None if base is None or base.worth is None else str(base.worth)
    tx.execute(
        f"INSERT INTO balances ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (asset, rule, code) DO UPDATE SET generation = excluded.generation, worth = excluded.worth, "
        "value = excluded.value, width = excluded.width, residual = excluded.residual, told = excluded.told, "
        "since_snapshot = excluded.since_snapshot, judged_snapshot = excluded.judged_snapshot, "
        "unjudged = excluded.unjudged",
        (
            balance.asset,
            balance.rule,
            balance.code,
            base.generation if base else None,
            worth,
            base.value if base else None,
            base.width if base else None,
            str(balance.residual),
            str(balance.told),
            balance.since_snapshot,
            balance.judged_snapshot,
            balance.unjudged,
        ),
    )


def growth_between(
    conn: Reader, asset: int, generation: int, after: int, before: int
) -> dict[MeterOf, int | None] | None:
    """What the snapshots between these two, both left out, book of each meter; None for a meter: nothing may be counted
    across one of them.

    None altogether: there are more than REACH of them.
    """
    many = conn.execute(
        "SELECT count(*) FROM (SELECT 1 FROM meter_snapshots WHERE asset = ? AND snapshot > ? AND snapshot < ? LIMIT ?)",
        (asset, after, before, REACH + 1),
    ).fetchone()[0]
    if many > REACH:
        return None
    # Upper and lower digits apart: SQLite's sum of whole numbers stops at 2^63.
    rows = conn.execute(
        f"SELECT s.game, s.code, s.denomination, sum(r.delta / {_HALF}), sum(r.delta % {_HALF}), "
        "sum(r.delta IS NULL AND r.verdict <> 'corrupt_read') "
        "FROM meter_snapshots p JOIN meter_readings r USING (snapshot) JOIN meter_series s USING (series) "
        "WHERE p.asset = ? AND p.snapshot > ? AND p.snapshot < ? AND s.generation = ? "
        "GROUP BY s.series",
        (asset, after, before, generation),
    ).fetchall()
    return {
        (game, code) if own == _ACCOUNTING else (game, code, own): None
        if doubts
        else (upper or 0) * _HALF + (lower or 0)
        for game, code, own, upper, lower, doubts in rows
    }


def event_of(conn: Reader, snapshot: int) -> str | None:
    """Id of the event of a snapshot."""
    row = conn.execute("SELECT event_id FROM meter_snapshots WHERE snapshot = ?", (snapshot,)).fetchone()
    return None if row is None or row[0] is None else str(row[0])


def _balance(row: Row) -> Balance:
    asset, rule, code, generation, worth, value, width, residual, told, since, judged, unjudged = row
    base = None
    if generation is not None:
        base = Base(generation, None if worth is None else Fraction(worth), value, width)
    return Balance(asset, rule, code, base, int(residual), int(told), since, judged, unjudged)
