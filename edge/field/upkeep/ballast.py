"""Four MiB in the state directory that hold a place: on a full disk they go, so that what is open can be finished.

Blocking; called in a thread of its own, never in the loop.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from edge.health.room import BALLAST_BYTES, INODES_LEFT, ROOM_AGAIN_BYTES

BALLAST = "ballast"
COURSE = "room.json"
"How the books grew in the last day: thrown away with the ballast, as it costs nothing but the forecast."


def lay(directory: Path) -> bool:
    """Make the ballast where it is missing or too small; on disk when it returns. False: there was no room for it."""
    path = directory / BALLAST
    try:
        if path.stat().st_size >= BALLAST_BYTES:
            return True
    except FileNotFoundError:
        pass
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Written and not merely reserved: some file systems give reserved blocks away, compressing ones give none.
            block = os.urandom(1 << 16)
            for _ in range(BALLAST_BYTES // len(block)):
                if os.write(fd, block) != len(block):
                    raise OSError("no room for the ballast")
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError:
        drop(directory)
        return False
    return True


def drop(directory: Path) -> bool:
    """Remove it; its room is there at once. False: there was none."""
    try:
        (directory / BALLAST).unlink()
    except OSError:
        return False
    return True


def make_way(directory: Path) -> None:
    """Before the books are opened on a disk with no room: the ballast and the forecast go, and with them two inodes."""
    try:
        space = os.statvfs(directory)
    except OSError:
        return
    no_inodes = space.f_files > 0 and space.f_favail < INODES_LEFT
    if space.f_bavail * space.f_frsize < ROOM_AGAIN_BYTES // 4 or no_inodes:
        drop(directory)
        (directory / COURSE).unlink(missing_ok=True)


def keep_course(directory: Path, samples: Sequence[tuple[float, int]], now: float) -> None:
    """Write the course down for the next start; moments become wall time. A failure costs only the forecast."""
    wall = time.time()
    text = json.dumps([[round(wall - (now - at)), used] for at, used in samples])
    fresh = directory / (COURSE + ".new")
    try:
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, directory / COURSE)
    except OSError:
        fresh.unlink(missing_ok=True)


def kept_course(directory: Path, now: float) -> list[tuple[float, int]]:
    """What was kept, as moments of the present monotonic clock; nothing of the future, nothing that is not whole."""
    wall = time.time()
    try:
        rows = json.loads((directory / COURSE).read_text(encoding="utf-8"))
        return [(now - (wall - int(at)), int(used)) for at, used in rows if int(at) <= wall]
    except (OSError, ValueError, TypeError):
        return []
