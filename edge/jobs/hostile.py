"""A database from outside: nothing in it runs, nothing in it is believed. Its rows go into a new file with our tables.

Before any of its tables is asked, its schema must be, word for word, what our migrations make at one of their steps:
then it has no view, trigger, index or column of anybody else's. What is damaged or does not keep our constraints is
refused as a whole.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlite_utils.migrations import Migrations

from edge.jobs.copying import Schema, Sound, examine, hash_of, open_still, schema_of
from edge.jobs.errors import CopyDamaged, DatabaseRefused
from edge.store.migrations import MIGRATIONS as HALL
from sync.migrate import lay_out, steps_in
from sync.migrations import MIGRATIONS as LOG

SETS = (*LOG, *HALL)
NOT_REVIVED = frozenset({"line_markers"})
"""Tables whose rows stay behind. Markers: no line of a restored box was proven to have stopped cleanly."""
_OURS_ALREADY = frozenset({"_sqlite_migrations"})
_ROWS = 1000


def copy_checked(hostile: Path, target: Path) -> Sound:
    """Copy the rows of a foreign database into a file that is not there yet, and check all of it; synced.

    Raises DatabaseRefused; sqlite3.Error and OSError are then of the target's disk.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(target, isolation_level=None)) as conn:
        # Thrown away if we die; synced as a whole at the end.
        conn.execute("PRAGMA journal_mode=OFF")
        conn.execute("PRAGMA synchronous=OFF")
        conn.execute("PRAGMA foreign_keys=0")
        try:
            source = open_still(hostile)
        except sqlite3.Error as error:
            raise DatabaseRefused(f"It does not open: {error}.") from None
        with closing(source):
            schema = _asked(source)
            lay_out(conn, SETS, _steps_of(schema))
            _copy_rows(source, conn, schema)
    with target.open("rb") as done:
        os.fsync(done.fileno())
    with closing(open_still(target)) as conn:
        try:
            sound = examine(conn)
        except CopyDamaged as error:
            raise DatabaseRefused(str(error)) from error
        if sound.schema_sha256 != hash_of(schema) or conn.execute("PRAGMA foreign_key_check").fetchone():
            raise DatabaseRefused("Its rows do not belong together.")
        return sound


def _asked(source: sqlite3.Connection) -> Schema:
    try:
        return schema_of(source)
    except (sqlite3.Error, UnicodeError) as error:
        raise DatabaseRefused(f"It is no database we can read: {error}.") from None


def _steps_of(schema: Schema) -> Sequence[int]:
    """How many steps of each set of migrations make this schema. The newest are tried first."""
    for log, hall in itertools.product(_prefixes(LOG), _prefixes(HALL)):
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as conn:
            lay_out(conn, SETS, (*log, *hall))
            if schema_of(conn) == schema:
                return (*log, *hall)
    raise DatabaseRefused("It has other tables, triggers or views than any version up to this one makes.")


def _prefixes(sets: Sequence[Migrations]) -> list[tuple[int, ...]]:
    """All that a version may have had of these sets, which came one after the other; the newest first."""
    counts = [steps_in(each) for each in sets]
    return [
        tuple(max(0, min(count, total - sum(counts[:place]))) for place, count in enumerate(counts))
        for total in range(sum(counts), 0, -1)
    ]


def _copy_rows(source: sqlite3.Connection, target: sqlite3.Connection, schema: Schema) -> None:
    # Our own guards are put aside while rows come in, and back afterwards; what they guard is what no row ever loses.
    guards = [(name, sql) for kind, name, _, sql in schema if kind == "trigger" and sql is not None]
    tables = [name for kind, name, _, _ in schema if kind == "table"]
    target.execute("BEGIN")
    for name, _ in guards:
        target.execute(f'DROP TRIGGER "{name}"')
    try:
        for table in tables:
            if table not in _OURS_ALREADY:
                target.execute(f'DELETE FROM "{table}"')
                if table not in NOT_REVIVED:
                    _copy_table(source, target, table)
        for _, sql in guards:
            target.execute(sql)
        target.execute("COMMIT")
    except _Unreadable as error:
        raise DatabaseRefused(f"It cannot be read to its end: {error}.") from None
    except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
        raise DatabaseRefused(f"A row does not keep our rules: {error}.") from None


def _copy_table(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> None:
    # Names of the target, which our migrations made; the source has the same, or we would not be here.
    columns = [row[1] for row in target.execute(f'PRAGMA table_info("{table}")')]
    listed, marks = ", ".join(f'"{column}"' for column in columns), ", ".join("?" * len(columns))
    insert = f'INSERT INTO "{table}" ({listed}) VALUES ({marks})'
    try:
        rows = source.execute(f'SELECT {listed} FROM "{table}"')
    except (sqlite3.Error, UnicodeError) as error:
        raise _Unreadable(str(error)) from error
    while some := _some(rows):
        target.executemany(insert, some)


def _some(rows: sqlite3.Cursor) -> list[tuple[object, ...]]:
    try:
        return rows.fetchmany(_ROWS)
    except (sqlite3.Error, UnicodeError) as error:
        raise _Unreadable(str(error)) from error


class _Unreadable(Exception):
    """The source, not the target, failed."""
