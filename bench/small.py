"""Rows about small costs, each in this process and single-threaded: frames, captures, the tap."""

from __future__ import annotations

import binascii
import resource
from collections.abc import Callable
from datetime import UTC, datetime

from bench.report import Budget, Missing, Row, Sample, WorkNotDone
from protocols.line.memory import MemoryLine, pair
from protocols.line.tap import CaptureSink, Tap, TapRecord

STARTED = datetime(2025, 1, 1, tzinfo=UTC)

METERS_REPLY = bytes.fromhex("01 19 00 45 20 40 00 86 14 80 00 41 30 78 00 63 44 94 00 00 20 62 D5 CE")
"""Five meters, 19 (sas-core 3.1)."""
GAME_METERS_POLL = bytes.fromhex("01 6F 10 00 00 05 00 06 00 07 00 00 00 01 00 1C 00 1D 00 4C 82")
"""Extended meters, seven codes (sas-core 3.1)."""


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


# frames ---------------------------------------------------------------------------------------------------------------


def _crc_in_c(budget: Budget) -> Sample:
    frames = [METERS_REPLY] * 1000

    def work() -> int:
        for frame in frames:
            binascii.crc_hqx(frame, 0)
        return len(frames)

    return cpu_per(work, budget)


def _decode(budget: Budget) -> Sample:
    try:
        from protocols.sas.catalog.index import poll
        from protocols.sas.frame import decode_reply
    except ImportError as error:
        raise Missing(f"The frame codec is not there: {error}") from error
    five_meters = poll(0x19)
    if decode_reply(five_meters, 1, METERS_REPLY, b"\x01\x19").status != "data":
        raise WorkNotDone("The five meters do not decode.")

    def work() -> int:
        for _ in range(200):
            decode_reply(five_meters, 1, METERS_REPLY, b"\x01\x19")
        return 200

    return cpu_per(work, budget)


def _decode_and_encode_extended(budget: Budget) -> Sample:
    try:
        from protocols.sas.frame import decode_poll, encode_poll
    except ImportError as error:
        raise Missing(f"The frame codec is not there: {error}") from error
    extended, address, values = decode_poll(GAME_METERS_POLL)
    if encode_poll(extended, address, values) != GAME_METERS_POLL:
        raise WorkNotDone("The poll for extended meters does not come out as it went in.")

    def work() -> int:
        for _ in range(200):
            encode_poll(extended, address, values)
        return 200

    return cpu_per(work, budget)


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
        name="codec",
        what="one frame decoded or encoded, against its CRC alone in C",
        counts="a frame of 21 to 24 bytes with CRC, checked against the published one",
        figure="cpu_us_each",
        floor="CRC in C",
        variants={
            "CRC in C": _crc_in_c,
            "decode 19, five meters": _decode,
            "encode 6F, seven meters": _decode_and_encode_extended,
        },
    ),
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
