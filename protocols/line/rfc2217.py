"""A port behind a device server that changes parity when told (RFC 2217): the wake-up bit as mark, the rest as space.

Byte 0 leaves in mark; when it has surely left, space is asked for; the rest is sent when the server has confirmed, because
parity and data are not ordered on its wire (sas-core 10.25). So the gap holds a round trip, which is measured at each
opening: a server that does not confirm, confirms something else or is too slow is refused. A gap that is too long all the
same is counted; many in a row lose the line, and the next opening measures anew.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import statistics
import struct
import time
from collections.abc import Callable, Sequence
from enum import Enum

from protocols.errors import LineBusy, LineUnfit
from protocols.line.line import DRAIN_MAX, GAP_LIMIT_S, Char, Facts, LineSettings, LineStats
from protocols.line.rfc2217_opening import (
    ANSWER_WITHIN_S,
    MARK,
    PARITY_NAMES,
    SERVER,
    SET_PARITY,
    SPACE,
    Opening,
    set_parity,
)
from protocols.line.tcp import SocketLine
from protocols.line.telnet import COM_PORT, BadTelnet, Option, Sub, TelnetReader, escape

SO_TIMESTAMPNS = 35
"""The kernel notes when each segment arrived. Python's socket module does not export it."""

AFTER_BYTE_0_S = 0.0005
"""Between the computed end of byte 0 and the request for space. Packets do not travel evenly."""

LOOK_S = 0.0005
"""So often a confirmation is looked for; the event loop makes a millisecond of it."""

LATE_GAPS_MAX = 10
"""Gaps over 5 ms in a row: the way to the server is no longer what was measured."""


class _Stage(Enum):
    """Where the far port is within a frame."""

    MARK = "between frames"
    BYTE_0 = "byte 0 is leaving"
    ASKED_SPACE = "space is not confirmed yet"
    REST = "the rest is leaving"
    ASKED_MARK = "mark is not confirmed yet"


