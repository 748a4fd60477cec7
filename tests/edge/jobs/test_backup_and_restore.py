"""Backups and restores of small real books: what comes back, what never does, and what is refused."""

from __future__ import annotations

import fcntl
import json
import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from edge.jobs import places
from edge.jobs.backup import backup
from edge.jobs.errors import (
    ArchiveDamaged,
    ArchiveRefused,
    ArchiveTruncated,
    FieldRuns,
    KeyMissing,
    NoRoom,
    Occupied,
    WrongKey,
)
from edge.jobs.restore import restore, verify
from edge.jobs.sealing import read_key
from sync.db import Database
from tests.edge.jobs.small_books import KEY, fill, settings_for


def rows(database: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(Database(database).open_reader()) as conn:
        return conn.execute(sql).fetchall()


@pytest.mark.parametrize("key", [None, KEY], ids=["unsealed", "sealed"])
def test_what_was_backed_up_comes_back_record_for_record(state, tmp_path, key):
    configuration = tmp_path / "config.toml"
    configuration.write_text("# the site's own\n")
    made = backup(settings_for(state, key=key), [configuration])
    into = tmp_path / "box"
    restored = restore(made.path, into, key=None if key is None else read_key(key))
    for table in ("log", "epochs", "consumers", "inbox", "egms"):
        assert rows(into / "hall.db", f"SELECT * FROM {table}") == rows(state / "hall.db", f"SELECT * FROM {table}")
    assert restored.sound.head.cursor.sequence == made.manifest.sequence == 50
    assert [path.read_text() for path in into.glob("configuration-*/config.toml")] == ["# the site's own\n"]
    marker = json.loads((into / places.RESTORED).read_text())
    assert (marker["streamid"], marker["sequence"]) == (made.manifest.streamid, 50)
    assert stat.S_IMODE((into / "hall.db").stat().st_mode) & 0o077 == 0


def test_an_unsealed_backup_opens_with_the_tools_of_every_linux(state, tmp_path):
    made = backup(settings_for(state))
    subprocess.run(["tar", "--zstd", "-xf", made.path, "-C", tmp_path], check=True)
    assert rows(tmp_path / "hall.db", "SELECT count(*) FROM log") == [(50,)]


def test_the_guards_of_the_log_stand_again_after_a_restore(state, tmp_path):
    restore(backup(settings_for(state)).path, tmp_path / "box")
    with closing(sqlite3.connect(tmp_path / "box/hall.db")) as conn, pytest.raises(sqlite3.IntegrityError):
        conn.execute("UPDATE log SET body = x'00'")


def test_bak_02_no_line_of_restored_books_counts_as_stopped_cleanly(state, tmp_path):
    with closing(sqlite3.connect(state / "hall.db")) as conn, conn:
        conn.execute("INSERT INTO line_markers VALUES ('A', '2026-11-24T03:00:00.000Z')")
    restore(backup(settings_for(state)).path, tmp_path / "box")
    assert rows(state / "hall.db", "SELECT line FROM line_markers") == [("A",)]
    assert rows(tmp_path / "box/hall.db", "SELECT line FROM line_markers") == []


def test_books_that_are_there_are_only_moved_aside_when_it_is_said_and_never_deleted(state, tmp_path):
    made = backup(settings_for(state))
    fill(state / "hall.db", 5)
    with pytest.raises(Occupied):
        restore(made.path, state)
    assert rows(state / "hall.db", "SELECT count(*) FROM log") == [(55,)]
    aside = restore(made.path, state, replace=True).aside
    assert aside is not None
    assert rows(aside / "hall.db", "SELECT count(*) FROM log") == [(55,)]
    assert rows(state / "hall.db", "SELECT count(*) FROM log") == [(50,)]


def test_an_old_wal_never_lies_beside_restored_books(state, tmp_path):
    made = backup(settings_for(state))
    with closing(sqlite3.connect(state / "hall.db")) as conn:
        conn.execute("INSERT INTO line_markers VALUES ('A', '2026-11-24T03:00:00.000Z')")
        conn.commit()
        wal = (state / "hall.db-wal").read_bytes()
    (state / "hall.db-wal").write_bytes(wal)  # as a process that was killed leaves it
    aside = restore(made.path, state, replace=True).aside
    assert aside is not None
    assert not (state / "hall.db-wal").exists()
    assert (aside / "hall.db-wal").read_bytes() == wal


def test_nothing_is_restored_under_a_running_field(state):
    made = backup(settings_for(state))
    with (state / places.LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(FieldRuns):
            restore(made.path, state, replace=True)
    assert not (state / places.RESTORED).exists()


def test_only_the_newest_stay_and_numbers_rise_though_the_clock_fell_back(state):
    settings = settings_for(state, keep=2)
    (state / "backups").mkdir()
    # Made while the clock was wrong by years: its name is later than all that follow.
    (state / "backups/hall-000007-20991231T235959Z.tar.zst").write_bytes(b"")
    numbers = []
    for _ in range(3):
        made = backup(settings)
        numbers.append(places.backups_in(state / "backups")[-1].number)
        assert made.path.exists()
    assert numbers == [8, 9, 10]
    assert [one.number for one in places.backups_in(state / "backups")] == [9, 10]


def test_a_backup_that_fails_leaves_the_older_ones_alone(state, monkeypatch):
    settings = settings_for(state, keep=1)
    first = backup(settings).path
    monkeypatch.setattr("shutil.disk_usage", lambda _path: _Disk())
    with pytest.raises(NoRoom):
        backup(settings)
    assert [one.path for one in places.backups_in(state / "backups")] == [first]


class _Disk:
    free = 4096


def test_each_way_of_being_wrong_has_its_own_name(state, tmp_path):
    made = backup(settings_for(state, key=KEY))
    whole = made.path.read_bytes()
    bad = tmp_path / "bad.sealed"
    for text, key, error in (
        (whole, None, KeyMissing),
        (whole, bytes(32), WrongKey),
        (whole[:40], read_key(KEY), ArchiveTruncated),
        (whole[:-1], read_key(KEY), ArchiveDamaged),
        (whole[:200] + bytes([whole[200] ^ 1]) + whole[201:], read_key(KEY), ArchiveDamaged),
    ):
        bad.write_bytes(text)
        with pytest.raises(error):
            verify(bad, key=key)
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "absent")
    assert verify(made.path, key=read_key(KEY)).sound.records == 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.sealed", "state"]


def test_an_unsealed_backup_with_one_flipped_bit_or_cut_off_is_refused(state, tmp_path):
    whole = backup(settings_for(state)).path.read_bytes()
    bad = tmp_path / "bad.tar.zst"
    for at in range(8, len(whole), len(whole) // 40):
        bad.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises((ArchiveDamaged, ArchiveRefused, ArchiveTruncated)):
            verify(bad)
        bad.write_bytes(whole[:at])
        with pytest.raises((ArchiveTruncated, ArchiveDamaged)):
            verify(bad)
