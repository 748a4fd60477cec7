"""What systemd is told: READY, WATCHDOG, STATUS, STOPPING. No beat when a part of this half is stuck.

A beat is only sent if every pillar of the process has moved within its own limit; a line held on purpose counts as
moving. A ping from a bare timer is forbidden: it would vouch for a process that does nothing.
"""

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

STATUS_EVERY_S = 10.0


class Notify:
    """sd_notify(3): one datagram to the socket that systemd names. Does nothing where there is none."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._socket: socket.socket | None = None
        address = environ.get("NOTIFY_SOCKET")
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
            # "@" stands for the zero byte of the abstract namespace.
            with contextlib.suppress(OSError):
                self._socket.connect("\0" + address[1:] if address[0] == "@" else address)
        microseconds = environ.get("WATCHDOG_USEC", "")
        pid = environ.get("WATCHDOG_PID")
        ours = pid is None or pid == str(os.getpid())
        self.watchdog_s: float | None = int(microseconds) / 1_000_000 if microseconds.isdigit() and ours else None
        "How long systemd waits for a beat; None: it does not watch us. Beat at half of it or oftener."

    def __call__(self, **values: object) -> None:
        """Send these, for example `READY=1`. Never raises: nobody at the other end is no fault of ours."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send("\n".join(f"{name}={value}" for name, value in values.items()).encode())

    def ready(self, status: str) -> None:
        """Started: polling begins, or the page is served."""
        self(READY=1, STATUS=status)

    def reloading(self) -> None:
        """Settings are being read again; `ready` follows."""
        self(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)

    def stopping(self, status: str) -> None:
        """An orderly stop has begun."""
        self(STOPPING=1, STATUS=status)

    def extend(self, seconds: int) -> None:
        """A long start (a check of the books) needs this much more time."""
        self(EXTEND_TIMEOUT_USEC=seconds * 1_000_000)

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass(slots=True)
class _Pillar:
    limit_s: float
    moved_at: float
    held: bool = False


class Pillars:
    """The parts that must move: each says so itself, each within its own limit."""

    def __init__(self) -> None:
        self._pillars: dict[str, _Pillar] = {}

    def add(self, name: str, limit_s: float, now: float) -> None:
        """Watch this part; it has until `now + limit_s` for its first move."""
        self._pillars[name] = _Pillar(limit_s, now)

    def remove(self, name: str) -> None:
        """This part has come to its orderly end."""
        self._pillars.pop(name, None)

    def moved(self, name: str, now: float) -> None:
        """It made progress: a poll cycle, a commit (or nothing to commit), an answer."""
        self._pillars[name].moved_at = now

    def hold(self, name: str, now: float, *, held: bool) -> None:
        """Held on purpose (disk full, silence after a stop) counts as moving."""
        pillar = self._pillars[name]
        pillar.held, pillar.moved_at = held, now

    def stuck(self, now: float) -> list[str]:
        """The parts that have not moved within their limit."""
        return [
            name for name, pillar in self._pillars.items() if not pillar.held and now - pillar.moved_at > pillar.limit_s
        ]


class Watchdog:
    """Beats for this process while all its pillars move. Call `beat` from the loop that must not stall itself."""

    def __init__(self, notify: Notify, pillars: Pillars) -> None:
        self._notify = notify
        self._pillars = pillars
        self._beat_at: float | None = None
        self._status_at: float | None = None

    def beat(self, now: float, status: str) -> list[str]:
        """Send the beat when it is due and deserved, and the status every 10 s. Returns the parts that are stuck."""
        stuck = self._pillars.stuck(now)
        if stuck:
            if self._status_at is None or now - self._status_at >= STATUS_EVERY_S:
                self._status_at = now
                self._notify(STATUS=f"stuck: {', '.join(sorted(stuck))}")
            return stuck
        limit = self._notify.watchdog_s
        if limit is not None and (self._beat_at is None or now - self._beat_at >= limit / 4):
            self._beat_at = now
            self._notify(WATCHDOG=1)
        if self._status_at is None or now - self._status_at >= STATUS_EVERY_S:
            self._status_at = now
            self._notify(STATUS=status)
        return stuck
