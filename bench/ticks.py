"""The floor: a bare tick loop over the same sockets or ports, with nothing of the gateway in it.

One epoll; every 2 ms drain all that has something, then write to all that are due, then sleep. It sends what a host
sends to a line with one machine, 80 and the general poll in turn, each at half the period, and counts the answers. Runs
as a process of its own, so that its CPU is its own: orders and figures as JSON on standard input and output.

With a frame it sends that in place of the general poll, and holds each answer against the length it must have.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import resource
import select
import socket
import sys
import termios
import time
import tty
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.machines import ADDRESS
from protocols.line.tcp import pairs

TICK_S = 0.002


class _Bare:
    """A line without anything around it."""

    def __init__(self, url: str, first_at: float, frame: bytes) -> None:
        self.due_at = first_at
        self.polls_next = False
        self.octets = 0
        scheme, _, place = url.partition(":")
        self.octets_per_char = 2 if scheme == "tcp9" else 1
        if scheme == "tcp9":
            host, port = place.rsplit(":", 1)
            self._socket = socket.create_connection((host, int(port)))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setblocking(False)
            self.fd = self._socket.fileno()
            self.sync, self.poll = pairs(b"\x80", wakeup=True), pairs(frame, wakeup=True)
            self.write: Callable[[bytes], int] = self._socket.send
            self.read: Callable[[], bytes] = self._receive
        else:
            self.fd = os.open(place, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            tty.setraw(self.fd, termios.TCSANOW)
            self.sync, self.poll = b"\x80", frame
            self.write = lambda data: os.write(self.fd, data)
            self.read = lambda: os.read(self.fd, 4096)

    def _receive(self) -> bytes:
        return self._socket.recv(8192)

    def close(self) -> None:
        if self.octets_per_char == 2:
            self._socket.close()
        else:
            os.close(self.fd)


def drive(
    urls: list[str], *, period_s: float, warm_s: float, seconds: float, frame: str = "", answer: int = 1
) -> dict[str, float]:
    """Poll every line for ``warm_s``, then measure for ``seconds``. frame: hex of a long poll, answered with ``answer``
    characters; on ports only where no wake-up bit is needed.

    polls, replies: general polls sent and characters that came; frames: the 80s as well; wrong: answers of another length;
    cpu_us: of this process in the measured time; lateness_*_us: moment of write minus moment due of every frame, none left
    out."""
    began = time.monotonic() + 0.1
    half = period_s / 2
    poll = bytes.fromhex(frame) or bytes((0x80 | ADDRESS,))
    lines = [_Bare(url, began + half * place / len(urls), poll) for place, url in enumerate(urls)]
    by_fd = {line.fd: line for line in lines}
    poller = select.epoll()
    for line in lines:
        poller.register(line.fd, select.EPOLLIN)
    heap = [(line.due_at, place) for place, line in enumerate(lines)]
    heapq.heapify(heap)
    clock = time.monotonic
    measured_from = began + warm_s
    measured_to = measured_from + seconds
    lateness = array("d")
    polls = frames = octets = wrong = 0
    checks = bool(frame)
    wanted = answer * lines[0].octets_per_char
    usage: resource.struct_rusage | None = None
    now = clock()
    while now < measured_to:
        if usage is None and now >= measured_from:
            usage = resource.getrusage(resource.RUSAGE_SELF)
            lateness = array("d")
            polls = frames = octets = wrong = 0
        for fd, _ in poller.poll(0):
            with contextlib.suppress(BlockingIOError):
                came = len(by_fd[fd].read())
                octets += came
                if checks:
                    by_fd[fd].octets += came
        while heap[0][0] <= now:
            due_at, place = heap[0]
            line = lines[place]
            if line.polls_next:
                line.write(line.poll)
                polls += 1
            else:
                if checks:
                    wrong += line.octets != wanted
                    line.octets = 0
                line.write(line.sync)
            line.polls_next = not line.polls_next
            frames += 1
            lateness.append(clock() - due_at)
            heapq.heapreplace(heap, (due_at + half, place))
        pause_s = now + TICK_S - clock()
        if pause_s > 0:
            time.sleep(pause_s)
        now = clock()
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert usage is not None
    poller.close()
    for line in lines:
        line.close()
    ordered = sorted(lateness)
    return {
        "polls": polls,
        "frames": frames,
        "replies": octets // wanted,
        "wrong": wrong,
        "cpu_us": round((after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime) * 1e6),
        "lateness_p50_us": round(ordered[len(ordered) // 2] * 1e6),
        "lateness_p99_us": round(ordered[len(ordered) * 99 // 100] * 1e6),
        "lateness_p999_us": round(ordered[len(ordered) * 999 // 1000] * 1e6),
    }


def in_child(urls: list[str], *, seconds: float, module: str = "bench.ticks", **orders: Any) -> dict[str, float]:
    """`drive` of this module, or of another, in a fresh process. Raises CalledProcessError."""
    import subprocess

    done = subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps({"urls": urls, "seconds": seconds, **orders}).encode(),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        timeout=seconds + 60,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return {"seconds": seconds} | {name: float(value) for name, value in figures.items()}


if __name__ == "__main__":
    orders = json.load(sys.stdin)
    print(json.dumps(drive(orders.pop("urls"), **orders)))
