"""Commands are admitted once: the first arrival is kept with the hash of its content, a second one gets its result.

The decision and its record are one transaction. A refusal leaves no trace in the tables. Signature and role were
checked before by whoever calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson

from sync.commands import Command, parse
from sync.db import Reader, Transaction
from sync.envelope import canonical, stamp

Status = Literal[
    "admitted", "repeated", "conflict", "expired", "wrong-epoch", "stale-term", "wrong-gateway", "too-old", "barred"
]
PRUNE_MAX = 200
"""Rows forgotten in one transaction at most: nobody waits for its commit longer than for any other."""
OLDEST_SEEN = 2000
"""More than can be open at a time, so that what is open does not hide what is old."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What the inbox decided. Every status but ``admitted`` changes nothing; it is the code of the refusal, too."""

    status: Status
    result: dict[str, Any] | None = None
    "repeated: the first one's result, if there is one by now."


@dataclass(frozen=True, slots=True)
class Entry:
    """A command of the inbox."""

    command: Command
    admitted_at: str
    finished_at: str | None
    result: dict[str, Any] | None


def admit(tx: Transaction, command: Command, *, gateway: str, now: datetime | None, barred: bool = False) -> Admission:
    """Take a command in, once by (central, command id) and content.

    In this order: another gateway; here before (same content: ``repeated`` with its result, whatever became of term,
    stream and expiry meanwhile; other content: ``conflict``); older than the watermark; another stream than the present
    one; a lower term than this central used before; too late; ``barred``: the house has a reason of its own (no room, no
    such machine), told only of a command that was never here. ``now``: UTC, by the house's clock; None: nobody knows how
    late it is, and nothing is too late.
    """
    if command.gateway != gateway:
        return Admission("wrong-gateway")
    row = tx.execute(
        "SELECT content_hash, result FROM inbox WHERE central = ? AND command_id = ?",
        (command.central, command.command_id),
    ).fetchone()
    if row is not None:
        if row[0] != command.content_hash:
            return Admission("conflict")
        return Admission("repeated", None if row[1] is None else orjson.loads(row[1]))
    issued_at = stamp(command.issued_at)
    if issued_at < tx.execute("SELECT min_issued_at FROM inbox_watermark").fetchone()[0]:
        return Admission("too-old")
    if command.streamid != tx.log.streamid:
        return Admission("wrong-epoch")
    term = tx.execute("SELECT term FROM inbox_terms WHERE central = ?", (command.central,)).fetchone()
    if term is not None and command.term < term[0]:
        return Admission("stale-term")
    if now is not None and now >= command.expires_at:
        return Admission("expired")
    if barred:
        return Admission("barred")
    if term is None or command.term > term[0]:
        tx.execute("INSERT OR REPLACE INTO inbox_terms (central, term) VALUES (?, ?)", (command.central, command.term))
    tx.execute(
        "INSERT INTO inbox (central, command_id, content_hash, envelope, issued_at, admitted_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (command.central, command.command_id, command.content_hash, command.raw, issued_at, stamp(tx.now)),
    )
    return Admission("admitted")


def finish(tx: Transaction, central: str, command_id: str, result: dict[str, Any]) -> bool:
    """Keep the outcome of a command, once. False: it has one already, or was never admitted; nothing changed."""
    done = tx.execute(
        "UPDATE inbox SET result = ?, finished_at = ? WHERE central = ? AND command_id = ? AND result IS NULL",
        (canonical(result), stamp(tx.now), central, command_id),
    )
    return done.rowcount == 1


def open_commands(conn: Reader) -> list[Command]:
    """What was admitted and has no outcome yet, oldest first."""
    rows = conn.execute("SELECT envelope FROM inbox WHERE result IS NULL ORDER BY entry").fetchall()
    return [parse(row[0]) for row in rows]


def find(conn: Reader, central: str | None, command_id: str) -> Entry | None:
    """A command of the inbox, or None. ``central`` None: the newest with that id, whichever central it was."""
    row = conn.execute(
        "SELECT envelope, admitted_at, finished_at, result FROM inbox "
        "WHERE command_id = ? AND (? IS NULL OR central = ?) ORDER BY entry DESC LIMIT 1",
        (command_id, central, central),
    ).fetchone()
    if row is None:
        return None
    return Entry(parse(row[0]), row[1], row[2], None if row[3] is None else orjson.loads(row[3]))


def prune(tx: Transaction, before: datetime, at_most: int = PRUNE_MAX) -> int:
    """Forget finished commands issued before this instant, oldest arrivals first; returns how many, ``at_most`` at a time.

    Nothing issued before it is admitted ever after. Only the oldest arrivals are looked at: a search through all of them
    would hold the writer up. Fewer than ``at_most``: no more are left there.
    """
    limit = stamp(before)
    tx.execute("UPDATE inbox_watermark SET min_issued_at = ? WHERE min_issued_at < ?", (limit, limit))
    return tx.execute(
        "DELETE FROM inbox WHERE entry IN "
        "(SELECT entry FROM (SELECT entry, issued_at, finished_at FROM inbox ORDER BY entry LIMIT ?) "
        "WHERE finished_at IS NOT NULL AND issued_at < ? LIMIT ?)",
        (OLDEST_SEEN, limit, at_most),
    ).rowcount


def last_issued(conn: Reader) -> datetime | None:
    """When the command that came last was issued, by its sender's clock; None: the inbox is empty."""
    row = conn.execute("SELECT issued_at FROM inbox ORDER BY entry DESC LIMIT 1").fetchone()
    return None if row is None else datetime.fromisoformat(row[0])
