"""A local serial port: the wake-up bit as mark parity, everything else as space, without ever blocking.

The port stands in mark between polls, so a general poll is one write. A longer frame is byte 0 in mark, a gap computed
from baud and profile, then space and the rest, and back to mark after its computed end; the caller keeps the gap with
an exact timer (`service_at`, `service`). pyserial opens and locks; after that only termios on the descriptor, because
pyserial re-applies every setting at each change. Never tcdrain and never TCSADRAIN: on some kernels both sleep in
steps of 20 ms, and a machine drops a frame whose bytes are 5 ms apart (sas-core 1.2, 10.3).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import termios
import time
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import serial  # type: ignore[import-untyped]  # pyserial ships no types; it is used in `_open` only

from protocols.errors import LineBusy, LineLost, LineUnfit
from protocols.line.adapters import HERE, Places
from protocols.line.budget import ReadBudget
from protocols.line.holders import holders
from protocols.line.line import DRAIN_MAX, GAP_LIMIT_S, Char, Facts, LineSettings, LineStats
from protocols.line.port_report import PortReport, report_on

CMSPAR = 0o10000000000
"""Stick parity: PARODD then chooses mark or space. Python's termios does not export it."""

PARITY_BITS = termios.PARENB | termios.PARODD | CMSPAR
MARK = termios.PARENB | termios.PARODD | CMSPAR
SPACE = termios.PARENB | CMSPAR
EXTPROC = 0o200000
"""Set by whoever holds the master of a pty, to be told of each change of parity (sas-core 11). Left as it was found."""

ONE_PIECE = {"two_stop_bits": termios.CSTOPB, "even_parity": termios.PARENB}
"""The quirks of sas-core 1.2: nothing is switched, a frame leaves in one write."""


class _Stage(Enum):
    """Where the port is within a frame."""

    MARK = "mark"
    "Between frames."
    GAP = "gap"
    "Byte 0 is out, the rest waits."
    SPACE = "space"
    "The rest is leaving; afterwards back to mark."


