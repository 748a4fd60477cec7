"""Handpays of a machine: opened by exception 51, given their amount by poll 1B, closed by 52, 55 or 5A.

A machine repeats 51 every 15 s until its record was read, and after a crash it may tell the same record twice; so a
record that equals the one of the handpay still open is the same handpay (sas-core 5.5).
"""

import json
from collections.abc import Mapping
from typing import Literal, NamedTuple

from edge.clock import stamp
from edge.hall.shapes import Json
from edge.store.tx import Reader, Row, Tx

ClosedBy = Literal["reset", "cancelled", "keyed_off", "replaced", "ram_clear", "superseded"]
"superseded: the machine told another record while this one was still open; how it ended was not heard."


class Handpay(NamedTuple):
    """One handpay as it stands."""

    handpay: int
    asset: int
    opened_at: str
    pending_id: str | None
    "Event of the exception that opened it; None: its record was found without one."
    record: Mapping[str, Json] | None
    "What the machine told of it; None: not read (yet)."
    record_id: str | None
    amount_unknown: bool
    "It was given up to learn the amount; told once."
    closed_at: str | None
    closed_by: str | None


_SELECT = (
    "SELECT handpay, asset, opened_at, pending_id, record, record_id, amount_unknown, closed_at, closed_by "
    "FROM handpays "
)


def handpays(conn: Reader, asset: int, limit: int = 20) -> list[Handpay]:
    """The newest of a machine, newest first."""
    rows = conn.execute(_SELECT + "WHERE asset = ? ORDER BY handpay DESC LIMIT ?", (asset, limit)).fetchall()
    return [_handpay(row) for row in rows]


def open_handpay(conn: Reader, asset: int) -> Handpay | None:
    """The one the machine is locked for, as far as it told us."""
    row = conn.execute(
        _SELECT + "WHERE asset = ? AND closed_at IS NULL ORDER BY handpay DESC LIMIT 1", (asset,)
    ).fetchone()
    return None if row is None else _handpay(row)


def without_record(conn: Reader, asset: int) -> Handpay | None:
    """The oldest whose amount is still to come, closed or not."""
    row = conn.execute(
        _SELECT + "WHERE asset = ? AND record IS NULL AND amount_unknown = 0 ORDER BY handpay LIMIT 1", (asset,)
    ).fetchone()
    return None if row is None else _handpay(row)


def begin_handpay(tx: Tx, asset: int, pending_id: str | None) -> Handpay:
    """The machine is locked; returns the handpay that is open now. A repeated 51 opens no second one."""
    known = open_handpay(tx, asset)
    if known is not None:
        return known
    tx.execute(
        "INSERT INTO handpays (asset, opened_at, pending_id) VALUES (?, ?, ?)", (asset, stamp(tx.now), pending_id)
    )
    opened = open_handpay(tx, asset)
    assert opened is not None
    return opened


def same_record(known: Handpay | None, record: Mapping[str, Json]) -> bool:
    """Is this the record of that handpay, told once more?"""
    return known is not None and known.record is not None and dict(known.record) == dict(record)


def give_record(tx: Tx, handpay: int, record: Mapping[str, Json], record_id: str) -> None:
    """The amount is known; `record_id` is the event that tells it."""
    tx.execute(
        "UPDATE handpays SET record = ?, record_id = ?, amount_unknown = 0 WHERE handpay = ?",
        (json.dumps(record, sort_keys=True), record_id, handpay),
    )


def give_up_record(tx: Tx, handpay: int) -> None:
    """The amount will not be learnt any more."""
    tx.execute("UPDATE handpays SET amount_unknown = 1 WHERE handpay = ?", (handpay,))


def close_handpay(tx: Tx, handpay: int, by: ClosedBy) -> None:
    """The lock is gone: paid and reset, cancelled, keyed off; or the machine with it."""
    tx.execute(
        "UPDATE handpays SET closed_at = ?, closed_by = ? WHERE handpay = ? AND closed_at IS NULL",
        (stamp(tx.now), by, handpay),
    )


def _handpay(row: Row) -> Handpay:
    number, asset, opened_at, pending_id, record, record_id, unknown, closed_at, closed_by = row
    told = None if record is None else json.loads(record)
    return Handpay(number, asset, opened_at, pending_id, told, record_id, bool(unknown), closed_at, closed_by)
