"""What could be set on a local port and what not, each read back: for status and doctor, as facts and one warning."""

from __future__ import annotations

import fcntl
import struct
import termios
from dataclasses import asdict, dataclass
from pathlib import Path

from protocols.line.adapters import HERE, LATENCY_TIMER_MS, Adapter, ask_low_latency, look_up, lower_timer
from protocols.line.line import Facts, LineSettings, WakeupBy


@dataclass(frozen=True, slots=True)
class PortReport:
    """What the driver granted. None: this driver does not know such a thing, or does not tell."""

    path: str
    device: str
    "The kernel's name behind the path: another one after a replug."
    driver: str | None
    usb_id: str | None
    usb_serial: str | None
    product: str | None
    wakeup_by: WakeupBy
    parity_kept: bool
    "False: the driver drops parity (a pty). No machine would hear a wake-up bit."
    low_latency: bool
    "The low-latency flag was taken."
    latency_timer_ms: int | None
    "FTDI: how long the adapter sits on received bytes; should be 1."
    exclusive: bool
    "Nobody else can open the port meanwhile."
    modem_lines: bool | None
    "DTR and RTS are as they were set."
    warning: str | None
    "Sentences for people: what may keep this port from working."

    def facts(self) -> Facts:
        """As plain values, without what is not known."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def report_on(
    fd: int, path: str, settings: LineSettings, *, parity_kept: bool, exclusive: bool, sys: Path = HERE.sys
) -> PortReport:
    """Lower the latency as far as the driver lets us, look at everything once more, and say how it stands."""
    adapter = look_up(path, sys)
    timer_ms = lower_timer(adapter)
    modem_lines = _modem_lines(fd, settings)
    return PortReport(
        path=path,
        device=adapter.kernel_name,
        driver=adapter.driver,
        usb_id=adapter.usb_id,
        usb_serial=adapter.usb_serial,
        product=adapter.product,
        wakeup_by=settings.wakeup_by,
        parity_kept=parity_kept,
        low_latency=ask_low_latency(fd),
        latency_timer_ms=timer_ms,
        exclusive=exclusive,
        modem_lines=modem_lines,
        warning=_warning(adapter, settings, parity_kept, timer_ms, modem_lines),
    )


def _modem_lines(fd: int, settings: LineSettings) -> bool | None:
    try:
        (now,) = struct.unpack("I", fcntl.ioctl(fd, termios.TIOCMGET, bytes(4)))
    except OSError:
        return None
    return bool(now & termios.TIOCM_DTR) == settings.dtr and bool(now & termios.TIOCM_RTS) == settings.rts


def _warning(
    adapter: Adapter, settings: LineSettings, parity_kept: bool, timer_ms: int | None, modem_lines: bool | None
) -> str | None:
    said = []
    if not parity_kept:
        said.append("parity is dropped, no machine hears a wake-up bit")
    if settings.wakeup_by != "mark_space":
        said.append(f"no true ninth bit ({settings.wakeup_by}): only for boards that ignore it")
    if adapter.warning is not None:
        said.append(adapter.warning)
    if timer_ms is not None and timer_ms > LATENCY_TIMER_MS:
        said.append(
            f"the adapter's latency timer is {timer_ms} ms and could not be set to 1: give the right by a udev rule"
        )
    if modem_lines is False:
        said.append("DTR or RTS are not as set")
    return "; ".join(said) or None
