"""How often the field was started lately: a crash loop must not go on commanding machines with a head that is not well.

A small file in the state directory, by the clock of this boot, which nobody sets. Written by rename and not synced: a
power cut begins a new count anyway, and a loop of crashes must not wear the disk.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import NamedTuple

STARTS = "starts"
"""Name of the file in the state directory; who deletes it ends guarded mode."""
WINDOW_S = 300
_KEPT = 32
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Now(NamedTuple):
    """An instant of this boot, in whole seconds."""

    boot: str
    at_s: int


def now_of_boot() -> Now:
    """By CLOCK_BOOTTIME, which counts suspended time and never steps."""
    try:
        boot = BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        # Our unit does not see it (ProcSubset=pid). Then a start of the boot before counts if the clock of this boot has passed
        # it: at most a guarded mode that ends by itself.
        boot = ""
    return Now(boot, int(time.clock_gettime(time.CLOCK_BOOTTIME)))


def note_start(directory: Path, now: Now) -> int:
    """Remember this start; returns how many there were within the window, this one included.

    An orderly stop takes its start back (``take_back``). What cannot be read or written counts as none before.
    """
    starts = [*_read(directory, now), now.at_s]
    _write(directory, now, starts)
    return len(starts)


def take_back(directory: Path, now: Now) -> None:
    """The field stops as it was asked to: its start was no crash."""
    starts = _read(directory, now)
    if starts:
        _write(directory, now, starts[:-1])


def forget_starts(directory: Path) -> None:
    """It runs well, or a person said so."""
    with contextlib.suppress(OSError):
        (directory / STARTS).unlink()


def _read(directory: Path, now: Now) -> list[int]:
    try:
        told = json.loads((directory / STARTS).read_text(encoding="utf-8"))
        if told["boot"] != now.boot:
            return []
        return [at for at in told["starts"] if isinstance(at, int) and 0 <= now.at_s - at <= WINDOW_S][-_KEPT:]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _write(directory: Path, now: Now, starts: list[int]) -> None:
    temporary = directory / f"{STARTS}.new"
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps({"boot": now.boot, "starts": starts}), encoding="utf-8")
        temporary.rename(directory / STARTS)
