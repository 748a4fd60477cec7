"""A part of the field that stands still: systemd gets no beat any more, and the stacks are in the log when it kills."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.seam.client import SeamClient
from edge.seam.messages import Admit
from sync.commands import Command, encode
from tests.edge.field.books import settings_for
from tests.edge.field.guarded_books import real_field
from tests.edge.field.test_safe import caller_of

UNIT = Path(__file__).parents[3] / "systemd" / "hall-edge.service"


async def test_pw_4_a_writer_stuck_in_the_disk_costs_the_beat_while_the_loop_turns_and_its_stack_is_told(
    tmp_path: Path,
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    assert "PYTHONFAULTHANDLER=1" in UNIT.read_text(), "the unit is where stacks are switched on"
    environment = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "4000000", "PYTHONFAULTHANDLER": "1",
    }  # fmt: skip
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        with real_field(tmp_path, environment=environment) as field, _disk_that_stands(field.child.pid) as begin:
            field.waits_for("field is ready")
            begin()
            async with caller_of(settings_for(tmp_path)) as client:
                asked = asyncio.create_task(client.call(Admit(command=_command(client), via="http", principal="key/x")))
                heard = await asyncio.to_thread(_until_stuck, notified)
                asked.cancel()
                await asyncio.gather(asked, return_exceptions=True)
            assert "WATCHDOG=1" in heard, "it beat before"
            assert heard.rstrip().endswith("STATUS=stuck: writer"), heard[-300:]
            assert "WATCHDOG=1" not in await asyncio.to_thread(_what_comes, notified, 3.0)
            os.kill(field.child.pid, signal.SIGABRT)  # as WatchdogSignal= does
            field.waits_for("Fatal Python error: Aborted", 10)
            field.waits_for("writer.py", 10)  # in the stack of the thread that stood


@contextlib.contextmanager
def _disk_that_stands(pid: int) -> Iterator[Callable[[], None]]:
    """Begun: the next synchronisation of this process does not return for five minutes."""
    tracer: list[subprocess.Popen[bytes]] = []

    def begin() -> None:
        rule = "inject=fdatasync:delay_enter=300000000:when=1+"
        command = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", rule, "-p", str(pid)]
        one = subprocess.Popen(command, stderr=subprocess.PIPE)
        tracer.append(one)
        assert one.stderr is not None
        assert b"attached" in one.stderr.readline()

    try:
        yield begin
    finally:
        for one in tracer:
            one.kill()
            one.wait()
            if one.stderr is not None:
                one.stderr.close()


def _command(client: SeamClient) -> str:
    now = datetime.now(UTC)
    stream = client.mirror.gateway.streamid
    made = Command(
        "central-1", 3, "c-1", "hg-07", stream, now, now + timedelta(minutes=1), "egm.meters.read", {"asset": 17}
    )
    return encode(made).decode()


def _until_stuck(notified: socket.socket) -> str:
    """All that systemd would hear until it is told of a part that is stuck."""
    heard = ""
    notified.settimeout(25.0)
    while "STATUS=stuck" not in heard:
        heard += notified.recv(4096).decode() + "\n"
    return heard


def _what_comes(notified: socket.socket, for_s: float) -> str:
    """All that systemd would hear in this time: longer than the watchdog's limit waits."""
    until, heard = time.monotonic() + for_s, ""
    while (left := until - time.monotonic()) > 0:
        notified.settimeout(left)
        try:
            heard += notified.recv(4096).decode()
        except TimeoutError:
            break
    return heard
