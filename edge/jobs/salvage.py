"""``hall-edge salvage --to DIR``: what can still be read of a damaged database, in a new file made by our migrations.

The damaged file is never written to and never moved by this: first it is copied, with zeros where the disk gives
nothing back, then every row that can be reached is copied on. What is missing is declared in ``salvage.json``. The
marker beside the new file makes the next start open a new epoch, so no record is ever numbered as another one was.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from edge import exit_codes
from edge.jobs import places
from edge.jobs.errors import BackupError, NoRoom
from edge.jobs.pieces import Piece, drop_unproved, keep_the_last, pieces
from edge.jobs.tolerant import Gap, copy_with_holes, rows_of
from edge.store.migrations import MIGRATIONS as HALL
from sync.chain_check import verify_chain
from sync.db import Database
from sync.migrate import migrate
from sync.places import Epoch, epochs
from sync.retention import verify_kept

COPY = "damaged-copy"
REPORT = "salvage.json"
RECORDS = "records-beside-the-log.ndjson"
_NOT_REVIVED = frozenset({"line_markers", "home", "_sqlite_migrations", "sqlite_sequence"})
"""No line of salvaged books was proven to have stopped cleanly, and they are at home where they are put next."""
_RESERVE = 16 << 20


class Unsalvageable(BackupError):
    """Not even the list of tables or of epochs can be read: nothing in the file can be told from noise."""

    slug = "unsalvageable"


class Salvaged(NamedTuple):
    """What was saved, and what was not."""

    rows: dict[str, int]
    refused: dict[str, int]
    "Rows that were read and do not keep our rules, by table."
    gaps: list[Gap]
    kept: Piece
    "The log of the new file."
    beside: list[Piece]
    "Runs of records that were laid into a file, because a hole follows them."
    unreadable: int
    "Octets that the disk did not give back."


def salvage(database: Path, to: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Salvaged:
    """Make ``to/hall.db`` of what can be read in ``database``. ``to`` must be new or empty.

    Raises Unsalvageable, NoRoom, FileExistsError, OSError, sqlite3.Error; then the damaged file is as it was.
    """
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(to.iterdir()):
        raise FileExistsError(f"{to} is not empty.")
    size = database.stat().st_size
    free, needed = shutil.disk_usage(to).free, 3 * size + _RESERVE
    if free < needed:
        raise NoRoom(f"{to} has {free} bytes free; this may need {needed}.", free=free)
    copy = to / COPY
    copy.mkdir(mode=0o700)
    unreadable = 0
    for side in ("", "-wal"):
        part = database.with_name(database.name + side)
        if part.exists():
            unreadable += copy_with_holes(part, copy / (places.DATABASE + side))
    target = to / places.DATABASE
    migrate(target, HALL, now_utc=now)
    with closing(_source(copy / places.DATABASE)) as source, closing(sqlite3.connect(target)) as conn:
        conn.isolation_level = None
        saved = _move(source, conn, to / RECORDS, unreadable)
    with closing(Database(target).open_reader()) as reader:
        verify_chain(reader)
        verify_kept(reader)
        damage = reader.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if damage != "ok":
            raise Unsalvageable(f"The new file does not pass its own check: {damage}.")
    _declare(to, database, saved, now())
    return saved


def _source(copy: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(copy, isolation_level=None)
    for pragma in ("trusted_schema=0", "cell_size_check=1", "query_only=1", "mmap_size=0"):
        conn.execute(f"PRAGMA {pragma}")
    conn.text_factory = lambda octets: octets.decode("utf-8", "surrogateescape")
    return conn


def _move(source: sqlite3.Connection, conn: sqlite3.Connection, beside: Path, unreadable: int) -> Salvaged:
    try:
        here = {row[0] for row in source.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        raise Unsalvageable(f"Its list of tables cannot be read: {error}.") from error
    guards = conn.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    tables = [row[0] for row in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    rows: dict[str, int] = {}
    refused: dict[str, int] = {}
    gaps: list[Gap] = []
    conn.execute("PRAGMA foreign_keys=0")
    conn.execute("BEGIN IMMEDIATE")
    for name, _ in guards:
        conn.execute(f'DROP TRIGGER "{name}"')
    for table in tables:
        if table in _NOT_REVIVED or table not in here:
            continue
        conn.execute(f'DELETE FROM "{table}"')
        rows[table], refused[table] = _copy_table(source, conn, table, gaps)
    known = _epochs(conn)
    release = _release(conn)
    found = pieces(conn, known, release)
    kept = keep_the_last(conn, found, release, beside)
    _fit_consumers(conn, known, kept)
    _fit_checkpoints(conn, kept)
    refused["kept"] = refused.get("kept", 0) + drop_unproved(conn, kept)
    for _, sql in guards:
        conn.execute(sql)
    conn.execute("COMMIT")
    refused = {table: count for table, count in refused.items() if count}
    return Salvaged(rows, refused, gaps, kept, found[:-1], unreadable)


def _copy_table(source: sqlite3.Connection, conn: sqlite3.Connection, table: str, gaps: list[Gap]) -> tuple[int, int]:
    there = {row[1] for row in source.execute(f'PRAGMA table_info("{table}")')}
    columns = [row[1] for row in conn.execute(f'PRAGMA table_info("{table}")') if row[1] in there]
    listed = ", ".join(f'"{column}"' for column in columns)
    insert = f'INSERT INTO "{table}" ({listed}) VALUES ({", ".join("?" * len(columns))})'
    count = refused = 0
    for batch in rows_of(source, table, listed, gaps):
        for row in batch:
            try:
                conn.execute(insert, row)
                count += 1
            except (sqlite3.IntegrityError, sqlite3.DataError, UnicodeError, OverflowError):
                refused += 1
    return count, refused


def _epochs(conn: sqlite3.Connection) -> list[Epoch]:
    if conn.execute("SELECT 1 FROM epochs").fetchone() is None:
        raise Unsalvageable("Its epochs cannot be read, so no record can be proved.")
    if conn.execute("SELECT 1 FROM log_release").fetchone() is None:
        conn.execute("INSERT INTO log_release (only_row, through, chain) VALUES (1, 0, NULL)")
    return epochs(conn)


def _release(conn: sqlite3.Connection) -> tuple[int, bytes | None]:
    through, chain = conn.execute("SELECT through, chain FROM log_release").fetchone()
    return int(through), chain


def _fit_consumers(conn: sqlite3.Connection, known: list[Epoch], kept: Piece) -> None:
    """Nobody has confirmed what is not here: what comes next will have those positions, under another stream id."""
    end = conn.execute("SELECT chain FROM log WHERE position = ?", (kept.last,)).fetchone()
    chain = kept.before if end is None else end[0]
    epoch = next(each for each in reversed(known) if each.first_position <= max(1, kept.last))
    if chain is not None:
        conn.execute(
            "UPDATE consumers SET position = ?, stream_id = ?, sequence = ?, chain = ? WHERE position > ?",
            (kept.last, epoch.streamid, max(0, kept.last - epoch.first_position + 1), chain, kept.last),
        )


def _fit_checkpoints(conn: sqlite3.Connection, kept: Piece) -> None:
    conn.execute(
        "DELETE FROM checkpoints WHERE position > ? OR (position >= ? AND NOT EXISTS "
        "(SELECT 1 FROM log WHERE log.position = checkpoints.position AND log.chain = checkpoints.chain))",
        (kept.last, kept.first),
    )


def _declare(to: Path, database: Path, saved: Salvaged, now: datetime) -> None:
    missing = [gap._asdict() for gap in saved.gaps]
    told: dict[str, Any] = {
        "salvaged_at": f"{now:%Y-%m-%dT%H:%M:%S}Z",
        "from": str(database),
        "rows": saved.rows,
        "refused": saved.refused,
        "missing": missing,
        "unreadable_octets": saved.unreadable,
        "log": {"first": saved.kept.first, "last": saved.kept.last},
        "beside_the_log": [{"first": piece.first, "last": piece.last} for piece in saved.beside],
    }
    places.publish(to / REPORT, orjson.dumps(told, option=orjson.OPT_INDENT_2))
    marker = {
        "reason": "salvaged",
        "salvaged_at": told["salvaged_at"],
        "last_position": saved.kept.last,
        "missing": ", ".join(sorted({gap.table for gap in saved.gaps}))[:300],
    }
    places.publish(to / places.RESTORED, orjson.dumps(marker))
    with (to / places.DATABASE).open("rb") as done:
        os.fsync(done.fileno())


def install(to: Path, state: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Path:
    """Put the salvaged books into the state directory; the damaged ones are moved aside there. Returns where to.

    Raises FieldRuns while a field works on it, OSError.
    """
    with places.field_stopped(state):
        aside = state / f"damaged-{now():%Y%m%dT%H%M%SZ}"
        aside.mkdir(mode=0o700)
        ready = state / f"{places.UNFINISHED}{places.DATABASE}"
        shutil.copyfile(to / places.DATABASE, ready)
        places.give(ready, state)
        with ready.open("rb") as copied:
            os.fsync(copied.fileno())
        # First the marker: a new epoch without need costs a notice, a stream gone on with costs the truth.
        places.publish(state / places.RESTORED, (to / places.RESTORED).read_bytes())
        for side in ("-wal", "-shm", ""):
            old = state / (places.DATABASE + side)
            if old.exists():
                old.rename(aside / old.name)
        ready.rename(state / places.DATABASE)
        places.sync_directory(aside)
        places.sync_directory(state)
        return aside


def run(state: Path, to: Path, *, put_back: bool) -> int:
    """``hall-edge salvage``. Exit codes: 0 saved (also in part), 74 not."""
    try:
        saved = salvage(state / places.DATABASE, to)
        aside = install(to, state) if put_back else None
    except (BackupError, OSError, sqlite3.Error) as error:
        print(f"hall-edge salvage: {error} The damaged file is as it was.", file=sys.stderr)
        return exit_codes.STORAGE
    print(f"Saved {sum(saved.rows.values())} rows into {to / places.DATABASE}.")
    print(f"The log goes from record position {saved.kept.first} to {saved.kept.last}; its chain holds.")
    for piece in saved.beside:
        print(f"Positions {piece.first} to {piece.last} stand before a hole and are in {to / RECORDS}.")
    for gap in saved.gaps:
        between = "everything" if gap.after is None and gap.before is None else f"between {gap.after} and {gap.before}"
        print(f"Missing in {gap.table}: {between} (key).")
    for table, count in saved.refused.items():
        print(f"Damaged rows of {table} left out: {count}.")
    if aside is not None:
        print(f"The damaged database is now in {aside}. Start: systemctl start hall-edge. It opens a new epoch.")
    else:
        print(
            "To use it: systemctl stop hall-edge; then hallctl store salvage --to OTHER --put-back, or copy it by hand."
        )
    return 0
