"""What a machine offers, as it describes itself, and which polls it does not know.

The description is kept as it is told in ``hall.egm.described.v1``; a poll without an answer is recorded as unsupported,
never as zero.
"""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from edge.clock import stamp
from edge.hall.shapes import Json
from edge.store.tx import Reader, Tx


def description_of(conn: Reader, asset: int) -> Mapping[str, Json] | None:
    """None: this machine was never described, or was replaced since."""
    row = conn.execute("SELECT told FROM descriptions WHERE asset = ?", (asset,)).fetchone()
    return None if row is None else dict(json.loads(row[0]))


def player_denominations(conn: Reader, asset: int) -> tuple[int, ...]:
    """Codes a player may choose from, as the machine described itself last; empty: it did not tell."""
    told = (description_of(conn, asset) or {}).get("player_denominations")
    # 00 is none of them: it asks for the default (sas-core 4.1).
    return (
        tuple(dict.fromkeys(code for code in told if isinstance(code, int) and code)) if isinstance(told, list) else ()
    )


class Noted(NamedTuple):
    """What writing a description down has changed."""

    changed: bool
    before: Mapping[str, Json] | None
    "None: it is the first one."


def note_description(tx: Tx, asset: int, told: Mapping[str, Json]) -> Noted:
    """Write it down, also when it is what was known already."""
    before = description_of(tx, asset)
    tx.execute(
        "INSERT OR REPLACE INTO descriptions (asset, told, described_at) VALUES (?, ?, ?)",
        (asset, json.dumps(told, sort_keys=True), stamp(tx.now)),
    )
    return Noted(before != json.loads(json.dumps(told)), before)


def unsupported_polls(conn: Reader, asset: int) -> tuple[int, ...]:
    """Codes of the long polls this machine is silent to while it answers others."""
    rows = conn.execute("SELECT code FROM unsupported_polls WHERE asset = ? ORDER BY code", (asset,)).fetchall()
    return tuple(int(code) for (code,) in rows)


def note_polls(tx: Tx, asset: int, *, answered: Iterable[int] = (), silent: Iterable[int] = ()) -> None:
    """What was learnt now: it answers these after all, and does not know those."""
    tx.executemany("DELETE FROM unsupported_polls WHERE asset = ? AND code = ?", [(asset, code) for code in answered])
    tx.executemany(
        "INSERT OR IGNORE INTO unsupported_polls (asset, code, noted_at) VALUES (?, ?, ?)",
        [(asset, code, stamp(tx.now)) for code in silent],
    )


def forget_description(tx: Tx, asset: int) -> None:
    """Another machine, or another program in it: nothing that was learnt of the old one holds."""
    tx.execute("DELETE FROM descriptions WHERE asset = ?", (asset,))
    tx.execute("DELETE FROM unsupported_polls WHERE asset = ?", (asset,))
