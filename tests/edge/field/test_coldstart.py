"""Before the first frame: one field per directory, and a migration that has nothing to do writes nothing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import exit_codes
from edge.field.coldstart import SecondField, migrate, open_books
from tests.edge.field.books import settings_for
from tests.harness.processes import REPOSITORY

HOLD_IT = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(fd, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def another_process_holds(lock: Path) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_IT, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            other.communicate(b"")


def digest(directory: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.iterdir())
        if path.is_file() and not path.name.endswith("-shm")
    }


def test_a_second_field_on_the_same_books_is_refused(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    state = tmp_path / "state"
    state.mkdir()
    with another_process_holds(state / "field.lock"):
        with pytest.raises(SecondField, match="acknowledge each other") as refused:
            open_books(settings)
        assert refused.value.directory == state
        assert not (state / "hall.db").exists(), "it may not even look at the books"
        assert migrate(settings) == exit_codes.STORAGE
    books = open_books(settings)  # the other is gone, and the lock with it
    os.close(books.lock_fd)


TRY_IT = """
import sys
from pathlib import Path
from edge.field.coldstart import SecondField, open_books
from tests.edge.field.books import settings_for
try:
    open_books(settings_for(Path(sys.argv[1])))
except SecondField as second:
    print(second.slug)
"""


def test_the_lock_a_field_takes_keeps_every_other_process_out(tmp_path: Path) -> None:
    books = open_books(settings_for(tmp_path))
    tried = subprocess.run(
        [sys.executable, "-c", TRY_IT, str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert tried.stdout == "second-field\n", tried.stderr
    os.close(books.lock_fd)


def test_the_lock_dies_with_its_holder_and_not_with_its_file(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    books = open_books(settings)
    os.close(books.lock_fd)
    assert (tmp_path / "state" / "field.lock").exists()
    again = open_books(settings)
    os.close(again.lock_fd)


def test_the_first_migration_makes_the_tables_and_the_second_writes_nothing_new(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    assert migrate(settings) == 0
    state = tmp_path / "state"
    first = digest(state)
    with contextlib.closing(sqlite3.connect(state / "hall.db")) as conn:
        tables = {name for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        stream = conn.execute("SELECT stream_id FROM epochs").fetchall()
    assert tables >= {"log", "epochs", "inbox", "egms", "meter_last", "last_exceptions", "line_markers"}

    assert migrate(settings) == 0
    assert digest(state) == first
    with contextlib.closing(sqlite3.connect(state / "hall.db")) as conn:
        assert conn.execute("SELECT stream_id FROM epochs").fetchall() == stream


def test_a_file_that_is_no_database_is_a_storage_error_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "hall.db").write_bytes(b"not a database, " * 400)
    assert migrate(settings) == exit_codes.STORAGE
    assert "hall-edge migrate: " in capsys.readouterr().err


KILL_IT = """
import os, sqlite3, sys
conn = sqlite3.connect(sys.argv[1], isolation_level=None)
conn.execute("PRAGMA wal_autocheckpoint=0")
conn.execute("INSERT INTO line_markers VALUES ('A', '2026-11-24T03:00:00.000Z')")
conn.execute("BEGIN IMMEDIATE")
conn.execute("INSERT INTO line_markers VALUES ('B', '2026-11-24T03:00:00.000Z')")
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("shm", ["as left", "noise", "empty", "deleted"])
def test_whatever_a_killed_field_leaves_in_shared_memory_the_next_start_reads_what_was_committed(
    tmp_path: Path, shm: str
) -> None:
    settings = settings_for(tmp_path)
    assert migrate(settings) == 0
    database = tmp_path / "state" / "hall.db"
    subprocess.run([sys.executable, "-c", KILL_IT, str(database)], check=False)
    index = database.with_name("hall.db-shm")
    octets = index.read_bytes()
    if shm == "deleted":
        index.unlink()
    elif shm != "as left":
        index.write_bytes(b"" if shm == "empty" else random.Random(7).randbytes(len(octets)))
    books = open_books(settings)
    os.close(books.lock_fd)
    assert books.verdict.safe is None
    with contextlib.closing(sqlite3.connect(database)) as conn:
        assert conn.execute("SELECT line FROM line_markers").fetchall() == [("A",)]
