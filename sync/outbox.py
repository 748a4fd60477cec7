"""The log with cursors: append, read in pages, acknowledge.

Nothing is lost by reading, and a cursor moves only by central's own gap-free acknowledgement. Whoever has no
transaction cannot write. Retention is not here: it may only delete what ``released_to`` allows.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sync.db import Reader, Transaction
from sync.envelope import Cursor, Draft, Envelope, chain_next, chain_start, encode, stamp
from sync.errors import (
    AckBeyondHead,
    BadCursor,
    ChainBroken,
    ChainMismatch,
    CursorExpired,
    EpochChanged,
    NotMigrated,
    UnknownConsumer,
)
from sync.log import Head, LogEnd

__all__ = [
    "Advanced", "Consumer", "Draft", "Epoch", "Live", "Page", "advance", "append", "consumers", "cursor_of", "depth",
    "ensure_consumers", "epochs", "head", "live_after", "oldest", "open_epoch", "page", "read_end", "released_to",
    "resolve",
]  # fmt: skip

PAGE_EVENTS = 200
PAGE_BYTES = 120_000
"Decisions 17: a batch of the ordered lane."


class Epoch(NamedTuple):
    """One life of the log, and its last record; sequence 0: none."""

    epoch: int
    streamid: str
    first_position: int
    last_position: int

    @property
    def last(self) -> int:
        """Sequence of its last record."""
        return self.last_position - self.first_position + 1


class Advanced(NamedTuple):
    """Where the consumer's cursor stands now. ``moved`` False: it was there or further already."""

    moved: bool
    cursor: Cursor


class Consumer(NamedTuple):
    """Who reads the log, and how far it has confirmed."""

    name: str
    required: bool
    position: int
    cursor: Cursor
    moved_at: str


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
            position, cursor = _before_oldest(tx)
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
    at = _consumer(tx, consumer)
    position = resolve(tx, cursor.streamid, cursor.sequence)
    chain = _chain_at(tx, cursor.streamid, cursor.sequence, position)
    if chain is None and cursor == at.cursor:
        return Advanced(False, at.cursor)
    if chain is None and position > at.position:
        raise _expired(tx, cursor)
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
        start = _resolve(all_epochs, after.streamid, after.sequence)
        chain = _chain_at(conn, after.streamid, after.sequence, start)
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
    here = _epoch_of(all_epochs, min(start + 1, max(last_of_log, 1)))
    rows: list[tuple[int, bytes]] = conn.execute(
        "SELECT position, body FROM log WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",
        (start, here.last_position, limit),
    ).fetchall()
    if start < last_of_log and (not rows or rows[0][0] != start + 1):
        raise _expired(conn, after if isinstance(after, Cursor) else None)
    bodies = _cut([body for _, body in rows], max_bytes)
    if not bodies:
        cursor = _cursor_at(conn, all_epochs, start)
        return Page((), here.epoch, cursor.sequence + 1, cursor.sequence, start, cursor, False)
    position = start + len(bodies)
    first = start + 1 - here.first_position + 1
    chain_row = conn.execute("SELECT chain FROM log WHERE position = ?", (position,)).fetchone()
    last = first + len(bodies) - 1
    following = Cursor(here.streamid, last, chain_row[0].hex())
    return Page(bodies, here.epoch, first, last, position, following, position < last_of_log)


def head(conn: Reader) -> Head:
    """The newest record."""
    newest = epochs(conn)[-1]
    return Head(newest.last_position, newest.epoch, _cursor_at(conn, [newest], newest.last_position))


def oldest(conn: Reader) -> Cursor:
    """The oldest record still here, as a cursor on that record; an empty log gives sequence 0."""
    row = conn.execute("SELECT position, chain FROM log ORDER BY position LIMIT 1").fetchone()
    if row is None:
        return head(conn).cursor
    here = _epoch_of(epochs(conn), row[0])
    return Cursor(here.streamid, row[0] - here.first_position + 1, row[1].hex())


def before_oldest(conn: Reader) -> int:
    """The position after which a reader gets everything that is still here."""
    return _before_oldest(conn)[0]


def epochs(conn: Reader) -> list[Epoch]:
    """All epochs, oldest first. Raises NotMigrated if there is none."""
    rows = conn.execute("SELECT epoch, stream_id, first_position FROM epochs ORDER BY epoch").fetchall()
    if not rows:
        raise NotMigrated("The log has no epoch yet.")
    newest = conn.execute("SELECT max(position) FROM log").fetchone()[0]
    if newest is None:
        newest = conn.execute("SELECT through FROM log_release").fetchone()[0]
    ends = [following[2] - 1 for following in rows[1:]]
    ends.append(max(newest, rows[-1][2] - 1))
    return [Epoch(number, streamid, first, end) for (number, streamid, first), end in zip(rows, ends, strict=True)]


def cursor_of(conn: Reader, consumer: str) -> Cursor:
    """What this consumer has confirmed. Raises UnknownConsumer."""
    return _consumer(conn, consumer).cursor


def position_of(conn: Reader, consumer: str) -> int:
    """The same as a position of the log. Raises UnknownConsumer."""
    return _consumer(conn, consumer).position


def consumers(conn: Reader) -> list[Consumer]:
    """All consumers, by name."""
    rows = conn.execute(f"{_CONSUMERS} ORDER BY name").fetchall()
    return [_as_consumer(row) for row in rows]


