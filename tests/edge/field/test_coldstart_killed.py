"""PW-7: the power goes again while the field is coming up, and again; each time it gets further, the end is the same."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edge.store import anchor
from tests.harness.asking import ask_field
from tests.harness.gateway import Gateway
from tests.harness.processes import REPOSITORY, wait_until
from tests.support.keptbooks import events_of, log_of, run_once, settings_at

COME_UP = """
import sys
from pathlib import Path
from tests.support.keptbooks import run_once, settings_at
directory = Path(sys.argv[1])
print("begins", flush=True)
run_once(settings_at(directory, directory / "anchor"), 1, "after", orderly=False)
"""


def come_up(directory: Path, kill_after_s: float | None) -> bool:
    """The cold start and what it writes, in a child; killed so long after it began. True: it came to its end before."""
    child = subprocess.Popen([sys.executable, "-c", COME_UP, str(directory)], cwd=REPOSITORY, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"begins\n"
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(kill_after_s if kill_after_s is not None else 60)
    if child.returncode is None:
        child.send_signal(signal.SIGKILL)
    child.stdout.close()
    return child.wait() == 0


def how_long_it_takes(directory: Path) -> float:
    began = time.monotonic()
    assert come_up(directory, None)
    return time.monotonic() - began


@pytest.mark.parametrize("beginning", ["a new box", "a clean stop", "a lost tail"])
def test_pw_7_killed_three_times_while_coming_up_it_ends_as_if_it_had_come_up_at_once(
    tmp_path: Path, beginning: str
) -> None:
    seed = tmp_path / "seed"
    seed.mkdir()
    settings = settings_at(seed, seed / "anchor")
    if beginning != "a new box":
        run_once(settings, 5)
    if beginning == "a lost tail":
        shutil.copytree(seed / "state", seed / "older")
        run_once(settings, 9)
        shutil.rmtree(seed / "state")
        (seed / "older").rename(seed / "state")
    calm = tmp_path / "calm"
    shutil.copytree(seed, calm)
    takes = how_long_it_takes(calm)
    dice = random.Random(7)
    killed = 0
    for play in range(3):
        box = tmp_path / f"box-{play}"
        shutil.copytree(seed, box)
        first = log_of(box / "state") if beginning != "a new box" else {}
        for _ in range(3):
            killed += not come_up(box, dice.random() * takes)
        assert come_up(box, None)
        log = log_of(box / "state")
        assert first.items() <= log.items(), "what was there stays there"
        reasons = [event["data"]["reason"] for event in events_of(box / "state", "gateway.epoch.opened")]
        # Each directory is a copy. The loss is told once, however often the power went while it was being told.
        assert reasons == {"a new box": [], "a clean stop": ["moved"], "a lost tail": ["tail-lost"]}[beginning]
        numbers = [sequence for streamid, sequence in log if streamid == list(log)[-1][0]]
        assert numbers == list(range(1, len(numbers) + 1))
        mark = anchor.newest(box / "anchor")
        assert mark is not None
        assert (mark.streamid, mark.sequence) == list(log)[-1]
    assert killed >= 3, "the kills came too late"


def is_up(gateway: Gateway) -> bool:
    try:
        return "pid" in ask_field(gateway.run_directory)
    except (OSError, ValueError):
        return False


def live(gateway: Gateway, logs: Path) -> dict[str, Any]:
    """The real field, up and orderly down again; what it said of itself."""
    process = gateway.process("field", logs)
    process.start()
    try:
        wait_until("the field is up", lambda: is_up(gateway), within_s=30)
        told = ask_field(gateway.run_directory)
    finally:
        code = process.stop()
    assert code == 0, process.tail()
    return told


def test_id_1_st_10_the_real_field_on_restored_and_on_missing_books(tmp_path: Path) -> None:
    table = '[[line]]\nname = "A"\nurl = "tcp:127.0.0.1:9"\n\n[[egm]]\nasset = 17\nline = "A"\n'
    gateway = Gateway(tmp_path / "gw", table)
    gateway.write()
    live(gateway, tmp_path)
    shutil.copytree(gateway.state, tmp_path / "saved")
    live(gateway, tmp_path)
    first = log_of(gateway.state)
    mark = anchor.newest(gateway.anchor)
    assert mark is not None
    assert (mark.streamid, mark.sequence) == list(first)[-1], "the anchor has the last head of an orderly stop"
    shutil.rmtree(gateway.state)
    shutil.copytree(tmp_path / "saved", gateway.state)
    live(gateway, tmp_path)
    second = log_of(gateway.state)
    assert all(second[place] == body for place, body in first.items() if place in second)
    (opened,) = events_of(gateway.state, "gateway.epoch.opened")
    assert (opened["data"]["reason"], opened["data"]["epoch"]) == ("tail-lost", 2)
    with contextlib.closing(sqlite3.connect(gateway.state / "hall.db")) as conn:
        assert conn.execute("SELECT count(*) FROM checkpoints").fetchone()[0] >= 2

    for path in gateway.state.glob("hall.db*"):
        path.unlink()
    told = live(gateway, tmp_path)
    assert told["safe"]["slug"] == "database-missing"
    assert not (gateway.state / "hall.db").exists()
