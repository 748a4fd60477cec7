"""Reading around damage: every row of a table that can still be reached, and where the unreachable ones are.

A seek to a key reads only the pages on its path, so behind a page that is gone reading begins anew at the next key that
answers. What hangs below a damaged inner page is reached key by key; only a damaged root loses a whole table.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

Row = tuple[Any, ...]
_BATCH = 256
_LAST = (1 << 63) - 1
_ONE_BY_ONE = 200_000
"""Keys tried singly behind a damaged page, before the steps double."""
_BLOCK = 4096


class Gap(NamedTuple):
    """Rows of a table that cannot be read: keys after ``after``, before ``before`` (None: to the end, or no such key)."""

    table: str
    after: int | None
    before: int | None


def copy_with_holes(source: Path, target: Path) -> int:
    """Copy a file from a disk that may refuse to read parts of it; what it refuses becomes zeros. Returns octets refused.

    Raises OSError for whatever is not EIO on reading.
    """
    refused = 0
    with source.open("rb", buffering=0) as old, target.open("xb") as new:
        size, at = os.fstat(old.fileno()).st_size, 0
        while at < size:
            try:
                data = os.pread(old.fileno(), min(1 << 20, size - at), at)
            except OSError:
                data, lost = _block_by_block(old.fileno(), at, min(1 << 20, size - at))
                refused += lost
            if not data:
                break
            new.write(data)
            at += len(data)
        new.flush()
        os.fsync(new.fileno())
    return refused


def _block_by_block(fd: int, at: int, length: int) -> tuple[bytes, int]:
    parts, lost = bytearray(), 0
    for begin in range(at, at + length, _BLOCK):
        wanted = min(_BLOCK, at + length - begin)
        try:
            parts += os.pread(fd, wanted, begin)
        except OSError:
            parts += bytes(wanted)
            lost += wanted
    return bytes(parts), lost


def rows_of(conn: sqlite3.Connection, table: str, columns: str, gaps: list[Gap]) -> Iterator[list[Row]]:
    """Batches of rows, in the order of their keys; ``gaps`` grows by what is missing. ``table``: a name of ours."""
    try:
        conn.execute(f'SELECT rowid FROM "{table}" LIMIT 0')
    except sqlite3.OperationalError:
        yield from _from_both_ends(conn, table, columns, gaps)
        return
    after, size = -_LAST, _BATCH
    ask = f'SELECT rowid, {columns} FROM "{table}" WHERE rowid > ? ORDER BY rowid LIMIT ?'
    while True:
        try:
            rows = conn.execute(ask, (after, size)).fetchall()
        except sqlite3.DatabaseError:
            if size > 1:
                size = max(1, size // 4)
                continue
            found = _next_key(conn, ask, after)
            gaps.append(Gap(table, None if after == -_LAST else after, found))
            if found is None:
                return
            after = found - 1
            continue
        if not rows:
            return
        yield [row[1:] for row in rows]
        after, size = rows[-1][0], min(_BATCH, size * 2)


def _next_key(conn: sqlite3.Connection, ask: str, after: int) -> int | None:
    """The next key that can be read behind a damaged place; None: there is none."""
    at, step, tried = max(after, 0), 1, 0
    while at < _LAST:
        at = min(_LAST, at + step)
        try:
            row = conn.execute(ask, (at - 1, 1)).fetchone()
        except sqlite3.DatabaseError:
            tried += 1
            if tried > _ONE_BY_ONE:
                step *= 2
            continue
        return None if row is None else int(row[0])
    return None


def _from_both_ends(conn: sqlite3.Connection, table: str, columns: str, gaps: list[Gap]) -> Iterator[list[Row]]:
    """Tables without row ids are small: forwards to the damage, then backwards to it."""
    keys = [row[1] for row in sorted(conn.execute(f'PRAGMA table_info("{table}")'), key=lambda row: row[5]) if row[5]]
    seen: set[Row] = set()
    for order in ("ASC", "DESC"):
        by = ", ".join(f'"{key}" {order}' for key in keys)
        got: list[Row] = []
        try:
            for row in conn.execute(f'SELECT {columns} FROM "{table}" ORDER BY {by}'):
                if row not in seen:
                    seen.add(row)
                    got.append(row)
        except sqlite3.DatabaseError:
            yield got
            if order == "ASC":
                gaps.append(Gap(table, None, None))
            continue
        yield got
        return
