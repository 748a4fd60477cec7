"""The log of a salvaged database: which runs of records still hang together, and which of them can stay the log.

A chain can be verified only from a value that is known. The first record behind a hole is taken as it is; every later
one is proved by it. The last run stays in the log, so that a consumer goes on from there; what came before a hole is
laid beside it in a file, because a log with holes would be no log.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sync.envelope import chain_next, chain_start
from sync.errors import ChainBroken
from sync.places import Epoch, epoch_of
from sync.retention import verify_kept

_SLICE = 1000


class Piece(NamedTuple):
    """Records ``first`` to ``last`` that follow each other by number and chain. ``before``: the chain value before the
    first, if that is known."""

    first: int
    last: int
    before: bytes | None


def pieces(conn: sqlite3.Connection, epochs: list[Epoch], release: tuple[int, bytes | None]) -> list[Piece]:
    """All runs of the ``log`` table, in order. ``release``: up to where records went by age, and the chain value there."""
    found: list[Piece] = []
    at, chain = release
    first, before = at + 1, chain if at else chain_start(epochs[0].streamid)
    value: bytes | None = before
    for position, body, stored in _records(conn):
        epoch = epoch_of(epochs, position)
        sequence = position - epoch.first_position + 1
        start = chain_start(epoch.streamid) if sequence == 1 else value
        if position != at + 1 or start is None or chain_next(start, sequence, body) != stored:
            if at >= first:
                found.append(Piece(first, at, before))
            first, before = position, None
        at, value = position, stored
    if at >= first:
        found.append(Piece(first, at, before))
    return found


def keep_the_last(
    conn: sqlite3.Connection, found: list[Piece], release: tuple[int, bytes | None], beside: Path
) -> Piece:
    """Make the last run the log, in the caller's transaction; the others go into ``beside`` and out of the table.

    Returns what stays, possibly empty (last < first). The guards of the tables must be off.
    """
    if not found:
        return Piece(release[0] + 1, release[0], release[1])
    kept = found[-1]
    if kept.before is None:
        # Its first record proves the others and is itself proved by nothing.
        chain = conn.execute("SELECT chain FROM log WHERE position = ?", (kept.first,)).fetchone()[0]
        kept = Piece(kept.first + 1, kept.last, chain)
    earlier = conn.execute("SELECT position, chain, body FROM log WHERE position < ? ORDER BY position", (kept.first,))
    with beside.open("w", encoding="utf-8") as out:
        for position, chain, body in earlier:
            told = {"position": position, "sha256": chain.hex(), "body": body.decode("utf-8", "backslashreplace")}
            out.write(json.dumps(told, ensure_ascii=False) + "\n")
    conn.execute("DELETE FROM log WHERE position < ?", (kept.first,))
    conn.execute("DELETE FROM live_lane WHERE position < ? OR position > ?", (kept.first, kept.last))
    at_start = kept.first == 1
    conn.execute("DELETE FROM log_release")
    conn.execute(
        "INSERT INTO log_release (only_row, through, chain) VALUES (1, ?, ?)",
        (kept.first - 1, None if at_start else kept.before),
    )
    return kept


def drop_unproved(conn: sqlite3.Connection, log: Piece) -> int:
    """Take out of ``kept`` what does not fit its own chain value or stands in the log still; how many they were.

    In the caller's transaction; the guards of the tables must be off.
    """
    gone = conn.execute("DELETE FROM kept WHERE position >= ?", (log.first,)).rowcount
    first = 1
    while True:
        try:
            verify_kept(conn, first)
        except ChainBroken as broken:
            conn.execute("DELETE FROM kept WHERE position = ?", (broken.position,))
            gone, first = gone + 1, broken.position
        else:
            return gone


def _records(conn: sqlite3.Connection) -> Iterator[tuple[int, bytes, bytes]]:
    after = -1
    while rows := conn.execute(
        "SELECT position, body, chain FROM log WHERE position > ? ORDER BY position LIMIT ?", (after, _SLICE)
    ).fetchall():
        yield from rows
        after = rows[-1][0]
