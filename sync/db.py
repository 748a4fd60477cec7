"""The one SQLite file: how it is opened, what is read back, and what a transaction is.

Only ``sync.writer`` makes a Transaction, so whoever cannot import it cannot write. Readers get connections that can
neither write nor checkpoint. No SQL of any table stands here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sync.errors import PragmaRefused
from sync.log import LogEnd

WAL_PAGES = 4000
"Pages in the WAL before the writer checkpoints: 16 MB. Smaller wears the disk more, larger makes recovery slower."
WAL_LIMIT = 64 * 1024 * 1024
"Bytes to which the WAL file is cut after a checkpoint."
PAGES_MAX = 1 << 30
"Pages of 4 KiB; a quota may lower it."


class Reader(Protocol):
    """Whoever can ask: ``sqlite3.Connection`` as well as a Transaction."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run one statement."""


class Transaction(Protocol):
    """The transaction in which a fact is written; given to the work by the writer, and only valid within it."""

    @property
    def now(self) -> datetime:
        """UTC, start of the transaction; the ``recordedat`` of its events."""

    @property
    def log(self) -> LogEnd:
        """Where the next record goes. Only ``sync.outbox`` uses it."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run one statement."""

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """Run one statement for each set of parameters."""


class Database:
    """The file, for those who read it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open_reader(self, *, any_thread: bool = False) -> sqlite3.Connection:
        """A connection that can only read, in autocommit: each statement is its own short snapshot.

        For a snapshot over several statements, ``BEGIN`` and ``COMMIT`` around them, and be done within a second: a
        reader holds the WAL back. Raises sqlite3.OperationalError if the file is not there.
        """
        conn = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=not any_thread,
            cached_statements=64,
        )
        try:
            _set(conn, {"query_only": 1, "wal_autocheckpoint": 0, "busy_timeout": 1000, "mmap_size": 0})
            _set(conn, {"trusted_schema": 0, "cell_size_check": 1})
        except BaseException:
            conn.close()
            raise
        return conn


def open_writing(path: Path, *, pages_max: int = PAGES_MAX, any_thread: bool = False) -> sqlite3.Connection:
    """The connection that writes and checkpoints. Only ``sync.writer`` and ``sync.migrate`` may call this.

    ``any_thread``: it is opened in one thread and used in another, never in both. Every setting on which durability
    rests is read back. Raises PragmaRefused, sqlite3.Error.
    """
    conn = sqlite3.connect(
        path, isolation_level=None, check_same_thread=not any_thread, cached_statements=256, timeout=0
    )
    try:
        _set(
            conn,
            {
                "journal_mode": "wal",
                "synchronous": 2,  # FULL; with NORMAL a power cut loses what was acknowledged
                "wal_autocheckpoint": WAL_PAGES,
                "journal_size_limit": WAL_LIMIT,
                "mmap_size": 0,  # under mmap a bad sector is SIGBUS, not an error
                "trusted_schema": 0,
                "cell_size_check": 1,
                "foreign_keys": 1,
                "recursive_triggers": 1,  # or INSERT OR REPLACE would slip past the guards against deleting
                "busy_timeout": 1000,
                "max_page_count": pages_max,
            },
        )
    except BaseException:
        conn.close()
        raise
    return conn


def _set(conn: sqlite3.Connection, pragmas: Mapping[str, int | str]) -> None:
    for name, value in pragmas.items():
        conn.execute(f"PRAGMA {name}={value}")
        row = conn.execute(f"PRAGMA {name}").fetchone()
        # A build without mmap answers nothing at all, which is what we ask for.
        if row is None and name == "mmap_size":
            continue
        if row is None or row[0] != value:
            got = None if row is None else row[0]
            raise PragmaRefused(f"SQLite keeps {name} at {got}, not {value}.", pragma=name, wanted=value, got=got)
