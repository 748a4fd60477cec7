"""What leaves the books by age: the log from its old end, in slices; records worth keeping longer move beside it first.

Nothing leaves that a required consumer lacks, however old it is, and the newest record never does. A cursor that this
very transaction moves counts as not moved: what is deleted was confirmed, on disk, before. Triggers guard the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import orjson

from sync.db import Reader, Transaction
from sync.envelope import chain_next, chain_start, stamp
from sync.errors import ChainBroken
from sync.places import chain_at, consumers, epoch_of, epochs, released_to

SLICE = 1000
"Records in one transaction: a few milliseconds of the writer's thread."


class Released(NamedTuple):
    """One slice. ``through``: nothing up to this position is in the log any more."""

    records: int
    kept: int
    through: int


class Held(NamedTuple):
    """Records old enough to leave stay, because this required consumer lacks them."""

    consumer: str
    since: str
    "When it last confirmed something, or was configured."
    oldest: str
    "When the first of them was recorded."


def release(tx: Transaction, older_than: datetime, keeps: Callable[[str], bool], limit: int = SLICE) -> Released:
    """Let go of the oldest records of the log that were recorded before this moment, at most ``limit`` (and 1,000).

    Those whose kind (the ``type`` of the envelope) ``keeps`` says yes to go to the table ``kept``, in the same
    transaction. It ends before the first record that is younger. One that claims to be of the future was written under a
    wrong clock: it says nothing, and goes with an old one that stands after it. ``records`` 0: nothing to do now.
    """
    through: int = tx.execute("SELECT through FROM log_release").fetchone()[0]
    moved = tx.execute("SELECT 1 FROM consumers WHERE moved_at = ? LIMIT 1", (stamp(tx.now),)).fetchone()
    if moved is not None:
        return Released(0, 0, through)
    all_epochs = epochs(tx)
    last = min(released_to(tx), all_epochs[-1].last_position - 1)
    rows: list[tuple[int, bytes, bytes]] = tx.execute(
        "SELECT position, body, chain FROM log WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",
        (through, last, min(limit, SLICE)),
    ).fetchall()
    limit_text, now_text = stamp(older_than), stamp(tx.now)
    kinds: list[str] = []
    count = 0
    for _, body, _ in rows:
        event = orjson.loads(body)
        recorded = str(event["recordedat"])
        if limit_text <= recorded <= now_text:
            break
        kinds.append(str(event["type"]))
        if recorded < limit_text:
            count = len(kinds)
    if not count:
        return Released(0, 0, through)
    position, chain = rows[count - 1][0], rows[count - 1][2]
    kept = []
    for place, (here, body, own) in enumerate(rows[:count]):
        if keeps(kinds[place]):
            at = epoch_of(all_epochs, here)
            before = (
                rows[place - 1][2]
                if place and here > at.first_position
                else chain_at(tx, at.streamid, here - at.first_position, here - 1)
            )
            kept.append((here, body, own, before))
    tx.executemany("INSERT INTO kept (position, body, chain, before) VALUES (?, ?, ?, ?)", kept)
    tx.execute("UPDATE log_release SET through = ?, chain = ?", (position, chain))
    tx.execute("DELETE FROM log WHERE position > ? AND position <= ?", (through, position))
    # A kept record goes on being found by its lane.
    tx.execute(
        "DELETE FROM live_lane WHERE position > ? AND position <= ? AND position NOT IN (SELECT position FROM kept)",
        (through, position),
    )
    return Released(count, len(kept), position)


def forget(tx: Transaction, older_than: datetime, limit: int = SLICE) -> int:
    """Delete the oldest kept records that were recorded before this moment; how many they were. Judged as ``release`` does."""
    rows = tx.execute("SELECT position, body FROM kept ORDER BY position LIMIT ?", (min(limit, SLICE),)).fetchall()
    limit_text, now_text = stamp(older_than), stamp(tx.now)
    last, count = 0, 0
    for number, (position, body) in enumerate(rows, start=1):
        recorded = str(orjson.loads(body)["recordedat"])
        if limit_text <= recorded <= now_text:
            break
        if recorded < limit_text:
            last, count = position, number
    if count:
        tx.execute("DELETE FROM kept WHERE position <= ?", (last,))
        tx.execute("DELETE FROM live_lane WHERE position <= ?", (last,))
    return count


def oldest_kept(conn: Reader) -> int | None:
    """Position of the oldest record that is kept beside the log; None: none is."""
    position: int | None = conn.execute("SELECT min(position) FROM kept").fetchone()[0]
    return position


def held(conn: Reader, older_than: datetime) -> Held | None:
    """Who keeps the log from being released, and since when; None: nobody, or nothing is old enough."""
    row = conn.execute("SELECT position, body FROM log ORDER BY position LIMIT 1").fetchone()
    if row is None:
        return None
    recorded = str(orjson.loads(row[1])["recordedat"])
    lacking = [one for one in consumers(conn) if one.required and one.position < row[0]]
    if recorded >= stamp(older_than) or not lacking:
        return None
    slowest = min(lacking, key=lambda one: (one.position, one.moved_at))
    return Held(slowest.name, slowest.moved_at, recorded)


def newest_kept(conn: Reader, count: int) -> int:
    """Position from which on the newest so many kept records stand (1 or more of them); 0: there are no more than that."""
    row = conn.execute("SELECT position FROM kept ORDER BY position DESC LIMIT 1 OFFSET ?", (count - 1,)).fetchone()
    return 0 if row is None else int(row[0])


def kept_slice(conn: Reader, first: int) -> int | None:
    """The last position of the slice of kept records that begins at ``first``; None: there are none from there on."""
    last: int | None = conn.execute(
        "SELECT max(position) FROM (SELECT position FROM kept WHERE position >= ? ORDER BY position LIMIT ?)",
        (first, SLICE),
    ).fetchone()[0]
    return last


def verify_kept(conn: Reader, first: int = 1, last: int | None = None) -> int:
    """Does each record kept from position ``first`` to ``last`` (None: all from there) fit its own chain value?

    Returns how many were checked; raises ChainBroken.
    """
    all_epochs = epochs(conn)
    checked, after = 0, first - 1
    while True:
        rows = conn.execute(
            "SELECT position, body, chain, before FROM kept WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",
            (after, (1 << 62) if last is None else last, SLICE),
        ).fetchall()
        for position, body, chain, before in rows:
            here = epoch_of(all_epochs, position)
            first = position == here.first_position
            fits = chain_next(before, position - here.first_position + 1, body) == chain
            if not fits or (first and before != chain_start(here.streamid)):
                raise ChainBroken(f"Kept record {position} was changed.", position=position, damage="changed")
            checked, after = checked + 1, position
        if not rows:
            return checked
