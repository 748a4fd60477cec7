"""Safe mode: the field answers, says what is wrong and what to do, and touches neither lines nor books."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge.config.model import Settings
from edge.field.safe import SafeField, why
from edge.field.verdicts import Finding
from edge.front.app import running
from edge.front.views.status import status
from edge.seam.client import SeamClient
from edge.seam.errors import Refusal, SafeMode
from edge.seam.messages import Admit, Advance, Cursor, FindCommand, ProbeEgm, ScanLine, Status
from tests.edge.field.books import settings_for

MISSING = Finding("database-missing", {"directory": "/var/lib/hall-edge"})


def _make_directories(settings: Settings) -> None:
    Path(settings.gateway.run_directory).mkdir(parents=True, exist_ok=True)
    Path(settings.store.directory).mkdir(parents=True, exist_ok=True)


@asynccontextmanager
async def safe_field(settings: Settings, finding: Finding = MISSING) -> AsyncIterator[SafeField]:
    _make_directories(settings)
    field = SafeField(settings, finding)
    task = asyncio.create_task(field.run())
    place = Path(settings.gateway.run_directory) / "field.sock"
    async with asyncio.timeout(10):
        while not place.exists():  # noqa: ASYNC110  the other side is a process of its own or a socket
            await asyncio.sleep(0.005)
    try:
        yield field
    finally:
        os.kill(os.getpid(), signal.SIGTERM)  # as systemd stops it; the field has a handler
        assert await asyncio.wait_for(task, 10) == 0
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)


@asynccontextmanager
async def caller_of(settings: Settings) -> AsyncIterator[SeamClient]:
    client = SeamClient(Path(settings.gateway.run_directory) / "field.sock", program="test")
    task = asyncio.create_task(client.run())
    async with asyncio.timeout(10):
        while not client.connected:  # noqa: ASYNC110  the other side is a process of its own or a socket
            await asyncio.sleep(0.005)
    try:
        yield client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_board_says_safe_with_the_cause_and_what_a_technician_should_do(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with safe_field(settings), caller_of(settings) as client:
        gateway = client.mirror.gateway
        assert gateway.state == "safe"
        assert gateway.why == why(MISSING)
        assert "/var/lib/hall-edge" in str(gateway.why["text"])
        assert gateway.why["code"] == "HE3021"
        assert "restore a backup" in str(gateway.why["remedy"])
        assert {line.state for line in client.mirror.lines.values()} == {"closed"}
        assert (await client.call(Status())).status["safe"] == why(MISSING)


@pytest.mark.parametrize(
    "asked",
    [
        Advance(consumer="central-1", cursor=Cursor(streamid="0" * 32, sequence=1, sha256="0" * 64)),
        Admit(command="{}", via="http", principal="key/central"),
        FindCommand(command_id="c1"),
        ScanLine(line="A"),
        ProbeEgm(line="A", address=1),
    ],
    ids=lambda asked: asked.type,
)
async def test_whatever_writes_or_speaks_on_a_line_is_refused_with_safe_mode(tmp_path: Path, asked: Admit) -> None:
    settings = settings_for(tmp_path)
    async with safe_field(settings), caller_of(settings) as client:
        with pytest.raises(Refusal) as refused:
            await client.call(asked)
        assert refused.value.reason == "safe-mode"
        assert refused.value.facts["slug"] == "database-missing"


async def test_in_safe_mode_the_directory_of_the_books_is_left_as_it_was(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with safe_field(settings), caller_of(settings) as client:
        await client.call(Status())
    assert list((tmp_path / "state").iterdir()) == []


async def test_systemd_hears_ready_the_cause_and_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "2000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        async with safe_field(settings_for(tmp_path)):
            async with asyncio.timeout(10):
                while sum("WATCHDOG=1" in text for text in heard) < 2:
                    heard.append((await asyncio.get_running_loop().sock_recv(notified, 4096)).decode())
    assert heard[0].startswith("READY=1\nSTATUS=SAFE MODE, nothing is polled: The database is gone from")


async def test_the_front_answers_503_safe_mode_for_what_needs_the_log_and_shows_why(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with safe_field(settings), running(settings) as house:
        front = house.front
        async with asyncio.timeout(10):
            while not front.seam.connected:  # noqa: ASYNC110  the other side is a process of its own or a socket
                await asyncio.sleep(0.005)
        with pytest.raises(SafeMode) as refused:
            front.readers.connection()
        assert refused.value.slug == "safe-mode"
        told = await status(front)
        assert told["state"] == "safe"
        assert told["why"]["slug"] == "database-missing"
        assert told["consumers"] is None
        banner = house.live.top()["banner"]
        assert banner["shown"]
        assert banner["head"].startswith("SAFE MODE")
        head, body = await _get(settings, "/api/v1/events/search?limit=1")
        assert " 503 " in head
        assert "urn:hall-edge:problem:safe-mode" in body
        _, body = await _get(settings, "/api/v1/reviews")
        assert "urn:hall-edge:problem:safe-mode" in body


async def _get(settings: Settings, path: str) -> tuple[str, str]:
    """One question over the control socket, which is what hallctl uses."""
    reader, writer = await asyncio.open_unix_connection(str(Path(settings.gateway.run_directory) / "control.sock"))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    text = (await reader.read()).decode()
    writer.close()
    head, _, body = text.partition("\r\n\r\n")
    return head.splitlines()[0], body
