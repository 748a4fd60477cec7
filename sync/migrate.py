"""Brings the file to the tables of this version: the log's own first, then those the house registers.

Its own short process or the first step of a start, always before the writer is opened and under the field's lock.
Nothing due, nothing written. The only user of sqlite-utils.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlite_utils
from sqlite_utils.migrations import Migrations

from sync.db import Reader, open_writing
from sync.envelope import stamp
from sync.errors import StorageFatal, StorageFull
from sync.migrations import MIGRATIONS


@dataclass(frozen=True, slots=True)
class Expected:
    """What all steps make: definitions by ``type name``, and the steps as (set, name)."""

    schema: Mapping[str, str]
    steps: frozenset[tuple[str, str]]


def roll_back(path: Path) -> bool:
    """Undo what a rollback journal beside the file says; True: there was one. Raises sqlite3.Error.

    Only a first start that was killed before its switch to WAL leaves one, and a connection that may not write refuses it.
    """
    if not path.with_name(f"{path.name}-journal").exists():
        return False
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA trusted_schema = 0")
        conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return True


def expected(extra: Sequence[Migrations] = ()) -> Expected:
    """Found out by making it, in memory."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as conn:
        db = sqlite_utils.Database(conn)
        for each in (*MIGRATIONS, *extra):
            each.apply(db)
        return Expected(schema_of(conn), applied_steps(conn))


def schema_of(conn: Reader) -> dict[str, str]:
    """The definitions in a file by ``type name``, without SQLite's own tables and the list of steps."""
    rows = conn.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return {f"{kind} {name}": sql for kind, name, sql in rows if not name.startswith(("sqlite_", "_sqlite_migrations"))}


def applied_steps(conn: Reader) -> frozenset[tuple[str, str]]:
    """The steps that were applied to this file, as (set, name)."""
    if conn.execute("SELECT 1 FROM sqlite_schema WHERE name = '_sqlite_migrations'").fetchone() is None:
        return frozenset()
    return frozenset(conn.execute("SELECT migration_set, name FROM _sqlite_migrations").fetchall())


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


def lay_out(conn: sqlite3.Connection, sets: Sequence[Migrations], steps: Sequence[int]) -> None:
    """Give an empty database the tables as they were after so many steps of each set; no epoch, no rows of anybody.

    For whoever must compare a foreign file with what we once made. ``conn`` in autocommit. Raises sqlite3.Error.
    """
    db = sqlite_utils.Database(conn)
    for each, count in zip(sets, steps, strict=True):
        if count:
            each.apply(db, stop_before=[step.name for step in each.pending(db)[count:]])


def steps_in(each: Migrations) -> int:
    """How many steps a set of migrations has."""
    with closing(sqlite3.connect(":memory:")) as conn:
        return len(each.pending(sqlite_utils.Database(conn)))


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
