"""Brings the file to the tables of this version: the log's own first, then those the house registers.

Its own short process or the first step of a start, always before the writer is opened and under the field's lock.
Nothing due, nothing written. The only user of sqlite-utils.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import sqlite_utils
from sqlite_utils.migrations import Migrations

from sync.db import open_writing
from sync.envelope import stamp
from sync.errors import StorageFatal, StorageFull
from sync.migrations import MIGRATIONS


def migrate(
    path: Path,
    extra: Sequence[Migrations] = (),
    *,
    stream_id: str | None = None,
    now_utc: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[str]:
    """Apply what is due; returns the names of what was applied, in order.

    A new log gets its first epoch, with ``stream_id`` (32 hex; tests) or a random one. A file that already has tables
    is first copied to ``<name>.before-<migration>`` beside it. Raises StorageFull if there is no room for the copy,
    StorageFatal if the file is damaged afterwards, sqlite3.Error; a migration that fails leaves nothing behind.
    """
    with closing(open_writing(path)) as conn:
        db = sqlite_utils.Database(conn)
        due = [(each, step.name) for each in (*MIGRATIONS, *extra) for step in each.pending(db)]
        if due:
            if conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                _copy(conn, path, due[0][1])
            for each in (*MIGRATIONS, *extra):
                if each.pending(db):
                    each.apply(db)
            damage = conn.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if damage != "ok":
                raise StorageFatal(f"{path} is damaged after its migration: {damage}")
        _first_epoch(conn, stream_id, now_utc())
        return [name for _, name in due]


def _copy(conn: sqlite3.Connection, path: Path, name: str) -> None:
    size = path.stat().st_size
    free = shutil.disk_usage(path.parent).free
    if free < 2 * size + (16 << 20):
        raise StorageFull(
            f"{path.parent} has {free} bytes free; a copy of {path.name} before its migration needs {2 * size}.",
            free=free,
        )
    copy = path.with_name(f"{path.name}.before-{name}")
    copy.unlink(missing_ok=True)
    conn.execute("VACUUM INTO ?", (str(copy),))


def _first_epoch(conn: sqlite3.Connection, stream_id: str | None, now: datetime) -> None:
    if conn.execute("SELECT 1 FROM epochs LIMIT 1").fetchone() is None:
        conn.execute(
            "INSERT INTO epochs (epoch, stream_id, first_position, opened_at, reason) "
            "VALUES (1, ?, 1, ?, 'first start')",
            (stream_id or secrets.token_hex(16), stamp(now)),
        )
