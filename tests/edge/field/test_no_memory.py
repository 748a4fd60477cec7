"""RS-2: no memory in the writer is a full stop. In a reader of the front it is one request that fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.clock import ManualClock
from edge.field.found import ExceptionFound
from sync.db import Transaction
from sync.errors import StorageFatal
from tests.edge.field.books import NIGHT, open_books, settings_for


@pytest.mark.parametrize("beside", [0, 1], ids=["alone", "in a group that is done again one by one"])
async def test_rs_2_no_memory_in_the_writer_stops_it_and_nothing_is_called_durable(tmp_path: Path, beside: int) -> None:
    fatal: list[BaseException] = []
    told: list[object] = []

    def starve(_tx: Transaction) -> None:
        raise MemoryError

    def break_a_rule(tx: Transaction) -> None:
        tx.execute("INSERT INTO log_release (only_row, through) VALUES (2, 0)")

    async with open_books(settings_for(tmp_path), clock=ManualClock(NIGHT), on_fatal=fatal.append) as books:
        books.hold()
        for _ in range(beside):
            books.writer.submit(break_a_rule, lambda result, error: told.append((result, error)))
        books.writer.submit(starve, lambda result, error: told.append((result, error)))
        books.journal.record([ExceptionFound(17, 0x11, NIGHT, False)], lambda w, e: told.append((w, e)))
        books.let_go()
        for _ in range(500):
            if fatal:
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert isinstance(fatal[0], StorageFatal)
        assert isinstance(fatal[0].__cause__, MemoryError)
        assert told == [], "nobody is answered, so no line acknowledges"
        assert not books.incidents.exists(), "and it is not set aside as a fact that does not fit"
        with pytest.raises(StorageFatal):
            await books.journal.write(lambda tx: tx.execute("SELECT 1"))
        assert books.kinds() == [], "what a stranger reads is what was on disk before"
