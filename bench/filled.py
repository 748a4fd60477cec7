"""A log with very many rows, made fast and kept between runs: what a hall has after months, for rows that ask what that costs.

Rows are doors as the field writes them, with a right chain, 10,000 a transaction. The file is made once per number of
rows and kept in a directory of its own; whoever needs one to write in adds to it, a little each run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from bench.durable import DIRECTORY, draft
from bench.report import WorkNotDone
from edge.store.migrations import MIGRATIONS
from sync.chain_check import verify_chain
from sync.db import Database
from sync.envelope import chain_next, chain_start, encode, stamp
from sync.log import INSERT_LOG
from sync.migrate import expected, migrate, schema_of

LOT = 10_000
STREAM = "b" * 32
SPAN = timedelta(days=30)


def state(rows: int, purpose: str) -> Path:
    """The state directory with ``hall.db`` of ``rows`` rows, at most half as many again; made where missing or out of date."""
    directory = DIRECTORY / "hall-edge-bench-books" / f"{purpose}-{rows}"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "hall.db"
    if not _fits(path, rows):
        for old in directory.iterdir():
            if old.is_file():
                old.unlink()
        _make(path, rows)
    return directory


def _fits(path: Path, rows: int) -> bool:
    if not path.exists() or path.with_suffix(".part").exists():
        return False
    with closing(Database(path).open_reader()) as conn:
        stored = conn.execute("SELECT coalesce(max(position), 0) FROM log").fetchone()[0]
        return stored <= rows * 3 // 2 and schema_of(conn) == dict(expected(MIGRATIONS).schema)


def _make(path: Path, rows: int) -> None:
    part = path.with_suffix(".part")
    part.touch()
    migrate(path, MIGRATIONS, stream_id=STREAM)
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA synchronous = OFF")
        lots = _rows(rows)
        for begun in range(0, rows, LOT):
            conn.execute("BEGIN")
            conn.executemany(INSERT_LOG, islice(lots, min(LOT, rows - begun)))
            conn.execute("COMMIT")
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(Database(path).open_reader()) as reader:
        stored = reader.execute("SELECT count(*) FROM log").fetchone()[0]
        if rows:
            verify_chain(reader, max(1, rows - LOT))
    if stored != rows:
        raise WorkNotDone(f"{stored} of {rows} rows were written")
    part.unlink()


def _rows(rows: int) -> Iterator[tuple[int, bytes, bytes]]:
    chain = chain_start(STREAM)
    recorded = stamp(datetime.now(UTC) - SPAN)
    for sequence in range(1, rows + 1):
        _, _, body = encode(draft(sequence), streamid=STREAM, epoch=1, sequence=sequence, recordedat=recorded)
        chain = chain_next(chain, sequence, body)
        yield sequence, body, chain
