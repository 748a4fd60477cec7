"""Machines that answer where another one is enrolled: what they told of themselves, and whether their place waits.

One row while it lasts; it goes when the right machine answers again or a person confirms the new one.
"""

import json
from dataclasses import asdict, fields
from typing import NamedTuple

from edge.clock import stamp
from edge.hall.devices import Identity
from edge.store.tx import Reader, Tx

_IDENTITY = frozenset(field.name for field in fields(Identity))


class Stranger(NamedTuple):
    """Who answers at a machine's place, and why it is wrong."""

    reason: str
    "serial, no_serial or asset."
    told: Identity
    held: bool
    "True: nothing is taken from it until a person confirms it."
    noted_at: str


def stranger_at(conn: Reader, asset: int) -> Stranger | None:
    """None: the right machine answers, or none did yet."""
    row = conn.execute("SELECT reason, told, held, noted_at FROM strangers WHERE asset = ?", (asset,)).fetchone()
    if row is None:
        return None
    reason, told, held, noted_at = row
    members = {name: value for name, value in json.loads(told).items() if name in _IDENTITY}
    return Stranger(reason, Identity(**members), bool(held), noted_at)


def note_stranger(tx: Tx, asset: int, reason: str, told: Identity, *, held: bool) -> bool:
    """Write down who answers instead. False: it is the one that stands there already, for the same reason."""
    before = stranger_at(tx, asset)
    tx.execute(
        "INSERT OR REPLACE INTO strangers (asset, reason, told, held, noted_at) VALUES (?, ?, ?, ?, ?)",
        (asset, reason, json.dumps(asdict(told), sort_keys=True), int(held), stamp(tx.now)),
    )
    return before is None or (before.reason, before.told.serial, before.held) != (reason, told.serial, held)


def forget_stranger(tx: Tx, asset: int) -> None:
    """The right machine answers, or this one was confirmed."""
    tx.execute("DELETE FROM strangers WHERE asset = ?", (asset,))
