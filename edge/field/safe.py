"""Safe mode: the books cannot be trusted or written, so nothing is polled that would have to be acknowledged.

A room of its own, with neither journal nor poller in it: no writer is opened, no port. The field holds its lock, says
over the seam what is wrong and what a person should do, refuses everything else, and beats for systemd. It ends with
the process; a restart looks at the books again.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import structlog

from edge.board import Board
from edge.clock import Clock, SystemClock, stamp
from edge.config.model import Settings
from edge.field.verdicts import Finding
from edge.hall.shapes import Json
from edge.health.conditions import condition, told
from edge.health.watchdog import Notify, Pillars, Watchdog
from edge.seam.connection import Caller
from edge.seam.errors import SafeMode
from edge.seam.messages import (
    Admit,
    Admitted,
    Advance,
    Advanced,
    CommandFound,
    EgmProbed,
    FindCommand,
    LineScanned,
    ProbeEgm,
    Rewind,
    ScanLine,
    SetAside,
)
from edge.seam.server import SeamServer
from edge.version import program_version

BEAT_S = 0.5
log = structlog.get_logger("field")


def why(finding: Finding) -> dict[str, Json]:
    """A finding as the board shows it: slug, code, text and remedy for people, and the facts."""
    row = condition(finding.slug)
    text, remedy = told(row, finding.facts)
    return {"slug": finding.slug, "code": row.code, "text": text, "remedy": remedy, "facts": dict(finding.facts)}


class Refusing:
    """The seam's handlers: everything that would write, or send on a line, is refused with ``safe-mode``."""

    def __init__(self, finding: Finding) -> None:
        self._why = why(finding)

    def _refuse(self) -> NoReturn:
        facts = {name: value for name, value in self._why.items() if name != "text"}
        raise SafeMode(f"Safe mode: {self._why['text']}", **facts)

    async def advance(self, asked: Advance, caller: Caller) -> Advanced:
        """Refused: a cursor is a write."""
        self._refuse()

    async def rewind(self, asked: Rewind, caller: Caller) -> Advanced:
        """Refused: a cursor is a write."""
        self._refuse()

    async def set_aside(self, asked: SetAside, caller: Caller) -> Advanced:
        """Refused: a cursor is a write."""
        self._refuse()

    async def admit(self, asked: Admit, caller: Caller) -> Admitted:
        """Refused: the inbox cannot remember it."""
        self._refuse()

    async def find_command(self, asked: FindCommand, caller: Caller) -> CommandFound:
        """Refused: the inbox is not read."""
        self._refuse()

    async def status(self, caller: Caller) -> Mapping[str, Any]:
        """That the process lives, and why it does nothing."""
        return {"pid": os.getpid(), "safe": self._why}

    async def scan_line(self, asked: ScanLine, caller: Caller) -> LineScanned:
        """Refused: no line is opened."""
        self._refuse()

    async def probe_egm(self, asked: ProbeEgm, caller: Caller) -> EgmProbed:
        """Refused: no line is opened."""
        self._refuse()

    async def trace_start(self, line: str) -> None:
        """Refused: nothing passes on any line."""
        self._refuse()

    async def trace_stop(self, line: str) -> None:
        """Nothing was begun."""


class SafeField:
    """The field while a person must act. ``finding``: why."""

    def __init__(self, settings: Settings, finding: Finding, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._finding = finding
        self._clock: Clock = clock or SystemClock()
        self.board = Board()

    async def run(self) -> int:
        """Until SIGTERM or SIGINT. Returns 0. Raises SocketInUse, OSError if the seam cannot be served."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        notify = Notify()
        reason = why(self._finding)
        self._show(reason)
        log.critical("safe mode: nothing is polled, nothing is written", **reason)
        socket = Path(self._settings.gateway.run_directory) / "field.sock"
        seam = SeamServer(socket, Refusing(self._finding), self.board, program_version(), on_bug=_note_bug)
        await seam.start()
        pillars = Pillars()
        pillars.add("seam", 10.0, self._clock.monotonic())
        watchdog = Watchdog(notify, pillars)
        status = f"SAFE MODE, nothing is polled: {reason['text']}"
        notify.ready(status)
        while not stop.is_set():
            now = self._clock.monotonic()
            pillars.moved("seam", now)  # the loop turns, and the seam lives in it
            self.board.update_gateway(clock=self._clock.quality())
            self.board.flush(now)
            watchdog.beat(now, status)
            try:
                async with asyncio.timeout(BEAT_S):
                    await stop.wait()
            except TimeoutError:
                continue
        notify.stopping("leaving safe mode")
        await seam.close()
        notify.close()
        return 0

    def _show(self, reason: dict[str, Json]) -> None:
        self.board.update_gateway(
            gateway=self._settings.gateway.id,
            hall=self._settings.hall.name,
            version=program_version(),
            started_at=stamp(self._clock.wall()),
            state="safe",
            clock=self._clock.quality(),
            why=reason,
        )
        # From the configuration, not from the registry, which is in the books: who is waiting to be polled again.
        for line in self._settings.lines:
            self.board.update_line(line.name, label=line.label, url=line.url, state="closed", error="safe mode")


def _note_bug(bug: BaseException) -> None:
    log.error("a request over the seam met a bug", error=repr(bug))
