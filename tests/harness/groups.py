"""A control group of our own, to starve single processes in: of memory, or of new processes and threads.

Version 1 of the kernel's groups, as on the machines this is developed on; elsewhere, or without root, the test skips.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")


@contextlib.contextmanager
def group(controller: str) -> Iterator[Path]:
    """The directory of a new, empty group; at the end whoever is in it goes back to where this process is."""
    place = ROOT / controller / f"hall-edge-test-{os.getpid()}-{time.monotonic_ns()}"
    try:
        place.mkdir()
    except OSError as error:
        pytest.skip(f"no control group {controller} of version 1 can be made here: {error.strerror}")
    try:
        yield place
    finally:
        home = ROOT / controller / own_path(controller).lstrip("/")
        for pid in (place / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (home / "cgroup.procs").write_text(pid)
        remove(place)


def own_path(controller: str) -> str:
    """Where this process itself is, below the controller."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return path
    return "/"


def enter(place: Path, pid: int) -> None:
    """Move a process with all its threads into the group."""
    (place / "cgroup.procs").write_text(str(pid))


def remove(place: Path) -> None:
    """A group can go a moment after its last process has; what it was charged for takes that long."""
    for _ in range(100):
        try:
            place.rmdir()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{place} stays: {(place / 'cgroup.procs').read_text().split()}")
