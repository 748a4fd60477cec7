"""Rows about frames: what it costs to read each kind of answer, beside the check sum of the same bytes alone.

Read as the host does it, by the poll that is out. Each frame is held against what it must say before it is timed. The floor
is the check sum in C of a table of the other bit order (the standard library has no other), so the fastest there can be;
beside it stands our own check sum, in Python.
"""

from __future__ import annotations

import binascii
import resource
from collections.abc import Callable
from typing import NamedTuple

from bench.report import Budget, Missing, Row, Sample, WorkNotDone
from protocols.sas.answer import Code, EventFrame, meaning
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.crc import crc16, with_crc
from protocols.sas.frame import encode_poll
from protocols.sas.longpoll import Reply

BATCH = 200
GAMES_POLL = bytes.fromhex("01 6F 10 00 00 05 00 06 00 07 00 00 00 01 00 1C 00 1D 00 4C 82")
"""Extended meters, seven codes (sas-core 3.1)."""


class Kind(NamedTuple):
    """An answer, the code of the poll it answers (None: the general poll), and whether it says what it should."""

    name: str
    what: str
    code: int | None
    frame: bytes
    holds: Callable[[object], bool]


def _says(**values: object) -> Callable[[object], bool]:
    def holds(said: object) -> bool:
        return isinstance(said, Reply) and all(said.values.get(name) == value for name, value in values.items())

    return holds


def _meters(count: int, size: int) -> Callable[[object], bool]:
    def holds(said: object) -> bool:
        meters = said.values.get("meters") if isinstance(said, Reply) else None
        return isinstance(meters, tuple) and [(m.size, m.value) for m in meters] == [(size, 42)] * count

    return holds


def _counted(code: int, fields: bytes) -> bytes:
    return with_crc(bytes((1, code, len(fields))) + fields)


_42_IN_NINE = bytes(8) + b"\x42"
_42_IN_FOUR = bytes(3) + b"\x42"

KINDS = (
    Kind("idle", "a general poll answered with 00", None, b"\x00", lambda said: said == Code(0x00)),
    Kind("exception", "a general poll answered with 11", None, b"\x11", lambda said: said == Code(0x11)),
    Kind("ack", "ACK of 0E", 0x0E, b"\x01", lambda said: isinstance(said, Reply) and said.status == "ack"),
    Kind(
        "1F", "machine information", 0x1F,
        with_crc(b"\x01\x1f" + b"XX000\x01\x0a\x00\x00\x00BENCH19250"), _says(paytable_id="BENCH1", max_bet=10),
    ),
    Kind(
        "54", "version and serial number of nine characters", 0x54,
        _counted(0x54, b"602000000001"), _says(version="602", serial="000000001"),
    ),
    Kind(
        "19", "five meters as published (sas-core 3.1)", 0x19,
        bytes.fromhex("01 19 00 45 20 40 00 86 14 80 00 41 30 78 00 63 44 94 00 00 20 62 D5 CE"),
        _says(coin_in=452040, games_played=2062),
    ),
    Kind(
        "6F", "extended meters: twelve of nine bytes", 0x6F,
        _counted(0x6F, b"\x00\x00" + b"".join(bytes((n, 0, 9)) + _42_IN_NINE for n in range(12))), _meters(12, 9),
    ),
    Kind(
        "2F", "selected meters: ten of four bytes", 0x2F,
        _counted(0x2F, b"\x00\x00" + b"".join(bytes((n,)) + _42_IN_FOUR for n in range(10))), _meters(10, 4),
    ),
    Kind(
        "event", "an event frame with data: a bill (sas-core 6.1)", None,
        bytes.fromhex("01 FF 4F 37 04 00 00 01 23 76 9D"),
        lambda said: said == EventFrame(0x4F, bytes.fromhex("37 04 00 00 01 23")),
    ),
)  # fmt: skip


