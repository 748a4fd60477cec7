"""Results that jobs have left beside the books: each becomes an event of the log, then its file goes.

A job never writes the log. A field that dies between the two tells a result twice, never not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from edge.clock import Clock
from edge.field.found import Found
from edge.field.incidents import incident
from edge.field.journal import Written
from edge.hall.events import Fact
from edge.hall.shapes import Json

UNTOLD: Final = "untold"
"Below the state directory; written by the jobs, whole or not at all."
EVERY_S: Final = 20.0
_SIZE_MAX = 16_384
_AT_ONCE = 8

log = structlog.get_logger("field")

Record = Callable[[list[Found], Callable[[Written | None, Exception | None], None]], None]


class Told:
    """One per field. ``record``: as the journal records."""

    def __init__(self, directory: Path, *, record: Record, clock: Clock, subject: str) -> None:
        self._untold = directory / UNTOLD
        self._record = record
        self._clock = clock
        self._subject = subject
        self._under_way: set[Path] = set()

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(EVERY_S)

    def look(self) -> None:
        """Hand over what lies there, a few at a time."""
        try:
            waiting = sorted(self._untold.glob("backup-*.json"))
        except OSError as error:
            log.warning("results of jobs cannot be read", error=str(error))
            return
        for path in [path for path in waiting if path not in self._under_way][:_AT_ONCE]:
            found = self._found(path)
            if found:
                self._under_way.add(path)
                self._record(found, lambda _written, error, path=path: self._done(path, error))  # type: ignore[misc]  # the default binds early
            else:
                self._done(path, None)

    def _found(self, path: Path) -> list[Found]:
        try:
            told, at = _read(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("a result of a job is not one of ours and is dropped", file=path.name, error=str(error))
            return []
        data: dict[str, Json] = {name: value for name, value in told.items() if isinstance(value, str | int)}
        found: list[Found] = [Fact("hall.gateway.backup.v1", self._subject, at, data)]
        if told["result"] == "not_made":
            facts = {"text": str(told.get("text", ""))[:400].rstrip("."), "error": str(told.get("error", ""))[:80]}
            found.append(incident("backup-missed", facts, subject=self._subject, at=self._clock.wall()))
        return found

    def _done(self, path: Path, error: Exception | None) -> None:
        self._under_way.discard(path)
        if error is not None:
            # Full books: the file stays and is looked at again. What the books refuse is in incidents/ by now.
            log.warning("the result of a job is not in the books", file=path.name, error=str(error))
            if getattr(error, "slug", "") == "storage-full":
                return
        try:
            path.unlink(missing_ok=True)
        except OSError as failed:
            log.warning("the result of a job stays", file=path.name, error=str(failed))


def _read(path: Path) -> tuple[Mapping[str, Any], datetime]:
    """What a job has told, and when. Raises OSError, ValueError, KeyError, TypeError."""
    with path.open("rb") as source:
        told = orjson.loads(source.read(_SIZE_MAX))
    if not isinstance(told, dict) or told.get("result") not in ("made", "not_made"):
        raise ValueError("it is no result of a backup")
    at = datetime.fromisoformat(told["at"])
    if at.tzinfo is None:
        raise ValueError("its time has no zone")
    return told, at
