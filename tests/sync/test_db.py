"""One file, one who writes; readers cannot, and every setting that durability rests on is read back."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from sqlite_utils import Database as Tools
from sqlite_utils.migrations import Migrations

from sync import db, outbox
from sync.db import Database, open_writing
from sync.errors import PragmaRefused
from sync.migrate import migrate
from tests.sync.stage import NIGHT, STREAM, Hall


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO consumers VALUES ('x', 0, 0, '', 0, zeroblob(32), '')",
        "DELETE FROM live_lane",
        "CREATE TABLE mine (a)",
        "PRAGMA user_version = 7",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA journal_mode = DELETE",
    ],
)
def test_a_reader_cannot_write_checkpoint_or_change_the_file(hall: Hall, sql: str) -> None:
    hall.happen(3)
    wal = hall.path.with_name("hall.db-wal")
    before = hall.path.read_bytes(), wal.read_bytes()
    reader = hall.reader()
    with contextlib.suppress(sqlite3.OperationalError):
        reader.execute(sql)
    with contextlib.suppress(sqlite3.OperationalError):
        reader.execute("PRAGMA query_only = 0")
        reader.execute(sql)
    assert (hall.path.read_bytes(), wal.read_bytes()) == before
    assert outbox.head(reader).position == 3
    assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_reader_of_a_missing_file_makes_none(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        Database(tmp_path / "none.db").open_reader()
    assert list(tmp_path.iterdir()) == []


def test_the_settings_are_what_durability_needs(store: Path) -> None:
    conn = open_writing(store)
    for pragma, value in {
        "journal_mode": "wal", "synchronous": 2, "wal_autocheckpoint": 4000, "foreign_keys": 1, "trusted_schema": 0,
        "cell_size_check": 1, "mmap_size": 0, "recursive_triggers": 1,
    }.items():  # fmt: skip
        assert conn.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    conn.close()


def test_a_setting_that_did_not_take_keeps_the_store_closed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # A file in memory has no WAL: SQLite says "memory" where we asked for "wal".
    with pytest.raises(PragmaRefused, match="journal_mode"):
        open_writing(Path(":memory:"))
    monkeypatch.setattr(db, "WAL_PAGES", 1 << 40)  # more than SQLite can hold: it silently takes another
    with pytest.raises(PragmaRefused, match="wal_autocheckpoint"):
        open_writing(tmp_path / "x.db")


def test_the_tables_are_strict(store: Path) -> None:
    conn = sqlite3.connect(store)
    tables = conn.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%sqlite%'"
    ).fetchall()
    conn.close()
    assert {name for name, sql in tables if "STRICT" not in sql} == set()
    assert {"log", "epochs", "live_lane", "consumers", "inbox"} <= {name for name, _ in tables}


def test_a_first_start_opens_an_epoch_with_a_random_name(tmp_path: Path) -> None:
    names = set()
    for box in ("a", "b"):
        path = tmp_path / f"{box}.db"
        applied = migrate(path)
        assert applied[0] == "m001_log"
        assert applied == sorted(set(applied))
        assert migrate(path) == []
        with contextlib.closing(Database(path).open_reader()) as reader:
            (epoch,) = outbox.epochs(reader)
        assert (epoch.epoch, epoch.first_position, epoch.last) == (1, 1, 0)
        assert len(bytes.fromhex(epoch.streamid)) == 16
        names.add(epoch.streamid)
    assert len(names) == 2


def test_nothing_due_writes_nothing(store: Path) -> None:
    before = store.read_bytes(), sorted(path.name for path in store.parent.iterdir())
    assert migrate(store) == []
    assert (store.read_bytes(), sorted(path.name for path in store.parent.iterdir())) == before


def test_the_house_registers_its_own_tables_and_an_old_file_is_copied_first(store: Path) -> None:
    house = Migrations("house")

    @house()
    def m001_house(tools: Tools) -> None:
        tools.execute("CREATE TABLE egms (asset INTEGER PRIMARY KEY) STRICT")

    hall = Hall(store)
    hall.happen(5)
    hall.close()
    assert migrate(store, (house,)) == ["m001_house"]
    copy = store.with_name("hall.db.before-m001_house")
    with contextlib.closing(Database(copy).open_reader()) as reader:
        assert outbox.head(reader).position == 5
    hall = Hall(store)
    assert hall.happen()[0].id == f"{STREAM}:6"
    hall.close()


def test_a_migration_that_fails_leaves_nothing_behind(store: Path) -> None:
    house = Migrations("house")

    @house()
    def m001_house(tools: Tools) -> None:
        tools.execute("CREATE TABLE egms (asset INTEGER PRIMARY KEY) STRICT")
        tools.execute("CREATE TABLE egms (asset INTEGER PRIMARY KEY) STRICT")

    with pytest.raises(sqlite3.OperationalError):
        migrate(store, (house,), now_utc=lambda: NIGHT)
    with contextlib.closing(Database(store).open_reader()) as reader:
        assert reader.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'egms'").fetchone() == (0,)
