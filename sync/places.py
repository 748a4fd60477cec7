"""Where records are: epochs, positions, cursors, and how far each consumer has confirmed. Only reads.

A position is a record's place in the whole log, over all epochs; a cursor is what central knows of it.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from sync.db import Reader
from sync.envelope import Cursor, chain_next, chain_start
from sync.errors import AckBeyondHead, BadCursor, ChainBroken, CursorExpired, EpochChanged, NotMigrated, UnknownConsumer
from sync.log import Head, LogEnd


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


class Consumer(NamedTuple):
    """Who reads the log, and how far it has confirmed."""

    name: str
    required: bool
    position: int
    cursor: Cursor
    moved_at: str


def head(conn: Reader) -> Head:
    """The newest record."""
    newest = epochs(conn)[-1]
    return Head(newest.last_position, newest.epoch, cursor_in(conn, [newest], newest.last_position))


def oldest(conn: Reader) -> Cursor:
    """The oldest record still here, as a cursor on that record; an empty log gives sequence 0."""
    row = conn.execute("SELECT position, chain FROM log ORDER BY position LIMIT 1").fetchone()
    if row is None:
        return head(conn).cursor
    here = epoch_of(epochs(conn), row[0])
    return Cursor(here.streamid, row[0] - here.first_position + 1, row[1].hex())


def before_oldest(conn: Reader) -> int:
    """The position after which a reader gets everything that is still here."""
    return oldest_place(conn)[0]


def released_through(conn: Reader) -> int:
    """Nothing up to this position is in the log any more: retention has let go of it. 0: of nothing yet."""
    row = conn.execute("SELECT through FROM log_release").fetchone()
    return 0 if row is None else int(row[0])


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
    return consumer_of(conn, consumer).cursor


def position_of(conn: Reader, consumer: str) -> int:
    """The same as a position of the log. Raises UnknownConsumer."""
    return consumer_of(conn, consumer).position


def consumers(conn: Reader) -> list[Consumer]:
    """All consumers, by name."""
    rows = conn.execute(f"{_CONSUMERS} ORDER BY name").fetchall()
    return [_as_consumer(row) for row in rows]


def depth(conn: Reader, consumer: str) -> int:
    """How many records this consumer lacks. Raises UnknownConsumer."""
    return epochs(conn)[-1].last_position - consumer_of(conn, consumer).position


def released_to(conn: Reader) -> int:
    """The position up to which retention may delete: what every required consumer has confirmed."""
    row = conn.execute("SELECT min(position) FROM consumers WHERE required = 1").fetchone()
    newest: int = epochs(conn)[-1].last_position
    return newest if row[0] is None else min(newest, row[0])


def resolve(conn: Reader, streamid: str, sequence: int) -> int:
    """The position of a record. Raises EpochChanged, AckBeyondHead, BadCursor."""
    return resolve_in(epochs(conn), streamid, sequence)


def cursor_at(conn: Reader, position: int) -> Cursor:
    """The cursor of a position. Raises CursorExpired if the record is gone."""
    return cursor_in(conn, epochs(conn), position)


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
        chain = bytes.fromhex(cursor_in(conn, [newest], newest.last_position).sha256)
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


_CONSUMERS = "SELECT name, required, position, stream_id, sequence, chain, moved_at FROM consumers"


def _as_consumer(row: tuple[str, int, int, str, int, bytes, str]) -> Consumer:
    name, required, position, streamid, sequence, chain, moved_at = row
    return Consumer(name, bool(required), position, Cursor(streamid, sequence, chain.hex()), moved_at)


def consumer_of(conn: Reader, name: str) -> Consumer:
    row = conn.execute(f"{_CONSUMERS} WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise UnknownConsumer(f"No consumer {name[:80]!r} is configured.", consumer=name[:80])
    return _as_consumer(row)


def resolve_in(all_epochs: list[Epoch], streamid: str, sequence: int) -> int:
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
    if sequence > each.last and each is not all_epochs[-1]:
        raise EpochChanged(
            f"This stream ended with record {each.last}; what was said to follow it is lost. It goes on in a later epoch.",
            streamid=streamid[:80],
            epochs=[{"epoch": e.epoch, "streamid": e.streamid, "last": e.last} for e in all_epochs],
        )
    if sequence > each.last:
        raise AckBeyondHead(
            f"Record {sequence} was never made; the last of this stream is {each.last}.",
            sequence=sequence,
            last=each.last,
        )
    return each.first_position + sequence - 1


def epoch_of(all_epochs: list[Epoch], position: int) -> Epoch:
    for each in reversed(all_epochs):
        if each.first_position <= position:
            return each
    return all_epochs[0]


def chain_at(conn: Reader, streamid: str, sequence: int, position: int) -> bytes | None:
    # None: the record is gone, so its hash is unknown here.
    if sequence == 0:
        return chain_start(streamid)
    row = conn.execute("SELECT chain FROM log WHERE position = ?", (position,)).fetchone()
    if row is not None:
        chain: bytes = row[0]
        return chain
    row = conn.execute("SELECT chain FROM log_release WHERE through = ?", (position,)).fetchone()
    return None if row is None else row[0]


def cursor_in(conn: Reader, all_epochs: list[Epoch], position: int) -> Cursor:
    here = epoch_of(all_epochs, position)
    sequence = max(0, position - here.first_position + 1)
    chain = chain_at(conn, here.streamid, sequence, position)
    if chain is None:
        raise expired(conn, None)
    return Cursor(here.streamid, sequence, chain.hex())


def oldest_place(conn: Reader) -> tuple[int, Cursor]:
    row = conn.execute("SELECT min(position) FROM log").fetchone()
    all_epochs = epochs(conn)
    position = all_epochs[-1].last_position if row[0] is None else row[0] - 1
    return position, cursor_in(conn, all_epochs, position)


def expired(conn: Reader, cursor: Cursor | None) -> CursorExpired:
    first = oldest(conn)
    return CursorExpired(
        f"What follows this cursor is gone; the oldest record here is {first.sequence} of stream {first.streamid}.",
        oldest=first.as_json(),
        **({} if cursor is None else {"cursor": cursor.as_json()}),
    )
