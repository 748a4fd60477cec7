"""Connections to the books: none while the field is away, and none that goes on reading when it goes."""

import sqlite3
import threading
from pathlib import Path

import pytest

from edge.front.readers import Readers
from edge.seam.errors import FieldAway

LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i < 0"
"A question that never ends by itself."


@pytest.fixture
def readers(tmp_path: Path) -> Readers:
    return Readers(lambda: sqlite3.connect(tmp_path / "hall.db"))


def test_a_thread_gets_no_connection_while_the_field_is_away(readers: Readers) -> None:
    with pytest.raises(FieldAway), readers.own():
        pass


def test_a_long_question_in_a_thread_ends_when_the_field_goes(readers: Readers) -> None:
    readers.opened()
    asking, ended = threading.Event(), []

    def ask() -> None:
        try:
            with readers.own() as conn:
                conn.create_function("begun", 0, lambda: asking.set() or 1)
                conn.execute(LONG.replace("SELECT 1 UNION", "SELECT begun() UNION")).fetchall()
        except FieldAway as error:
            ended.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert asking.wait(10)
    readers.closed()
    thread.join(10)
    assert not thread.is_alive()
    assert len(ended) == 1


def test_what_is_wrong_with_a_question_is_not_blamed_on_the_field(readers: Readers) -> None:
    readers.opened()
    with pytest.raises(sqlite3.OperationalError, match="no such table"), readers.own() as conn:
        conn.execute("SELECT * FROM missing")


def test_st_11_what_a_thread_asks_ends_when_the_log_grows_behind_it_and_may_be_asked_again(readers: Readers) -> None:
    readers.opened()
    asking, ended = threading.Event(), []

    def ask() -> None:
        try:
            with readers.own() as conn:
                conn.create_function("begun", 0, lambda: asking.set() or 1)
                conn.execute(LONG.replace("SELECT 1 UNION", "SELECT begun() UNION")).fetchall()
        except FieldAway as error:
            ended.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    assert asking.wait(10)
    readers.hurry()
    thread.join(10)
    assert not thread.is_alive()
    assert ended == ["The books could not be held open so long; ask again, or for less"]
    with readers.own() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
