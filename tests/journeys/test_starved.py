"""The kernel takes a process for memory, or gives no new thread and process: the books are whole and machines are polled.

RS-1, RS-4, in control groups of their own; needs root.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.groups import enter, group
from tests.harness.processes import REPOSITORY, Process, wait_until
from tests.harness.smallplay import SmallPlay, faults_of
from tests.journeys.house import LEFT, House, open_house
from tests.journeys.test_the_seam import polled_all_the_while, ready

pytestmark = pytest.mark.timeout(120)
LIMIT = 64 << 20
HOG = """
import os, time
open("/proc/self/oom_score_adj", "w").write("-1000")
open("{procs}", "w").write(str(os.getpid()))
kept = []
while len(kept) < 400:
    kept.append(b"x" * (1 << 20))
    time.sleep(0.002)
time.sleep(60)
"""
"Eats its group's memory a megabyte at a time, and is the one the kernel may not take for it."


def pid_of(process: Process) -> int:
    assert process.child is not None
    return process.child.pid


@contextlib.contextmanager
def taken_by_the_kernel(process: Process) -> Iterator[None]:
    """Inside, memory runs out around the process until the kernel kills it; nobody else does."""
    with group("memory") as place:
        (place / "memory.limit_in_bytes").write_text(str(LIMIT))
        enter(place, pid_of(process))
        Path(f"/proc/{pid_of(process)}/oom_score_adj").write_text("1000")
        hog = subprocess.Popen([sys.executable, "-c", HOG.format(procs=place / "cgroup.procs")])
        try:
            wait_until("the kernel takes it", lambda: not process.alive, within_s=20)
            assert process.child is not None
            assert process.child.returncode == -9
            told = dict(line.split() for line in (place / "memory.oom_control").read_text().splitlines())
            assert int(told["oom_kill"]) >= 1
            yield
        finally:
            hog.kill()
            hog.wait()


@pytest.fixture
def play(tmp_path: Path) -> Iterator[SmallPlay]:
    play = SmallPlay(tmp_path, seed=11)
    try:
        play.open()
        play.wait_for_polls()
        yield play
    finally:
        play.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


def test_rs_1_the_field_taken_by_the_kernel_for_memory_loses_doubles_and_alters_nothing(play: SmallPlay) -> None:
    with taken_by_the_kernel(play.field):
        known = len(play.events())
    time.sleep(1.0)  # as systemd waits
    play.field.start()
    assert wait_until("it polls again", lambda: play.polls() > 0, within_s=15) < 15
    verdict = play.settle()
    assert faults_of(verdict) == []
    events = play.events()
    assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))
    assert len(events) > known


def test_rs_1_the_front_taken_by_the_kernel_for_memory_costs_no_poll_and_central_has_it_all(house: House) -> None:
    front = house.processes["front"]
    with polled_all_the_while(house):
        with taken_by_the_kernel(front):
            for _ in range(5):
                house.do(LEFT, "open_door")
                house.do(LEFT, "close_door")
        front.start()
        assert house.wait("the front is back", lambda: ready(house), within_s=10) < 10
        house.wait_at_central("hall.egm.door.", 10, asset=LEFT)
    assert house.faults() == []


def test_rs_4_without_a_new_thread_or_process_the_field_polls_and_stores_and_is_asked(play: SmallPlay) -> None:
    with group("pids") as place:
        enter(place, pid_of(play.field))
        running = int((place / "pids.current").read_text())
        (place / "pids.max").write_text(str(running))
        before, stored = play.polls(), len(play.events())
        time.sleep(3.0)
        assert play.field.alive
        assert play.polls() - before > 200, "16 machines every 40 ms"
        assert len(play.events()) > stored
    verdict = play.settle()
    assert faults_of(verdict) == []
    assert play.count("hall.egm.link.down.v1") == 0


NIGHT = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path
from edge.clock import SystemClock
from edge.field.upkeep.verifying import Verifying
job = Verifying(Path({database!r}), SystemClock(), lambda: datetime.now(UTC), print, subject="gateway/hg-07")
async def night():
    Path({procs!r}).write_text(str(os.getpid()))
    Path({most!r}).write_text("1")
    await job.check()
    print("goes on", job.found)
asyncio.run(night())
"""


def test_rs_4_the_check_of_the_night_that_gets_no_process_is_left_out_in_words_and_ends_nothing(tmp_path: Path) -> None:
    with group("pids") as place:
        text = NIGHT.format(
            database=str(tmp_path / "hall.db"), procs=str(place / "cgroup.procs"), most=str(place / "pids.max")
        )
        told = subprocess.run(
            [sys.executable, "-c", text], cwd=REPOSITORY, capture_output=True, text=True, timeout=20, check=True
        ).stdout
    assert "could not be started" in told
    assert told.splitlines()[-1] == "goes on None"