def depth(conn: Reader, consumer: str) -> int:
    """How many records this consumer lacks. Raises UnknownConsumer."""
    return epochs(conn)[-1].last_position - _consumer(conn, consumer).position


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


def released_to(conn: Reader) -> int:
    """The position up to which retention may delete: what every required consumer has confirmed."""
    row = conn.execute("SELECT min(position) FROM consumers WHERE required = 1").fetchone()
    newest: int = epochs(conn)[-1].last_position
    return newest if row[0] is None else min(newest, row[0])


def resolve(conn: Reader, streamid: str, sequence: int) -> int:
    """The position of a record. Raises EpochChanged, AckBeyondHead, BadCursor."""
    return _resolve(epochs(conn), streamid, sequence)


def cursor_at(conn: Reader, position: int) -> Cursor:
    """The cursor of a position. Raises CursorExpired if the record is gone."""
    return _cursor_at(conn, epochs(conn), position)


def read_end(conn: Reader) -> LogEnd:
    """The end as the tables have it; the last link of the chain is checked. Raises NotMigrated, ChainBroken."""
    try:
        newest = epochs(conn)[-1]
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            raise NotMigrated("The database has no log yet.") from None
        raise
    streamid, first = newest.streamid, newest.first_position
    rows = conn.execute("SELECT position, body, chain FROM log ORDER BY position DESC LIMIT 2").fetchall()
    if not rows or rows[0][0] < first:
        chain = bytes.fromhex(_cursor_at(conn, [newest], newest.last_position).sha256)
        return LogEnd(newest.epoch, streamid, first, newest.last_position, chain)
    position, body, chain = rows[0]
    if position == first:
        before: bytes | None = chain_start(streamid)
    else:
        before = rows[1][2] if len(rows) == 2 and rows[1][0] == position - 1 else None
    if before is not None and chain_next(before, position - first + 1, body) != chain:
        raise ChainBroken(
            f"The last record of the log (position {position}) does not fit its chain.",
            position=position,
            damage="changed",
        )
    return LogEnd(newest.epoch, streamid, first, position, chain)


# Inside -------------------------------------------------------------------------------------------------------------

_CONSUMERS = "SELECT name, required, position, stream_id, sequence, chain, moved_at FROM consumers"


def _as_consumer(row: tuple[str, int, int, str, int, bytes, str]) -> Consumer:
    name, required, position, streamid, sequence, chain, moved_at = row
    return Consumer(name, bool(required), position, Cursor(streamid, sequence, chain.hex()), moved_at)


def _consumer(conn: Reader, name: str) -> Consumer:
    row = conn.execute(f"{_CONSUMERS} WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise UnknownConsumer(f"No consumer {name[:80]!r} is configured.", consumer=name[:80])
    return _as_consumer(row)


def _resolve(all_epochs: list[Epoch], streamid: str, sequence: int) -> int:
    for each in all_epochs:
        if each.streamid == streamid:
            break
    else:
        raise EpochChanged(
            "The stream id is none of this log's. Ask what became of the old stream before reading the new one.",
            streamid=streamid[:80],
            epochs=[{"epoch": e.epoch, "streamid": e.streamid, "last": e.last} for e in all_epochs],
        )
    if sequence < 0:
        raise BadCursor("The sequence of a cursor is not below 0.", sequence=sequence)
    if sequence > each.last:
        raise AckBeyondHead(
            f"Record {sequence} was never made; the last of this stream is {each.last}.",
            sequence=sequence,
            last=each.last,
        )
    return each.first_position + sequence - 1


def _epoch_of(all_epochs: list[Epoch], position: int) -> Epoch:
    for each in reversed(all_epochs):
        if each.first_position <= position:
            return each
    return all_epochs[0]


def _chain_at(conn: Reader, streamid: str, sequence: int, position: int) -> bytes | None:
    # None: the record is gone, so its hash is unknown here.
    if sequence == 0:
        return chain_start(streamid)
    row = conn.execute("SELECT chain FROM log WHERE position = ?", (position,)).fetchone()
    if row is not None:
        chain: bytes = row[0]
        return chain
    row = conn.execute("SELECT chain FROM log_release WHERE through = ?", (position,)).fetchone()
    return None if row is None else row[0]


def _cursor_at(conn: Reader, all_epochs: list[Epoch], position: int) -> Cursor:
    here = _epoch_of(all_epochs, position)
    sequence = max(0, position - here.first_position + 1)
    chain = _chain_at(conn, here.streamid, sequence, position)
    if chain is None:
        raise _expired(conn, None)
    return Cursor(here.streamid, sequence, chain.hex())


def _before_oldest(conn: Reader) -> tuple[int, Cursor]:
    row = conn.execute("SELECT min(position) FROM log").fetchone()
    all_epochs = epochs(conn)
    position = all_epochs[-1].last_position if row[0] is None else row[0] - 1
    return position, _cursor_at(conn, all_epochs, position)


def _expired(conn: Reader, cursor: Cursor | None) -> CursorExpired:
    first = oldest(conn)
    return CursorExpired(
        f"What follows this cursor is gone; the oldest record here is {first.sequence} of stream {first.streamid}.",
        oldest=first.as_json(),
        **({} if cursor is None else {"cursor": cursor.as_json()}),
    )


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
