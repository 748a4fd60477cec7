"""Nothing is called durable before it is on disk, one bad fact spoils no other, and a failing disk ends everything."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync import outbox
from sync.chain_check import verify_chain
from sync.db import Transaction
from sync.errors import ChainBroken, ConstraintBroken, NotMigrated, StorageFatal, StorageFull, WriterClosed
from sync.writer import Writer
from tests.sync.stage import NIGHT, Hall, door_opened


def broken(tx: Transaction) -> None:
    """A fact the tables refuse, after it has already written to them and to the log."""
    outbox.append(tx, door_opened(bad=True))
    outbox.ensure_consumers(tx, {"half": True})
    tx.execute("INSERT INTO epochs VALUES (1, 'short', 1, '', '')")


def fill(hall: Hall) -> None:
    for _ in range(1000):
        hall.happen(1, pad="x" * 20_000)


class Slow:
    """Holds the writer's thread inside a piece of work, so that a group can form behind it."""

    def __init__(self, hall: Hall) -> None:
        self.started, self.go = threading.Event(), threading.Event()
        hall.writer.submit(self._work, lambda _r, _e: None, urgent=True)
        assert self.started.wait(5)

    def _work(self, _tx: Transaction) -> None:
        self.started.set()
        assert self.go.wait(10)


def submit_all(hall: Hall, works: list[Callable[[Transaction], Any]]) -> list[tuple[Any, Exception | None]]:
    """Submit as one group; returns what each was told, in the order of the telling."""
    told: list[tuple[Any, Exception | None]] = []
    slow = Slow(hall)
    for work in works:
        hall.writer.submit(work, lambda result, error: told.append((result, error)))
    slow.go.set()
    until = time.monotonic() + 10
    while len(told) < len(works) and time.monotonic() < until:
        time.sleep(0.001)
    return told


def test_many_facts_share_one_commit(hall: Hall) -> None:
    before = hall.writer.commits
    told = submit_all(hall, [lambda tx, nr=nr: outbox.append(tx, door_opened(nr=nr)) for nr in range(200)])  # type: ignore[misc]  # early binding
    assert [envelope.sequence for envelope, _ in told] == list(range(1, 201))
    assert hall.writer.commits - before == 2  # the slow one and the group
    assert hall.writer.head.position == 200
    assert verify_chain(hall.reader()) == 200


def test_a_group_is_cut_at_its_limit(hall: Hall) -> None:
    before = hall.writer.commits
    submit_all(hall, [lambda tx: outbox.append(tx, door_opened())] * 600)
    assert hall.writer.commits - before == 1 + 3  # 256, 256, 88


def test_a_lone_fact_waits_for_company_but_not_when_hurried(store: Path) -> None:
    hall = Hall(store, group_s=5.0)
    try:
        told = threading.Event()
        hall.writer.submit(lambda tx: outbox.append(tx, door_opened()), lambda _r, _e: told.set())
        assert not told.wait(0.05)
        assert hall.writer.waiting == 1
        hall.writer.hurry()
        assert told.wait(1.0)
        hall.writer.hurry()  # with nothing waiting it means nothing, also not for the next
        told.clear()
        hall.writer.submit(lambda tx: outbox.append(tx, door_opened()), lambda _r, _e: told.set())
        assert not told.wait(0.05)
        hall.writer.submit(lambda _tx: None, lambda _r, _e: None, urgent=True)
        assert told.wait(1.0)
    finally:
        hall.close()


def test_a_reader_sees_a_fact_before_its_owner_is_told(hall: Hall) -> None:
    reader = hall.reader()
    seen: list[int] = []
    for _ in range(50):
        told = threading.Event()

        def done(envelope: Any, _error: Exception | None, told: threading.Event = told) -> None:
            row = reader.execute("SELECT body FROM log WHERE position = ?", (envelope.sequence,)).fetchone()
            seen.append(len(row[0]))
            told.set()

        hall.writer.submit(lambda tx: outbox.append(tx, door_opened()), done, urgent=True)
        assert told.wait(5)
    assert len(seen) == 50


def test_a_bad_fact_is_told_so_and_its_neighbours_are_stored(hall: Hall) -> None:
    good = [lambda tx, nr=nr: outbox.append(tx, door_opened(nr=nr)) for nr in range(6)]
    told = submit_all(hall, [*good[:3], broken, *good[3:]])
    assert isinstance(told[3][1], ConstraintBroken)
    assert [envelope.sequence for envelope, error in told if error is None] == [1, 2, 3, 4, 5, 6]
    reader = hall.reader()
    assert verify_chain(reader) == 6
    assert b'"bad"' not in b"".join(outbox.page(reader, 0).bodies)
    assert outbox.consumers(reader) == []
    assert hall.writer.redone == 1
    assert hall.writer.head == outbox.head(reader)


