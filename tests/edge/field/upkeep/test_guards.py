"""The ground under an acknowledgement is taken away while the field runs: it stops, and says why when it is back."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from pathlib import Path

import pytest

from edge.board import Board
from edge.field.laststop import Failure, forget_failure, note_failure, read_failure
from edge.field.upkeep.guards import Guards
from sync.db import Database
from tests.edge.field.books import Books
from tests.edge.field.guarded_books import marker, real_field, until

READY = "field is ready"


def events(database: Path, kind: str) -> list[str]:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as conn:
        return [body.decode() for (body,) in conn.execute("SELECT body FROM log") if kind.encode() in body]


def test_st_9_a_database_deleted_under_the_field_stops_it_and_its_ghost_is_not_written_to(tmp_path: Path) -> None:
    with real_field(tmp_path) as field:
        field.waits_for(READY)
        # A hard link keeps the ghost where its bytes can be looked at.
        for name in ("hall.db", "hall.db-wal"):
            os.link(field.state / name, tmp_path / f"ghost-of-{name}")
        (field.state / "hall.db").unlink()
        until(lambda: (field.state / "storage-failed").exists(), 10)
        ghost = {path: hashlib.sha256(path.read_bytes()).digest() for path in tmp_path.glob("ghost-of-*")}
        assert field.ends() == 74
        assert {path: hashlib.sha256(path.read_bytes()).digest() for path in ghost} == ghost
    assert marker(field.state)["slug"] == "database-replaced"
    assert not (field.state / "hall.db").exists(), "nothing was made in its place"


def test_st_9_a_database_replaced_by_a_copy_is_not_taken_for_the_books(tmp_path: Path) -> None:
    with real_field(tmp_path) as field:
        field.waits_for(READY)
        copy = tmp_path / "copy"
        copy.write_bytes((field.state / "hall.db").read_bytes())
        copy.rename(field.state / "hall.db")
        assert field.ends(10) == 74
    assert marker(field.state)["slug"] == "database-replaced"


def test_st_12_a_foreign_writer_is_noticed_in_a_sleeping_hall_and_told_by_the_next_life(tmp_path: Path) -> None:
    with real_field(tmp_path) as field:
        field.waits_for(READY)
        with contextlib.closing(sqlite3.connect(field.state / "hall.db")) as shell:
            shell.execute("CREATE TABLE IF NOT EXISTS foreigner (x)")
            shell.execute("DROP TABLE foreigner")
            shell.commit()
        assert field.ends(10) == 74
    assert marker(field.state)["slug"] == "foreign-writer"
    with real_field(tmp_path) as field:
        field.waits_for(READY)
        until(lambda: not (field.state / "storage-failed").exists(), 10)
        told = events(field.state / "hall.db", "hall.gateway.incident.v1")
    assert len(told) == 1
    assert '"slug":"foreign-writer"' in told[0]


def test_st_12_a_reader_and_its_end_are_no_foreign_writer(tmp_path: Path) -> None:
    with real_field(tmp_path) as field:
        field.waits_for(READY)
        for _ in range(3):
            events(field.state / "hall.db", "hall.gateway.started")
        with pytest.raises(AssertionError, match="still running"):
            field.ends(3)


def test_st_12_a_second_field_is_refused_while_the_first_goes_on(tmp_path: Path) -> None:
    with real_field(tmp_path) as first:
        first.waits_for(READY)
        (tmp_path / "second").mkdir()
        with real_field(tmp_path / "second", first.state) as second:
            assert second.ends(15) == 74
            assert "Another field already works on" in second.text()
        assert first.child.poll() is None


def test_the_marker_of_the_last_stop_is_read_forgotten_and_never_believed_blindly(tmp_path: Path) -> None:
    assert read_failure(tmp_path) is None
    failure = Failure("foreign-writer", "Another program wrote.", "2026-11-23T00:11:07.320Z")
    assert note_failure(tmp_path, failure)
    assert read_failure(tmp_path) == failure
    (tmp_path / "storage-failed").write_bytes(b"\xff\xfe")
    damaged = read_failure(tmp_path)
    assert damaged is not None
    assert damaged.slug == "storage-fatal"
    forget_failure(tmp_path)
    assert read_failure(tmp_path) is None
    assert not note_failure(tmp_path / "nowhere", failure)


async def test_st_11_a_reader_that_holds_the_log_back_is_told_once_and_shown_on_the_board(books: Books) -> None:
    board, told = Board(), []
    guards = Guards(
        books.path, writer=books.writer, record=told.extend, board=board, clock=books.clock, subject="gateway/hg-07",
        wal_limit=1 << 20,
    )  # fmt: skip
    holding = Database(books.path).open_reader()
    holding.execute("BEGIN")
    holding.execute("SELECT count(*) FROM log").fetchone()
    await books.journal.write(lambda tx: tx.execute("CREATE TABLE big (x BLOB)"))
    for _ in range(8):
        await books.journal.write(lambda tx: tx.execute("INSERT INTO big VALUES (zeroblob(300000))"))
        guards.look()
    (fact,) = told
    assert fact.kind == "hall.gateway.incident.v1"
    assert (fact.data["code"], fact.data["slug"]) == ("HE3029", "wal-large")
    assert board.gateway.wal_bytes > 1 << 20
    holding.close()
    guards.close()
    assert books.writer.fatal is None, "an alarm, not a stop"
