"""A real field over a directory: started, watched, looked into. For the tests that take its disk away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.harness.processes import REPOSITORY

CONFIG = """
[hall]
id = "7"
name = "Hall 7"
time_zone = "Europe/Sofia"

[gateway]
id = "hg-07"
run_directory = "{run}"

[store]
directory = "{state}"

[[consumer]]
name = "central-1"

[[line]]
name = "A"
url = "memory:A"

[[egm]]
asset = 17
line = "A"
address = 1
"""


@dataclass
class RealField:
    """The program ``hall-edge field``, its standard output in ``log``."""

    directory: Path
    state: Path
    child: subprocess.Popen[bytes]
    log: Path

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def waits_for(self, words: str, within_s: float = 15.0) -> None:
        until(lambda: words in self.text() or self.child.poll() is not None, within_s)
        assert words in self.text(), self.text()[-3000:]

    def ends(self, within_s: float = 15.0) -> int:
        """Its exit code."""
        try:
            return self.child.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running:\n{self.text()[-3000:]}") from None


def until(ready: Callable[[], bool], within_s: float) -> float:
    """Seconds it took; raises AssertionError when it took too long."""
    began = time.monotonic()
    while not ready():
        if time.monotonic() - began > within_s:
            raise AssertionError(f"not within {within_s} s")
        time.sleep(0.01)
    return time.monotonic() - began


@contextmanager
def real_field(
    directory: Path,
    state: Path | None = None,
    *,
    before: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[RealField]:
    """Started, and killed at the end if it still lives. ``before``: a program to run it under, such as strace."""
    state = state or directory / "state"
    (directory / "run").mkdir(parents=True, exist_ok=True)
    config = directory / "config.toml"
    config.write_text(CONFIG.format(run=directory / "run", state=state), encoding="utf-8")
    log = directory / "field.log"
    with log.open("ab") as out:
        out.truncate(0)
        child = subprocess.Popen(
            [*before, sys.executable, "-m", "edge", "field", "--config", str(config)],
            stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}, start_new_session=True,
        )  # fmt: skip
    try:
        yield RealField(directory, state, child, log)
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, 9)
                child.wait()


def marker(state: Path) -> dict[str, str]:
    told: dict[str, str] = json.loads((state / "storage-failed").read_text())
    return told
