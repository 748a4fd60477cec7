"""What runs beside the field in a bench: the real front, with nobody asking it, or drained and rendering on and on."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import time
from collections.abc import Iterator

from bench.field import ROOT, START_WITHIN_S, FieldRun, environment
from bench.report import WorkNotDone


@contextlib.contextmanager
def idle_front(run: FieldRun) -> Iterator[None]:
    """The real front, with nobody asking it anything."""
    with front(run):
        yield


def busy_front(run: FieldRun) -> contextlib.AbstractContextManager[None]:
    """The real front at full tilt: the log is pulled as our central pulls it, compressed, from the oldest record on, and the
    floor is rendered, on and on."""
    return _visited(run, "zstd")


def plain_front(run: FieldRun) -> contextlib.AbstractContextManager[None]:
    """The same for a visitor that asks for plain pages of 700 KB."""
    return _visited(run, "identity")


@contextlib.contextmanager
def _visited(run: FieldRun, encoding: str) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.beside", run.url, run.key, encoding]
    with front(run), subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as visitor:
        try:
            assert visitor.stdout is not None
            if visitor.stdout.readline() != b"READY\n":
                raise WorkNotDone("the front did not answer its visitor")
            yield
            if visitor.poll() is not None:
                raise WorkNotDone("the visitor of the front ended by itself")
        finally:
            visitor.terminate()


@contextlib.contextmanager
def front(run: FieldRun, program: tuple[str, ...] = ("-m", "edge")) -> Iterator[subprocess.Popen[bytes]]:
    """The real front, ready to answer. ``program``: what python runs, if not the gateway as it is."""
    with (run.directory / "front.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *program, "front", "--config", str(run.config)],
            cwd=ROOT, stdout=log, stderr=log, env=environment(),
        )  # fmt: skip
    try:
        until = time.monotonic() + START_WITHIN_S
        while not _is_ready(run.url):
            if time.monotonic() > until or process.poll() is not None:
                raise WorkNotDone("the front did not start")
            time.sleep(0.1)
        yield process
        if process.poll() is not None:
            raise WorkNotDone("the front ended by itself")
    finally:
        process.terminate()
        process.wait(10)


def _is_ready(url: str) -> bool:
    """It serves, and has found the field."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/api/v1/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
