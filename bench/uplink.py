"""The row about draining over MQTT: field, front and a real broker, beside bare paho with the same batches and window."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.drain import books_of, cpu_s
from bench.durable import DIRECTORY
from bench.field import ROOT
from bench.filled import state
from bench.fronts import front
from bench.report import Budget, Missing, Row, Sample, WorkNotDone


@contextlib.contextmanager
def _broker() -> Iterator[int]:
    """mosquitto on a port of its own."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        raise Missing("There is no mosquitto: apt-get install mosquitto")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(dir=DIRECTORY, prefix="hall-edge-bench-") as directory:
        config = Path(directory, "mosquitto.conf")
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type none\nset_tcp_nodelay true\n"
        )
        with subprocess.Popen([program, "-c", str(config)]) as process:
            try:
                until = time.monotonic() + 10
                while time.monotonic() < until:
                    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                        break
                    time.sleep(0.05)
                yield port
            finally:
                process.kill()


@contextlib.contextmanager
def _sink(port: int, name: str, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "bench.sink", "sink", str(port), name, str(seconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as sink:
        try:
            _heard(sink, b"READY\n")
            yield sink
        finally:
            sink.kill()


def _heard(sink: subprocess.Popen[bytes], word: bytes) -> None:
    assert sink.stdout is not None
    if (line := sink.stdout.readline()) != word:
        raise WorkNotDone(f"the far end of the broker said {line!r}")


def _figures(sink: subprocess.Popen[bytes], pid: int) -> Sample:
    """From its first batch on; ``pid``: whoever publishes."""
    assert sink.stdout is not None
    _heard(sink, b"BEGUN\n")
    before = cpu_s(pid)
    line = sink.stdout.readline()
    used = cpu_s(pid) - before
    if not line:
        raise WorkNotDone("the far end of the broker ended")
    told = json.loads(line)
    if not told["records"] or not told["seconds"]:
        raise WorkNotDone("nothing came through the broker")
    return {"records_per_s": told["records"] / told["seconds"], "cpu_us_per_record": used / told["records"] * 1e6}


def _gateway(budget: Budget) -> Sample:
    with _broker() as port:
        mqtt = f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nconsumer = "{{name}}"\n'
        with (
            books_of(budget, mqtt) as (field, name, _),
            _sink(port, name, budget.seconds) as sink,
            front(field) as process,
        ):
            return _figures(sink, process.pid)


def _bare(budget: Budget) -> Sample:
    database = state(budget.rows, "drain") / "hall.db"
    with _broker() as port, _sink(port, "peer", budget.seconds) as sink:
        command = [sys.executable, "-m", "bench.sink", "peer", str(port), "peer", str(database)]
        with subprocess.Popen(command, cwd=ROOT) as peer:
            try:
                return _figures(sink, peer.pid)
            finally:
                peer.kill()


def _both() -> dict[str, Callable[[Budget], Sample]]:
    return {"paho": _bare, "gateway": _gateway}


ROWS = (
    Row(
        name="drain-mqtt",
        what="drain over MQTT through mosquitto to central's acknowledgement, beside paho with the same batches and window",
        counts="a record in a batch that came in order and was confirmed; the far end does not store",
        figure="records_per_s",
        floor="paho",
        variants=_both(),
        higher_is_better=True,
        must=0.4,
        sky=0.8,
    ),
)
