"""A restored database is hostile: nothing in it runs, and what is not ours word for word is refused."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.jobs import archive, copying
from edge.jobs.copying import open_still, schema_of
from edge.jobs.errors import DatabaseRefused
from edge.jobs.hostile import SETS, copy_checked
from edge.jobs.restore import restore
from sync.migrate import lay_out, steps_in

PLANTED = {
    "a trigger that runs at the first insert":
        "CREATE TRIGGER t AFTER INSERT ON log BEGIN DELETE FROM consumers; END",
    "a trigger in the place of one of ours":
        "DROP TRIGGER log_is_never_changed; CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log BEGIN SELECT 1; END",
    "one of our guards gone": "DROP TRIGGER log_is_never_changed",
    "a view in the place of a table":
        "DROP TABLE line_markers; CREATE VIEW line_markers AS SELECT 'A' AS line, '2026' AS marked_at",
    "an endless view": "CREATE VIEW v AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r",
    "a foreign table": "CREATE TABLE foreign_rows (x)",
    "a foreign index with an expression": "CREATE INDEX i ON log (abs(position))",
    "a column more": "ALTER TABLE consumers ADD COLUMN more TEXT",
    "a virtual table": "CREATE VIRTUAL TABLE f USING fts5(x)",
    "a step of a newer version": "CREATE TABLE m099_newer (x INTEGER PRIMARY KEY) STRICT",
}  # fmt: skip


def changed(state: Path, script: str) -> Path:
    path = state / "hall.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.executescript(script)
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.mark.parametrize("what", PLANTED)
def test_hx_9_whatever_is_not_our_schema_is_refused_before_any_table_is_asked(state, tmp_path, monkeypatch, what):
    asked: list[str] = []
    honest = copying.open_still

    def watched(path: Path) -> sqlite3.Connection:
        conn = honest(path)
        conn.set_trace_callback(asked.append)
        return conn

    monkeypatch.setattr("edge.jobs.hostile.open_still", watched)
    with pytest.raises(DatabaseRefused):
        copy_checked(changed(state, PLANTED[what]), tmp_path / "checked.db")
    assert asked == ["SELECT type, name, tbl_name, sql FROM sqlite_schema"]


ROWS = {
    "a record that was changed": "DROP TRIGGER log_is_never_changed; UPDATE log SET body = x'7b7d' WHERE position = 7; {}",
    "a record that is missing": "DROP TRIGGER log_is_deleted_only_when_released; DELETE FROM log WHERE position = 7; {}",
    "the beginning of the log cut off":
        "DROP TRIGGER log_is_deleted_only_when_released; DELETE FROM log WHERE position < 9; {}",
}  # fmt: skip


@pytest.mark.parametrize("what", ROWS)
def test_hx_9_rows_that_do_not_keep_the_chain_are_refused_though_the_schema_is_ours(state, tmp_path, what):
    with closing(sqlite3.connect(state / "hall.db")) as conn:
        name = ROWS[what].split()[2].rstrip(";")
        sql = conn.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]
    with pytest.raises(DatabaseRefused):
        copy_checked(changed(state, ROWS[what].format(sql)), tmp_path / "checked.db")


def test_hx_9_rows_that_break_our_constraints_are_refused(state, tmp_path):
    script = (
        "PRAGMA ignore_check_constraints = 1; PRAGMA foreign_keys = 0;"
        "INSERT INTO consumers (name, required, position, stream_id, sequence, chain, moved_at) "
        "VALUES ('c', 9, -1, 's', 0, zeroblob(32), 't')"
    )
    with pytest.raises(DatabaseRefused):
        copy_checked(changed(state, script), tmp_path / "checked.db")


def test_hx_9_rows_that_belong_to_no_machine_are_refused(state, tmp_path):
    script = "PRAGMA foreign_keys = 0; INSERT INTO questions VALUES (99, 'x', 't', NULL)"
    with pytest.raises(DatabaseRefused):
        copy_checked(changed(state, script), tmp_path / "checked.db")


def test_hx_9_a_huge_blob_does_not_pass(state, tmp_path):
    script = "INSERT INTO live_lane VALUES (1, hex(zeroblob(9000000)))"
    with pytest.raises(DatabaseRefused):
        copy_checked(changed(state, script), tmp_path / "checked.db")


@pytest.mark.parametrize("seed", range(60))
def test_hx_9_corrupt_pages_are_refused_or_were_of_no_account(state, tmp_path, seed):
    path = changed(state, "")
    dice, honest = random.Random(seed), tmp_path / "honest.db"
    reference = copy_checked(path, honest)
    spoilt = bytearray(path.read_bytes())
    for _ in range(dice.choice((1, 1, 8, 64))):
        at = dice.randrange(len(spoilt))
        if dice.random() < 0.3:
            spoilt[at : at + 512] = bytes(len(spoilt[at : at + 512]))
        else:
            spoilt[at] ^= 1 << dice.randrange(8)
    (tmp_path / "spoilt.db").write_bytes(spoilt)
    try:
        sound = copy_checked(tmp_path / "spoilt.db", tmp_path / "checked.db")
    except DatabaseRefused:
        return
    # A flip in free space, or in a row that no chain holds: the log and the tables are those of the honest file.
    assert sound == reference


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"no database at all" * 300, bytes(8192)])
def test_hx_9_what_is_no_database_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DatabaseRefused):
        copy_checked(tmp_path / "x", tmp_path / "checked.db")


def test_hx_9_a_hostile_database_in_a_well_made_archive_leaves_the_books_as_they_were(state, tmp_path):
    box = tmp_path / "box"
    box.mkdir()
    shutil.copy(state / "hall.db", box / "hall.db")
    before = (box / "hall.db").read_bytes()
    path = changed(state, PLANTED["an endless view"])
    with closing(open_still(path)) as conn:
        schema = copying.hash_of(schema_of(conn))
    manifest = archive.Manifest(
        gateway="hg-07", hall="7", streamid="5a" * 16, epoch=1, sequence=50, sha256="a5" * 32, schema_sha256=schema,
        made_at="2026-11-24T03:00:00.000Z", clock="synced", version="1",
        members=[archive.member_of("hall.db", path)],
    )  # fmt: skip
    with (tmp_path / "x").open("wb") as out:
        archive.write(out, manifest, {"hall.db": path}, None)
    with pytest.raises(DatabaseRefused):
        restore(tmp_path / "x", box, replace=True)
    assert (box / "hall.db").read_bytes() == before
    assert not (box / "restored.json").exists()


def test_a_backup_of_every_earlier_version_is_still_ours(tmp_path):
    newest = [steps_in(each) for each in SETS]
    first = [1, *(0 for _ in newest[1:-1]), 1]
    for steps in (first, [*first[:-1], newest[-1]], [*newest[:-1], 1], newest):
        old = tmp_path / f"{steps}.db"
        with closing(sqlite3.connect(old, isolation_level=None)) as conn:
            lay_out(conn, SETS, steps)
            conn.execute("INSERT INTO epochs VALUES (1, ?, 1, '2026-11-24T03:00:00.000Z', 'first start')", ("5a" * 16,))
        sound = copy_checked(old, tmp_path / f"{steps}.checked")
        assert (sound.head.cursor.streamid, sound.records) == ("5a" * 16, 0)
