"""What leaves a port, byte by byte, and how long the gap after byte 0 is: ``python -m tests.protocols.line.wiregap``.

The frames go through a real line on a pseudo-terminal, its timers on an asyncio loop as in the field; another process reads
the master in packet mode, where each change of parity is a notice of its own (sas-core 11), and stamps everything. The same
frames go through tcp9 to a socket. What a pty does not have: characters that take time (the 0.57 ms of byte 0 are part of
the pause, computed), and a bit on a wire.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import multiprocessing
import os
import platform
import pty
import select
import socket
import statistics
import sys
import termios
import time
import tty
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from protocols.line.line import CHAR_S, GAP_LIMIT_S, Line, LineSettings, LineStats
from protocols.line.open import open_line
from protocols.line.tty import CMSPAR, EXTPROC

TIOCPKT = 0x5420
TIOCPKT_IOCTL = 0x40

FRAMES = {
    "general poll": bytes.fromhex("81"),
    "80 to all": bytes.fromhex("80"),
    "long poll R": bytes.fromhex("01 1F"),
    "long poll S": bytes.fromhex("01 01 51 08"),  # lock out play (sas-core 3.1)
    "broadcast": bytes.fromhex("00 7F 11 24 20 26 12 00 00 6F A5"),
}
"""Only their shape matters here: one byte, two, more."""

FRAME_EVERY_S = 0.02
ORDER_SHARE = 0.97
Stamped = tuple[float, str]


@dataclass
class Seen:
    """Of one kind of frame."""

    orders: dict[str, int] = field(default_factory=dict)
    "What came, in words, and how often in just this order."
    gaps_s: list[float] = field(default_factory=list)
    "Silence on a wire between byte 0 and the rest: the pause between both stamps, less the character itself."


def expected(data: bytes) -> str:
    """How a frame must look on a pty that stands in mark: ``01 [space] 01 51 08 [mark]``."""
    if len(data) == 1:
        return data.hex().upper()
    return f"{data[:1].hex().upper()} [space] {data[1:].hex(' ').upper()} [mark]"


def as_expected(of: Seen, data: bytes) -> float:
    """The share of frames seen just as they must be. The rest is the reader's: where it comes after two changes of parity the
    kernel has kept one notice (sas-core 11), where it comes after two frames their bytes run together."""
    return of.orders.get(expected(data), 0) / max(1, sum(of.orders.values()))


# recording, in the other process -------------------------------------------------------------------------------------


def _record_pty(master: int, out: Connection) -> None:
    seen: list[Stamped] = []
    while True:
        select.select([master], [], [])
        at = time.monotonic()
        try:
            octets = os.read(master, 4096)
        except OSError:
            break
        if octets[:1] == b"\x00":
            seen.extend((at, f"{value:02X}") for value in octets[1:])
        elif octets and octets[0] & TIOCPKT_IOCTL:
            flags = termios.tcgetattr(master)[2]
            seen.append((at, "[mark]" if flags & CMSPAR and flags & termios.PARODD else "[space]"))
        if seen and seen[-1][1] == "FE":
            break
    out.send(seen)


def _record_tcp9(listener: socket.socket, out: Connection) -> None:
    connection, _ = listener.accept()
    seen: list[Stamped] = []
    while octets := connection.recv(4096):
        at = time.monotonic()
        seen.extend((at, f"{flag:02X}:{value:02X}") for flag, value in zip(octets[0::2], octets[1::2], strict=True))
    out.send(seen)


# sending, as the field does ------------------------------------------------------------------------------------------


async def _send(line: Line, rounds: int) -> list[tuple[float, str]]:
    loop = asyncio.get_running_loop()
    sent: list[tuple[float, str]] = []

    def serve() -> None:
        line.service(time.monotonic())
        again()

    def again() -> None:
        if (at := line.service_at()) is not None:
            loop.call_later(max(0.0, at - time.monotonic()), serve)

    await asyncio.sleep(0.05)
    assert line.ready(time.monotonic()), "a pty and a listener of this machine are there at once"
    for _ in range(rounds):
        for name, data in FRAMES.items():
            now = time.monotonic()
            sent.append((now, name))
            line.send(data, wakeup=True, now=now)
            again()
            await asyncio.sleep(FRAME_EVERY_S)
            while line.service_at() is not None:  # noqa: ASYNC110  # a box under load is late; the field waits as well
                await asyncio.sleep(0.002)
    return sent


def _cut(sent: Sequence[tuple[float, str]], seen: Sequence[Stamped]) -> dict[str, Seen]:
    """What belongs to which frame, by the moments of sending."""
    told = {name: Seen() for name in FRAMES}
    at = 0
    while at < len(seen) and seen[at][0] < sent[0][0]:
        at += 1  # how the port was set up
    ends = [*(moment for moment, _ in sent[1:]), float("inf")]
    for (_, name), end in zip(sent, ends, strict=True):
        mine: list[Stamped] = []
        while at < len(seen) and seen[at][0] < end:
            mine.append(seen[at])
            at += 1
        words = " ".join(what for _, what in mine if what not in ("FE", "00:FE"))
        told[name].orders[words] = told[name].orders.get(words, 0) + 1
        values = [(moment, what) for moment, what in mine if not what.startswith("[")]
        if len(FRAMES[name]) > 1 and len(values) > 1:
            told[name].gaps_s.append(values[1][0] - values[0][0] - CHAR_S)
    return told


def over_pty(rounds: int, gap_s: float, stats: LineStats | None = None) -> dict[str, Seen]:
    """The frames through a tty line; ``stats`` then holds what the line itself says of its gaps."""
    context = multiprocessing.get_context("fork")
    master, slave = pty.openpty()
    tty.setraw(slave)
    attributes = termios.tcgetattr(slave)
    attributes[3] |= EXTPROC
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    fcntl.ioctl(master, TIOCPKT, (1).to_bytes(4, sys.byteorder))
    near, far = context.Pipe()
    reader = context.Process(target=_record_pty, args=(master, far), daemon=True)
    reader.start()
    settings = LineSettings(gap_s=gap_s, allow_no_parity=True)
    line = open_line(f"tty:{os.ttyname(slave)}", name="A", settings=settings, now=time.monotonic(), stats=stats)
    try:
        sent = asyncio.run(_send(line, rounds))
        line.send(b"\xfe", wakeup=True, now=time.monotonic())  # tells the reader that this was all
        seen = near.recv() if near.poll(10) else []
    finally:
        line.close()
        reader.join(2)
        os.close(slave)
        os.close(master)
    return _cut(sent, seen)


def over_tcp9(rounds: int) -> dict[str, Seen]:
    """The frames through a tcp9 line."""
    context = multiprocessing.get_context("fork")
    near, far = context.Pipe()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader = context.Process(target=_record_tcp9, args=(listener, far), daemon=True)
        reader.start()
        line = open_line(f"tcp9:127.0.0.1:{listener.getsockname()[1]}", name="A", now=time.monotonic())
        sent = asyncio.run(_send(line, rounds))
        line.close()
        seen = near.recv() if near.poll(10) else []
        reader.join(2)
    return _cut(sent, seen)


def figures(gaps_s: Sequence[float]) -> dict[str, float]:
    """Milliseconds."""
    ordered = sorted(gaps_s)
    return {
        "p50_ms": round(statistics.median(ordered) * 1000, 3),
        "p99_ms": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000, 3),
        "worst_ms": round(ordered[-1] * 1000, 3),
        "over_5_ms": sum(gap > GAP_LIMIT_S for gap in ordered),
    }


def judged(name: str, of: Seen, way: str) -> tuple[bool, dict[str, object]]:
    """Is it right, and what is to be shown of it."""
    if way == "tcp9":
        return len(of.orders) == 1, {"order": of.orders}
    right = as_expected(of, FRAMES[name]) >= ORDER_SHARE
    row: dict[str, object] = {"order": of.orders}
    if of.gaps_s:
        row |= figures(of.gaps_s)
    return right, row


def main() -> int:
    """Exit code 0: the frames left in the right order, and of the gaps, as the line itself measures them from its writes, at
    most one in a hundred was over 5 ms. The gaps seen by the reader hold its own lateness too."""
    parser = argparse.ArgumentParser(prog="wiregap", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200, help="each round sends every kind of frame once")
    parser.add_argument("--gap-ms", type=float, default=1.5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    ok = True
    stats = LineStats()
    result: dict[str, object] = {"rounds": asked.rounds, "gap_set_ms": asked.gap_ms, "kernel": platform.release()}
    for way, seen in (("pty", over_pty(asked.rounds, asked.gap_ms / 1000, stats)), ("tcp9", over_tcp9(asked.rounds))):
        rows: dict[str, object] = {}
        for name, of in seen.items():
            right, row = judged(name, of, way)
            ok = ok and right
            rows[name] = row | {"right": right}
            if not asked.json:
                print(f"{way:5} {name:13} {'ok' if right else 'WRONG':6}", *(f"{v}x {k}" for k, v in of.orders.items()))
                if "p50_ms" in row:
                    print(f"{'':20}", *(f"{k} {v}" for k, v in figures(of.gaps_s).items()))
        result[way] = rows
    long_frames = sum(len(data) > 1 for data in FRAMES.values()) * asked.rounds
    result["line_says"] = {
        "gap_worst_ms": round(stats.gap_worst_s * 1000, 3),
        "gaps_missed": stats.gaps_missed,
        "of": long_frames,
    }
    ok = ok and stats.gaps_missed * 100 <= long_frames
    result["ok"] = ok
    print(json.dumps(result) if asked.json else f"the line itself says: {result['line_says']}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
