"""A copy of the books while the field writes, and whether a copy is sound: tables, pages, chain, head.

The copy is made by SQLite's backup in one step. It reads one snapshot: the writer goes on, only the WAL cannot be cut
meanwhile. In several steps it would begin anew after every commit of the field and never end (measured: docs/restore.md).
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import orjson

from edge.jobs.errors import CopyDamaged
from sync.chain_check import verify_chain
from sync.db import Database, Reader
from sync.errors import SyncError
from sync.log import Head
from sync.places import read_end
from sync.retention import verify_kept

Schema = list[tuple[str, str, str, str | None]]


class Sound(NamedTuple):
    """What a sound database holds."""

    head: Head
    schema_sha256: str
    records: int
    "Records whose chain was checked: all that are here, in the log and kept beside it."


def copy_online(database: Path, copy: Path) -> None:
    """Copy the books into a file that is not there yet. Not synced: a copy that was not published counts for nothing.

    Raises sqlite3.Error, OSError.
    """
    with closing(Database(database).open_reader()) as source, closing(sqlite3.connect(copy)) as target:
        # The copy has no other reader and is thrown away if we die: a journal and syncs would double the time.
        target.execute("PRAGMA journal_mode=OFF")
        target.execute("PRAGMA synchronous=OFF")
        source.backup(target, pages=-1)
        target.execute("PRAGMA journal_mode=DELETE")


def open_still(path: Path) -> sqlite3.Connection:
    """A database nobody writes, and which may be hostile: read only, nothing of its schema is trusted, no WAL is looked for.

    Raises sqlite3.Error.
    """
    conn = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None, cached_statements=0
    )
    conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 16 << 20)
    conn.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for pragma in ("trusted_schema=0", "cell_size_check=1", "query_only=1", "mmap_size=0"):
        conn.execute(f"PRAGMA {pragma}")
    return conn


def schema_of(conn: Reader) -> Schema:
    """All tables, indexes, triggers and views, sorted; what SQLite makes for itself is left out."""
    rows = conn.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
    return sorted(tuple(row) for row in rows if not (row[0] == "index" and row[3] is None))


def hash_of(schema: Schema) -> str:
    """SHA-256 over a schema, in hex."""
    return hashlib.sha256(orjson.dumps(schema)).hexdigest()


def examine(conn: Reader) -> Sound:
    """Read every page and the whole chain of a database with our tables. Raises CopyDamaged."""
    try:
        damage = conn.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise CopyDamaged(f"Its pages are damaged: {str(damage)[:200]}.", damage=str(damage)[:200])
        schema = schema_of(conn)
        records = verify_chain(conn)
        # A backup of an early version keeps nothing beside its log.
        if any((kind, name) == ("table", "kept") for kind, name, _, _ in schema):
            records += verify_kept(conn)
        return Sound(read_end(conn).head, hash_of(schema), records)
    except (SyncError, sqlite3.Error) as error:
        raise CopyDamaged(f"The log in it does not hold: {error}", cause=type(error).__name__) from error
