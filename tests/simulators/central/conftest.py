"""A gateway's log with its real writer, behind a small HTTP server that serves the contract and can be told to fail."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sync import outbox
from sync.db import Transaction
from sync.envelope import Cursor, Draft
from sync.errors import AckBeyondHead, ChainMismatch, CursorExpired, DeliveryError, EpochChanged
from sync.headwatch import HeadWatch
from sync.migrate import migrate
from sync.pull import PullFeed, compress
from sync.writer import Writer

NIGHT = datetime(2026, 11, 23, 0, 11, 7, tzinfo=UTC)
STATUS = {EpochChanged: 409, ChainMismatch: 409, CursorExpired: 410, AckBeyondHead: 416}
CONSUMER = "central-1"


class Gateway:
    """The log, its server, and what the server was asked."""

    def __init__(self, path: Path) -> None:
        migrate(path)
        self.path = path
        self.asked: list[str] = []
        self.failures: deque[tuple[str, int | None]] = deque()
        "Next failures: part of a path, and a status to answer with (None: hang up)."
        self.commands: list[dict[str, Any]] = []
        self.writer = Writer(path, now_utc=lambda: NIGHT, post=lambda call: call(), on_fatal=lambda _: None)
        self.writer.start()
        self.do(lambda tx: outbox.ensure_consumers(tx, {CONSUMER: True}))
        self.server: ThreadingHTTPServer | None = None
        self.port = 0

    def do(self, work: Callable[[Transaction], Any]) -> Any:
        """One piece of work, on disk when it returns. Raises what it raises."""
        done = threading.Event()
        box: list[Any] = []

        def finished(result: Any, error: Exception | None) -> None:
            box.append((result, error))
            done.set()

        self.writer.submit(work, finished, urgent=True)
        assert done.wait(10)
        if box[0][1] is not None:
            raise box[0][1]
        return box[0][0]

    def happen(self, count: int, **data: Any) -> None:
        """So many doors are opened."""
        draft = Draft(
            type="hall.egm.door.opened.v1", source="urn:hall:7:gw:hg-07", subject="egm/1", time=NIGHT,
            data={"asset": 1, "sas_exception": 17, **data}, live_class="door", gamingday="2026-11-22", clock="synced",
            dataschema="/api/v1/schemas/hall.egm.door.opened.v1.json",
        )  # fmt: skip
        self.do(lambda tx: [outbox.append(tx, draft) for _ in range(count)])

    @property
    def confirmed(self) -> int:
        """How far central has confirmed."""
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            return outbox.cursor_of(connection, CONSUMER).sequence
        finally:
            connection.close()

    def open(self) -> str:
        """Begin to serve (again, on the same port); returns the URL."""
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is http.server's
                return

            def do_GET(self) -> None:
                gateway.serve(self, None)

            def do_POST(self) -> None:
                gateway.serve(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop serving."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def serve(self, handler: BaseHTTPRequestHandler, body: bytes | None) -> None:
        """One request."""
        self.asked.append(f"{handler.command} {handler.path}")
        if self.failures and self.failures[0][0] in handler.path:
            _, status = self.failures.popleft()
            if status is None:
                handler.close_connection = True
                handler.connection.shutdown(2)
                return
            self.reply(handler, status, b'{"type":"urn:hall-edge:problem:field-away"}')
            return
        if handler.headers["Authorization"] != "Bearer hek_test_secret":
            self.reply(handler, 401, b'{"type":"urn:hall-edge:problem:unauthenticated"}')
            return
        try:
            self.reply(handler, *self.judge(urlsplit(handler.path).path, handler.path, body))
        except DeliveryError as no:
            problem = {"type": f"urn:hall-edge:problem:{no.slug}", "detail": str(no), **no.facts}
            self.reply(handler, STATUS.get(type(no), 400), json.dumps(problem, default=str).encode())

    def judge(self, path: str, target: str, body: bytes | None) -> tuple[int, bytes]:
        if path == "/api/v1/commands":
            command = json.loads(body or b"")
            self.commands.append(command)
            return 202, json.dumps({"status": "admitted", "command_id": command["command_id"]}).encode()
        if body is not None:
            cursor = Cursor.parse(body)
            moved = self.do(lambda tx: outbox.advance(tx, path.split("/")[4], cursor))
            return 200, json.dumps({"advanced": moved.moved}).encode()
        asked = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, isolation_level=None)
        try:
            after: Any = asked.get("after")
            after = int(after) if after is not None and after.isdigit() else after
            page = PullFeed(lambda: connection, HeadWatch()).page(
                asked["consumer"], asked.get("streamid"), after, int(asked["limit"])
            )
            return 200, page.body
        finally:
            connection.close()

    @staticmethod
    def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        body, packing = compress(body, handler.headers.get("Accept-Encoding", ""))
        handler.send_response(status)
        if packing:
            handler.send_header("Content-Encoding", packing)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A log that is served."""
    made = Gateway(tmp_path / "hall.db")
    made.open()
    yield made
    made.close()
    made.writer.close()


class Mosquitto:
    """A real broker on loopback that may be killed and started again."""

    def __init__(self, directory: Path) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            if os.environ.get("CI"):
                pytest.fail("mosquitto is missing")
            pytest.skip("mosquitto is missing")
        self._program = program
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._config = directory / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n", encoding="ascii")
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it listens."""
        self._child = subprocess.Popen([self._program, "-c", str(self._config)], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise TimeoutError("the broker does not listen")

    def kill(self) -> None:
        """Without warning; it forgets everything."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that runs."""
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()
