"""Where a machine's identities stand survives in its table as it was written, however large an amount."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction

import pytest

from edge.rules.balance import Base
from edge.store.balances import Balance, balances, keep_balance, standing
from edge.store.migrations import create


@pytest.fixture
def conn() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as conn:
        create(conn)
        for asset, games in ((17, 3), (18, None)):
            conn.execute(
                "INSERT INTO egms (asset, line, address, games, registered_at) VALUES (?, 'A', ?, ?, 'x')",
                (asset, asset, games),
            )
        yield conn


def test_a_balance_is_read_as_it_was_kept_and_the_newest_word_stands(conn):
    never = Balance(17, "credits", 0x0C, None, unjudged="unsupported")
    huge = Balance(17, "bills", 0x0B, Base(2, Fraction(1, 2), 7, 9), -(10**25), 10**25, None, None, None)
    for balance in (never, huge, Balance(18, "games", 0x00, Base(1, None, 0, 4), 3, 3)):
        keep_balance(conn, balance)
    now = Balance(17, "credits", 0x0C, Base(1, Fraction(5), 99_999_999, 4), 12, 12, unjudged="doubtful")
    keep_balance(conn, now)
    assert balances(conn, 17) == [huge, now]
    assert [one.asset for one in balances(conn)] == [17, 17, 18]


def test_a_machine_that_does_not_tell_its_games_has_one(conn):
    assert standing(conn, 17).games == 3
    assert standing(conn, 18) == ({}, 1)
