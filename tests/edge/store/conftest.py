"""A transaction over a real database in memory, with a time the test sets."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from edge.store.devices import Seed, seed_egms
from edge.store.migrations import create


class HandTx:
    """What the tables see of the writer's transaction."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self.conn = conn
        self.now = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
        self.execute = conn.execute
        self.executemany = conn.executemany

    def later(self, seconds: int) -> datetime:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def tx() -> Iterator[HandTx]:
    conn = sqlite3.connect(":memory:", isolation_level=None)
    conn.execute("PRAGMA foreign_keys=ON")
    create(conn)
    yield HandTx(conn)
    conn.close()


@pytest.fixture
def hall(tx: HandTx) -> HandTx:
    """Machines 17 and 18 on line A."""
    assert seed_egms(tx, [Seed(17, "A", 1, "17", "Left"), Seed(18, "A", 2)]) == []
    return tx
