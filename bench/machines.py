"""The canned machines as a child process: compiled where needed, started, asked for their counts, stopped."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from bench.report import Missing

SOURCE = Path(__file__).with_name("responder.c")
PARTS = (SOURCE, Path(__file__).with_name("canned.h"), Path(__file__).with_name("gaps.h"))
ADDRESS = 1
FILES = 16_384
"""Descriptors for everything a bench starts: a line is one, and a shell's usual limit is 1,024."""


class Machines:
    """A running responder. ``urls``: one per line, as the configuration writes them."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._pipe = process.stdout.fileno() if process.stdout else -1
        self._rest = b""
        self.urls: list[str] = []
        while (line := self._line()) != "READY":
            self.urls.append(line.removeprefix("LINE "))

    def counts(self) -> dict[str, int]:
        """Sums over all machines since the start: general, idle, raised, acknowledged, pending, repeats, longs ...;
        with ``gaps`` also gap_p50_us and so on, since the question before. cpu_us: of the machines'
        process; now_us: the monotonic moment they were counted at."""
        self._process.send_signal(signal.SIGUSR1)
        return cast("dict[str, int]", json.loads(self._line()))

    def _line(self, within_s: float = 10.0) -> str:
        until = time.monotonic() + within_s
        while b"\n" not in self._rest:
            if not select.select([self._pipe], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError("The canned machines do not answer.")
            piece = os.read(self._pipe, 1 << 20)
            if not piece:
                raise RuntimeError(f"The canned machines ended with {self._process.wait()}.")
            self._rest += piece
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode()


@contextlib.contextmanager
def machines(
    lines: int,
    *,
    seed: int,
    chance: float = 0.0,
    delay_us: int = 0,
    pty: bool = False,
    slow: bool = False,
    gaps: bool = False,
) -> Iterator[Machines]:
    """``lines`` machines at address 1. ``chance``: share of new general polls answered with an exception; ``slow``: they
    do not declare 40 ms; ``gaps``: the silence after a wake-up byte is timed.

    They end with the block, or when this process does. Raises Missing without a C compiler, or where fewer files may be
    open than there are lines."""
    _allow_files(lines)
    command = [str(responder()), "--lines", str(lines), "--address", str(ADDRESS), "--seed", str(seed)]
    command += ["--chance", str(chance), "--delay-us", str(delay_us), *(["--pty"] if pty else [])]
    command += [*(["--slow"] if slow else []), *(["--gaps"] if gaps else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Machines(process)
        finally:
            process.terminate()


def _allow_files(lines: int) -> None:
    """For this process and those it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    wanted = FILES if unlimited else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft != resource.RLIM_INFINITY and soft < 2 * lines + 100:
        raise Missing(f"{lines} lines need {2 * lines + 100} open files, {soft} are allowed (ulimit -n).")


def responder() -> Path:
    """The compiled responder, in the user's cache of temporary files; compiled again when its source changed."""
    source = b"".join(part.read_bytes() for part in PARTS)
    built = Path(tempfile.gettempdir(), f"hall-edge-bench-{os.getuid()}")
    built.mkdir(mode=0o700, exist_ok=True)
    if built.stat().st_uid != os.getuid():
        raise Missing(f"{built} belongs to somebody else.")
    program = built / f"responder-{hashlib.sha256(source).hexdigest()[:16]}"
    if program.exists():
        return program
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Missing("There is no C compiler for the canned machines: apt-get install gcc libc6-dev")
    fresh = program.with_suffix(f".{os.getpid()}")
    done = subprocess.run(
        [compiler, "-O2", "-Wall", "-o", str(fresh), str(SOURCE)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Missing(f"The canned machines do not compile: {done.stderr.strip()[:300]}")
    fresh.rename(program)
    return program
