"""What stands behind a port name: driver, USB identity, and how its latency is lowered. Reads and writes /sys, and asks
the driver by ioctl.

What cannot be done is a fact for status, never an error: a built-in UART has no latency timer, and a pty has nothing at
all. Whether the ninth bit works is not decided here (tty.py reads the flags back); the table below says what that
reading back cannot tell.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """Where the kernel shows its devices; a test builds such trees of its own."""

    dev: Path = Path("/dev")
    sys: Path = Path("/sys")
    proc: Path = Path("/proc")


HERE = Places()

TIOCGSERIAL = 0x541E
TIOCSSERIAL = 0x541F
SERIAL_STRUCT_BYTES = 72
"""``struct serial_struct`` of a 64-bit kernel: x86-64 and ARM alike."""
FLAGS_AT = 16
"""Offset of its ``int flags``."""
ASYNC_LOW_LATENCY = 1 << 13

LATENCY_TIMER_MS = 1
"""The least an FTDI adapter takes; out of the box it sits on received bytes for 16 ms (sas-core 10.4)."""

WARNINGS: Mapping[str, str] = {
    "cdc_acm": "a CDC-ACM device is told mark and space but need not obey, and the kernel cannot tell: test it on the wire",
    "ch341": "kernels before 4.10 set no parity on a CH340/341 and do not say so: test it on the wire",
}
"""By driver: what reading back cannot show."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A port as /sys shows it. None: not told."""

    kernel_name: str
    "ttyUSB0, ttyS1 ..., links followed."
    driver: str | None = None
    usb_id: str | None = None
    "Vendor and product, like 0403:6001."
    usb_serial: str | None = None
    product: str | None = None
    latency_timer: Path | None = None
    "File with the FTDI latency timer."

    @property
    def warning(self) -> str | None:
        return None if self.driver is None else WARNINGS.get(self.driver)


def look_up(path: str, sys: Path = HERE.sys) -> Adapter:
    """What /sys knows about the port at ``path``. Never raises: what is not there is None."""
    name = Path(os.path.realpath(path)).name
    device = sys / "class" / "tty" / name / "device"
    timer = sys / "bus" / "usb-serial" / "devices" / name / "latency_timer"
    usb = _usb_device(device, sys)
    return Adapter(
        kernel_name=name,
        driver=_driver(device),
        usb_id=None if usb is None else f"{_text(usb / 'idVendor')}:{_text(usb / 'idProduct')}",
        usb_serial=None if usb is None else _text(usb / "serial"),
        product=None if usb is None else _text(usb / "product"),
        latency_timer=timer if timer.exists() else None,
    )


def lower_timer(adapter: Adapter) -> int | None:
    """Set the FTDI latency timer to 1 ms and read it back: what it is now, in ms; None: there is none. Without the right
    to write (a udev rule gives it) the old value comes back."""
    if adapter.latency_timer is None:
        return None
    if _text(adapter.latency_timer) != str(LATENCY_TIMER_MS):
        with contextlib.suppress(OSError):
            adapter.latency_timer.write_text(f"{LATENCY_TIMER_MS}\n", encoding="ascii")
    text = _text(adapter.latency_timer)
    return int(text) if text is not None and text.isdecimal() else None


def ask_low_latency(fd: int) -> bool:
    """Set ASYNC_LOW_LATENCY on an open port and read it back. False: this driver has no such flag, or ignores it."""
    try:
        now = bytearray(fcntl.ioctl(fd, TIOCGSERIAL, bytes(SERIAL_STRUCT_BYTES)))
        (flags,) = struct.unpack_from("i", now, FLAGS_AT)
        if not flags & ASYNC_LOW_LATENCY:
            struct.pack_into("i", now, FLAGS_AT, flags | ASYNC_LOW_LATENCY)
            fcntl.ioctl(fd, TIOCSSERIAL, bytes(now))
            now = bytearray(fcntl.ioctl(fd, TIOCGSERIAL, bytes(SERIAL_STRUCT_BYTES)))
    except OSError:
        return False
    (flags,) = struct.unpack_from("i", now, FLAGS_AT)
    return bool(flags & ASYNC_LOW_LATENCY)


def _driver(device: Path) -> str | None:
    """The driver of the port; on newer kernels it stands a few steps up (a UART is a child of its controller)."""
    at = Path(os.path.realpath(device))
    for _ in range(4):
        link = at / "driver"
        # The serial core puts devices of its own in between ("port", "ctrl"); the driver of the chip is above them.
        if link.is_symlink() and "serial-base" not in (driver := Path(os.path.realpath(link))).parts:
            return driver.name
        at = at.parent
    return None


def _usb_device(device: Path, sys: Path) -> Path | None:
    root = Path(os.path.realpath(sys))
    at = Path(os.path.realpath(device))
    while at != root and at != at.parent:
        if (at / "idVendor").exists():
            return at
        at = at.parent
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
