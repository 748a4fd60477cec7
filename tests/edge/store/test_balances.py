"""Where a machine's identities stand survives in its table as it was written, however large an amount."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction

import pytest

from edge.rules.balance import Base
from edge.store import balances as table
from edge.store.balances import Balance, balances, begin_anew, growth_between, keep_balance, standing
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


def snapshots_of(conn: sqlite3.Connection, deltas: list[tuple[int | None, str]]) -> None:
    """Snapshots 1, 2, ... of machine 17 with one reading of coin in each."""
    conn.execute(
        "INSERT INTO meter_series (series, asset, generation, game, denomination, code) VALUES (1, 17, 1, 0, -1, 0)"
    )
    for number, (delta, verdict) in enumerate(deltas, 1):
        conn.execute(
            "INSERT INTO meter_snapshots (snapshot, asset, generation, read_at, reason, coherent) "
            "VALUES (?, 17, 1, 'x', 'interval', 1)",
            (number,),
        )
        conn.execute("INSERT INTO meter_readings VALUES (?, 1, 0, 9, ?, ?)", (number, delta, verdict))


def test_growth_between_two_snapshots_leaves_both_out_and_is_exact_beyond_63_bits(conn):
    snapshots_of(conn, [(7, "delta"), *[(999_999_999_999_999_999, "delta")] * 20, (None, "corrupt_read"), (9, "delta")])
    growth = {(0, 0x00): 20 * 999_999_999_999_999_999}
    assert growth_between(conn, 17, 1, 1, 23) == growth
    assert growth_between(conn, 17, 1, 22, 23) == {}


def test_nothing_is_counted_across_a_reading_for_review(conn):
    snapshots_of(conn, [(7, "delta"), (None, "ambiguous"), (5, "delta"), (9, "delta")])
    assert growth_between(conn, 17, 1, 1, 4) == {(0, 0x00): None}
    assert growth_between(conn, 17, 1, 2, 4) == {(0, 0x00): 5}


def test_a_range_beyond_reach_is_not_looked_through(conn, monkeypatch):
    snapshots_of(conn, [(1, "delta")] * 8)
    monkeypatch.setattr(table, "REACH", 6)
    assert growth_between(conn, 17, 1, 1, 8) == {(0, 0x00): 6}
    monkeypatch.setattr(table, "REACH", 5)
    assert growth_between(conn, 17, 1, 1, 8) is None


def test_what_one_denomination_counts_is_beside_the_total_and_not_in_it(conn):
    snapshots_of(conn, [(7, "delta"), (9, "delta"), (1, "delta")])
    conn.execute(
        "INSERT INTO meter_series (series, asset, generation, game, denomination, code) VALUES (2, 17, 1, 0, 5, 0)"
    )
    conn.execute("INSERT INTO meter_readings VALUES (2, 2, 0, 9, 4, 'delta')")
    assert growth_between(conn, 17, 1, 1, 3) == {(0, 0x00): 9, (0, 0x00, 5): 4}


def test_a_rule_whose_terms_changed_keeps_what_was_told_of_it_and_loses_where_it_began(conn):
    games = Balance(17, "games", 0x00, Base(1, None, 4, 4), 3, 3)
    keep_balance(conn, games)
    keep_balance(conn, Balance(17, "denominations", 0x00, Base(1, Fraction(5), 7, 4), 3, 3))
    begin_anew(conn, 17, "denominations")
    assert balances(conn, 17) == [Balance(17, "denominations", 0x00, None, 3, 3), games]
