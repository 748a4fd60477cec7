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
import termios
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import serial  # type: ignore[import-untyped]  # pyserial ships no types; it is used in `_open` only

from protocols.errors import LineBusy, LineLost, LineUnfit
from protocols.line.line import DRAIN_MAX, GAP_LIMIT_S, Char, LineSettings, LineStats

CMSPAR = 0o10000000000
"""Stick parity: PARODD then chooses mark or space. Python's termios does not export it."""

PARITY_BITS = termios.PARENB | termios.PARODD | CMSPAR
MARK = termios.PARENB | termios.PARODD | CMSPAR
SPACE = termios.PARENB | CMSPAR


class _Stage(Enum):
    """Where the port is within a frame."""

    MARK = "mark"
    "Between frames."
    GAP = "gap"
    "Byte 0 is out, the rest waits."
    SPACE = "space"
    "The rest is leaving; afterwards back to mark."


@dataclass(frozen=True, slots=True)
class PortReport:
    """What the driver granted, for doctor and for the log."""

    path: str
    parity_kept: bool
    "False: the driver drops parity (a pty). No machine would hear a wake-up bit."
    low_latency: bool
    "The low-latency flag was taken."
    latency_timer_ms: int | None
    "FTDI: how long the adapter sits on received bytes; should be 1. None: this driver has no such timer."
    exclusive: bool
    "Nobody else can open the port meanwhile."


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
        self._stage = _Stage.MARK
        self._rest = b""
        self._service_at: float | None = None
        self._lost: LineLost | None = None
        self._serial = self._open()
        self._fd: int = self._serial.fileno()
        try:
            self._attributes = self._configure()
            parity_kept = self._try_parity()
            self.report = PortReport(
                path=path,
                parity_kept=parity_kept,
                low_latency=self._ask_low_latency(),
                latency_timer_ms=_latency_timer_ms(path),
                exclusive=self._exclude(),
            )
        except BaseException:
            self._serial.close()
            raise
        self.stats.opened += 1

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
        count = len(data)
        stats = self.stats
        if wakeup and count == 1:
            self._write(data)
            stats.chars_sent += 1
            stats.frames_sent += 1
            return now + self._char_s
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
        return written_at + count * self._char_s + gap_s

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
        self.stats.chars_received += len(octets)
        if len(octets) == DRAIN_MAX:
            self.stats.flooded += 1
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
            return LineUnfit(
                f"Line {self.name}: {self.path} is in use by another program. See who holds it: fuser -v {self.path}",
                **facts,
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
            configured = [termios.IGNBRK, 0, flags, 0, speed, speed, cc]
            termios.tcsetattr(self._fd, termios.TCSANOW, configured)
            termios.tcflush(self._fd, termios.TCIOFLUSH)
        except termios.error as error:
            raise self._cannot_open(OSError(*error.args)) from error
        return configured

    def _try_parity(self) -> bool:
        """Set space, then mark, and read each back: some drivers ignore the bits and say nothing. Raises LineUnfit."""
        base = self._attributes[2]
        kept = True
        for wanted in (SPACE, MARK):
            self._attributes[2] = base | wanted
            # The C library reads back as well, and raises EINVAL on a pty; what counts is what we read ourselves.
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._fd, termios.TCSANOW, self._attributes)
            got = termios.tcgetattr(self._fd)[2] & PARITY_BITS
            kept = kept and got == wanted
        if kept:
            self._base = base
            return True
        if not self._settings.allow_no_parity:
            raise LineUnfit(
                f"Line {self.name}: {self.path} does not keep mark and space parity, so no machine would hear a "
                f"wake-up bit. Use an adapter whose driver does (FTDI, CP210x, a built-in UART); CDC-ACM and old CH340 "
                f"do not.",
                line=self.name,
                place=self.path,
            )
        # Asking for parity again at each switch would raise EINVAL again; PARODD and CMSPAR stay visible on the master.
        self._base = base
        self._pretend = True
        self._attributes[2] = base | (MARK & ~termios.PARENB)
        self._set()
        return False

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

    def _ask_low_latency(self) -> bool:
        """Many drivers have no such flag; then the latency timer of the adapter counts, or nothing."""
        try:
            self._serial.set_low_latency_mode(True)
        except (ValueError, OSError, NotImplementedError):
            return False
        return True

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


def _latency_timer_ms(path: str) -> int | None:
    """The FTDI latency timer behind a port, by its kernel name (``by-path`` links are followed)."""
    kernel_name = Path(os.path.realpath(path)).name
    try:
        return int(Path("/sys/bus/usb-serial/devices", kernel_name, "latency_timer").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
