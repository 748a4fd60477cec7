"""Real books for the field's tests: a migrated file, its writer, a journal over it, and eyes to read what is on disk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.clock import ManualClock
from edge.config.model import Settings
from edge.field.found import Found
from edge.field.journal import Journal, Written
from edge.field.page import Watch
from edge.field.registry import Registry, balance_rules, prepare
from edge.hall.days import INTERVALS
from edge.rules.gaming_day import GamingDays
from edge.rules.meters import Pace
from edge.store.migrations import MIGRATIONS
from sync.db import Database, Transaction
from sync.migrate import migrate
from sync.writer import Writer

NIGHT = datetime(2026, 11, 23, 0, 11, 7, 320_000, tzinfo=UTC)
STREAM = "5e1f0c8a94d2477bb0a36e21c97d5f08"
TWO_MACHINES = [
    {"asset": 17, "line": "A", "address": 1, "location": "104", "label": "Left"},
    {"asset": 18, "line": "B", "address": 1},
]


def settings_for(directory: Path, egms: Sequence[dict[str, Any]] = TWO_MACHINES, **more: Any) -> Settings:
    """A hall with these machines, its books and sockets below this directory."""
    lines = sorted({egm["line"] for egm in egms})
    return Settings.model_validate(
        {
            "hall": {"id": "7", "name": "Hall 7", "time_zone": "Europe/Sofia"},
            "gateway": {"id": "hg-07", "run_directory": str(directory / "run")},
            "store": {"directory": str(directory / "state")},
            "consumer": [{"name": "central-1"}],
            "line": [{"name": line, "url": f"memory:{line}"} for line in lines],
            "egm": list(egms),
            **more,
        }
    )


@dataclass
class Books:
    """An open store. ``hold`` keeps every later commit back until ``let_go``: a disk that takes its time."""

    settings: Settings
    path: Path
    writer: Writer
    journal: Journal
    registry: Registry
    clock: ManualClock
    incidents: Path
    _held: threading.Event | None = None

    async def record(self, *found: Found) -> Written:
        """Write these as one whole. Raises what the books refuse it with."""
        future: asyncio.Future[Written] = asyncio.get_running_loop().create_future()

        def done(written: Written | None, error: Exception | None) -> None:
            if written is not None:
                future.set_result(written)
            else:
                future.set_exception(error or AssertionError("neither written nor refused"))

        self.journal.record(found, done)
        return await asyncio.wait_for(future, 10)

    def hold(self) -> None:
        """The group that begins now ends only at ``let_go``; what comes meanwhile waits in the next."""
        held, begun = threading.Event(), threading.Event()
        self._held = held

        def wait(_tx: Transaction) -> None:
            begun.set()
            held.wait(20)

        self.writer.submit(wait, lambda _result, _error: None, urgent=True)
        # Or the next piece of work could still join this group.
        assert begun.wait(10)

    def let_go(self) -> None:
        if self._held is not None:
            self._held.set()

    def ask(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What a stranger with a fresh connection sees: only what is committed."""
        with contextlib.closing(Database(self.path).open_reader()) as reader:
            return reader.execute(sql, parameters).fetchall()

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """The committed log, oldest first, or only the kinds that begin so."""
        events = [json.loads(body) for (body,) in self.ask("SELECT body FROM log ORDER BY position")]
        return [event for event in events if event["type"].startswith(kind)]

    def kinds(self) -> list[str]:
        return [event["type"].removeprefix("hall.").removesuffix(".v1") for event in self.events()]




@contextlib.asynccontextmanager
async def open_books(
    settings: Settings, *, clock: ManualClock | None = None, on_fatal: Callable[[BaseException], object] = print
) -> AsyncIterator[Books]:
    """Migrate, start the writer, prepare the registry; close everything at the end. Twice on one directory: a restart."""
    clock = clock or ManualClock(NIGHT)
    path = _migrated(settings, clock)
    writer = Writer(
        path, now_utc=clock.wall, post=asyncio.get_running_loop().call_soon_threadsafe, on_fatal=on_fatal
    )
    writer.start()
    try:
        journal = Journal(
            writer,
            source="urn:hall:7:gw:hg-07",
            gaming_day=GamingDays.of("Europe/Sofia", "06:00").label,
            quality=clock.quality,
            incidents=path.parent / "incidents",
            pace=Pace(),
            on_wrong_machine=settings.polling.on_wrong_machine,
            balance=balance_rules(settings),
            watch=Watch(GamingDays.of("Europe/Sofia", "06:00"), float(INTERVALS * settings.polling.meters_every_s)),
        )

        def first(tx: Transaction) -> Registry:
            return prepare(tx, settings)

        registry = await journal.write(first)
        journal.know({egm.asset: egm for egm in registry.egms})
        books = Books(settings, path, writer, journal, registry, clock, path.parent / "incidents")
        try:
            yield books
        finally:
            books.let_go()
    finally:
        # The last callbacks come into the loop while it still turns.
        await asyncio.get_running_loop().run_in_executor(None, writer.close)
        await asyncio.sleep(0)


def _migrated(settings: Settings, clock: ManualClock) -> Path:
    path = Path(settings.store.directory) / "hall.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    migrate(path, MIGRATIONS, stream_id=STREAM, now_utc=clock.wall)
    return path
