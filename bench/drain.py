"""Rows about fetching a long log by pull: the real front and field, a puller that only counts, pages of 1,000 records."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.field import ROOT, FieldRun, field_process, resident_mib, write_configuration
from bench.filled import state
from bench.fronts import front
from bench.machines import machines
from bench.report import Budget, Limit, Row, Sample, WorkNotDone

GROWTH_MAX_MIB = 20.0
"""What the front may take more while a log drains than before."""


@contextlib.contextmanager
def books_of(budget: Budget, more: str = "") -> Iterator[tuple[FieldRun, str, subprocess.Popen[bytes]]]:
    """A field over the long log, and the name of a consumer that has nothing yet; ``more`` of the configuration with {name}.

    A consumer that is required and never comes keeps the rows in the log."""
    name = f"drain-{time.time_ns()}"
    with machines(1, seed=budget.seed) as canned:
        run = write_configuration(state(budget.rows, "drain"), canned.urls, 0.2)
        text = run.config.read_text(encoding="utf-8")
        text += f'\n[[consumer]]\nname = "{name}"\nrequired = false\n\n{more.replace("{name}", name)}'
        run.config.write_text(text, encoding="utf-8")
        with field_process(run) as process:
            until = time.monotonic() + 30
            while canned.counts()["general"] < 10:
                if time.monotonic() > until or process.poll() is not None:
                    raise WorkNotDone("the field did not poll")
                time.sleep(0.1)
            yield run, name, process


def cpu_s(pid: int) -> float:
    """What this process has used of the processors, all threads that live; in nanoseconds, where ``stat`` counts in ticks."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9


def _pull(url: str, key: str, name: str, seconds: float, encoding: str, pid: int, *, does: str) -> Sample:
    """One puller for so many seconds; figures of it and of the server with this id."""
    command = [sys.executable, "-m", "bench.puller", url, key, name, str(seconds), encoding, does]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as puller:
        assert puller.stdin is not None
        assert puller.stdout is not None
        if puller.stdout.readline() != b"READY\n":
            raise WorkNotDone("the puller did not start")
        resident = [resident_mib(pid)]
        before = cpu_s(pid)
        puller.stdin.write(b"\n")
        puller.stdin.flush()
        while puller.poll() is None:
            time.sleep(0.1)
            resident.append(resident_mib(pid))
        used = cpu_s(pid) - before
        line = puller.stdout.readline()
    if not line:
        raise WorkNotDone(f"the puller ended with {puller.returncode}")
    told = json.loads(line)
    if not told["records"]:
        raise WorkNotDone("no record came")
    return {
        "cpu_us_per_record": used / told["records"] * 1e6,
        "records_per_s": told["records"] / told["seconds"],
        "wire_bytes_per_record": told["wire_bytes"] / told["records"],
        "records": told["records"],
        "rss_mib": max(resident),
        "rss_growth_mib": max(resident) - resident[0],
    }


def _front(
    encoding: str = "identity",
    program: tuple[str, ...] = ("-m", "edge"),
    *,
    everything: bool = False,
    does: str = "acknowledge",
) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        with books_of(budget) as (field, name, _), front(field, program) as process:
            # Once before: what is loaded at the first request and the first pages belongs to the start.
            _pull(field.url, field.key, name, 0.5, encoding, process.pid, does=does)
            seconds = 0.0 if everything else budget.seconds
            told = _pull(field.url, field.key, name, seconds, encoding, process.pid, does=does)
        if everything and told["records"] < budget.rows:
            raise WorkNotDone(f"{told['records']:.0f} of {budget.rows} records came")
        return told

    return run


def _bare(kind: str) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        database = state(budget.rows, "drain") / "hall.db"
        command = [sys.executable, "-m", "bench.bareserver", kind, str(database), str(port)]
        with subprocess.Popen(command, cwd=ROOT) as server:
            try:
                until = time.monotonic() + 10
                while time.monotonic() < until:
                    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                        break
                    time.sleep(0.05)
                url = f"http://127.0.0.1:{port}"
                return _pull(url, "none", "none", budget.seconds, "identity", server.pid, does="count")
            finally:
                server.kill()

    return run


COUNTS = (
    "a record that the puller has, without a gap, in acknowledged pages of 1,000 (page alone, bare: unacknowledged)"
)

ROWS = (
    Row(
        name="drain-pull",
        what="CPU of the front per record of a pull, plain and with zstd, beside the same bytes served as a constant, and "
        "beside a bare SELECT that is copied to a socket",
        counts=COUNTS,
        figure="cpu_us_per_record",
        floor="constant",
        variants={
            "constant": _bare("constant"),
            "bare read": _bare("read"),
            "front, page alone": _front(does="check"),
            "front": _front(),
            "front, zstd": _front("zstd"),
        },
        must=2.0,
        sky=1.2,
        judged="front, page alone",
        shown=("cpu_us_per_record", "records_per_s", "wire_bytes_per_record"),
    ),
    Row(
        name="drain-memory",
        what="resident memory of the front while the whole of a long log (--rows, 1,000,000) is pulled, compressed",
        counts=COUNTS,
        figure="rss_mib",
        floor=None,
        variants={"front": _front("zstd", everything=True)},
        limits=(Limit("front", "rss_mib", 140), Limit("front", "rss_growth_mib", GROWTH_MAX_MIB)),
        shown=("rss_mib", "rss_growth_mib", "records", "records_per_s"),
    ),
)
