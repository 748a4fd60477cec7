"""A serial cable made of a pseudo-terminal: the port's stable name is a link, the machine's end is the master.

What a pty has of the ninth bit is the parity its slave is set to; the master reads it after each write. That tells the
order of switches and bytes, not that a bit is on any wire.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import termios
from collections.abc import Sequence
from pathlib import Path

from protocols.line.line import Char
from protocols.line.tty import CMSPAR

READ_MAX = 4096


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
        self.plug()

    @property
    def device(self) -> str:
        return os.path.realpath(self.path)

    def plug(self) -> None:
        self.master, self.slave = pty.openpty()
        os.set_blocking(self.master, False)
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
        if self.is_cut or not select.select([self.master], [], [], 0)[0]:
            return ()
        wakeup = self.parity() == "mark"
        with contextlib.suppress(OSError):
            return [Char(value, wakeup, now) for value in os.read(self.master, READ_MAX)]
        return ()

    def send(self, data: bytes, *, wakeup: bool, now: float) -> int:
        """To the host; returns how many bytes the port took."""
        if self.is_cut or self.is_deaf:
            return 0
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0

    def parity(self) -> str:
        flags = termios.tcgetattr(self.master)[2]
        if not flags & CMSPAR:
            return "none"
        return "mark" if flags & termios.PARODD else "space"
