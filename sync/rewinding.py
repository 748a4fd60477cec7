"""What only a person may do to a consumer's cursor: set it back, or set aside the one record it does not get over.

Both are told in the log by whoever calls this, in the same transaction. Nothing is deleted here, and nothing brought back.
"""

from __future__ import annotations

from typing import NamedTuple

from sync.db import Reader, Transaction
from sync.envelope import Cursor, stamp
from sync.errors import ChainMismatch, DeliveryError, NotNext, NotOlder
from sync.places import (
    Consumer,
    before_oldest,
    chain_at,
    consumer_of,
    cursor_in,
    epochs,
    expired,
    oldest_place,
    resolve,
)


class Moved(NamedTuple):
    """From where to where a cursor went; the same twice: it was there already."""

    before: Cursor
    cursor: Cursor


def rewind(tx: Transaction, consumer: str, to: Cursor | None) -> Moved:
    """Set a consumer back to an older cursor (its hash is checked), or with None to before the oldest record here.

    The oldest may lie ahead of one that is not required and was away for too long: what it lacks is gone, and that is told.
    Raises, and nothing moves: UnknownConsumer, EpochChanged, AckBeyondHead, ChainMismatch, CursorExpired (what follows it
    is gone), NotOlder (forward only central itself goes).
    """
    tx.log.flush(tx.executemany)
    at = consumer_of(tx, consumer)
    if to is None:
        position, cursor = oldest_place(tx)
    else:
        position, cursor = resolve(tx, to.streamid, to.sequence), to
        chain = chain_at(tx, to.streamid, to.sequence, position)
        if chain is None or position < before_oldest(tx):
            raise expired(tx, to)
        if chain.hex() != to.sha256:
            raise ChainMismatch(
                f"Record {to.sequence} has another hash here than the one it was called by.",
                consumer=consumer, streamid=to.streamid, sequence=to.sequence, theirs=to.sha256, ours=chain.hex(),
            )  # fmt: skip
    if to is not None and position > at.position:
        raise NotOlder(
            f"{consumer} stands at record {at.cursor.sequence}; it is set back only, never forward.",
            consumer=consumer, cursor=at.cursor.as_json(),
        )  # fmt: skip
    if position == at.position:
        return Moved(at.cursor, at.cursor)
    _put(tx, at, position, cursor, max(at.position, rewound_from(tx, consumer)))
    return Moved(at.cursor, cursor)


def set_aside(tx: Transaction, consumer: str, sequence: int) -> Moved:
    """Go on behind the one record at which this consumer's delivery stands: the next one after its cursor, no other.

    Raises, and nothing moves: UnknownConsumer; NotNext (another record is next, or none).
    """
    tx.log.flush(tx.executemany)
    at = consumer_of(tx, consumer)
    all_epochs = epochs(tx)
    has_more = at.position < all_epochs[-1].last_position
    following = cursor_in(tx, all_epochs, at.position + 1) if has_more else None
    if following is None or following.sequence != sequence:
        facts = {} if following is None else {"next": following.sequence}
        raise NotNext(
            f"Record {sequence} is not the one at which the delivery to {consumer} stands.",
            consumer=consumer, sequence=sequence, **facts,
        )  # fmt: skip
    back = rewound_from(tx, consumer)
    _put(tx, at, at.position + 1, following, back if back > at.position + 1 else None)
    return Moved(at.cursor, following)


def rewound_from(conn: Reader, consumer: str) -> int:
    """The position from which this consumer was set back and where it is not again; 0: it was not."""
    row = conn.execute(
        "SELECT rewound_from FROM consumers WHERE name = ? AND rewound_from > position", (consumer,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def is_of_before(conn: Reader, consumer: str, cursor: Cursor) -> bool:
    """Was this confirmed before the consumer was set back? Then, kept by a broker, it says nothing of what central has."""
    before = rewound_from(conn, consumer)
    try:
        return before > 0 and resolve(conn, cursor.streamid, cursor.sequence) <= before
    except DeliveryError:
        return False


def _put(tx: Transaction, at: Consumer, position: int, cursor: Cursor, before: int | None) -> None:
    tx.execute(
        "UPDATE consumers SET position = ?, stream_id = ?, sequence = ?, chain = ?, moved_at = ?, rewound_from = ? "
        "WHERE name = ?",
        (
            position, cursor.streamid, cursor.sequence, bytes.fromhex(cursor.sha256), stamp(tx.now), before, at.name,
        ),
    )  # fmt: skip
