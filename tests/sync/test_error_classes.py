"""Each class of storage error does what it must: hold and try again, set one fact aside, or stop for good.

Real causes where one can be made; for the rest the code itself, as SQLite would hand it over, in its extended form too.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sync import outbox
from sync.db import Transaction
from sync.errors import ConstraintBroken, DatabaseReplaced, ForeignWriter, StorageFatal, StorageFull
from tests.sync.stage import Hall, door_opened

REPOSITORY = Path(__file__).parents[2]
FATAL = {
    "SQLITE_INTERNAL": 2, "SQLITE_PERM": 3, "SQLITE_BUSY": 5, "SQLITE_BUSY_SNAPSHOT": 517, "SQLITE_LOCKED": 6,
    "SQLITE_LOCKED_SHAREDCACHE": 262, "SQLITE_NOMEM": 7, "SQLITE_READONLY": 8, "SQLITE_READONLY_DBMOVED": 1032,
    "SQLITE_READONLY_CANTINIT": 1288, "SQLITE_IOERR": 10, "SQLITE_IOERR_READ": 266, "SQLITE_IOERR_SHORT_READ": 522,
    "SQLITE_IOERR_WRITE": 778, "SQLITE_IOERR_FSYNC": 1034, "SQLITE_IOERR_DIR_FSYNC": 1290,
    "SQLITE_IOERR_TRUNCATE": 1546, "SQLITE_IOERR_SHMMAP": 5386, "SQLITE_CORRUPT": 11, "SQLITE_CORRUPT_VTAB": 267,
    "SQLITE_CANTOPEN": 14, "SQLITE_CANTOPEN_FULLPATH": 782, "SQLITE_PROTOCOL": 15, "SQLITE_NOLFS": 22,
    "SQLITE_NOTADB": 26,
}  # fmt: skip
OF_THIS_FACT = {"SQLITE_CONSTRAINT": 19, "SQLITE_CONSTRAINT_UNIQUE": 2067, "SQLITE_CONSTRAINT_TRIGGER": 1811}


def failing(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


def raising(code: int):  # type: ignore[no-untyped-def]  # a piece of work that only fails
    def work(_tx: Transaction) -> None:
        raise failing(code)

    return work


def dies(hall: Hall, within_s: float = 5.0) -> StorageFatal:
    until = time.monotonic() + within_s
    while not hall.fatal and time.monotonic() < until:
        time.sleep(0.001)
    assert hall.fatal, "the writer lives on"
    error = hall.fatal[0]
    assert isinstance(error, StorageFatal)
    return error


@pytest.mark.parametrize("code", FATAL.values(), ids=FATAL)
def test_st_4_an_error_of_the_disk_or_the_file_is_a_full_stop_and_nobody_is_answered(store: Path, code: int) -> None:
    hall = Hall(store)
    told: list[object] = []
    hall.writer.submit(lambda tx: outbox.append(tx, door_opened()), lambda r, e: told.append((r, e)))
    hall.writer.submit(raising(code), lambda r, e: told.append((r, e)), urgent=True)
    dies(hall)
    time.sleep(0.02)
    assert told == [], "not its neighbour in the group either, which was written and not committed"
    conn = sqlite3.connect(store)
    assert conn.execute("SELECT count(*) FROM log").fetchone() == (0,)
    conn.close()


@pytest.mark.parametrize("code", OF_THIS_FACT.values(), ids=OF_THIS_FACT)
def test_a_constraint_is_the_fault_of_one_fact_and_its_neighbours_are_stored(hall: Hall, code: int) -> None:
    with pytest.raises(ConstraintBroken):
        hall.do(raising(code))
    assert hall.happen()[0].sequence == 1
    assert hall.fatal == []


def test_st_1_full_holds_and_is_tried_again(hall: Hall) -> None:
    with pytest.raises(StorageFull):
        hall.do(raising(13))
    assert hall.happen()[0].sequence == 1
    assert hall.fatal == []


def test_st_12_what_another_connection_commits_stops_the_writer_before_it_adds_anything(store: Path) -> None:
    hall = Hall(store)
    hall.happen()
    foreign = sqlite3.connect(store)
    foreign.execute("INSERT INTO live_lane (position, class) VALUES (1000, 'intruder')")
    foreign.commit()
    told: list[object] = []
    hall.writer.submit(lambda tx: outbox.append(tx, door_opened()), lambda r, e: told.append((r, e)), urgent=True)
    assert isinstance(dies(hall), ForeignWriter)
    assert told == []
    assert foreign.execute("SELECT max(position) FROM log").fetchone() == (1,)
    foreign.close()


def test_st_12_readers_checkpoints_and_many_commits_of_our_own_are_no_foreigners(hall: Hall) -> None:
    for turn in range(20):
        reader = hall.reader()
        reader.execute("SELECT count(*) FROM log").fetchall()
        hall.happen(20, pad="x" * 30_000)
        assert outbox.head(reader).cursor.sequence == 20 * (turn + 1)
    assert hall.fatal == []


def test_st_9_a_condemned_writer_tells_nothing_more_and_does_not_write_at_its_end(store: Path) -> None:
    posted: list[object] = []
    hall = Hall(store)
    hall.writer._post = posted.append  # a loop that has not come round yet
    told: list[object] = []
    hall.writer.submit(lambda tx: outbox.append(tx, door_opened()), lambda r, e: told.append((r, e)), urgent=True)
    until = time.monotonic() + 5
    while not posted and time.monotonic() < until:
        time.sleep(0.001)
    hall.writer.condemn(DatabaseReplaced("hall.db was replaced by another file.", file="hall.db"))
    for call in posted:
        call()  # type: ignore[operator]  # what the writer posted
    assert told == [], "it was committed, but to a ghost"
    before = (store.stat().st_mtime_ns, store.with_name("hall.db-wal").stat().st_mtime_ns)
    hall.writer.close()
    assert (store.stat().st_mtime_ns, store.with_name("hall.db-wal").stat().st_mtime_ns) == before
    assert isinstance(hall.fatal[0], DatabaseReplaced)
    assert len(hall.fatal) == 1


def test_notadb_a_file_that_lost_its_header_is_a_full_stop(store: Path) -> None:
    hall = Hall(store)
    hall.happen()
    with sqlite3.connect(store) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with store.open("r+b") as raw:
        raw.write(b"\x00" * 100)
    conn = hall.writer._conn
    assert conn is not None
    conn.execute("PRAGMA shrink_memory")
    hall.writer.submit(lambda tx: outbox.append(tx, door_opened()), lambda _r, _e: None, urgent=True)
    dies(hall)


CHILD = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from sync import outbox
from sync.writer import Writer
from tests.sync.stage import door_opened
died = threading.Event()
def fatal(error):
    print("FATAL", error.facts["cause"], flush=True)
    died.set()
writer = Writer(Path(sys.argv[1]), now_utc=lambda: datetime.now(UTC), post=lambda call: call(), on_fatal=fatal, group_s=0.001)
writer.start()
sent = 0
while not died.is_set() and sent < 3000:
    sent += 1
    done = threading.Event()
    def told(result, error):
        print("STORED" if error is None else f"REFUSED {type(error).__name__}", flush=True)
        done.set()
    writer.submit(lambda tx: outbox.append(tx, door_opened(pad="x" * 3000)), told, urgent=True)
    while not done.wait(0.005) and not died.is_set():
        pass
import os
os._exit(74 if died.is_set() else 0)
"""


