"""The real field under a wall clock that is stepped while it runs; everything else of the box is as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.processes import wait_until
from tests.harness.smallplay import SmallPlay, compiled, faults_of

DAY_S = 86_400
needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is missing")


@needs_compiler
def test_ck_1_a_clock_that_jumps_a_day_back_a_year_on_and_home_again_changes_nothing_but_labels(tmp_path: Path) -> None:
    offset = tmp_path / "offset-s"
    offset.write_text("0\n")
    library = compiled("clock_shim", tmp_path)
    stage = SmallPlay(tmp_path, seed=7, environment={"LD_PRELOAD": str(library), "CK_FILE": str(offset)})
    try:
        stage.open()
        stage.wait_for_polls()
        for place, seconds in enumerate((-DAY_S, 365 * DAY_S, 0), 1):
            offset.write_text(f"{seconds}\n")
            wait_until(
                "the step is told", lambda n=place: stage.count("hall.gateway.clock.stepped.v1") == n, within_s=3
            )
            before, began = stage.polls(), time.monotonic()
            time.sleep(0.5)
            rate = (stage.polls() - before) / (time.monotonic() - began)
            assert rate > 100, "16 machines every 40 ms"
        verdict = stage.settle()
        assert faults_of(verdict) == []
        events = stage.events()
        assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))
        steps = [event["data"]["offset_ms"] for event in events if event["type"] == "hall.gateway.clock.stepped.v1"]
        for told, wanted in zip(steps, (-DAY_S, 366 * DAY_S, -365 * DAY_S), strict=True):
            assert abs(told - wanted * 1000) < 1500
        days = [event["gamingday"] for event in events]
        assert days == sorted(days), "a day that was opened is never gone back from"
        assert not [event for event in events if event["type"] == "hall.egm.link.down.v1"]
    finally:
        stage.close()


@pytest.fixture
def busy() -> Iterator[list[subprocess.Popen[bytes]]]:
    """As many loops as there are processors, at the field's own priority."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(min(2, os.cpu_count() or 2))]
    yield loops
    for loop in loops:
        loop.kill()
        loop.wait()


def test_rs_5_two_busy_loops_beside_the_field_let_no_machine_wait_five_seconds(
    tmp_path: Path, busy: list[subprocess.Popen[bytes]]
) -> None:
    stage = SmallPlay(tmp_path, seed=8)
    try:
        stage.open()
        stage.wait_for_polls(25)
        assert all(loop.poll() is None for loop in busy)
        polls = stage.polls()
        time.sleep(4)
        assert stage.polls() - polls > 200
        verdict = stage.settle()
        assert faults_of(verdict) == []
        assert stage.count("hall.egm.link.down.v1") == 0
    finally:
        stage.close()
