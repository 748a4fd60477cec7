"""kill -9 at system calls of both jobs (PW-6): a backup is whole or not there, books are the old or the restored ones."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from edge.jobs import places
from edge.jobs.backup import backup
from edge.jobs.restore import restore, verify
from sync.db import Database
from tests.edge.jobs.small_books import fill, settings_for

CALLS = (
    "rename",
    "link",
    "fsync",
    "fdatasync",
    "pwrite64",
    "unlink",
    "mkdir",
    "ftruncate",
    "fchown",
    "rmdir",
    "unlinkat",
)
"None of them is made by an interpreter that only starts."
SAMPLES = 26
ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing")


def traced(arguments: Sequence[str], log: Path, *more: str) -> int:
    environment = {"PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        ["strace", "-f", "-o", log, "-e", f"trace={','.join(CALLS)}", *more, sys.executable, "-m", "edge", *arguments],
        cwd=ROOT, env=environment, capture_output=True, check=False, timeout=60,
    ).returncode  # fmt: skip


def moments(log: Path, dice: random.Random) -> Iterator[tuple[str, int]]:
    """Calls of a run that was not disturbed, each with its number: first and last of each kind, others by chance."""
    found = Counter(re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE))
    assert {"rename", "fsync"} <= found.keys()
    certain = {(call, at) for call, count in found.items() for at in (1, count)}
    others = sorted({(call, at) for call, count in found.items() for at in range(1, count + 1)} - certain)
    yield from sorted(certain)
    yield from dice.sample(others, max(0, min(len(others), SAMPLES - len(certain))))


def records(database: Path) -> int:
    with closing(Database(database).open_reader()) as reader:
        count: int = reader.execute("SELECT count(*) FROM log").fetchone()[0]
    return count


@pytest.mark.timeout(180)
def test_pw_6_a_backup_killed_anywhere_is_whole_or_not_there_and_the_older_ones_stay(state, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        f'[hall]\nid = "7"\n[gateway]\nid = "hg-07"\n[store]\ndirectory = "{state}"\n[backup]\nkeep = 2\n'
    )
    arguments = ("backup", "--config", str(config))
    first, second = backup(settings_for(state)).path, backup(settings_for(state)).path
    assert traced(arguments, tmp_path / "log") == 0
    kept = tmp_path / "kept"
    (state / "backups").rename(kept)
    assert not (kept / first.name).exists()
    killed = published = 0
    for call, at in moments(tmp_path / "log", random.Random(6)):
        shutil.rmtree(state / "backups", ignore_errors=True)
        shutil.copytree(kept, state / "backups")
        code = traced(arguments, tmp_path / "log", "-e", f"inject={call}:signal=SIGKILL:when={at}")
        killed += code != 0
        here = places.backups_in(state / "backups")
        assert [one.number for one in here] in ([2, 3], [2, 3, 4], [3, 4]), (call, at)
        published += here[-1].number == 4
        if here[-1].number == 4:
            assert verify(here[-1].path).sound.records == 50
        assert (state / "backups" / second.name).exists() or here[-1].number == 4
    assert killed >= 15
    assert 0 < published < killed
    # What killed jobs left behind is swept by the next one.
    assert traced(arguments, tmp_path / "log") == 0
    assert not list(state.rglob(f"{places.UNFINISHED}*"))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("clean", [True, False], ids=["after a clean stop", "with a WAL beside"])
def test_pw_6_a_restore_killed_anywhere_leaves_the_old_books_or_the_restored_ones(state, tmp_path, clean):
    archive = shutil.copy(backup(settings_for(state)).path, tmp_path / "archive")
    fill(state / "hall.db", 5)
    shutil.rmtree(state / "backups")
    if not clean:
        (state / "hall.db-wal").write_bytes(b"")
    kept = tmp_path / "kept"
    shutil.copytree(state, kept)
    arguments = ("restore", str(archive), "--into", str(state), "--replace")
    assert traced(arguments, tmp_path / "log") == 0
    seen: Counter[str] = Counter()
    for call, at in moments(tmp_path / "log", random.Random(9)):
        shutil.rmtree(state)
        shutil.copytree(kept, state)
        code = traced(arguments, tmp_path / "log", "-e", f"inject={call}:signal=SIGKILL:when={at}")
        seen["killed"] += code != 0
        if not (state / "hall.db").exists():
            # Only where an old WAL had to leave first; the old books are whole beside, and the restore is begun anew.
            assert not clean, (call, at)
            assert [records(old / "hall.db") for old in state.glob("replaced-*") if (old / "hall.db").exists()] == [55]
            seen["none"] += 1
        else:
            here = records(state / "hall.db")
            seen[str(here)] += 1
            assert here in (50, 55), (call, at)
            assert here == 55 or (state / places.RESTORED).exists(), (call, at)
        restore(archive, state, replace=True)
        assert records(state / "hall.db") == 50
        assert not (state / f"{places.UNFINISHED}restore").exists()
    assert seen["killed"] >= 15
    assert seen["55"] >= 5
    assert seen["50"] >= 1
