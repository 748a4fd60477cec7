"""Before the first frame: one field per state directory, tables of this version, and was the last stop clean.

What is checked here is what must hold before anything may be acknowledged. The longer checks (chain, anchor, clone)
have their place between ``open_books`` and the first line.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path

from edge import exit_codes
from edge.config.model import Settings
from edge.store.migrations import MIGRATIONS
from sync.errors import StoreError
from sync.migrate import migrate as migrate_database

DATABASE = "hall.db"
LOCK = "field.lock"


class SecondField(Exception):
    """Another field holds this state directory."""

    slug = "second-field"

    def __init__(self, directory: Path) -> None:
        super().__init__(f"Another field already works on {directory}. Two would acknowledge each other's answers.")
        self.directory = directory


@dataclass(slots=True)
class Books:
    """The opened state directory. Keep it: closing the descriptor gives the lock away."""

    directory: Path
    lock_fd: int

    @property
    def database(self) -> Path:
        return self.directory / DATABASE

    @property
    def incidents(self) -> Path:
        return self.directory / "incidents"


def open_books(settings: Settings) -> Books:
    """Take the lock, bring the tables up to date. Raises SecondField, StoreError, OSError."""
    directory = Path(settings.store.directory)
    directory.mkdir(parents=True, exist_ok=True)
    lock_fd = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock_fd)
        raise SecondField(directory) from None
    database = directory / DATABASE
    _forget_cached_pages(database)
    migrate_database(database, MIGRATIONS)
    return Books(directory, lock_fd)


def _forget_cached_pages(database: Path) -> None:
    # After a failed write the kernel may show a page as clean that the disk does not have: read the disk, not the memory.
    for path in (database, database.with_name(database.name + "-wal")):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)


def migrate(settings: Settings) -> int:
    """``hall-edge migrate``: exit code 0, or 74 with a sentence."""
    try:
        books = open_books(settings)
    except (StoreError, SecondField, OSError, sqlite3.Error) as error:
        print(f"hall-edge migrate: {error}", file=sys.stderr)
        return exit_codes.STORAGE
    os.close(books.lock_fd)
    return 0