class Rfc2217Line(SocketLine):
    """A `Line` over RFC 2217. Received characters carry no flag."""

    scheme = "rfc2217"

    def __init__(
        self,
        address: str,
        port: int,
        *,
        name: str,
        settings: LineSettings,
        now: float,
        stats: LineStats | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Begin to connect. ``wall`` is the clock the kernel stamps arrivals with; ``clock`` is read after each write."""
        self._eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll = select.epoll()
        super().__init__(address, port, name=name, settings=settings, now=now, stats=stats)
        self._settings = settings
        self._clock = clock
        self._wall = wall
        self._reader = TelnetReader()
        self._opening: Opening | None = None
        self._is_open = False
        self._changes_s: Sequence[float] = ()
        self._stage = _Stage.MARK
        self._service_at: float | None = None
        self._rest = b""
        self._byte_0_left_at: float | None = None
        self._asked_at = 0.0
        self._late_in_a_row = 0
        self._waiting: list[Char] = []
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        # What comes while a confirmation is looked for is kept here and told by the event: one descriptor for both.
        self._epoll.register(self._socket.fileno(), select.EPOLLIN)
        self._epoll.register(self._eventfd, select.EPOLLIN)

    @property
    def facts(self) -> Facts:
        if not self._changes_s:
            return {}
        facts: dict[str, bool | int | float | str | None] = {
            "parity_ms_median": round(statistics.median(self._changes_s) * 1000, 3),
            "parity_ms_worst": round(max(self._changes_s) * 1000, 3),
            "gap_ms_worst": round(self.stats.gap_worst_s * 1000, 3),
            "gaps_missed": self.stats.gaps_missed,
        }
        said = []
        if self._settings.parity_proven:
            said.append("the parity of the far port is taken on the word of whoever tested it")
        if self.stats.gaps_missed:
            said.append(f"{self.stats.gaps_missed} frames had a gap over {GAP_LIMIT_S * 1000:g} ms after byte 0")
        if said:
            facts["warning"] = "; ".join(said)
        return facts

    def fileno(self) -> int:
        return self._epoll.fileno()

    def ready(self, now: float) -> bool:
        """True once connected, agreed and measured. Raises LineLost, LineUnfit."""
        if not super().ready(now):
            return False
        if self._is_open:
            return True
        if self._opening is None:
            self.stats.opened -= 1  # counted when it is measured
            self._opening = Opening(self._settings, self._unfit)
            self._put(self._opening.begin(now))
        opening = self._opening
        octets, arrived = self._read_stamped()
        data, said = self._feed(octets)
        del data  # before the purge: of whoever was here before
        self._put(opening.take(said, arrived, now))
        self._put(opening.next(now, self._wall()))
        if not opening.done:
            return False
        self._changes_s = tuple(opening.changes_s)
        self._is_open = True
        self.stats.opened += 1
        return True

    def send(self, data: bytes, *, wakeup: bool, now: float) -> float:
        """See `Line.send`. Raises LineLost, LineBusy."""
        if self._lost is not None:
            raise self._lost
        if not self._is_open:
            self.stats.busy += 1
            raise LineBusy(f"Line {self.name}: {self._place} is not ready yet.", line=self.name)
        self.service(now)
        if self._stage is not _Stage.MARK:
            self.stats.busy += 1
            raise LineBusy(f"Line {self.name}: {self._place}: {self._stage.value}.", line=self.name)
        if not data:
            return now
        count = len(data)
        if wakeup and count == 1:
            return self._write(escape(data), 1, now)
        change_s = statistics.median(self._changes_s) + LOOK_S
        if not wakeup:
            self._byte_0_left_at = None
            self._rest = data
            self._ask(SPACE)
            return now + change_s + count * self._char_s
        self._write(escape(data[:1]), 1, now)
        self.stats.chars_sent += count - 1
        self._byte_0_left_at = self._clock() + self._char_s
        self._rest = data[1:]
        self._stage = _Stage.BYTE_0
        self._service_at = self._byte_0_left_at + AFTER_BYTE_0_S
        return self._service_at + change_s + (count - 1) * self._char_s

    def service_at(self) -> float | None:
        return self._service_at

    def service(self, now: float) -> None:
        """See `Line.service`."""
        if self._service_at is None or now < self._service_at:
            return
        if self._lost is not None:
            raise self._lost
        if self._stage is _Stage.BYTE_0:
            self._ask(SPACE)
        elif self._stage is _Stage.REST:
            self._ask(MARK)
        else:
            self._pump(now)
            if self._service_at is not None and self._stage in (_Stage.ASKED_SPACE, _Stage.ASKED_MARK):
                if now - self._asked_at > ANSWER_WITHIN_S:
                    raise self._lose(f"does not confirm parity any more: {self._stage.value}")
                self._service_at = max(self._service_at, now + LOOK_S)

    def drain(self, now: float) -> Sequence[Char]:
        """See `Line.drain`; every flag is False."""
        if self._lost is not None:
            raise self._lost
        if not self._is_open:
            return ()
        self._pump(now)
        if not self._waiting:
            return ()
        chars, self._waiting = self._waiting, []
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._eventfd)
        return chars

    def close(self) -> None:
        super().close()
        self._service_at = None
        self._epoll.close()
        if self._eventfd >= 0:
            os.close(self._eventfd)
            self._eventfd = -1

    # the far port ----------------------------------------------------------------------------------------------------

    def _ask(self, parity: int) -> None:
        self._put(set_parity(parity))
        self.stats.parity_switches += 1
        self._asked_at = self._clock()
        self._stage = _Stage.ASKED_SPACE if parity == SPACE else _Stage.ASKED_MARK
        self._service_at = self._asked_at + LOOK_S

    def _pump(self, now: float) -> None:
        octets = self._read(DRAIN_MAX)
        if not octets:
            return
        data, said = self._feed(octets)
        if data:
            self._keep(data, now)
        for part in said:
            if isinstance(part, Sub) and part.option == COM_PORT and part.data[:1] == bytes((SERVER + SET_PARITY,)):
                self._confirmed(part.data[1:], now)

    def _confirmed(self, value: bytes, now: float) -> None:
        wanted = {_Stage.ASKED_SPACE: SPACE, _Stage.ASKED_MARK: MARK}.get(self._stage)
        if wanted is None:
            return
        if value != bytes((wanted,)):
            raise self._lose(f"was told {PARITY_NAMES[wanted]} parity and confirms {value.hex() or 'nothing'}")
        if wanted == MARK:
            self._stage = _Stage.MARK
            self._service_at = None
            return
        rest, self._rest = self._rest, b""
        self._put(escape(rest))
        written_at = self._clock()
        self._stage = _Stage.REST
        self._service_at = written_at + len(rest) * self._char_s + self._settings.settle_s
        if self._byte_0_left_at is None:
            self.stats.chars_sent += len(rest)
            self.stats.frames_sent += 1
            return
        self._note_gap(written_at - self._byte_0_left_at)

    def _note_gap(self, gap_s: float) -> None:
        self.stats.gap_worst_s = max(self.stats.gap_worst_s, gap_s)
        if gap_s <= GAP_LIMIT_S:
            self._late_in_a_row = 0
            return
        self.stats.gaps_missed += 1
        self._late_in_a_row += 1
        if self._late_in_a_row >= LATE_GAPS_MAX:
            raise self._lose(
                f"confirms parity too late: {LATE_GAPS_MAX} gaps in a row over {GAP_LIMIT_S * 1000:g} ms, the last "
                f"{gap_s * 1000:.1f} ms; machines drop such frames"
            )

    def _keep(self, data: bytes, now: float) -> None:
        came = len(data)
        self.stats.chars_received += came
        allowed = self._budget.take(came, now)
        if allowed < came:
            self._flooded(came - allowed)
        if allowed:
            self._waiting.extend([Char(value, False, now) for value in data[:allowed]])
            os.eventfd_write(self._eventfd, 1)

    def _feed(self, octets: bytes) -> tuple[bytes, Sequence[Option | Sub]]:
        try:
            return self._reader.feed(octets)
        except BadTelnet as error:
            raise self._lose(f"is out of step: {error}") from error

    def _put(self, octets: bytes) -> None:
        """Octets that are no frame of their own: negotiations, and the rest of a frame."""
        if not octets:
            return
        try:
            written = self._socket.send(octets)
        except BlockingIOError:
            written = 0
        except OSError as error:
            raise self._lose(f"is gone: {error.strerror}") from error
        if written != len(octets):
            raise self._lose(f"took only {written} of {len(octets)} octets")

    def _read_stamped(self) -> tuple[bytes, float]:
        """What is there, and the wall time at which the kernel got the last of it: we look only every 50 ms."""
        try:
            octets, notes, _flags, _from = self._socket.recvmsg(DRAIN_MAX, 64)
        except BlockingIOError:
            return b"", 0.0
        except OSError as error:
            raise self._lose(f"is gone: {error.strerror}") from error
        if not octets:
            raise self._lose("closed the connection")
        for level, kind, stamp in notes:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(stamp) >= 16:
                seconds, nanoseconds = struct.unpack_from("qq", stamp)
                return octets, seconds + nanoseconds / 1e9
        return octets, self._wall()

    def _unfit(self, why: str) -> LineUnfit:
        return LineUnfit(f"Line {self.name}: {self._place} {why}.", line=self.name, place=self._place)
