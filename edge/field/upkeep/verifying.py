"""Once a night the whole log is read by a process of its own (`edge.jobs.verify`); what it finds becomes an incident."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from edge.clock import Clock
from edge.field.incidents import incident
from edge.hall.events import Fact
from edge.hall.shapes import Json

AT_HOUR = 4
"Local hour in which it begins: halls are empty, and no gaming day ends then."
LOOK_S = 300.0
FAULTS_TOLD = 5

log = structlog.get_logger("field")


class Verifying:
    """``run`` until it is cancelled; the child goes with it. ``found``: the faults of the last check, None: none yet."""

    def __init__(
        self,
        database: Path,
        clock: Clock,
        hall_time: Callable[[], datetime],
        record: Callable[[list[Fact]], None],
        *,
        subject: str,
        at_hour: int = AT_HOUR,
        look_s: float = LOOK_S,
    ) -> None:
        self._database = database
        self._clock = clock
        self._hall_time = hall_time
        self._record = record
        self._subject = subject
        self._at_hour = at_hour
        self._look_s = look_s
        self._done: datetime | None = None
        self.found: int | None = None

    async def run(self) -> None:
        """Look whether it is night, for ever."""
        while True:
            await asyncio.sleep(self._look_s)
            if self.is_due():
                await self.check()

    def is_due(self) -> bool:
        """In the hour of the night once, and whenever a day and an hour have passed without a check."""
        now = self._hall_time()
        if self._done is None:
            self._done = now  # a start is no reason; its own checks have looked at the end of the log
        age = now - self._done
        return (now.hour == self._at_hour and age > timedelta(hours=2)) or age > timedelta(hours=25)

    async def check(self) -> None:
        """Run it once and tell what it found."""
        self._done = self._hall_time()
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "edge.jobs.verify", str(self._database), stdout=asyncio.subprocess.PIPE
            )
        except (OSError, RuntimeError) as error:  # no new process, or no thread to wait for it: not tonight
            log.warning("the check of the whole log could not be started", error=str(error))
            return
        try:
            out, _ = await child.communicate()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            raise
        lines = out.decode(errors="replace").splitlines()
        self.found = len(lines)
        if child.returncode == 0:
            log.info("the whole log holds")
        elif not lines:
            log.error("the check of the whole log came to no end", exit_code=child.returncode)
        else:
            self._tell(lines)

    def _tell(self, lines: list[str]) -> None:
        faults = [_fault(line) for line in lines[:FAULTS_TOLD]]
        damage = str(faults[0]["damage"]).rstrip(".")
        facts: dict[str, Json] = {"damage": damage, "faults": faults, "count": len(lines)}
        self._record([incident("verify-failed", facts, subject=self._subject, at=self._clock.wall())])


def _fault(line: str) -> dict[str, Json]:
    """A line of the child; one that is none is told as it is."""
    try:
        told = json.loads(line)
        return {"damage": str(told["damage"])[:400], "position": told.get("position")}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {"damage": line[:400], "position": None}
