"""A database whose pages were overwritten: what can be read comes over, what cannot is declared, the old file stays."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edge.jobs.check import check
from edge.jobs.salvage import Unsalvageable, install, salvage
from edge.store.migrations import MIGRATIONS
from sync import outbox
from sync.chain_check import verify_chain
from sync.migrate import migrate
from sync.places import consumer_of
from tests.edge.field.guarded_books import real_field
from tests.harness.processes import REPOSITORY
from tests.sync.stage import NIGHT, STREAM, Hall, door_opened

PAGE = 4096
RECORDS = 600


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """600 records, of which central has 550; closed."""
    state = tmp_path / "state"
    state.mkdir()
    path = state / "hall.db"
    migrate(path, MIGRATIONS, stream_id=STREAM, now_utc=lambda: NIGHT)
    hall = Hall(path)
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"central-1": True}))
    for _ in range(RECORDS // 50):
        hall.do(lambda tx: [outbox.append(tx, door_opened()) for _ in range(50)])
    hall.do(lambda tx: outbox.advance(tx, "central-1", outbox.cursor_at(tx, 550)))
    hall.do(lambda tx: tx.execute("INSERT INTO inbox_terms (central, term) VALUES ('central-1', 7)"))
    hall.close()
    return path


def pages_of(path: Path, table: str) -> list[int]:
    """Leaf pages of a table, in the order of its keys, by SQLite's own account where it has one."""
    with contextlib.closing(sqlite3.connect(path)) as conn:
        root = conn.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
    octets = path.read_bytes()
    page = octets[(root - 1) * PAGE : root * PAGE]
    assert page[0] == 5, "an inner page of a table: cells of (child, last key)"
    count = int.from_bytes(page[3:5], "big")
    cells = [int.from_bytes(page[12 + 2 * i : 14 + 2 * i], "big") for i in range(count)]
    return [int.from_bytes(page[at : at + 4], "big") for at in cells] + [int.from_bytes(page[8:12], "big")]


def overwrite(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * PAGE)


def positions(path: Path) -> list[int]:
    with contextlib.closing(sqlite3.connect(path)) as conn:
        return [at for (at,) in conn.execute("SELECT position FROM log ORDER BY position")]


