"""Who holds a device: read from /proc, so that "in use" comes with a name. Nothing is opened and nobody is disturbed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Holder(NamedTuple):
    """A process that has a device open."""

    pid: int
    program: str
    "The kernel's short name of it."

    def __str__(self) -> str:
        return f"{self.program} (pid {self.pid})"


def holders(path: str, proc: Path = PROC) -> tuple[Holder, ...]:
    """The processes with ``path`` open, this one left out; links are followed. Processes of other users are only seen with
    the right to look into them: empty does not mean that nobody is there."""
    wanted = os.path.realpath(path)
    found = []
    for entry in _listed(proc):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        process = proc / entry
        if any(_target(process / "fd" / number) == wanted for number in _listed(process / "fd")):
            found.append(Holder(int(entry), _program(process)))
    return tuple(sorted(found))


def _listed(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:  # gone meanwhile, or not ours to see
        return []


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _program(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip() or "?"
    except OSError:
        return "?"