def _timed(work: Callable[[], object], budget: Budget) -> Sample:
    """CPU nanoseconds of one call, over a twentieth of the time allowed."""

    def batch() -> None:
        for _ in range(BATCH):
            work()

    batch()  # warm
    done = 0
    began = _cpu_s()
    while (used := _cpu_s() - began) < budget.seconds / 20:
        batch()
        done += BATCH
    return {"ns_each": used / done * 1e9}


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _crc_in_c(frame: bytes) -> Callable[[Budget], Sample]:
    return lambda budget: _timed(lambda: binascii.crc_hqx(frame, 0), budget)


def _our_crc(frame: bytes) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        if len(frame) > 2 and crc16(frame[:-2]) != frame[-2] | frame[-1] << 8:
            raise WorkNotDone("The check sum does not hold.")
        return _timed(lambda: crc16(frame), budget)

    return run


def _read(kind: Kind) -> Callable[[Budget], Sample]:
    def run(budget: Budget) -> Sample:
        poll = None if kind.code is None else long_poll(kind.code)
        frame = kind.frame
        said = meaning(poll, 1, b"", frame, ended=True)
        if not kind.holds(said):
            raise WorkNotDone(f"{frame.hex(' ')} is read as {said}")
        return _timed(lambda: meaning(poll, 1, b"", frame, ended=True), budget)

    return run


def _preamble(budget: Budget) -> Sample:
    """B0 around a selected-meters answer of one meter: the outer frame, then the one inside."""
    try:
        from protocols.sas import denominated
        from protocols.sas.catalog.index import BY_CODE
        from protocols.sas.frame import decode_reply
    except ImportError as error:
        raise Missing(f"The preamble for several denominations is not there: {error}") from error
    outer, base = BY_CODE[0xB0], long_poll(0x2F)
    inner = {"game": 0, "meters": _inner_meters()}
    frame = _preamble_frame()

    def work() -> object:
        return denominated.read_reply(base, 1, decode_reply(outer, 1, frame).values)

    said = work()
    if not isinstance(said, Reply) or said.values != inner:
        raise WorkNotDone(f"{frame.hex(' ')} is read as {said}")
    return _timed(work, budget)


def _preamble_frame() -> bytes:
    """Denomination 01, base 2F: length 07, game 0000, meter 00 = 42 (sas-core 5.7, 5.2)."""
    return _counted(0xB0, bytes.fromhex("01 2F 07 00 00 00 00 00 00 42"))


def _inner_meters() -> object:
    said = meaning(long_poll(0x2F), 1, b"", with_crc(bytes.fromhex("01 2F 07 00 00 00 00 00 00 42")), ended=True)
    assert isinstance(said, Reply)
    return said.values["meters"]


def _encode(budget: Budget) -> Sample:
    from protocols.sas.frame import decode_poll

    extended, address, values = decode_poll(GAMES_POLL)
    if encode_poll(extended, address, values) != GAMES_POLL:
        raise WorkNotDone("The poll for extended meters does not come out as it went in.")
    return _timed(lambda: encode_poll(extended, address, values), budget)


def _row(name: str, what: str, frame: bytes, variant: str, read: Callable[[Budget], Sample]) -> Row:
    return Row(
        name=f"frame-{name}",
        what=f"{what}: {len(frame)} bytes, CPU nanoseconds",
        counts="a frame held against what it must say, then read by the poll that is out",
        figure="ns_each",
        floor="CRC in C",
        variants={"CRC in C": _crc_in_c(frame), "our CRC": _our_crc(frame), variant: read},
    )


ROWS = (
    *(_row(kind.name, kind.what, kind.frame, "read", _read(kind)) for kind in KINDS),
    _row("B0", "selected meter of one denomination in its preamble", _preamble_frame(), "read", _preamble),
    _row("poll", "the poll for seven extended meters, written (sas-core 3.1)", GAMES_POLL, "write", _encode),
)