def under_strace(store: Path, rule: str) -> tuple[int, list[str]]:
    """A writer of its own, with this error from this system call on; gives exit code and what it said."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={rule.split(':')[0]}", "-e", f"inject={rule}",
         sys.executable, "-c", CHILD, str(store)],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False, env={**os.environ},
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("fdatasync:error=EIO:when=20+", "SQLITE_IOERR_FSYNC"),
        ("pwrite64:error=EIO:when=60+", "SQLITE_IOERR_WRITE"),
        ("pwrite64:error=EROFS:when=60+", "SQLITE_IOERR_WRITE"),
    ],
)
def test_st_4_a_system_call_that_fails_stops_the_writer_and_whatever_was_told_is_there(
    store: Path, rule: str, name: str
) -> None:
    code, said = under_strace(store, rule)
    assert code == 74
    assert said[-1] == f"FATAL {name}"
    stored = said.count("STORED")
    assert stored == len(said) - 1 > 0
    with sqlite3.connect(store) as conn:
        assert conn.execute("SELECT count(*) FROM log").fetchone()[0] >= stored
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_st_1_no_room_on_the_disk_is_told_to_each_and_is_no_stop(store: Path) -> None:
    code, said = under_strace(store, "pwrite64:error=ENOSPC:when=60..120")
    assert code == 0, said[-3:]
    assert "REFUSED StorageFull" in said
    assert said[-1] == "STORED", "room again"
    with sqlite3.connect(store) as conn:
        assert conn.execute("SELECT count(*) FROM log").fetchone()[0] == said.count("STORED")