def test_work_that_raises_after_writing_leaves_nothing(hall: Hall) -> None:
    def half(tx: Transaction) -> None:
        outbox.append(tx, door_opened(half=True))
        raise KeyError("a bug")

    told = submit_all(hall, [half, lambda tx: outbox.append(tx, door_opened())])
    assert isinstance(told[0][1], KeyError)
    assert told[1][0].sequence == 1
    assert verify_chain(hall.reader()) == 1


def test_a_refusal_that_wrote_nothing_costs_no_redoing(hall: Hall) -> None:
    def refuse(_tx: Transaction) -> None:
        raise ValueError("no")

    told = submit_all(hall, [refuse, lambda tx: outbox.append(tx, door_opened())])
    assert isinstance(told[0][1], ValueError)
    assert told[1][0].sequence == 1
    assert hall.writer.redone == 0


def test_a_constraint_judged_only_at_commit_hits_only_its_own_fact(hall: Hall) -> None:
    hall.do(lambda tx: tx.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY) STRICT"))
    hall.do(
        lambda tx: tx.execute(
            "CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED) STRICT"
        )
    )

    def orphan(tx: Transaction) -> None:
        outbox.append(tx, door_opened(orphan=True))
        tx.execute("INSERT INTO child VALUES (7)")

    good = lambda tx: outbox.append(tx, door_opened())  # noqa: E731  three of the same
    told = submit_all(hall, [good, orphan, good])
    assert isinstance(told[1][1], ConstraintBroken)
    assert (told[0][0].sequence, told[2][0].sequence) == (1, 2)
    assert verify_chain(hall.reader()) == 2


def test_a_full_disk_undoes_the_group_and_the_writer_lives_on(store: Path) -> None:
    """COM-03: nothing that was not sent makes way for what is new."""
    pages = sqlite3.connect(store).execute("PRAGMA page_count").fetchone()[0]
    hall = Hall(store, pages_max=pages + 40)
    try:
        with pytest.raises(StorageFull):
            fill(hall)
        assert hall.fatal == []
        head = hall.writer.head
        reader = hall.reader()
        assert head == outbox.head(reader)
        assert verify_chain(reader) == head.position > 0
        with pytest.raises(StorageFull):
            hall.happen(1, pad="x" * 60_000)
        # Room again: the same connection goes on, and no number was used up.
        hall.writer._conn.execute(f"PRAGMA max_page_count={pages + 400}")  # type: ignore[union-attr]  # it is open
        assert hall.happen()[0].sequence == head.position + 1
    finally:
        hall.close()


def test_after_a_storage_error_nothing_is_ever_called_durable(store: Path) -> None:
    hall = Hall(store)
    hall.happen()
    told: list[object] = []
    conn = hall.writer._conn
    assert conn is not None
    # The file is damaged under the writer: a page of the log is overwritten on disk, and the cache is thrown away.
    other = sqlite3.connect(store)
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    root = other.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'log'").fetchone()[0]
    other.close()
    with store.open("r+b") as raw:
        raw.seek((root - 1) * 4096)
        raw.write(b"\xff" * 4096)
    conn.execute("PRAGMA shrink_memory")
    hall.writer.submit(lambda tx: outbox.append(tx, door_opened()), lambda r, e: told.append((r, e)), urgent=True)
    until = time.monotonic() + 5
    while not hall.fatal and time.monotonic() < until:
        time.sleep(0.001)
    assert isinstance(hall.fatal[0], StorageFatal)
    hall.writer.submit(lambda tx: outbox.append(tx, door_opened()), lambda r, e: told.append((r, e)), urgent=True)
    time.sleep(0.05)
    assert told == []
    with pytest.raises(StorageFatal):
        asyncio.run(hall.writer.run(lambda tx: outbox.append(tx, door_opened())))
    assert len(hall.fatal) == 1


