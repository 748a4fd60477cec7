"""Rows about the store: durable facts per second through the one writer, and one lone fact.

The floor writes the same bytes with the same grouping by pwrite and fdatasync to a file in the same directory; a store
cannot be faster than that and still be durable.
"""

from __future__ import annotations

import os
import resource
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench.report import Budget, Missing, Row, Sample, WorkNotDone

GROUP = 32
"""Facts that wait at once: what a hall of some hundred machines has in a busy moment."""

DIRECTORY = Path(os.environ.get("HALL_EDGE_BENCH_DIRECTORY", "/var/tmp"))
"""On a disk, never a tmpfs: there fdatasync costs nothing and the ratio says nothing."""


def draft(number: int) -> Any:
    """A door, as the field writes it: about 500 bytes in the log."""
    from sync.envelope import Draft

    return Draft(
        type="hall.egm.door.opened.v1",
        source="urn:hall:7:gw:hg-07",
        subject=f"egm/{100_000 + number % 64}",
        time=datetime.now(UTC),
        data={"asset": 100_000 + number % 64, "door": "main", "sas_exception": 0x11, "location": "17"},
        live_class="alarm",
        gamingday="2025-01-01",
        clock="synced",
        dataschema="/schemas/hall.egm.door.opened.v1.json",
    )


class Books:
    """A store of its own for one run."""

    def __init__(self, directory: Path) -> None:
        try:
            from sync.migrate import migrate
            from sync.outbox import append
            from sync.writer import Writer
        except ImportError as error:
            raise Missing(f"The store is not there: {error}") from error
        self.path = directory / "hall.db"
        self._append = append
        migrate(self.path)
        self.writer = Writer(
            self.path,
            now_utc=lambda: datetime.now(UTC),
            post=lambda call: call(),  # no loop here: the callbacks run in the writer's thread
            on_fatal=lambda error: print(f"store: {error}"),
        )
        self.writer.start()
        self.sizes: list[int] = []

    def write(self, numbers: range, done: Callable[[], None]) -> None:
        """Submit these facts; ``done`` for each that is durable."""

        def settled(envelope: Any, error: Exception | None) -> None:
            if error is not None:
                raise WorkNotDone(str(error))
            self.sizes.append(len(envelope.body))
            done()

        for number in numbers:
            self.writer.submit(partial(self._write_one, draft(number)), settled)
        self.writer.hurry()

    def _write_one(self, draft: Any, tx: Any) -> Any:
        return self._append(tx, draft)

    def check(self, facts: int) -> None:
        """Every fact that was reported durable is in the log. Raises WorkNotDone."""
        self.writer.close()
        with closing(sqlite3.connect(self.path)) as conn:
            stored = conn.execute("SELECT count(*) FROM log").fetchone()[0]
        if stored != facts:
            raise WorkNotDone(f"{facts} facts were reported durable, {stored} are in the log")


def _through_the_writer(group: int) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        with tempfile.TemporaryDirectory(dir=DIRECTORY, prefix="hall-edge-bench-") as directory:
            books = Books(Path(directory))
            arrived = threading.Semaphore(0)
            facts = 0
            usage = resource.getrusage(resource.RUSAGE_SELF)
            began = time.monotonic()
            while (wall_s := time.monotonic() - began) < budget.seconds:
                books.write(range(facts, facts + group), arrived.release)
                for _ in range(group):
                    if not arrived.acquire(timeout=10):
                        raise WorkNotDone("A fact was not durable within 10 s.")
                facts += group
            used = resource.getrusage(resource.RUSAGE_SELF)
            commits = books.writer.commits
            books.check(facts)
            return {
                "facts_per_s": facts / wall_s,
                "wall_us_per_fact": wall_s / facts * 1e6,
                "cpu_us_per_fact": (used.ru_utime + used.ru_stime - usage.ru_utime - usage.ru_stime) / facts * 1e6,
                "facts_per_commit": facts / max(1, commits),
                "bytes_per_fact": sum(books.sizes) / len(books.sizes),
            }

    return run


def _bare_file(group: int) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        from sync.envelope import encode

        _, _, body = encode(draft(0), streamid="0" * 32, epoch=1, sequence=1, recordedat="2025-01-01T00:00:00.000000Z")
        lump = body * group
        with tempfile.TemporaryDirectory(dir=DIRECTORY, prefix="hall-edge-bench-") as directory:
            file = os.open(Path(directory, "floor"), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                facts = at = 0
                usage = resource.getrusage(resource.RUSAGE_SELF)
                began = time.monotonic()
                while (wall_s := time.monotonic() - began) < budget.seconds:
                    at += os.pwrite(file, lump, at)
                    os.fdatasync(file)
                    facts += group
                used = resource.getrusage(resource.RUSAGE_SELF)
                if os.fstat(file).st_size != facts * len(body):
                    raise WorkNotDone("The file is shorter than what was written.")
            finally:
                os.close(file)
        return {
            "facts_per_s": facts / wall_s,
            "wall_us_per_fact": wall_s / facts * 1e6,
            "cpu_us_per_fact": (used.ru_utime + used.ru_stime - usage.ru_utime - usage.ru_stime) / facts * 1e6,
            "facts_per_commit": float(group),
            "bytes_per_fact": float(len(body)),
        }

    return run


ROWS = (
    Row(
        name="durable",
        what=f"durable facts per second, {GROUP} waiting (envelope, hash, log); floor: pwrite + fdatasync, same bytes",
        counts="a fact reported durable; the log is counted afterwards",
        figure="facts_per_s",
        floor="file",
        variants={"file": _bare_file(GROUP), "writer": _through_the_writer(GROUP)},
        higher_is_better=True,
        must=0.25,
        sky=0.5,
    ),
    Row(
        name="lone",
        what="one lone fact, wall time until durable; against one pwrite + fdatasync",
        counts="a fact handed over alone while nothing else waits",
        figure="wall_us_per_fact",
        floor="file",
        variants={"file": _bare_file(1), "writer": _through_the_writer(1)},
        must=2.0,
        sky=1.3,
    ),
)
