"""A machine on a raw socket that can be made to answer wrongly: a good one inside, a spoiler between it and the wire."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from protocols.sas.crc import crc16
from simulators.egm.dice import Dice
from simulators.egm.machine import Habits
from simulators.egm.persona import Persona
from simulators.egm.wired import WiredEgm

Spoiler = Callable[[bytes], bytes]
STILL = Habits(games_per_minute=0, events_per_minute=0)


class BadMachine:
    """Serves one host at a time on loopback, tcp9: two octets a character, flag 01 or 00, then the value."""

    def __init__(self, asset: int) -> None:
        self.asset = asset
        self._lock = threading.Lock()
        self._egm = WiredEgm(
            asset, 1, Persona(), Dice(7), serial="BAD1", now=time.monotonic(), wall=datetime.now(UTC), habits=STILL
        )
        self._spoil: dict[int, tuple[Spoiler, int]] = {}
        self._server = socket.create_server(("127.0.0.1", 0))
        self._host: socket.socket | None = None
        self.port: int = self._server.getsockname()[1]
        self.polls: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def tables(self) -> str:
        """Its part of the gateway's configuration."""
        return (
            f'[[line]]\nname = "BAD"\nurl = "tcp9:127.0.0.1:{self.port}"\npoll_ms = 40\nreply_within_ms = 250\n\n'
            f'[[egm]]\nasset = {self.asset}\nline = "BAD"\naddress = 1\n'
        )

    def spoil(self, poll: int, with_: Spoiler, times: int = 1) -> None:
        """The next answers to this long poll (0: the general poll) are passed through ``with_``."""
        with self._lock:
            self._spoil[poll] = (with_, times)

    def heal(self) -> None:
        """From now on it answers rightly."""
        with self._lock:
            self._spoil.clear()

    @property
    def spoiled(self) -> bool:
        """Everything that was to be spoiled has been."""
        with self._lock:
            return not self._spoil

    def say(self, data: bytes) -> None:
        """Bytes nobody asked for."""
        if self._host is not None:
            self._send(self._host, data, wakeup=False)

    def raises(self, code: int) -> None:
        with self._lock:
            self._egm.do("exception", time.monotonic(), code)

    def does(self, what: str, number: int | None = None) -> None:
        """Something happens at it: see ``Machine.do``."""
        with self._lock:
            self._egm.do(what, time.monotonic(), number)

    def told(self) -> list[tuple[int, bool]]:
        """(code, acknowledged) of what it raised."""
        with self._lock:
            return [(e.code, e.acknowledged_at is not None) for e in self._egm.book.entries]

    def close(self) -> None:
        self._server.close()
        if self._host is not None:
            with contextlib.suppress(OSError):
                self._host.shutdown(socket.SHUT_RDWR)
        self._thread.join(2)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                host, _ = self._server.accept()
                host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._host = host
                with host, contextlib.suppress(ConnectionError):
                    self._talk(host)

    def _talk(self, host: socket.socket) -> None:
        pending = b""
        while data := host.recv(4096):
            pending += data
            for place in range(0, len(pending) - 1, 2):
                self._hear(host, pending[place] == 1, pending[place + 1])
            pending = pending[len(pending) // 2 * 2 :]

    def _hear(self, host: socket.socket, wakeup: bool, value: int) -> None:
        with self._lock:
            if wakeup:
                self.polls.append(b"")
            self.polls[-1:] = [self.polls[-1] + bytes([value])] if self.polls else []
            answer = self._egm.receive(value, wakeup, time.monotonic())
            if answer is None:
                return
            frame, chirp = answer
            heard = self.polls[-1]
            poll = heard[1] if len(heard) > 1 else 0
            if poll in self._spoil:
                with_, times = self._spoil.pop(poll)
                frame = with_(frame)
                if times > 1:
                    self._spoil[poll] = (with_, times - 1)
        self._send(host, frame, wakeup=chirp)

    @staticmethod
    def _send(host: socket.socket, data: bytes, *, wakeup: bool) -> None:
        out = b"".join(bytes([wakeup and place == 0, value]) for place, value in enumerate(data))
        with contextlib.suppress(OSError):
            host.sendall(out)


def damaged(frame: bytes) -> bytes:
    """One bit of the last data byte fell over; the check sum does not fit."""
    return frame[:-3] + bytes([frame[-3] ^ 0x10]) + frame[-2:]


def of_another(frame: bytes) -> bytes:
    """Echoes address 2, with a check sum that fits."""
    return _sealed(b"\x02" + frame[1:-2])


def with_nibble_a(frame: bytes) -> bytes:
    """The last digit of the last meter is ten, with a check sum that fits."""
    return _sealed(frame[:-3] + bytes([(frame[-3] & 0xF0) | 0x0A]))


def cut_short(frame: bytes) -> bytes:
    return frame[: len(frame) // 2]


def _sealed(data: bytes) -> bytes:
    return data + crc16(data).to_bytes(2, "little")


