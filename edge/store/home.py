"""The home of the books: machine, file system and file in which they were last opened.

Another home means that they were copied or cloned, and that somebody else may go on with the same records.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from pathlib import Path
from typing import NamedTuple

from edge.clock import stamp
from edge.store.anchor import Mark, line_of
from edge.store.tx import Reader, Tx

MACHINE_ID = Path("/etc/machine-id")
_PREFIX = b"hall-edge home v1\n"


class Home(NamedTuple):
    """One home. ``machine_id`` is a hash: the id itself is confidential (machine-id(5)). Empty: the box has none."""

    machine_id: str
    file_system: str
    inode: int
    generation: int | None = None
    """Of the inode: another one where a deleted file had the same number. None: the file system tells none, or the books
    are of a version that did not ask."""

    def changed_to(self, now: Home) -> list[str]:
        """The members in which the home of now is another one; what is not known of either is no difference."""
        pairs = zip(self._fields, self, now, strict=True)
        return [name for name, before, after in pairs if before != after and None not in (before, after)]


class Noted(NamedTuple):
    """The home as the books know it, and the line of the anchor that was settled by a new epoch already."""

    home: Home
    settled: str | None


def home_of(database: Path, machine_id: Path = MACHINE_ID) -> Home:
    """Where this file is now. Raises OSError if it is not there.

    To be called while no connection of this process is open on it: closing a descriptor drops SQLite's locks.
    """
    try:
        machine = hashlib.sha256(_PREFIX + machine_id.read_bytes().strip()).hexdigest()[:32]
    except OSError:
        machine = ""
    fd = os.open(database, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return Home(machine, f"{os.fstatvfs(fd).f_fsid:x}", os.fstat(fd).st_ino, _generation(fd))
    finally:
        os.close(fd)


def _generation(fd: int) -> int | None:
    # ioctl_iflags(2) FS_IOC_GETVERSION = _IOR('v', 1, long); the kernel writes an int. ext4, XFS and Btrfs keep it on disk.
    size = struct.calcsize("l")
    answer = bytearray(size)
    try:
        fcntl.ioctl(fd, 0x80007601 | size << 16, answer)
    except OSError:
        return None
    return int(struct.unpack_from("=I", answer)[0])


def read_home(conn: Reader) -> Noted | None:
    """What the books know; None: they were never opened by a version that notes it."""
    row = conn.execute("SELECT machine_id, file_system, inode, generation, settled FROM home").fetchone()
    return None if row is None else Noted(Home(*row[:4]), row[4])


def note_home(tx: Tx, home: Home, settled: Mark | None) -> None:
    """The books are at home here; what this line of the anchor says was settled by an epoch, or agrees."""
    line = None if settled is None else line_of(settled).strip()
    tx.execute(
        "INSERT OR REPLACE INTO home (only_row, machine_id, file_system, inode, generation, settled, noted_at) "
        "VALUES (1, ?, ?, ?, ?, ?, ?)",
        (*home, line, stamp(tx.now)),
    )
