"""The disk fails under a running field: real file systems on loop devices, real errors of system calls."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.field.guarded_books import marker, real_field, until

READY = "field is ready"


@contextlib.contextmanager
def an_ext4(directory: Path, megabytes: int = 64) -> Iterator[tuple[Path, str]]:
    """A file system of its own that turns read-only at its first error; gives where it is mounted and its loop device."""
    if os.geteuid() != 0:
        pytest.skip("needs root: mounts a file system")
    for tool in ("mkfs.ext4", "losetup", "mount"):
        if shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
            pytest.skip(f"needs {tool}")
    image, place = directory / "disk", directory / "mnt"
    with image.open("wb") as out:
        out.truncate(megabytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-e", "remount-ro", str(image)], check=True)
    place.mkdir()
    device = subprocess.run(
        ["losetup", "-f", "--show", str(image)], check=True, capture_output=True, text=True
    ).stdout.strip()
    try:
        subprocess.run(["mount", "-o", "errors=remount-ro", device, str(place)], check=True)
        try:
            yield place, Path(device).name
        finally:
            subprocess.run(["umount", str(place)], check=True)
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def test_st_3_a_file_system_that_turns_read_only_stops_the_field_in_a_second_and_then_holds_it_in_safe_mode(
    tmp_path: Path,
) -> None:
    with an_ext4(tmp_path) as (place, device):
        trigger = Path(f"/sys/fs/ext4/{device}/trigger_fs_error")
        if not trigger.exists():
            pytest.skip("this kernel cannot make ext4 fail")
        with real_field(tmp_path, place / "state") as field:
            field.waits_for(READY)
            trigger.write_text("1")
            began = time.monotonic()
            assert field.ends(10) == 74
            took = time.monotonic() - began
        assert took < 1.5, took  # one second, and what the interpreter needs to leave
        with real_field(tmp_path, place / "state") as field:
            field.waits_for("safe mode: nothing is polled")
            assert '"slug": "read-only"' in field.text()
            assert "HE3023" in field.text()
            assert READY not in field.text()
            assert field.child.poll() is None, "reachable, not restarted for ever"


def strace(*inject: str) -> list[str]:
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    calls = ",".join(rule.split(":")[0] for rule in inject)
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", *(f"-einject={rule}" for rule in inject)]


def test_st_4_a_failed_fdatasync_is_a_full_stop_with_74_and_a_marker(tmp_path: Path) -> None:
    with real_field(tmp_path) as field:
        field.waits_for(READY)
    # The same call again in the second life: the third synchronisation of this start fails, and every later one.
    with real_field(tmp_path, before=strace("fdatasync:error=EIO:when=3+")) as field:
        assert field.ends(30) == 74
        text = field.text()
    assert marker(field.state)["slug"] == "storage-fatal"
    assert re.search("disk I/O error|SQLITE_IOERR", text), text[-2000:]
    with real_field(tmp_path) as field:
        field.waits_for(READY, 20)
        until(lambda: not (field.state / "storage-failed").exists(), 10)
    with contextlib.closing(sqlite3.connect(field.state / "hall.db")) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        bodies = [bytes(body) for (body,) in conn.execute("SELECT body FROM log ORDER BY position")]
    assert sum(b"hall.gateway.incident.v1" in body and b"storage-fatal" in body for body in bodies) == 1


def test_st_5_a_disk_that_cannot_be_read_holds_the_start_in_safe_mode(tmp_path: Path) -> None:
    with real_field(tmp_path) as field:
        field.waits_for(READY)
    database = field.state / "hall.db"
    only_this_file = [*strace("pread64:error=EIO:when=1+"), "-P", str(database)]
    with real_field(tmp_path, before=only_this_file) as field:
        field.waits_for("safe mode: nothing is polled", 30)
        assert '"slug": "disk-unreadable"' in field.text()
        assert "HE3025" in field.text()
    with real_field(tmp_path) as field:
        field.waits_for(READY)  # another cable: nothing was changed meanwhile


def test_op_6_a_database_of_a_newer_version_is_not_touched_and_its_steps_are_named(tmp_path: Path) -> None:
    with real_field(tmp_path) as field:
        field.waits_for(READY)
    database = field.state / "hall.db"
    with contextlib.closing(sqlite3.connect(database)) as conn:
        conn.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('hall', 'm099_tickets', '2027')"
        )
        conn.commit()
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = database.read_bytes()
    with real_field(tmp_path) as field:
        field.waits_for("safe mode: nothing is polled", 30)
        assert '"slug": "schema-unknown"' in field.text()
        assert "made by a newer version: hall m099_tickets" in field.text()
    assert database.read_bytes() == before
