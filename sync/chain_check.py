"""Does the chain hold? Walks the stored bytes, slice by slice, and names the first record that does not fit."""

from __future__ import annotations

from sync import outbox
from sync.db import Reader
from sync.envelope import chain_next, chain_start
from sync.errors import ChainBroken

SLICE = 1000
"Records read at once: a few milliseconds, so no reader holds the WAL back."


def verify_chain(conn: Reader, first: int | None = None, last: int | None = None) -> int:
    """Check positions ``first`` to ``last`` of the log; returns how many records were checked.

    ``first`` None: from the first that was not released by age; ``last`` None: to the head. The value to start from is
    that of the record before, of the release, or of the beginning of an epoch. Raises ChainBroken with the position of
    the first record that was changed or is missing.
    """
    epochs = outbox.epochs(conn)
    if first is None:
        first = outbox.released_through(conn) + 1
    end = epochs[-1].last_position if last is None else last
    checked = 0
    for epoch in epochs:
        start, stop = max(first, epoch.first_position), min(end, epoch.last_position)
        if start > stop:
            continue
        chain = chain_start(epoch.streamid) if start == epoch.first_position else _chain(conn, start - 1)
        while start <= stop:
            rows = conn.execute(
                "SELECT position, body, chain FROM log WHERE position BETWEEN ? AND ? ORDER BY position",
                (start, min(start + SLICE - 1, stop)),
            ).fetchall()
            for position, body, stored in rows:
                if position != start:
                    raise ChainBroken(f"Record {start} of the log is missing.", position=start, damage="missing")
                chain = chain_next(chain, position - epoch.first_position + 1, body)
                if chain != stored:
                    raise ChainBroken(f"Record {position} of the log was changed.", position=position, damage="changed")
                start += 1
                checked += 1
            if not rows:
                raise ChainBroken(f"Record {start} of the log is missing.", position=start, damage="missing")
    return checked


def _chain(conn: Reader, position: int) -> bytes:
    row = conn.execute("SELECT chain FROM log WHERE position = ?", (position,)).fetchone()
    if row is None:
        row = conn.execute("SELECT chain FROM log_release WHERE through = ?", (position,)).fetchone()
    if row is None or row[0] is None:
        raise ChainBroken(f"Record {position} of the log is missing.", position=position, damage="missing")
    chain: bytes = row[0]
    return chain
