"""The home of the books: machine, file system and file in which they were last opened.

Another home means that they were copied or cloned, and that somebody else may go on with the same records.
"""

from __future__ import annotations

import hashlib
import os
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


class Noted(NamedTuple):
    """The home as the books know it, and the line of the anchor that was settled by a new epoch already."""

    home: Home
    settled: str | None


def home_of(database: Path, machine_id: Path = MACHINE_ID) -> Home:
    """Where this file is now. Raises OSError if it is not there."""
    try:
        machine = hashlib.sha256(_PREFIX + machine_id.read_bytes().strip()).hexdigest()[:32]
    except OSError:
        machine = ""
    return Home(machine, f"{os.statvfs(database).f_fsid:x}", os.stat(database).st_ino)


def read_home(conn: Reader) -> Noted | None:
    """What the books know; None: they were never opened by a version that notes it."""
    row = conn.execute("SELECT machine_id, file_system, inode, settled FROM home").fetchone()
    return None if row is None else Noted(Home(row[0], row[1], row[2]), row[3])


def note_home(tx: Tx, home: Home, settled: Mark | None) -> None:
    """The books are at home here; what this line of the anchor says was settled by an epoch, or agrees."""
    line = None if settled is None else line_of(settled).strip()
    tx.execute(
        "INSERT OR REPLACE INTO home (only_row, machine_id, file_system, inode, settled, noted_at) "
        "VALUES (1, ?, ?, ?, ?, ?)",
        (*home, line, stamp(tx.now)),
    )
