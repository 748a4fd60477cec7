"""The client of the published contract, a shell script with nothing of ours in it, against the real gateway.

EVT-05, COM-01, COM-07.
"""

from __future__ import annotations

import contextlib
import http.server
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.processes import REPOSITORY, wait_until
from tests.harness.stage import Stage

CLIENT = REPOSITORY / "docs" / "contract" / "client.sh"
RECORDS = 300
FLOOR = """
[hall]
seed = 7
games_per_minute = 60
events_per_minute = 600
poll_ms = 40
""" + "".join(
    f'[[line]]\nname = "L{line:02}"\n[[line.egm]]\nasset = {100_400 + line}\nlocation = "{line}"\n'
    for line in range(1, 5)
)

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        any(shutil.which(name) is None for name in ("curl", "jq", "sha256sum")),
        reason="curl or jq is missing: apt install curl jq",
    ),
]


class Gateway(Stage):
    """Machines, field and front; nobody pulls but the test."""

    def _start_centrals(self) -> None:
        return

    def log(self) -> list[bytes]:
        with contextlib.closing(sqlite3.connect(f"file:{self.gateway.state / 'hall.db'}?mode=ro", uri=True)) as db:
            return [body for (body,) in db.execute("SELECT body FROM log ORDER BY position")]

    def confirmed(self) -> int:
        with contextlib.closing(sqlite3.connect(f"file:{self.gateway.state / 'hall.db'}?mode=ro", uri=True)) as db:
            (position,) = db.execute("SELECT position FROM consumers WHERE name = 'central-1'").fetchone()
            return int(position)

    def client(self, books: Path, url: str = "", limit: int = 25) -> subprocess.Popen[str]:
        key = self.gateway.directory / "central.key"
        return subprocess.Popen(
            [str(CLIENT), url or self.gateway.url, "central-1", str(key), str(books)],
            stderr=subprocess.PIPE, text=True, start_new_session=True, env={**os.environ, "LIMIT": str(limit)},
        )  # fmt: skip


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("shell")
    (directory / "floor.toml").write_text(FLOOR, encoding="utf-8")
    made = Gateway(directory / "stage", str(directory / "floor.toml"), with_mqtt=False)
    try:
        made.open()
        made.wait_for_polls()
        wait_until("some hundred records", lambda: len(made.log()) >= RECORDS, within_s=90, every_s=0.2)
        made.processes["hall"].stop()
        yield made
    finally:
        made.close()


def lines(books: Path) -> list[bytes]:
    path = books / "records"
    return path.read_bytes().splitlines() if path.exists() else []


class FlippingProxy(http.server.BaseHTTPRequestHandler):
    """Hands everything on, and flips one bit of every page that has events, some way into it."""

    to = ""
    acknowledged = 0

    def _pass_on(self, body: bytes | None) -> None:
        asked = urllib.request.Request(f"{self.to}{self.path}", data=body, method=self.command)
        for name in ("Authorization", "Accept", "Content-Type"):
            asked.add_header(name, self.headers.get(name, ""))
        with urllib.request.urlopen(asked, timeout=20) as answer:
            content, headers, status = bytearray(answer.read()), answer.headers, answer.status
        if "ndjson" in headers["Content-Type"] and content:
            # A digit of a moment becomes another digit: it is JSON still.
            content[content.index(b'"recordedat":"') + 16] ^= 1
        self.send_response(status)
        for name in ("Content-Type", "Hall-Edge-Next"):
            if headers.get(name):
                self.send_header(name, headers[name])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self._pass_on(None)

    def do_POST(self) -> None:
        type(self).acknowledged += 1
        self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_words: object) -> None:
        return


def test_a_changed_byte_is_refused_by_the_client_and_nothing_of_it_is_stored_or_confirmed(
    gateway: Gateway, tmp_path: Path
) -> None:
    FlippingProxy.to = gateway.gateway.url
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FlippingProxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before = gateway.confirmed()
    try:
        client = gateway.client(tmp_path, f"http://127.0.0.1:{server.server_port}")
        _, told = client.communicate(timeout=60)
    finally:
        server.shutdown()
        server.server_close()
    assert client.returncode == 3, told
    assert "the chain does not hold" in told
    assert lines(tmp_path) == []
    assert FlippingProxy.acknowledged == 0
    assert gateway.confirmed() == before


def test_killed_again_and_again_and_with_the_gateway_away_its_file_is_the_log_byte_for_byte(
    gateway: Gateway, tmp_path: Path
) -> None:
    dice = random.Random(7)
    kills = 0
    while len(lines(tmp_path)) < RECORDS // 2:
        client = gateway.client(tmp_path)
        time.sleep(dice.uniform(0.1, 0.9))
        if client.poll() is None:
            os.killpg(client.pid, signal.SIGKILL)
            kills += 1
        client.communicate()
        assert kills < 100
    assert kills >= 2
    # Field and front are away when it begins, and come back.
    for part in ("front", "field"):
        gateway.processes[part].kill()
    client = gateway.client(tmp_path)
    time.sleep(1.0)
    for part in ("field", "front"):
        gateway.processes[part].start()
    _, told = client.communicate(timeout=90)
    assert client.returncode == 0, told
    assert "again in" in told
    stored = lines(tmp_path)
    assert len(stored) >= RECORDS
    assert stored == gateway.log()[: len(stored)]
    assert gateway.confirmed() == len(stored)
    assert (tmp_path / "findings").read_text() == ""
