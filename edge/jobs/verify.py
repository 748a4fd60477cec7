"""``hall-edge verify``: reads the whole log, its signed checkpoints and every table, in slices, and changes nothing.

The field starts it once a night. Each fault is one line of JSON with what is wrong and, where it is known, the position
in the log. Exit code 0: sound. 1: faults. 74: the file could not be read at all.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from edge import exit_codes
from edge.store import checkpoints
from sync import outbox, retention
from sync.chain_check import SLICE, verify_chain
from sync.db import Database, Reader
from sync.errors import ChainBroken

PAUSE_S = 0.005
"Between two slices: whoever works gets the disk."
FAULTS_MAX = 20
IN_SLICES = frozenset({"log", "kept"})
"Tables that are too large for one statement; their chain values read all of them."


class Fault(NamedTuple):
    """One thing that does not hold."""

    damage: str
    position: int | None = None


def faults(conn: Reader, *, pause_s: float = PAUSE_S) -> Iterator[Fault]:
    """All that does not hold, the log first. A part that cannot be read at all is one fault."""
    for part in (_log, _kept, _checkpoints, _consumers, _tables):
        try:
            yield from part(conn, pause_s)
        except sqlite3.DatabaseError as error:
            yield Fault(f"{part.__name__.strip('_')} cannot be read: {error}")


def _log(conn: Reader, pause_s: float) -> Iterator[Fault]:
    start, last = outbox.released_through(conn) + 1, outbox.epochs(conn)[-1].last_position
    while start <= last:
        stop = min(start + SLICE - 1, last)
        try:
            verify_chain(conn, start, stop)
            start = stop + 1
        except ChainBroken as broken:
            through = outbox.released_through(conn)
            if broken.position <= through:
                start = through + 1  # it left by age while we read
                continue
            yield Fault(str(broken), broken.position)
            # From here on by what stands there, to find what else is wrong.
            following = conn.execute("SELECT min(position) FROM log WHERE position > ?", (broken.position,)).fetchone()[
                0
            ]
            if following is None:
                return
            start = following if broken.damage == "changed" else following + 1
        except sqlite3.DatabaseError as error:
            yield Fault(f"records {start} to {stop} cannot be read: {error}", start)
            start = stop + 2
        time.sleep(pause_s)


def _kept(conn: Reader, pause_s: float) -> Iterator[Fault]:
    start = 1
    while (stop := retention.kept_slice(conn, start)) is not None:
        try:
            retention.verify_kept(conn, start, stop)
            start = stop + 1
        except ChainBroken as broken:
            yield Fault(str(broken), broken.position)
            start = broken.position + 1
        time.sleep(pause_s)


def _checkpoints(conn: Reader, pause_s: float) -> Iterator[Fault]:
    last = outbox.epochs(conn)[-1].last_position
    for signed in checkpoints.all_of_them(conn):
        fault = checkpoints.fault_of(conn, signed, last)
        if fault is not None:
            yield Fault(fault[1], fault[0])
        time.sleep(pause_s / 10)


def _consumers(conn: Reader, _pause_s: float) -> Iterator[Fault]:
    for consumer in outbox.consumers(conn):
        row = conn.execute("SELECT chain FROM log WHERE position = ?", (consumer.position,)).fetchone()
        if row is not None and row[0].hex() != consumer.cursor.sha256:
            yield Fault(f"what {consumer.name} has confirmed is not what stands there", consumer.position)


def _tables(conn: Reader, pause_s: float) -> Iterator[Fault]:
    names = [name for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()]
    for name in names:
        if name in IN_SLICES or name.startswith("sqlite_"):
            continue
        for (text,) in conn.execute(f"PRAGMA integrity_check('{name}')").fetchall():
            if text != "ok":
                yield Fault(f"table {name}: {text}")
        time.sleep(pause_s)


def run(database: Path) -> int:
    """The exit code; the faults on standard output, at most `FAULTS_MAX` of them."""
    os.nice(19)
    told = 0
    try:
        with closing(Database(database).open_reader()) as reader:
            for fault in faults(reader):
                print(json.dumps(fault._asdict()), flush=True)
                told += 1
                if told == FAULTS_MAX:
                    break
    except (sqlite3.Error, OSError) as error:
        print(json.dumps(Fault(str(error))._asdict()), flush=True)
        return exit_codes.STORAGE
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
