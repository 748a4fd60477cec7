"""Rows about small costs, each in this process and single-threaded: captures, the tap."""

from __future__ import annotations

import resource
from collections.abc import Callable
from datetime import UTC, datetime

from bench.report import Budget, Row, Sample, WorkNotDone
from protocols.line.memory import MemoryLine, pair
from protocols.line.tap import CaptureSink, Tap, TapRecord

STARTED = datetime(2025, 1, 1, tzinfo=UTC)

METERS_REPLY = bytes.fromhex("01 19 00 45 20 40 00 86 14 80 00 41 30 78 00 63 44 94 00 00 20 62 D5 CE")
"""Five meters, 19 (sas-core 3.1)."""


def cpu_per(work: Callable[[], int], budget: Budget) -> Sample:
    """Repeat ``work``, which says how much it did, for the time allowed; CPU microseconds for one."""
    work()  # warm
    done = 0
    began = _cpu_s()
    while (used := _cpu_s() - began) < budget.seconds / 4:
        done += work()
    return {"cpu_us_each": used / done * 1e6}


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


# captures and tap -----------------------------------------------------------------------------------------------------

RECORDS = tuple(
    TapRecord(n * 0.02, direction, data, bytes((flag, *bytes(len(data) - 1))))
    for n in range(100)
    for direction, data, flag in ((">", b"\x80", 1), (">", b"\x81", 1), ("<", b"\x00", 0), ("<", METERS_REPLY, 0))
)


class _Paper:
    """Takes text and forgets it; counts, so that nothing can be left out."""

    def __init__(self) -> None:
        self.lines = 0

    def write(self, text: str) -> None:
        self.lines += 1


def _write_text(budget: Budget) -> Sample:
    paper = _Paper()
    texts = [f"{record.at} {record.direction} {record.data!r}\n" for record in RECORDS]

    def work() -> int:
        for text in texts:
            paper.write(text)
        return len(texts)

    return cpu_per(work, budget)


def _write_capture(budget: Budget) -> Sample:
    def work() -> int:
        paper = _Paper()
        sink = CaptureSink(paper.write, line="A", machine="", who="", started=STARTED, now=0.0)
        for record in RECORDS:
            sink(record)
        if paper.lines != len(RECORDS) + 1:
            raise WorkNotDone(f"{paper.lines} lines for {len(RECORDS)} records")
        return len(RECORDS)

    return cpu_per(work, budget)


def _poll_and_answer(budget: Budget, wrap: Callable[[MemoryLine], MemoryLine | Tap]) -> Sample:
    """A general poll and its one character, over a wire in memory."""
    host, egm = pair("A")
    line = wrap(host)
    now = 0.0

    def work() -> int:
        nonlocal now
        heard = 0
        for _ in range(200):
            now += 0.02
            line.send(b"\x81", wakeup=True, now=now)
            egm.drain(now + 0.001)
            egm.send(b"\x00", wakeup=False, now=now + 0.001)
            heard += len(line.drain(now + 0.01))
        if heard != 200:
            raise WorkNotDone(f"{heard} of 200 answers")
        return heard

    return cpu_per(work, budget)


def _untapped(budget: Budget) -> Sample:
    return _poll_and_answer(budget, lambda line: line)


def _tapped(budget: Budget) -> Sample:
    return _poll_and_answer(budget, Tap)


def _recorded(budget: Budget) -> Sample:
    def wrap(line: MemoryLine) -> Tap:
        sink = CaptureSink(_Paper().write, line="A", machine="", who="", started=STARTED, now=0.0, size_max=1 << 40)
        return Tap(line, sink)

    return _poll_and_answer(budget, wrap)


ROWS = (
    Row(
        name="capture",
        what="one record written to a capture, against a call that takes finished text",
        counts="a record; the lines written are counted",
        figure="cpu_us_each",
        floor="finished text",
        variants={"finished text": _write_text, "capture": _write_capture},
    ),
    Row(
        name="tap",
        what="a poll and its answer on a wire in memory, without a tap, with an idle tap, and recorded",
        counts="a poll with one character in answer; answers are counted",
        figure="cpu_us_each",
        floor="no tap",
        variants={"no tap": _untapped, "idle tap": _tapped, "recorded": _recorded},
        judged="idle tap",
        must=1.1,
        sky=1.02,
    ),
)