def test_another_writer_on_the_file_is_a_full_stop(store: Path) -> None:
    hall = Hall(store)
    intruder = sqlite3.connect(store, isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    told: list[object] = []
    hall.writer.submit(lambda tx: outbox.append(tx, door_opened()), lambda r, e: told.append((r, e)), urgent=True)
    until = time.monotonic() + 5
    while not hall.fatal and time.monotonic() < until:
        time.sleep(0.01)
    intruder.execute("ROLLBACK")
    intruder.close()
    assert isinstance(hall.fatal[0], StorageFatal)
    assert told == []


async def test_awaited_work_returns_when_it_is_on_disk_and_raises_what_it_raised(store: Path) -> None:
    loop = asyncio.get_running_loop()
    posts: list[object] = []

    def post(call: Callable[[], None]) -> None:
        posts.append(call)
        loop.call_soon_threadsafe(call)

    writer = Writer(store, now_utc=lambda: NIGHT, post=post, on_fatal=lambda _e: None)
    heads: list[int] = []
    writer.on_commit = lambda: heads.append(writer.head.position)
    writer.start()
    try:
        works = [writer.run(lambda tx: outbox.append(tx, door_opened()), urgent=False) for _ in range(20)]
        envelopes = await asyncio.gather(*works)
        assert [envelope.sequence for envelope in envelopes] == list(range(1, 21))
        assert len(posts) == writer.commits  # one callback into the loop per commit
        await asyncio.sleep(0)
        assert heads[-1] == 20
        with pytest.raises(ConstraintBroken):
            await writer.run(broken)
    finally:
        writer.close()


async def test_whoever_awaits_hears_that_the_store_died_and_a_callback_does_not(store: Path) -> None:
    loop = asyncio.get_running_loop()
    fatal: list[BaseException] = []
    told: list[object] = []
    writer = Writer(store, now_utc=lambda: NIGHT, post=loop.call_soon_threadsafe, on_fatal=fatal.append, group_s=0.05)
    writer.start()
    intruder = sqlite3.connect(store, isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    writer.submit(lambda tx: outbox.append(tx, door_opened()), lambda r, e: told.append((r, e)))
    works = [asyncio.ensure_future(writer.run(lambda tx: outbox.append(tx, door_opened()))) for _ in range(3)]
    outcomes = await asyncio.wait_for(asyncio.gather(*works, return_exceptions=True), 10)
    intruder.close()
    assert [type(outcome) for outcome in outcomes] == [StorageFatal] * 3
    assert (len(fatal), told) == (1, [])


async def test_a_callback_that_raises_does_not_silence_the_others(store: Path) -> None:
    loop = asyncio.get_running_loop()
    noise: list[str] = []
    loop.set_exception_handler(lambda _loop, context: noise.append(repr(context.get("exception"))))
    writer = Writer(
        store, now_utc=lambda: NIGHT, post=loop.call_soon_threadsafe, on_fatal=lambda _e: None, group_s=0.05
    )
    writer.start()
    try:
        told: list[int] = []
        all_told = asyncio.Event()

        def done(nr: int) -> None:
            told.append(nr)
            if nr == 1:
                raise RuntimeError("a bug of the caller")
            if nr == 3:
                all_told.set()

        for nr in range(4):
            writer.submit(lambda _tx: None, lambda _r, _e, nr=nr: done(nr))  # type: ignore[misc]  # early binding
        await asyncio.wait_for(all_told.wait(), 5)
        assert told == [0, 1, 2, 3]
        assert noise == ["RuntimeError('a bug of the caller')"]
    finally:
        writer.close()
        loop.set_exception_handler(None)


def test_closing_writes_what_waits_and_leaves_an_empty_wal(store: Path) -> None:
    hall = Hall(store, group_s=5.0)
    told: list[object] = []
    for _ in range(10):
        hall.writer.submit(lambda tx: outbox.append(tx, door_opened()), lambda r, _e: told.append(r))
    hall.close()
    assert len(told) == 10
    wal = store.with_name("hall.db-wal")
    assert not wal.exists() or wal.stat().st_size == 0
    with pytest.raises(WriterClosed):
        hall.writer.submit(lambda _tx: None, lambda _r, _e: None)
    again = Hall(store)
    assert again.writer.head.position == 10
    assert again.happen()[0].sequence == 11
    assert verify_chain(again.reader()) == 11
    again.close()


def test_a_file_without_tables_or_with_a_broken_end_is_not_opened(tmp_path: Path, store: Path) -> None:
    with pytest.raises(NotMigrated):
        Hall(tmp_path / "empty.db")
    hall = Hall(store)
    hall.happen(3)
    hall.close()
    vandal = sqlite3.connect(store)
    vandal.execute("DROP TRIGGER log_is_never_changed")
    vandal.execute("UPDATE log SET body = CAST(replace(body, 'main', 'drop') AS BLOB) WHERE position = 3")
    vandal.commit()
    vandal.close()
    with pytest.raises(ChainBroken):
        Hall(store)
