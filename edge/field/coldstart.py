"""Before the first frame: one field per state directory, sound books in the tables of this version, and do they go on?

What is checked here must hold before anything may be acknowledged. Nothing reads the whole log: the start of a hall with
years of records takes no longer. Whatever is found becomes a verdict; what follows from it is decided by who asked.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge import exit_codes
from edge.config.model import Settings
from edge.field import soundness
from edge.field.comparing import Evidence, compare
from edge.field.restored import with_marker
from edge.field.verdicts import CLEAN, Finding, Verdict
from edge.store.anchor import Mark, newest
from edge.store.checkpoints import write_durably
from edge.store.home import Home, home_of, read_home
from edge.store.migrations import MIGRATIONS
from sync import outbox
from sync.db import Database, Reader
from sync.errors import ChainBroken, StoreError
from sync.migrate import Expected, expected, roll_back
from sync.migrate import migrate as migrate_database
from sync.places import chain_at

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
    verdict: Verdict = CLEAN
    "``safe`` set: nothing was migrated or changed, and nothing may be."
    anchor: Path | None = None
    "File that remembers the head; None: there is none."
    mark: Mark | None = None
    "Its newest line at this start."
    home: Home | None = None
    "Where the database is now; None in safe mode."
    made_now: bool = False
    "The database was made in this start: no record can have been lost."

    @property
    def database(self) -> Path:
        return self.directory / DATABASE

    @property
    def incidents(self) -> Path:
        return self.directory / "incidents"


def open_books(settings: Settings) -> Books:
    """Take the lock, look whether the books are sound, bring the tables up to date, compare with anchor and home.

    Raises SecondField, StoreError (no room for a migration), OSError, sqlite3.Error that say nothing of the books.
    """
    directory = Path(settings.store.directory)
    directory.mkdir(parents=True, exist_ok=True)
    books = Books(directory, _locked(directory), anchor=anchor_path(settings))
    try:
        _look(books)
    except (sqlite3.Error, OSError, ChainBroken) as error:
        finding = soundness.of_error(error, directory)
        if finding is None:
            os.close(books.lock_fd)
            raise
        books.verdict = Verdict(finding, None, ())
    except BaseException:  # Whatever it was: who has no books must not keep their lock.
        os.close(books.lock_fd)
        raise
    return books


def anchor_path(settings: Settings) -> Path | None:
    """As configured, else in the directory for logs that systemd has made for us, else none."""
    if settings.store.anchor is not None:
        return Path(settings.store.anchor)
    logs = os.environ.get("LOGS_DIRECTORY", "").split(":")[0]
    return Path(logs) / "anchor" if logs else None


def _locked(directory: Path) -> int:
    try:
        lock_fd = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        # A lock needs no right to write; that nothing can be written is a finding, told in safe mode.
        lock_fd = os.open(directory / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock_fd)
        raise SecondField(directory) from None
    return lock_fd


def _look(books: Books) -> None:
    database = books.database
    finding = soundness.read_only(books.directory) or soundness.missing(database, books.anchor)
    books.made_now = not database.exists()
    wanted = expected(MIGRATIONS)
    if finding is None and not books.made_now:
        _forget_cached_pages(database)
        roll_back(database)
        finding = _before_migrating(database, wanted)
    if finding is None:
        migrate_database(database, MIGRATIONS)
        if not (books.directory / soundness.INCARNATION).exists():
            write_durably(books.directory / soundness.INCARNATION, secrets.token_hex(16) + "\n")
        finding = _after_migrating(books, wanted)
    if finding is not None:
        books.verdict = Verdict(finding, None, ())


def _before_migrating(database: Path, wanted: Expected) -> Finding | None:
    with closing(Database(database).open_reader()) as reader:
        finding = soundness.foreign(reader, wanted)
    if finding is None and soundness.check_is_due(database):
        finding = soundness.quick_check(database)
    return finding


def _after_migrating(books: Books, wanted: Expected) -> Finding | None:
    here = home_of(books.database)
    with closing(Database(books.database).open_reader()) as reader:
        finding = soundness.other_tables(reader, wanted) or soundness.broken_tail(reader)
        if finding is None:
            books.home = here
            notes = _read_anchor(books)
            verdict = compare(_evidence(reader, books))
            verdict = with_marker(books.directory, verdict)
            books.verdict = verdict._replace(notes=(*verdict.notes, *notes))
    return finding


def _read_anchor(books: Books) -> list[Finding]:
    """An anchor that cannot be read costs the comparison, never the start."""
    if books.anchor is None:
        return []
    try:
        books.mark = newest(books.anchor)
    except OSError as error:
        return [Finding("anchor-failing", {"path": str(books.anchor), "error": str(error)})]
    return []


def _evidence(reader: Reader, books: Books) -> Evidence:
    epochs, noted, mark = outbox.epochs(reader), read_home(reader), books.mark
    chain = None
    here = next((epoch for epoch in epochs if mark is not None and epoch.streamid == mark.streamid), None)
    if mark is not None and here is not None and mark.sequence <= here.last:
        chain = chain_at(reader, mark.streamid, mark.sequence, here.first_position + mark.sequence - 1)
    return Evidence(
        epochs,
        mark,
        None if chain is None else chain.hex(),
        None if noted is None else noted.settled,
        None if noted is None else noted.home,
        books.home,
    )


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
    if books.verdict.safe is not None:
        slug, facts = books.verdict.safe
        print(f"hall-edge migrate: {slug}: {dict(facts)}", file=sys.stderr)
        return exit_codes.STORAGE
    return 0
