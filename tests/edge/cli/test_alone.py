"""hallctl on a line of its own, without a daemon, against simulated machines on a real socket: nothing is taken from them."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulators.floor import read
from simulators.hall import Hall
from tests.edge.cli.test_hallctl import run

HALL = {
    "machines": 2, "first_asset": 100401, "host": "127.0.0.1", "base_port": 0, "lines": 1, "games_per_minute": 0,
    "events_per_minute": 0, "shared": [2],
}  # fmt: skip


@pytest.fixture
async def hall() -> AsyncIterator[tuple[Hall, str]]:
    hall = Hall(read({"hall": HALL}))
    opened = await hall.open()
    playing = asyncio.create_task(hall.run())
    yield hall, opened.lines[0].url
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    await hall.close()


async def alone(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(run, tmp_path, *arguments)


async def test_a_line_is_scanned_without_a_daemon_and_its_machines_keep_their_news(hall, tmp_path):
    machines, url = hall
    egm = next(iter(machines.egms.values()))
    egm.do("open_door", 0.0)
    before = [entry.code for entry in egm.port.queue]
    assert before
    done = await alone(tmp_path, "line", "scan", "--url", url, "--no-listen", "--up-to", "12", "--json")
    told = json.loads(done.stdout)
    assert [(one["address"], one["serial"]) for one in told["found"]] == [(1, "SIM100401"), (2, "SIM100402")]
    assert len(told["silent"]) == 10
    assert [entry.code for entry in egm.port.queue] == before


async def test_a_machine_is_probed_without_a_daemon_and_keeps_its_news(hall, tmp_path):
    machines, url = hall
    egm = next(iter(machines.egms.values()))
    egm.do("open_door", 0.0)
    before = [entry.code for entry in egm.port.queue]
    done = await asyncio.to_thread(run, tmp_path, "egm", "probe", "--url", url, "--address", "1", timeout_s=60)
    assert done.returncode == 0, done.stderr
    assert "SAS 602 · serial SIM100401" in done.stdout
    assert "total coin in" in done.stdout
    assert [entry.code for entry in egm.port.queue] == before


def test_a_place_where_nobody_listens_is_told_in_words(tmp_path):
    done = run(tmp_path, "line", "scan", "--url", "tcp9:127.0.0.1:1")
    assert done.returncode == 3
    assert "tcp9:127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("url", ["memory:x", "tty:/tmp/x", "nonsense", "modbus-tcp:127.0.0.1:502"])
def test_what_is_no_line_is_refused_before_anything_is_sent(tmp_path, url):
    done = run(tmp_path, "line", "scan", "--url", url)
    assert done.returncode == 2
    assert "tcp9:HOST:PORT" in done.stderr


@pytest.mark.parametrize(
    "words", [["line", "scan"], ["line", "scan", "A", "--url", "tcp9:h:1"], ["egm", "probe", "--url", "tcp9:h:1"]]
)
def test_either_a_name_or_a_url_is_said(tmp_path, words):
    assert run(tmp_path, *words).returncode == 2
