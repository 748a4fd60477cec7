"""The field, the whole process, on many lines of canned machines: one run and its figures.

Integration point: `run_field`. It writes a configuration, starts ``python -m edge field --config FILE`` as a child, and
takes figures from its status over the seam and counts from the machines. What runs beside it meanwhile (nothing, an
idle front, or one that is drained and renders) is a context manager handed in as ``beside``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bench.lines import PERIOD_S
from bench.machines import Machines, machines
from bench.report import Sample, WorkNotDone
from edge.access import new_key

ROOT = Path(__file__).parents[1]
START_WITHIN_S = 90.0
LEAST_RATE = 0.8
"""Share of the polls that would fit if every one left on time; less means that the field does not keep up."""
FAST_S = 0.040
"""Machines that declare 40 ms are polled so, whatever the configuration says; for anything longer they do not declare it."""
OTHERS_MAX = 0.02
"""Share of long polls that are none of the measurement: above it the field still asks who its machines are."""
FIRST_ASSET = 100_001
ACCESS_KEY = "0123456789abcdef0123456789abcdef"
"""Of the bench alone: its keys are worth nothing anywhere else."""


@dataclass(frozen=True, slots=True)
class FieldRun:
    """A field at work, for whatever runs beside it."""

    directory: Path
    config: Path
    socket: Path
    database: Path
    url: str
    key: str


Beside = Callable[[FieldRun], AbstractContextManager[object]]


def configuration(directory: Path, urls: list[str], *, period_s: float, port: int, key_hmac: str) -> str:
    """One machine on each line, asked every ``period_s``; snapshots only at link-up: polls are what is measured."""
    tables = [
        '[hall]\nid = "bench"',
        f'[gateway]\nid = "hg-bench"\nrun_directory = "{directory}"',
        f'[store]\ndirectory = "{directory}"',
        "[polling]\nmeters_every_s = 86400",
        '[[consumer]]\nname = "central"',
        '[log]\nlevel = "warning"',
        f'[web]\nlisten = ["127.0.0.1:{port}"]',
        f'[[key]]\nid = "bench"\nhmac = "{key_hmac}"\nscopes = ["status:read", "events:read", "events:ack", "egms:read"]',
    ]
    for place, url in enumerate(urls):
        tables.append(f'[[line]]\nname = "L{place}"\nurl = "{url}"\npoll_ms = {round(period_s * 1000)}')
        tables.append(f'[[egm]]\nasset = {FIRST_ASSET + place}\nline = "L{place}"\naddress = 1')
    return "\n\n".join(tables) + "\n"


class FieldStatus:
    """Asks the field for its figures over the seam: lines of JSON, a greeting first, then one question at a time."""

    def __init__(self, path: Path) -> None:
        from edge.seam.messages import VERSION

        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rb")
        self._question = 0
        self._say({"type": "hello", "version": VERSION, "part": "hallctl", "program": "bench"})

    def ask(self) -> dict[str, Any]:
        """The status as the field tells it. Raises WorkNotDone when it refuses or is gone."""
        self._question += 1
        self._say({"type": "status", "id": self._question})
        while line := self._file.readline():
            told = json.loads(line)
            if told["type"] == "status-told":
                return cast("dict[str, Any]", told["status"])
            if told["type"] == "refused":
                raise WorkNotDone(f"the field refuses to tell its status: {told}")
        raise WorkNotDone("the field closed the seam")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _say(self, message: dict[str, object]) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")


def run_field(
    lines: int,
    seconds: float,
    *,
    seed: int,
    chance: float,
    period_s: float = PERIOD_S,
    beside: Beside | None = None,
    least_rate: float = LEAST_RATE,
) -> Sample:
    """The field on ``lines`` canned machines for ``seconds`` after all of them are up.

    Per poll: a general poll that a machine heard, the 80 before it, its answer, and where it was an exception (``chance``)
    its commit and the long poll that proves the acknowledgement, before the next. Checked against the machines' books:
    every exception acknowledged is in the log, and none that was not raised. Status keys read: cpu_us, recent (lateness
    since the question before). rss_mib: resident now; machines_cpu_percent: what the canned machines take of a core."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp", prefix="hall-edge-bench-")))
        canned = stack.enter_context(machines(lines, seed=seed, chance=chance, slow=period_s > FAST_S))
        run = write_configuration(directory, canned.urls, period_s)
        process = stack.enter_context(field_process(run))
        status = stack.enter_context(contextlib.closing(_connected(run, process)))
        _wait_until_polling(canned, status, least_rate * lines / period_s)
        if beside is not None:
            stack.enter_context(beside(run))
        heard_before, told_before = canned.counts(), status.ask()
        time.sleep(seconds)
        heard_after, told_after = canned.counts(), status.ask()
        rss_mib = resident_mib(process.pid)
        stop(process)
        heard = canned.counts()
        facts = _facts(run.database)
    polls = heard_after["general"] - heard_before["general"]
    raised = heard_after["raised"] - heard_before["raised"]
    # By the clock of those who count: a busy machine sleeps longer than it was told, and answers late.
    seconds = (heard_after["now_us"] - heard_before["now_us"]) / 1e6
    wanted = lines * seconds / period_s
    # Below its full rate by design: 40 ms is a shortest distance, so each tick a poll waits for moves all later ones.
    if polls < least_rate * wanted:
        raise WorkNotDone(f"{polls} of {wanted:.0f} polls reached the machines")
    if not heard["acknowledged"] <= facts <= heard["raised"]:
        raise WorkNotDone(
            f"{heard['acknowledged']} exceptions acknowledged, {heard['raised']} raised, {facts} in the log"
        )
    if chance and not raised:
        raise WorkNotDone("no machine had anything to tell")
    cpu_us = float(told_after["cpu_us"] - told_before["cpu_us"])
    return {
        "cpu_us_per_poll": cpu_us / polls,
        **{f"lateness_{p}_us": float(told_after["recent"][f"lateness_{p}_us"]) for p in ("p50", "p99", "p999")},
        "polls_per_s": polls / seconds,
        "rate_percent": 100 * polls / wanted,
        "exceptions_per_s": raised / seconds,
        "cpu_percent": cpu_us / seconds / 1e4,
        "machines_cpu_percent": (heard_after["cpu_us"] - heard_before["cpu_us"]) / seconds / 1e4,
        "rss_mib": rss_mib,
    }


