"""The log with cursors: append, read in pages, acknowledge.

Nothing is lost by reading, and a cursor moves only by central's own gap-free acknowledgement. Whoever has no
transaction cannot write. Retention is not here: it may only delete what ``released_to`` allows.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sync.db import Reader, Transaction
from sync.envelope import Cursor, Draft, Envelope, encode, stamp
from sync.errors import AckBeyondHead, ChainMismatch
from sync.places import (
    Consumer,
    Epoch,
    before_oldest,
    chain_at,
    consumer_of,
    consumers,
    cursor_at,
    cursor_in,
    cursor_of,
    depth,
    epoch_of,
    epochs,
    expired,
    head,
    oldest,
    oldest_place,
    position_of,
    read_end,
    released_through,
    released_to,
    resolve,
    resolve_in,
)

__all__ = [
    "Advanced", "Consumer", "Draft", "Epoch", "Live", "Page", "advance", "append", "before_oldest", "consumers",
    "cursor_at", "cursor_of", "depth", "ensure_consumers", "epochs", "head", "live_after", "live_newest", "oldest",
    "open_epoch", "page", "position_of", "read_end", "released_through", "released_to", "resolve",
]  # fmt: skip

PAGE_EVENTS = 200
PAGE_BYTES = 120_000
"Rule 17: a batch of the ordered lane."


class Advanced(NamedTuple):
    """Where the consumer's cursor stands now. ``moved`` False: it was there or further already."""

    moved: bool
    cursor: Cursor