class TtyLine:
    """A `Line` on a serial port. Received characters carry no flag: a host does not need it (sas-core 1.3)."""

    def __init__(
        self,
        path: str,
        *,
        name: str,
        settings: LineSettings,
        now: float,
        stats: LineStats | None = None,
        clock: Callable[[], float] = time.monotonic,
        places: Places = HERE,
    ) -> None:
        """Open, lock and configure the port.

        Raises LineLost (no such port, unplugged), LineUnfit (in use, not allowed, no mark/space parity, no such speed).
        ``clock`` is read right after each write: the gap counts from there, not from the tick's ``now``."""
        self.name = name
        self.stats = stats if stats is not None else LineStats()
        self.path = path
        self._settings = settings
        self._char_s = settings.char_s
        self._clock = clock
        self._places = places
        self._budget = ReadBudget(now, char_s=self._char_s)
        self._one_piece = settings.wakeup_by in ONE_PIECE
        self._stage = _Stage.MARK
        self._rest = b""
        self._service_at: float | None = None
        self._left_at = now
        self._lost: LineLost | None = None
        self._serial = self._open()
        self._fd: int = self._serial.fileno()
        try:
            exclusive = self._exclude()
            self._attributes = self._configure()
            parity_kept = self._try_parity()
            self.report: PortReport = report_on(
                self._fd, path, settings, parity_kept=parity_kept, exclusive=exclusive, sys=places.sys
            )
        except BaseException:  # Whatever it was: the port is let go, and it is raised again.
            self._serial.close()
            raise
        self.stats.opened += 1

    @property
    def facts(self) -> Facts:
        return self.report.facts()

    def fileno(self) -> int:
        return self._fd

    def ready(self, now: float) -> bool:
        """True at once. Raises LineLost."""
        if self._lost is not None:
            raise self._lost
        return True

    def send(self, data: bytes, *, wakeup: bool, now: float) -> float:
        """See `Line.send`. One byte with wake-up is complete at once; for a longer frame `service_at` follows."""
        if self._lost is not None:
            raise self._lost
        self.service(now)  # back to mark, if that is all that is left of the frame before
        if self._stage is not _Stage.MARK:
            self.stats.busy += 1
            raise LineBusy(f"Line {self.name}: the frame before is still leaving.", line=self.name)
        if not data:
            return now
        if now > self._left_at + self._settings.stuck_s:
            self._check_that_all_left(now)
        count = len(data)
        stats = self.stats
        if self._one_piece or (wakeup and count == 1):
            self._write(data)
            stats.chars_sent += count
            stats.frames_sent += 1
            self._left_at = now + count * self._char_s
            return self._left_at
        if wakeup:
            self._write(data[:1])
            written_at = self._clock()
            self._rest = data[1:]
            self._stage = _Stage.GAP
            self._service_at = written_at + self._char_s + self._settings.gap_s
        else:
            self._switch(SPACE)
            self._write(data)
            written_at = self._clock()
            self._stage = _Stage.SPACE
            self._service_at = written_at + count * self._char_s + self._settings.settle_s
        stats.chars_sent += count
        stats.frames_sent += 1
        gap_s = self._settings.gap_s if wakeup else 0.0
        self._left_at = written_at + count * self._char_s + gap_s
        return self._left_at

    def service_at(self) -> float | None:
        return self._service_at

    def service(self, now: float) -> None:
        """See `Line.service`."""
        if self._service_at is None or now < self._service_at:
            return
        if self._lost is not None:
            raise self._lost
        if self._stage is _Stage.GAP:
            byte_0_left_at = self._service_at - self._settings.gap_s
            self._switch(SPACE)
            rest, self._rest = self._rest, b""
            self._write(rest)
            written_at = self._clock()
            self._stage = _Stage.SPACE
            self._service_at = written_at + len(rest) * self._char_s + self._settings.settle_s
            gap_s = written_at - byte_0_left_at
            if gap_s > self.stats.gap_worst_s:
                self.stats.gap_worst_s = gap_s
            if gap_s > GAP_LIMIT_S:
                self.stats.gaps_missed += 1
            return
        self._switch(MARK)
        self._stage = _Stage.MARK
        self._service_at = None

    def drain(self, now: float) -> Sequence[Char]:
        """See `Line.drain`; every flag is False."""
        if self._lost is not None:
            raise self._lost
        try:
            octets = os.read(self._fd, DRAIN_MAX)
        except BlockingIOError:
            return ()
        except OSError as error:
            raise self._lose(f"is gone: {error.strerror}") from error
        if not octets:
            raise self._lose("hung up")
        came = len(octets)
        self.stats.chars_received += came
        allowed = self._budget.take(came, now)
        if allowed < came:
            self.stats.flooded += 1
            self.stats.thrown_away += came - allowed
            octets = octets[:allowed]
        return [Char(value, False, now) for value in octets]

    def close(self) -> None:
        if self._lost is None:
            self._lost = LineLost(f"Line {self.name}: {self.path} is closed.", line=self.name, place=self.path)
        self._service_at = None
        with contextlib.suppress(OSError, termios.error):  # OSError: closed before
            fd = self._serial.fileno()
            # What an adapter does not take any more would hold the close up for 30 s (the driver's closing_wait).
            termios.tcflush(fd, termios.TCOFLUSH)
            fcntl.ioctl(fd, termios.TIOCNXCL)
        with contextlib.suppress(OSError):
            self._serial.close()

    # the port --------------------------------------------------------------------------------------------------------

    def _open(self) -> Any:  # pyserial has no types
        try:
            port = serial.Serial(None, self._settings.baud, timeout=0, write_timeout=0, exclusive=True)
            port.dtr = self._settings.dtr
            port.rts = self._settings.rts
            port.port = self.path
            port.open()
        except (serial.SerialException, OSError, ValueError) as error:
            raise self._cannot_open(error) from error
        return port

    def _cannot_open(self, error: Exception) -> LineLost | LineUnfit:
        # pyserial puts some errors into words only; the number is then in what it caught.
        caught = error.__context__
        number = getattr(error, "errno", None) or (caught.args[0] if caught is not None and caught.args else None)
        facts = {"line": self.name, "place": self.path}
        if number in (errno.EACCES, errno.EPERM):
            return LineUnfit(
                f"Line {self.name}: {self.path} may not be opened by this user. Is it in the group of the serial "
                f"ports, and does the unit allow the device?",
                **facts,
            )
        if number in (errno.EBUSY, errno.EAGAIN) or "lock" in str(error):
            there = holders(self.path, self._places.proc)
            by = f"by {', '.join(map(str, there))}" if there else "by another program, which is not ours to see"
            return LineUnfit(
                f"Line {self.name}: {self.path} is in use {by}. Stop that one, or give this line another port.", **facts
            )
        if number in (errno.ENOTTY, errno.EINVAL) or isinstance(error, ValueError):
            return LineUnfit(
                f"Line {self.name}: {self.path} is no serial port for {self._settings.baud} baud.", **facts
            )
        text = os.strerror(number) if isinstance(number, int) else str(error)
        return LineLost(f"Line {self.name}: {self.path} cannot be opened: {text}. Is the adapter plugged in?", **facts)

    def _configure(self) -> list[Any]:
        """Raw, eight bits, no handshake, breaks ignored, received parity ignored; VMIN 1, so that "nothing there" and
        "hung up" read differently on a descriptor that does not block."""
        try:
            attributes = termios.tcgetattr(self._fd)
            speed = attributes[4]
            cc = attributes[6]
            cc[termios.VMIN] = 1
            cc[termios.VTIME] = 0
            flags = termios.CS8 | termios.CREAD | termios.CLOCAL
            configured = [termios.IGNBRK, 0, flags, attributes[3] & EXTPROC, speed, speed, cc]
            termios.tcsetattr(self._fd, termios.TCSANOW, configured)
            termios.tcflush(self._fd, termios.TCIOFLUSH)
        except termios.error as error:
            raise self._cannot_open(OSError(*error.args)) from error
        return configured

    def _try_parity(self) -> bool:
        """Set what is wanted, space then mark, and read each back: some drivers drop the bits and say nothing. Raises
        LineUnfit."""
        self._base = base = self._attributes[2]
        wanted_bits = PARITY_BITS | termios.CSTOPB
        kept = True
        once = ONE_PIECE.get(self._settings.wakeup_by)
        for wanted in (SPACE, MARK) if once is None else (once,):
            self._attributes[2] = base | wanted
            # The C library reads back as well, and raises EINVAL on a pty; what counts is what we read ourselves.
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._fd, termios.TCSANOW, self._attributes)
            got = termios.tcgetattr(self._fd)[2] & wanted_bits
            kept = kept and got == wanted
        if kept:
            return True
        if not self._settings.allow_no_parity:
            raise LineUnfit(
                f"Line {self.name}: {self.path} does not keep {self._wanted_words()} parity when it is read back, so no "
                f"machine would hear a wake-up bit. Use an adapter whose driver keeps it (FTDI, CP210x, PL2303, a built-in "
                f"UART).",
                line=self.name,
                place=self.path,
            )
        # Asking for parity again at each switch would raise EINVAL again; PARODD and CMSPAR stay visible on the master.
        self._pretend = True
        self._attributes[2] = base | ((once if once is not None else MARK) & ~termios.PARENB)
        self._set()
        return False

    def _wanted_words(self) -> str:
        return "even" if self._settings.wakeup_by == "even_parity" else "mark and space"

    _pretend = False
    _base = 0

    def _switch(self, parity: int) -> None:
        self._attributes[2] = self._base | (parity & ~termios.PARENB if self._pretend else parity)
        self._set()
        self.stats.parity_switches += 1

    def _set(self) -> None:
        try:
            termios.tcsetattr(self._fd, termios.TCSANOW, self._attributes)
        except termios.error as error:
            raise self._lose(f"is gone: {error.args[-1]}") from error

    def _write(self, data: bytes) -> None:
        try:
            written = os.write(self._fd, data)
        except BlockingIOError:
            if self._stage is _Stage.MARK:
                self.stats.busy += 1
                raise LineBusy(f"Line {self.name}: {self.path} takes no more bytes.", line=self.name) from None
            written = 0
        except OSError as error:
            raise self._lose(f"is gone: {error.strerror}") from error
        if written != len(data):
            raise self._lose(f"took only {written} of {len(data)} bytes of a frame; is the adapter stuck?")

    def _check_that_all_left(self, now: float) -> None:
        """Bytes of an earlier frame that are still here make the line lost; `close` throws them away. Raises LineLost."""
        try:
            (waiting,) = struct.unpack("i", fcntl.ioctl(self._fd, termios.TIOCOUTQ, bytes(4)))
        except OSError as error:
            raise self._lose(f"is gone: {error.strerror}") from error
        if waiting:
            self.stats.stuck += 1
            raise self._lose(
                f"does not send: {waiting} bytes should have left {(now - self._left_at) * 1000:.0f} ms ago"
            )

    def _exclude(self) -> bool:
        """On top of pyserial's flock, which binds only who asks for it: nobody but root may open the port meanwhile."""
        try:
            fcntl.ioctl(self._fd, termios.TIOCEXCL)
        except OSError:
            return False
        return True

    def _lose(self, why: str) -> LineLost:
        self._lost = LineLost(f"Line {self.name}: {self.path} {why}.", line=self.name, place=self.path)
        self._service_at = None
        return self._lost