def write_configuration(directory: Path, urls: list[str], period_s: float) -> FieldRun:
    config = directory / "config.toml"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    key = new_key("bench", ACCESS_KEY.encode())
    config.write_text(configuration(directory, urls, period_s=period_s, port=port, key_hmac=key.hmac), encoding="utf-8")
    url = f"http://127.0.0.1:{port}"
    return FieldRun(directory, config, directory / "field.sock", directory / "hall.db", url, key.text)


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@contextlib.contextmanager
def field_process(run: FieldRun) -> Iterator[subprocess.Popen[bytes]]:
    errors = run.directory / "field.log"
    with errors.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", "field", "--config", str(run.config)],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env=environment(),
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _connected(run: FieldRun, process: subprocess.Popen[bytes]) -> FieldStatus:
    until = time.monotonic() + START_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            return FieldStatus(run.socket)
        time.sleep(0.05)
    said = (run.directory / "field.log").read_text(encoding="utf-8", errors="replace")[-800:]
    raise WorkNotDone(f"the field did not start (exit code {process.poll()}): {said}")


def _wait_until_polling(canned: Machines, status: FieldStatus, polls_per_s: float) -> None:
    """After the silence of an unclean start and the first questions to every machine: two seconds at this rate or above,
    with next to no long polls beside those that exceptions cause."""
    until = time.monotonic() + START_WITHIN_S
    calm = 0
    while time.monotonic() < until:
        before = canned.counts()
        time.sleep(1.0)
        status.ask()
        after = canned.counts()
        others = (after["longs"] - before["longs"]) - 2 * (after["raised"] - before["raised"])
        at_rate = after["general"] - before["general"] >= polls_per_s
        calm = calm + 1 if at_rate and others < OTHERS_MAX * polls_per_s else 0
        if calm == 2:
            return
    raise WorkNotDone(f"the field does not reach its rate of {polls_per_s:.0f} polls a second: {canned.counts()}")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        raise WorkNotDone("the field did not stop within 10 s") from None


def _facts(database: Path) -> int:
    """Records in the log that an exception of a machine became."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as conn:
        pattern = '%"sas_exception":%'
        return int(conn.execute("SELECT count(*) FROM log WHERE CAST(body AS TEXT) LIKE ?", (pattern,)).fetchone()[0])


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"} | {
        "HALL_EDGE__ACCESS_KEY": ACCESS_KEY
    }
