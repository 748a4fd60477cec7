"""Are the books sound enough to be written at all? Each question of the cold start is one function; None: nothing is wrong.

Nothing here writes, and nothing but the quick check (a process of its own) reads more than the end of the log.
"""

from __future__ import annotations

import errno
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from edge.field.laststop import FAILED, refuses_writing
from edge.field.verdicts import Finding
from edge.store import checkpoints
from sync import outbox, retention
from sync.chain_check import verify_chain
from sync.db import Reader
from sync.errors import ChainBroken
from sync.migrate import Expected, applied_steps, schema_of

INCARNATION = "incarnation"
"File that says that a database was made in this directory."
QUICK_BYTES = 200 << 20
"A smaller file is read whole at each start."
QUICK_WITHIN_S = 1800.0
UNSIGNED = 10_000
"Records checked where no checkpoint says from where on; and of those that are kept beside the log."

_DAMAGED, _READ_ONLY, _UNREADABLE = frozenset({11, 26}), frozenset({8}), frozenset({10})
"SQLite's CORRUPT and NOTADB, READONLY, IOERR."


def of_error(error: sqlite3.Error | OSError | ChainBroken, directory: Path) -> Finding | None:
    """What an error at opening means; None: it is not about the state of the books."""
    if isinstance(error, ChainBroken):
        return damaged(str(error), position=error.position)
    if isinstance(error, OSError):
        slug = {errno.EROFS: "read-only", errno.EIO: "disk-unreadable"}.get(error.errno or 0)
    else:
        code = int(getattr(error, "sqlite_errorcode", 1)) & 0xFF
        if code in _DAMAGED:
            return damaged(str(error))
        slug = "read-only" if code in _READ_ONLY else "disk-unreadable" if code in _UNREADABLE else None
    return None if slug is None else Finding(slug, {"directory": str(directory), "error": str(error)})


def damaged(what: str, **facts: int | str) -> Finding:
    """The one finding for all that does not hold within the file."""
    return Finding("database-damaged", {"damage": what.rstrip("."), **facts})


def read_only(directory: Path) -> Finding | None:
    """A file system that was mounted or has turned read-only: SQLite's own error would depend on which files are left."""
    error = refuses_writing(directory)
    return None if error is None else Finding("read-only", {"directory": str(directory), "error": error})


def missing(database: Path, anchor: Path | None) -> Finding | None:
    """No database (or an empty file) where one was before: it must not be made anew in silence."""
    try:
        if database.stat().st_size:
            return None
    except FileNotFoundError:
        pass
    marks = [database.with_name(INCARNATION), *([anchor] if anchor else [])]
    known = [str(mark) for mark in marks if mark.exists()]
    return Finding("database-missing", {"directory": str(database.parent), "known_by": known}) if known else None


def foreign(conn: Reader, expected: Expected) -> Finding | None:
    """Before a migration: steps of a newer version, or triggers and views that no version of ours has made."""
    unknown = sorted(f"{of} {name}" for of, name in applied_steps(conn) - expected.steps)
    if unknown:
        return Finding("schema-unknown", {"unknown": ", ".join(unknown)[:200]})
    for name, sql in schema_of(conn).items():
        if name.startswith(("trigger ", "view ")) and expected.schema.get(name) != sql:
            return damaged(f"{name} is not one of ours")
    return None


def other_tables(conn: Reader, expected: Expected) -> Finding | None:
    """After the migrations the tables must be what they make, neither more nor less."""
    different = _differences(schema_of(conn), expected.schema)
    return damaged(f"tables differ from what this version makes: {', '.join(different)[:300]}") if different else None


def _differences(here: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    return sorted(name for name in here.keys() | wanted.keys() if here.get(name) != wanted.get(name))


def broken_tail(conn: Reader) -> Finding | None:
    """From the last signed checkpoint to the head: signature, chain there, and every link after it; of what is kept
    beside the log the newest records.

    Raises ChainBroken, sqlite3.Error.
    """
    signed = checkpoints.newest(conn)
    newest = outbox.epochs(conn)[-1].last_position
    if signed is None:
        first = newest - UNSIGNED
    else:
        fault = checkpoints.fault_of(conn, signed, newest)
        if fault is not None:
            return damaged(fault[1], position=fault[0])
        first = signed.position + 1
    # What was released may reach beyond the checkpoint: a signed record leaves by age as any other does.
    verify_chain(conn, max(first, outbox.released_through(conn) + 1))
    retention.verify_kept(conn, retention.newest_kept(conn, UNSIGNED))
    return None


def check_is_due(database: Path) -> bool:
    """Is the whole file to be read before it is written? A large one only after a storage error."""
    return database.with_name(FAILED).exists() or database.stat().st_size < QUICK_BYTES


def quick_check(database: Path) -> Finding | None:
    """SQLite's own check of the whole file, in a process of its own. Raises OSError, subprocess.TimeoutExpired."""
    done = subprocess.run(
        [sys.executable, "-m", "edge.jobs.quickcheck", str(database)],
        capture_output=True, text=True, errors="replace", timeout=QUICK_WITHIN_S, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return None
    said = (done.stdout.strip() or done.stderr.strip() or f"its check ended with {done.returncode}").splitlines()
    return damaged(said[0][:300])
