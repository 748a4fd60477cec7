"""Bits that turn on the disk, and logs that are written anew: nothing passes for good, and the first bad place is named."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from edge.config.model import Settings
from edge.field.coldstart import open_books
from edge.jobs.verify import Fault, faults
from edge.store import anchor, checkpoints
from sync.db import Database
from sync.envelope import chain_next, chain_start
from tests.harness.processes import REPOSITORY
from tests.support.keptbooks import events_of, log_of, run, run_once, running, settings_at

PAGE = 4096
ESSENTIAL = (
    "SELECT position, body, chain FROM log ORDER BY position",
    "SELECT epoch, stream_id, first_position FROM epochs ORDER BY epoch",
    "SELECT name, position, stream_id, sequence, chain FROM consumers ORDER BY name",
    "SELECT * FROM checkpoints ORDER BY position",
)
"What central and the proofs rest on. Everything else can be made anew from these records."


def essence(database: Path) -> bytes | None:
    """A hash of all that must not change; None: it cannot be read."""
    digest = sha256()
    try:
        with contextlib.closing(Database(database).open_reader()) as reader:
            for question in ESSENTIAL:
                digest.update(repr(reader.execute(question).fetchall()).encode())
    except (sqlite3.Error, OSError):
        return None
    return digest.digest()


def told(database: Path) -> list[Fault]:
    """What the check of the whole file finds."""
    try:
        with contextlib.closing(Database(database).open_reader()) as reader:
            return list(faults(reader, pause_s=0))
    except Exception as error:  # noqa: BLE001  whatever a rotten file raises is a report, not a crash of the proof
        return [Fault(f"{type(error).__name__}: {error}")]


def flip(path: Path, bit: int) -> int:
    """Turn one bit; returns the page it lies in."""
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))
    return bit // 8 // PAGE + 1


def pages_of_tables(database: Path) -> dict[int, str]:
    with contextlib.closing(sqlite3.connect(database)) as conn:
        return dict(conn.execute("SELECT pageno, name FROM dbstat").fetchall())


def test_st_6_each_of_400_turned_bits_is_reported_or_lies_where_nothing_essential_is(tmp_path: Path) -> None:
    run_once(settings_at(tmp_path), 60)
    whole = tmp_path / "state" / "hall.db"
    assert not told(whole)
    expected, pages = essence(whole), pages_of_tables(whole)
    # Three of four into the log itself; the file has mostly empty tables.
    dice = random.Random(6)
    log_pages = [page for page, name in pages.items() if name in ("log", "epochs", "consumers", "checkpoints")]
    rotten = tmp_path / "rotten"
    reported = silent = 0
    for number in range(400):
        rotten.mkdir()
        copy = rotten / "hall.db"
        shutil.copyfile(whole, copy)
        page = dice.choice(log_pages) if number % 4 else dice.randrange(1, whole.stat().st_size // PAGE + 1)
        bit = (page - 1) * PAGE * 8 + dice.randrange(PAGE * 8)
        flip(copy, bit)
        found = told(copy)
        if found:
            reported += 1
            assert all(fault.damage for fault in found)
        else:
            silent += 1
            assert essence(copy) == expected, f"bit {bit} in page {page} ({pages.get(page)}) changed a record unseen"
        shutil.rmtree(rotten)
    assert reported > 150, f"{reported} reported, {silent} in unused space: the flips miss the records"


@pytest.mark.parametrize("signed", [False, True], ids=["never signed", "after a checkpoint"])
def test_st_6_a_rotten_tail_is_found_at_the_start_and_its_position_is_named(tmp_path: Path, signed: bool) -> None:
    settings, database = settings_at(tmp_path), tmp_path / "state" / "hall.db"
    if signed:
        run_once(settings, 5)
    run_once(settings, 30, orderly=False)
    content = bytearray(database.read_bytes())
    place = content.rindex(b'"offset_ms":21')
    content[place + 1] ^= 0x01
    database.write_bytes(content)
    books = open_books(settings)
    os.close(books.lock_fd)
    assert books.verdict.safe is not None
    assert books.verdict.safe.slug == "database-damaged"
    with contextlib.closing(sqlite3.connect(database)) as conn:
        (position,) = conn.execute("SELECT position FROM log WHERE instr(body, 'nffset_ms')").fetchone()
    assert books.verdict.safe.facts["position"] == position


def crash_image(settings: Settings, state: Path, image: Path) -> None:
    """The files as a power cut leaves them: everything since the start is in the WAL, the anchor has the last head."""

    async def life() -> None:
        async with running(settings, orderly=False) as field:
            await field.play(40)
            shutil.copytree(state, image)

    run(life())


def test_st_7_a_wal_with_turned_bits_or_a_cut_never_loses_told_records_unseen(tmp_path: Path) -> None:
    settings, state, image = settings_at(tmp_path, tmp_path / "anchor"), tmp_path / "state", tmp_path / "image"
    run_once(settings, 3)
    crash_image(settings, state, image)
    wal = image / "hall.db-wal"
    size = wal.stat().st_size
    assert size > 40 * PAGE
    mark = anchor.newest(tmp_path / "anchor")
    assert mark is not None
    told_before = log_of(state)
    evidence = (tmp_path / "anchor").read_bytes()
    dice = random.Random(7)
    lost = 0
    for number in range(50):
        shutil.rmtree(state)
        shutil.copytree(image, state)
        (state / "hall.db-shm").unlink(missing_ok=True)
        (tmp_path / "anchor").write_bytes(evidence)
        if number % 2:
            os.truncate(state / "hall.db-wal", dice.randrange(size))
        else:
            flip(state / "hall.db-wal", dice.randrange(size * 8))
        books = open_books(settings)
        os.close(books.lock_fd)
        assert books.verdict.safe is None, "a torn WAL ends the log earlier; it damages nothing"
        left = log_of(state)
        assert left.items() <= told_before.items()
        missing = (mark.streamid, mark.sequence) not in left
        lost += missing
        found = books.verdict.new_epoch
        # The copy has other inodes than the original, so it is "moved" where nothing is missing.
        assert found is not None
        assert (found.slug == "tail-lost") == missing, (number, found)
        if missing:
            assert found.facts["first_missing"] == len([place for place in left if place[0] == mark.streamid]) + 1
    assert lost > 10, "the dice cut nothing off"


def forge(database: Path, *, from_position: int) -> None:
    """Change a record and compute the chain of everything after it anew, as somebody with the file and time can."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as conn:
        triggers = [row[0] for row in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")]
        texts = [row[0] for row in conn.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")]
        for name in triggers:
            conn.execute(f"DROP TRIGGER {name}")
        chain = chain_start(conn.execute("SELECT stream_id FROM epochs").fetchone()[0])
        for position, body in conn.execute("SELECT position, body FROM log ORDER BY position").fetchall():
            changed = body.replace(b"offset_ms", b"offset_mz") if position >= from_position else body
            chain = chain_next(chain, position, changed)
            conn.execute("UPDATE log SET body = ?, chain = ? WHERE position = ?", (changed, chain, position))
        for text in texts:
            conn.execute(text)


def test_hx_10_a_log_that_was_wholly_written_anew_is_found_by_its_signed_checkpoints(tmp_path: Path) -> None:
    settings, state = settings_at(tmp_path), tmp_path / "state"
    run_once(settings, 10)
    run_once(settings, 10)
    database = state / "hall.db"
    forge(database, from_position=3)
    damage = told(database)
    assert "written anew before its checkpoint" in damage[0].damage
    # The start finds it too, and whoever rewrites the checkpoint's row as well has no key to sign it with.
    books = open_books(settings)
    os.close(books.lock_fd)
    assert books.verdict.safe is not None
    assert books.verdict.safe.slug == "database-damaged"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as conn:
        conn.execute("UPDATE checkpoints SET chain = (SELECT chain FROM log WHERE log.position = checkpoints.position)")
    assert "signature" in told(database)[0].damage


def test_hx_10_central_can_prove_it_with_the_event_alone(tmp_path: Path) -> None:
    settings, state = settings_at(tmp_path), tmp_path / "state"
    run_once(settings, 10)
    (event,) = events_of(state, "gateway.checkpoint")
    data = event["data"]
    with contextlib.closing(Database(state / "hall.db").open_reader()) as reader:
        (signed,) = checkpoints.all_of_them(reader)
    assert signed.holds
    assert (data["text"], data["signature"]) == (signed.text, signed.signature.hex())
    assert data["text"].startswith("hall-edge checkpoint v1\n")
    assert signed._replace(chain=bytes(32)).holds is False
    # The chain value that central computes from the records it holds is the one that was signed.
    chain = chain_start(data["streamid"])
    for (_, sequence), body in list(log_of(state).items())[: data["sequence"]]:
        chain = chain_next(chain, sequence, body)
    assert chain.hex() == data["sha256"]


@pytest.mark.parametrize(
    ("harm", "position"),
    [
        ("UPDATE log SET body = CAST(replace(body, 'offset_ms', 'offset_mz') AS BLOB) WHERE position = 5", 5),
        ("DELETE FROM log WHERE position = 7", 7),
        ("UPDATE log SET chain = zeroblob(32) WHERE position = 4", 4),
    ],
)
def test_hx_10_the_first_bad_record_is_named_by_the_job_of_the_night(tmp_path: Path, harm: str, position: int) -> None:
    run_once(settings_at(tmp_path), 10)
    database = tmp_path / "state" / "hall.db"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as conn:
        for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            conn.execute(f"DROP TRIGGER {name}")
        conn.execute(harm)
    before = database.read_bytes()
    job = subprocess.run(
        [sys.executable, "-m", "edge.jobs.verify", str(database)], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert job.returncode == 1, job.stderr
    assert f'"position": {position}' in job.stdout.splitlines()[0]
    assert database.read_bytes() == before, "it only reads"


@pytest.mark.parametrize(
    "addition",
    [
        "CREATE TRIGGER spare AFTER INSERT ON log BEGIN SELECT 1; END",
        "CREATE VIEW shadow AS SELECT * FROM log",
        "CREATE TABLE more (a INTEGER) STRICT",
        "DROP TRIGGER log_is_never_changed",
    ],
)
def test_hx_10_tables_that_are_not_ours_are_not_written_to(tmp_path: Path, addition: str) -> None:
    settings = settings_at(tmp_path)
    run_once(settings, 2)
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "hall.db", isolation_level=None)) as conn:
        conn.execute(addition)
    books = open_books(settings)
    os.close(books.lock_fd)
    assert books.verdict.safe is not None
    assert books.verdict.safe.slug == "database-damaged"


def test_op_6_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    run_once(settings, 2)
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "hall.db", isolation_level=None)) as conn:
        conn.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('hall', 'm999_later', '')"
        )
    books = open_books(settings)
    os.close(books.lock_fd)
    assert books.verdict.safe == ("schema-unknown", {"unknown": "hall m999_later"})