def test_st_5_pages_overwritten_in_the_middle_cost_only_their_own_records(books: Path, tmp_path: Path) -> None:
    leaves = pages_of(books, "log")
    overwrite(books, leaves[len(leaves) // 2])
    damaged = books.read_bytes()

    saved = salvage(books, tmp_path / "saved")

    assert books.read_bytes() == damaged, "the old file is as it was"
    (hole,) = [gap for gap in saved.gaps if gap.table == "log"]
    assert hole.after is not None
    assert hole.before is not None
    lost = hole.before - hole.after - 1
    assert 0 < lost < 40
    assert saved.rows["log"] == RECORDS - lost
    assert saved.rows["inbox_terms"] == 1
    # The first record behind the hole proves the others and goes beside the log with those before the hole.
    assert (saved.kept.first, saved.kept.last) == (hole.before + 1, RECORDS)
    assert positions(tmp_path / "saved" / "hall.db") == list(range(hole.before + 1, RECORDS + 1))
    beside = (tmp_path / "saved" / "records-beside-the-log.ndjson").read_text().splitlines()
    assert [json.loads(line)["position"] for line in beside] == [*range(1, hole.after + 1), hole.before]
    told = json.loads((tmp_path / "saved" / "salvage.json").read_text())
    assert {"table": "log", "after": hole.after, "before": hole.before} in told["missing"]
    with contextlib.closing(sqlite3.connect(tmp_path / "saved" / "hall.db")) as conn:
        assert verify_chain(conn, hole.before + 1) == RECORDS - hole.before
        assert consumer_of(conn, "central-1").position == 550
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            conn.execute("UPDATE log SET body = x'00'")


def test_st_5_a_lost_end_of_the_log_takes_back_what_a_consumer_had_confirmed_beyond_it(
    books: Path, tmp_path: Path
) -> None:
    for page in pages_of(books, "log")[-12:]:
        overwrite(books, page)
    saved = salvage(books, tmp_path / "saved")
    assert saved.kept.first == 1
    assert saved.kept.last < 550, "the lost records were confirmed ones too"
    with contextlib.closing(sqlite3.connect(tmp_path / "saved" / "hall.db")) as conn:
        at = consumer_of(conn, "central-1")
        assert at.position == saved.kept.last, "or the next epoch's first records would count as confirmed"
        assert at.cursor == outbox.cursor_at(conn, saved.kept.last)


def test_st_5_a_record_that_was_changed_does_not_pass_for_one_of_the_chain(books: Path, tmp_path: Path) -> None:
    octets = books.read_bytes()
    at = octets.rindex(b'"door":"main"', 0, len(octets) // 2)
    books.write_bytes(octets[:at] + b'"door":"pain"' + octets[at + 13 :])
    saved = salvage(books, tmp_path / "saved")
    assert saved.gaps == [], "every page is readable"
    assert saved.kept.first > 1
    assert len(saved.beside) >= 1
    with contextlib.closing(sqlite3.connect(tmp_path / "saved" / "hall.db")) as conn:
        verify_chain(conn, saved.kept.first)
        assert not conn.execute("SELECT 1 FROM log WHERE CAST(body AS TEXT) LIKE '%pain%'").fetchone()


def test_a_sound_database_is_saved_whole(books: Path, tmp_path: Path) -> None:
    saved = salvage(books, tmp_path / "saved")
    assert (saved.gaps, saved.beside, saved.refused) == ([], [], {})
    assert (saved.kept.first, saved.kept.last) == (1, RECORDS)


def test_noise_is_told_from_books(tmp_path: Path) -> None:
    (tmp_path / "hall.db").write_bytes(b"\xa5" * PAGE * 8)
    with pytest.raises(Unsalvageable):
        salvage(tmp_path / "hall.db", tmp_path / "saved")


def test_st_5_the_whole_way_safe_mode_check_salvage_put_back_and_a_new_epoch(books: Path, tmp_path: Path) -> None:
    leaves = pages_of(books, "log")
    overwrite(books, leaves[len(leaves) // 2])
    with real_field(tmp_path) as field:
        field.waits_for("safe mode: nothing is polled")
        assert '"slug": "database-damaged"' in field.text()
    config = str(tmp_path / "config.toml")

    assert {answer.question: answer.wrong is None for answer in check(books)} == {
        "pages": False, "tables": True, "chain": False, "kept": True,
    }  # fmt: skip
    checked = hallctl("store", "check", "--config", config)
    assert checked.returncode == 1
    assert "hallctl store salvage --to DIR" in checked.stdout

    done = hallctl("store", "salvage", "--config", config, "--to", str(tmp_path / "saved"), "--put-back")
    assert done.returncode == 0, done.stderr
    assert "Missing in log: between" in done.stdout
    assert len(list(books.parent.glob("damaged-*/hall.db"))) == 1
    assert hallctl("store", "check", "--config", config).returncode == 0

    with real_field(tmp_path) as field:
        field.waits_for("field is ready", 20)
    with contextlib.closing(sqlite3.connect(books)) as conn:
        assert conn.execute("SELECT epoch, reason FROM epochs ORDER BY epoch").fetchall()[-1] == (2, "salvaged")
        bodies = [bytes(body) for (body,) in conn.execute("SELECT body FROM log WHERE position > ?", (RECORDS,))]
    assert b'"hall.gateway.epoch.opened.v1"' in bodies[0]
    assert any(b"hall.gateway.incident.v1" in body and b"salvaged" in body for body in bodies)


def test_put_back_waits_until_no_field_works_on_the_books(books: Path, tmp_path: Path) -> None:
    salvage(books, tmp_path / "saved")
    with real_field(tmp_path) as field:
        field.waits_for("field is ready")
        with pytest.raises(Exception, match="stop it first"):
            install(tmp_path / "saved", books.parent)
        assert books.exists()


def hallctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge.cli.main", *arguments],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
