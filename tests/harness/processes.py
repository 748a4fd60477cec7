"""Real processes for harnesses: start, find out they are up, kill without warning, start again, never leave one behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_until(what: str, ready: Callable[[], bool], *, within_s: float, every_s: float = 0.05) -> float:
    """Seconds it took until ``ready()``; raises TimeoutError that says what was waited for."""
    began = time.monotonic()
    while not ready():
        if time.monotonic() - began > within_s:
            raise TimeoutError(f"{what}: not within {within_s:g} s")
        time.sleep(every_s)
    return time.monotonic() - began


def listens(port: int) -> bool:
    with socket.socket() as s:
        s.settimeout(0.2)
        return s.connect_ex(("127.0.0.1", port)) == 0


@dataclass(slots=True)
class Process:
    """One program of the play. Its output goes to ``log``; ``kill`` is SIGKILL, ``stop`` is SIGTERM and patience."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = REPOSITORY
    child: subprocess.Popen[bytes] | None = None
    kills: int = 0
    deaths: list[int] = field(default_factory=list)

    def start(self) -> None:
        with self.log.open("ab") as out:
            out.write(f"\n--- {self.name} starts {time.time():.3f}\n".encode())
            self.child = subprocess.Popen(
                self.command,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.environment},
                cwd=self.directory,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def kill(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait()
            self.kills += 1

    def stop(self, within_s: float = 10.0) -> int:
        """Exit code after SIGTERM; -9 when it had to be killed."""
        if self.child is None:
            return 0
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(within_s)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return int(self.child.returncode)

    def tail(self, lines: int = 15) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]