class Live(NamedTuple):
    """A record that also goes on the live lane."""

    position: int
    live_class: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Records in order, all of one epoch, as stored. ``first`` and ``last`` are sequences; none: last < first."""

    bodies: Sequence[bytes]
    epoch: int
    first: int
    last: int
    position: int
    "Place of the last record in the whole log; where the next page begins after."
    next: Cursor
    has_more: bool


# Writing ------------------------------------------------------------------------------------------------------------


def append(tx: Transaction, draft: Draft) -> Envelope:
    """Add one event to the log inside the caller's transaction: id, number, time of recording, bytes, chain.

    Raises BadEnvelope, EventTooLarge; then nothing was added.
    """
    end = tx.log
    sequence = end.sequence + 1
    recordedat = end.recordedat
    identity, time, body = encode(
        draft, streamid=end.streamid, epoch=end.epoch, sequence=sequence, recordedat=recordedat
    )
    chain = end.push(body, draft.live_class)
    return Envelope(
        identity, draft.type, draft.subject, time, recordedat,
        end.streamid, end.epoch, sequence, draft.data, body, chain,
    )  # fmt: skip


def open_epoch(tx: Transaction, reason: str, *, stream_id: str | None = None) -> Cursor:
    """Begin a new epoch, because the continuity of the log cannot be proved; returns the last cursor of the old one.

    The caller's next event tells central why. ``stream_id``: 32 hex, tests only; otherwise random.
    """
    end = tx.log
    end.flush(tx.executemany)
    before = end.head.cursor
    streamid = stream_id or secrets.token_hex(16)
    end.begin_epoch(end.epoch + 1, streamid)
    tx.execute(
        "INSERT INTO epochs (epoch, stream_id, first_position, opened_at, reason) VALUES (?, ?, ?, ?, ?)",
        (end.epoch, streamid, end.first_position, stamp(tx.now), reason),
    )
    return before


def ensure_consumers(tx: Transaction, names: Mapping[str, bool] | Iterable[str]) -> None:
    """Make these the configured consumers: name -> required (a plain list of names: all required).

    A new one begins with the oldest record still here. One no longer named keeps its cursor but holds nothing back.
    """
    wanted = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, True)
    known = {each.name: each.required for each in consumers(tx)}
    for name in known.keys() - wanted.keys():
        if known[name]:
            tx.execute("UPDATE consumers SET required = 0 WHERE name = ?", (name,))
    for name, required in wanted.items():
        if name not in known:
            position, cursor = oldest_place(tx)
            tx.execute(
                "INSERT INTO consumers (name, required, position, stream_id, sequence, chain, moved_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    name, int(required), position, cursor.streamid, cursor.sequence,
                    bytes.fromhex(cursor.sha256), stamp(tx.now),
                ),
            )  # fmt: skip
        elif known[name] != required:
            tx.execute("UPDATE consumers SET required = ? WHERE name = ?", (int(required), name))


def advance(tx: Transaction, consumer: str, cursor: Cursor) -> Advanced:
    """Central holds everything up to this cursor, durably and without a gap: check it, then move.

    Older than or equal to what it confirmed before: not moved, no error. Raises, and nothing moves: UnknownConsumer;
    EpochChanged (stream id not ours); AckBeyondHead; ChainMismatch (hash differs, at whatever place); CursorExpired
    (the record is gone, and this consumer had not confirmed it: it cannot be checked).
    """
    tx.log.flush(tx.executemany)
    at = consumer_of(tx, consumer)
    position = resolve(tx, cursor.streamid, cursor.sequence)
    chain = chain_at(tx, cursor.streamid, cursor.sequence, position)
    if chain is None and cursor == at.cursor:
        return Advanced(False, at.cursor)
    if chain is None and position > at.position:
        raise expired(tx, cursor)
    if chain is not None and chain.hex() != cursor.sha256:
        raise ChainMismatch(
            f"{consumer} confirms record {cursor.sequence} with another hash than it has here.",
            consumer=consumer, streamid=cursor.streamid, sequence=cursor.sequence,
            theirs=cursor.sha256, ours=chain.hex(),
        )  # fmt: skip
    if position <= at.position:
        return Advanced(False, at.cursor)
    tx.execute(
        "UPDATE consumers SET position = ?, stream_id = ?, sequence = ?, chain = ?, moved_at = ? WHERE name = ?",
        (position, cursor.streamid, cursor.sequence, chain, stamp(tx.now), consumer),
    )
    return Advanced(True, cursor)


# Reading ------------------------------------------------------------------------------------------------------------


def page(conn: Reader, after: Cursor | int, limit: int = PAGE_EVENTS, max_bytes: int = PAGE_BYTES) -> Page:
    """The records after a cursor, or after a position of the log, oldest first; asking twice gives the same bytes.

    At most ``limit`` records and ``max_bytes`` of them joined as a JSON array (brackets and commas counted), but at
    least one if there is one. Never over the end of an epoch. A cursor's hash is checked. Raises EpochChanged,
    AckBeyondHead, ChainMismatch, CursorExpired.
    """
    all_epochs = epochs(conn)
    if isinstance(after, Cursor):
        start = resolve_in(all_epochs, after.streamid, after.sequence)
        chain = chain_at(conn, after.streamid, after.sequence, start)
        if chain is not None and chain.hex() != after.sha256:
            raise ChainMismatch(
                f"The cursor at record {after.sequence} has another hash than that record has here.",
                streamid=after.streamid, sequence=after.sequence, theirs=after.sha256, ours=chain.hex(),
            )  # fmt: skip
    else:
        start = after
        if not 0 <= start <= all_epochs[-1].last_position:
            raise AckBeyondHead(f"Position {start} was never made.", position=start)
    last_of_log = all_epochs[-1].last_position
    here = epoch_of(all_epochs, min(start + 1, max(last_of_log, 1)))
    rows: list[tuple[int, bytes]] = conn.execute(
        "SELECT position, body FROM log WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",
        (start, here.last_position, limit),
    ).fetchall()
    if start < last_of_log and (not rows or rows[0][0] != start + 1):
        raise expired(conn, after if isinstance(after, Cursor) else None)
    bodies = _cut([body for _, body in rows], max_bytes)
    if not bodies:
        cursor = cursor_in(conn, all_epochs, start)
        return Page((), here.epoch, cursor.sequence + 1, cursor.sequence, start, cursor, False)
    position = start + len(bodies)
    first = start + 1 - here.first_position + 1
    chain_row = conn.execute("SELECT chain FROM log WHERE position = ?", (position,)).fetchone()
    last = first + len(bodies) - 1
    following = Cursor(here.streamid, last, chain_row[0].hex())
    return Page(bodies, here.epoch, first, last, position, following, position < last_of_log)


def live_after(conn: Reader, position: int, limit: int = 100) -> list[Live]:
    """Records of the live lane after a position of the log, oldest first."""
    rows = conn.execute(
        "SELECT l.position, l.class, log.body FROM live_lane AS l JOIN log ON log.position = l.position "
        "WHERE l.position > ? ORDER BY l.position LIMIT ?",
        (position, limit),
    ).fetchall()
    return [Live(*row) for row in rows]


def live_newest(conn: Reader, after: int, count: int) -> int:
    """The position after which the newest ``count`` live records begin, but not before ``after``."""
    row = conn.execute(
        "SELECT position FROM live_lane WHERE position > ? ORDER BY position DESC LIMIT 1 OFFSET ?", (after, count)
    ).fetchone()
    return after if row is None else int(row[0])


def _cut(bodies: list[bytes], max_bytes: int) -> list[bytes]:
    total = 1 + len(bodies) + sum(map(len, bodies))
    if total <= max_bytes:
        return bodies
    total = 2
    for count, body in enumerate(bodies):
        total += len(body) + (1 if count else 0)
        if total > max_bytes and count:
            return bodies[:count]
    return bodies
