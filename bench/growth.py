"""Rows about a store that has been at work for long: what a record costs on top of a million, starts, and wear of the disk."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.durable import DIRECTORY, GROUP, Books, draft
from bench.field import START_WITHIN_S, field_process, stop, write_configuration
from bench.filled import state
from bench.machines import machines
from bench.report import Budget, Limit, Row, Sample, WorkNotDone
from sync import outbox
from sync.db import Database

PAGE = 1000
PAGES = 40
FACTS_MAX = 100_000
FACTS_A_SECOND = 10_000
"""Of the length of a measurement: 100,000 facts at its usual ten seconds. A commit may take 4 ms on a busy disk."""
AT_300_A_SECOND = 3
"""Facts that share a commit at 300 a second: the writer waits 10 ms for company."""
LINES = 4


def _directory(budget: Budget, stack: contextlib.ExitStack, *, is_long: bool, purpose: str) -> Path:
    if is_long:
        return state(budget.rows, purpose)
    return Path(stack.enter_context(tempfile.TemporaryDirectory(dir=DIRECTORY, prefix="hall-edge-bench-")))


def _write(books: Books, numbers: range) -> None:
    arrived = threading.Semaphore(0)
    books.write(numbers, arrived.release)
    for _ in numbers:
        if not arrived.acquire(timeout=30):
            raise WorkNotDone("A fact was not durable within 30 s.")


# a long log -----------------------------------------------------------------------------------------------------------


def _append(*, is_long: bool) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        with contextlib.ExitStack() as stack:
            books = Books(_directory(budget, stack, is_long=is_long, purpose="append"))
            before = books.writer.head.position
            facts, commits_s = 0, []
            usage = resource.getrusage(resource.RUSAGE_SELF)
            began = time.monotonic()
            while time.monotonic() - began < budget.seconds or facts < PAGE * PAGES:
                _write(books, range(facts, facts + GROUP))
                commits_s.append(books.writer.last_commit_s)
                facts += GROUP
            wall_s = time.monotonic() - began
            used = resource.getrusage(resource.RUSAGE_SELF)
            books.check(before + facts)
            page_us = _pages(books.path)
        return {
            "cpu_us_per_fact": (used.ru_utime + used.ru_stime - usage.ru_utime - usage.ru_stime) / facts * 1e6,
            "commit_p50_us": sorted(commits_s)[len(commits_s) // 2] * 1e6,
            "facts_per_s": facts / wall_s,
            "page_cpu_us": page_us,
        }

    return run


def _pages(path: Path) -> float:
    """CPU of reading a page of 1,000 records, the newest ones."""
    with closing(Database(path).open_reader()) as conn:
        after = outbox.head(conn).position - PAGE * PAGES
        began = time.process_time()
        for _ in range(PAGES):
            page = outbox.page(conn, after, PAGE, 4 << 20)
            if len(page.bodies) != PAGE:
                raise WorkNotDone(f"a page of {len(page.bodies)} records")
            after = page.position
        return (time.process_time() - began) / PAGES * 1e6


# starts ---------------------------------------------------------------------------------------------------------------


def _start(*, is_long: bool) -> Callable[[Budget], Sample]:
    """From the start of the process to the first poll that a machine hears; before that once clean started and stopped."""

    def run(budget: Budget) -> Sample:
        with contextlib.ExitStack() as stack:
            directory = _directory(budget, stack, is_long=is_long, purpose="start")
            canned = stack.enter_context(machines(LINES, seed=budget.seed))
            settings = write_configuration(directory, canned.urls, 0.040)
            with field_process(settings) as process:
                _first_poll(canned.counts, process, 0)
                time.sleep(1.0)
                stop(process)
            time.sleep(0.2)
            heard = canned.counts()["general"]
            began = time.monotonic()
            with field_process(settings) as process:
                _first_poll(canned.counts, process, heard)
                first_poll_s = time.monotonic() - began
                stop(process)
            with closing(Database(settings.database).open_reader()) as conn:
                rows = outbox.head(conn).position
        if is_long and rows < budget.rows:
            raise WorkNotDone(f"{rows} records in the log")
        return {"first_poll_s": first_poll_s}

    return run


def _first_poll(counts: Callable[[], dict[str, int]], process: subprocess.Popen[bytes], heard: int) -> None:
    until = time.monotonic() + START_WITHIN_S
    while counts()["general"] <= heard:
        if time.monotonic() > until or process.poll() is not None:
            raise WorkNotDone("the field did not poll")
        time.sleep(0.005)


# wear -----------------------------------------------------------------------------------------------------------------


def _written() -> int:
    """Bytes that this process has caused to be written to disk; the file system's own journal is not in it."""
    text = Path("/proc/self/io").read_text(encoding="ascii")
    return int(text.split("\nwrite_bytes:")[1].split()[0])


def _facts(budget: Budget) -> int:
    return min(FACTS_MAX, int(budget.seconds * FACTS_A_SECOND))


def _worn(group: int) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        with contextlib.ExitStack() as stack:
            books = Books(_directory(budget, stack, is_long=False, purpose=""))
            facts = _facts(budget)
            before = _written()
            done = 0
            while done < facts:
                _write(books, range(done, min(facts, done + group)))
                done += group
            books.check(facts)  # closes it: the last checkpoint counts too
            return {"written_per_payload_byte": (_written() - before) / sum(books.sizes)}

    return run


def _plain_file(group: int) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        from sync.envelope import encode

        _, _, body = encode(draft(0), streamid="0" * 32, epoch=1, sequence=1, recordedat="2025-01-01T00:00:00.000000Z")
        lump = body * group
        with tempfile.TemporaryDirectory(dir=DIRECTORY, prefix="hall-edge-bench-") as directory:
            file = os.open(Path(directory, "floor"), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                before, at = _written(), 0
                while at < _facts(budget) * len(body):
                    at += os.pwrite(file, lump, at)
                    os.fdatasync(file)
                return {"written_per_payload_byte": (_written() - before) / at}
            finally:
                os.close(file)

    return run


ROWS = (
    Row(
        name="long-log",
        what=f"a durable fact, {GROUP} waiting, on top of a long log (--rows, 1,000,000) beside an empty one; and a page",
        counts="a fact reported durable, counted in the log afterwards; page: 1,000 of the newest records read",
        figure="cpu_us_per_fact",
        floor="empty",
        variants={"empty": _append(is_long=False), "long": _append(is_long=True)},
        must=1.25,
        sky=1.1,
    ),
    Row(
        name="start",
        what="start of the field after a clean stop, with a long log (--rows, 1,000,000) beside an empty one",
        counts=f"from the start of the process to the first poll that one of {LINES} machines hears",
        figure="first_poll_s",
        floor="empty",
        variants={"empty": _start(is_long=False), "long": _start(is_long=True)},
        judged="empty",
        limits=(Limit("long", "first_poll_s", 3),),
    ),
    Row(
        name="wear",
        what="bytes written to disk per byte of record, beside a plain file with fdatasync at each commit",
        counts="write_bytes of /proc/PID/io over all of it with the last checkpoint; 3 a commit: what 300 facts a second make",
        figure="written_per_payload_byte",
        floor="file, 3 a commit",
        variants={
            "file, 3 a commit": _plain_file(AT_300_A_SECOND),
            "writer, 3 a commit": _worn(AT_300_A_SECOND),
            f"writer, {GROUP} a commit": _worn(GROUP),
        },
        limits=(Limit("writer, 3 a commit", "written_per_payload_byte", 20),),
    ),
)
