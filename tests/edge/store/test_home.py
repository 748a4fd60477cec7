"""The home of the books: the file itself, not only the number of its inode, which the next file may get."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from edge.store.home import Home, home_of, read_home
from sync.db import Database
from tests.support.keptbooks import events_of, run_once, settings_at


def made_anew_with_the_same_inode(path: Path) -> bool:
    """Delete and copy back until the file system gives the new file the old number."""
    before, aside = path.stat().st_ino, path.with_name("aside")
    shutil.copyfile(path, aside)
    for _ in range(20):
        path.unlink()
        shutil.copyfile(aside, path)
        if path.stat().st_ino == before:
            return True
    return False


@pytest.fixture
def state(tmp_path: Path) -> Path:
    run_once(settings_at(tmp_path), 3)
    database = tmp_path / "state" / "hall.db"
    if home_of(database).generation is None:
        pytest.skip("the file system of the tests tells no generation of an inode (FS_IOC_GETVERSION); ext4 does")
    return database.parent


def openings(state: Path) -> list[object]:
    return [event["data"]["reason"] for event in events_of(state, "gateway.epoch.opened")]


def noted(state: Path) -> Home:
    with contextlib.closing(Database(state / "hall.db").open_reader()) as reader:
        found = read_home(reader)
    assert found is not None
    return found.home


def test_id_1_a_copy_that_got_the_inode_of_the_deleted_file_is_another_file(state: Path) -> None:
    before = home_of(state / "hall.db")
    if not made_anew_with_the_same_inode(state / "hall.db"):
        pytest.skip("the file system gave the copy no number that was used before; ext4 does")
    assert before.changed_to(home_of(state / "hall.db")) == ["generation"]
    run_once(settings_at(state.parent), 2)
    assert openings(state) == ["moved"]
    run_once(settings_at(state.parent), 2)
    assert openings(state) == ["moved"], "it is at home now"


def test_books_that_noted_no_generation_are_not_moved_and_note_it(state: Path) -> None:
    with contextlib.closing(sqlite3.connect(state / "hall.db", isolation_level=None)) as conn:
        conn.execute("UPDATE home SET generation = NULL")
    assert noted(state).generation is None
    run_once(settings_at(state.parent), 2)
    assert openings(state) == []
    assert noted(state) == home_of(state / "hall.db")
    assert noted(state).generation is not None


def test_what_is_not_known_is_no_difference() -> None:
    known, unknown = Home("box", "fs", 7, 11), Home("box", "fs", 7)
    assert known.changed_to(unknown) == unknown.changed_to(known) == known.changed_to(known) == []
    assert known.changed_to(Home("box", "fs", 7, 12)) == ["generation"]
    assert unknown.changed_to(Home("other", "fs", 8, 12)) == ["machine_id", "inode"]
