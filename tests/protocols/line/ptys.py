"""A serial cable made of a pseudo-terminal: the port's stable name is a link, the machine's end is the master.

What a pty has of the ninth bit is the parity its slave is set to; the master reads it after each write. That tells the
order of switches and bytes, not that a bit is on any wire.

The kernel hands bytes from one end to the other by a worker of its own, in real time. Where time is virtual, each end
therefore waits until what was written has come through; how long that takes is not part of any test.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import time
import tty
from collections.abc import Sequence
from pathlib import Path

from protocols.line.line import Char
from protocols.line.tty import CMSPAR, TtyLine

READ_MAX = 4096
COMES_THROUGH_S = 2.0


class CountingTty(TtyLine):
    """A real tty line; its cable is told how many bytes the port took."""

    cable: PtyCable | None = None

    def _write(self, data: bytes) -> None:
        super()._write(data)
        if self.cable is not None:
            self.cable.written += len(data)


class PtyCable:
    """A port that can be pulled out and plugged in again, each time as another device behind the same name."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.path = directory / "serial" / "by-path" / f"usb-{name}"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.is_cut = True
        self.is_deaf = False
        "The port sends but receives nothing any more, until it is opened again."
        self.master = self.slave = -1
        self.written = 0
        "Bytes the port took and the master has not read yet."
        self.plug()

    @property
    def device(self) -> str:
        return os.path.realpath(self.path)

    def plug(self) -> None:
        self.master, self.slave = pty.openpty()
        os.set_blocking(self.master, False)
        tty.setraw(self.slave)  # as yet unopened, it would hold back what is no whole line
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self.slave))
        self.is_cut = False

    def unplug(self) -> None:
        """The name goes, and whoever has the port open meets a hang-up."""
        if self.is_cut:
            return
        self.is_cut = True
        self.path.unlink()
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    def block(self) -> None:
        """From now on the port takes no byte, as an adapter whose firmware hangs."""
        termios.tcflow(self.slave, termios.TCOOFF)

    def unblock(self) -> None:
        termios.tcflow(self.slave, termios.TCOON)

    # the machine's end -----------------------------------------------------------------------------------------------

    def drain(self, now: float) -> Sequence[Char]:
        """What the host has written since the last time, flagged by the parity the port stands in."""
        if self.is_cut:
            return ()
        octets = b""
        until = time.monotonic() + COMES_THROUGH_S
        while len(octets) < self.written and time.monotonic() < until:
            if select.select([self.master], [], [], 0.05)[0]:
                octets += os.read(self.master, READ_MAX)
        self.written = 0
        if not octets:
            return ()
        wakeup = self.parity() == "mark"
        return [Char(value, wakeup, now) for value in octets]

    def send(self, data: bytes, *, wakeup: bool, now: float) -> int:
        """To the host, as far as the port takes it; returns once it has come through."""
        if self.is_cut or self.is_deaf:
            return 0
        before = self._readable()
        took = self.pour(data)
        until = time.monotonic() + COMES_THROUGH_S
        while self._readable() < before + took < READ_MAX // 2:  # a full buffer is another matter
            assert time.monotonic() < until, "the kernel did not hand on what the master wrote"
            time.sleep(0.0001)
        return took

    def pour(self, data: bytes) -> int:
        """Bytes to the host without waiting for anything; returns how many the port took."""
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0

    def _readable(self) -> int:
        (count,) = struct.unpack("i", fcntl.ioctl(self.slave, termios.FIONREAD, bytes(4)))
        return int(count)

    def parity(self) -> str:
        flags = termios.tcgetattr(self.master)[2]
        if not flags & CMSPAR:
            return "none"
        return "mark" if flags & termios.PARODD else "space"
