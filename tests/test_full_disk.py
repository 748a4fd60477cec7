"""The real field on a disk that fills up, runs out of files or takes its time: nothing acknowledged is lost."""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.fulldisk import play
from tests.harness.processes import wait_until
from tests.harness.smalldisk import SmallDisk, why_not
from tests.harness.smallplay import SmallPlay, compiled, faults_of

WITHOUT = why_not()
needs_disk = pytest.mark.skipif(WITHOUT is not None, reason=f"{WITHOUT}")
needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is missing")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path / "disk.img", tmp_path / "gateway" / "state", inodes=40)
    yield disk
    disk.close()


@needs_disk
def test_st_1_a_disk_filled_at_random_moments_loses_nothing_and_the_field_goes_on_by_itself(tmp_path: Path) -> None:
    told = play(tmp_path, seed=3, rounds=2, full_s=(1.0, 6.0))
    assert told["faults"] == []
    assert told["held"] == 2, "while there was no room nothing was sent"
    assert told["levels"] == ["full", "ok", "full", "ok"]
    assert told["acknowledged"] > 50
    assert told["again_s_max"] < 5


@needs_disk
def test_st_2_a_disk_without_inodes_stops_nothing_and_the_field_starts_on_it(tmp_path: Path, disk: SmallDisk) -> None:
    stage = SmallPlay(tmp_path, seed=4)
    try:
        stage.open(lambda _state: disk.open())
        stage.wait_for_polls()
        wait_until("the ballast is laid", (disk.place / "ballast").exists, within_s=5)
        disk.use_up_inodes()
        assert stage.moves()
        assert stage.field.stop() == 0
        stage.field.start()
        wait_until("polls again without inodes", stage.moves, within_s=12)
        disk.release()
        verdict = stage.settle()
        assert faults_of(verdict) == []
    finally:
        stage.close()


def test_st_2_a_limit_on_the_size_of_files_is_a_full_stop_and_nothing_is_lost(tmp_path: Path) -> None:
    stage = SmallPlay(tmp_path, seed=5)
    try:
        stage.open()
        stage.wait_for_polls()
        assert stage.field.child is not None
        largest = max(path.stat().st_size for path in stage.gateway.state.glob("hall.db*"))
        resource.prlimit(stage.field.child.pid, resource.RLIMIT_FSIZE, (largest + 65_536, resource.RLIM_INFINITY))
        wait_until("the field stops", lambda: not stage.field.alive, within_s=10)
        assert stage.field.child.returncode == 74
        stage.field.start()  # as systemd does; the new process has no such limit
        wait_until("polls again", stage.moves, within_s=12)
        verdict = stage.settle()
        assert faults_of(verdict) == []
    finally:
        stage.close()


@needs_compiler
def test_st_13_commits_of_seconds_make_no_line_silent_for_five_and_keep_the_order(tmp_path: Path) -> None:
    slow = tmp_path / "slow-ms"
    slow.write_text("0\n")
    library = compiled("slow_disk", tmp_path)
    stage = SmallPlay(tmp_path, seed=6, environment={"LD_PRELOAD": str(library), "SLOW_DISK_FILE": str(slow)})
    try:
        stage.open()
        stage.wait_for_polls()
        up = stage.count("hall.egm.link.up.v1")
        for ms in (200, 2000, 700):
            slow.write_text(f"{ms}\n")
            time.sleep(2.0 + ms / 500)
        slow.write_text("0\n")
        verdict = stage.settle()
        assert faults_of(verdict) == []
        assert verdict.total("moved") == 0
        assert stage.count("hall.egm.link.down.v1") == 0
        assert stage.count("hall.egm.link.up.v1") == up
        wait_until("the alarm", lambda: bool(stage.events("hall.gateway.incident.v1")), within_s=11)
        alarm = stage.events("hall.gateway.incident.v1")[-1]["data"]
        assert (alarm["slug"], alarm["code"]) == ("disk-slow", "HE3034")
        assert alarm["facts"]["commit_ms"] >= 1900
    finally:
        stage.close()
