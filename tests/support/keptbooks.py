"""A field without wires: the real cold start, writer, journal and keeping on real files, to be copied, cut and rotted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from edge.clock import ManualClock
from edge.config.model import Settings
from edge.field.coldstart import Books, open_books
from edge.field.journal import Journal
from edge.field.keeping import Keeping
from edge.field.registry import prepare
from edge.hall.events import Fact
from edge.rules.gaming_day import GamingDays
from edge.rules.meters import Pace
from sync.db import Database
from sync.writer import Writer

T = TypeVar("T")
NIGHT = datetime(2026, 11, 23, 0, 11, 7, 320_000, tzinfo=UTC)


def settings_at(directory: Path, anchor: Path | None = None) -> Settings:
    """Two machines, one required consumer and one that is not; books below this directory."""
    store = {"directory": str(directory / "state")} | ({} if anchor is None else {"anchor": str(anchor)})
    return Settings.model_validate(
        {
            "hall": {"id": "7"},
            "gateway": {"id": "hg-07", "run_directory": str(directory / "run")},
            "store": store,
            "consumer": [{"name": "central-1"}, {"name": "watcher", "required": False}],
            "line": [{"name": "A", "url": "memory:A"}],
            "egm": [{"asset": 17, "line": "A", "address": 1}, {"asset": 18, "line": "A", "address": 2}],
        }
    )


@dataclass
class Field:
    """Running. ``verdict`` is what the cold start found."""

    books: Books
    writer: Writer
    journal: Journal
    keeping: Keeping
    clock: ManualClock

    async def play(self, records: int, word: str = "played") -> None:
        """So many records, each a transaction, told to the anchor as the field does."""
        for number in range(records):
            data = {"offset_ms": number, "clock": "synced"}
            fact = Fact("hall.gateway.clock.stepped.v1", f"gateway/{word}", self.clock.wall(), data)
            await self.journal.compose(lambda page, fact=fact: page.append(fact))  # type: ignore[misc]  # binds early
        self.keeping.moved(self.writer.head)


@contextlib.asynccontextmanager
async def running(settings: Settings, *, orderly: bool = True) -> AsyncIterator[Field]:
    """From the cold start to the stop. Not orderly: no last checkpoint, as after a kill; the anchor has the last head."""
    books, clock = open_books(settings), ManualClock(NIGHT)
    assert books.verdict.safe is None, books.verdict
    loop = asyncio.get_running_loop()
    writer = Writer(books.database, now_utc=clock.wall, post=loop.call_soon_threadsafe, on_fatal=print)
    writer.start()
    try:
        journal = Journal(
            writer,
            source="urn:hall:7:gw:hg-07",
            gaming_day=GamingDays.of("UTC", "06:00").label,
            quality=clock.quality,
            incidents=books.incidents,
            pace=Pace(),
        )
        keeping = Keeping(
            books, journal, writer, clock, subject="gateway/hg-07", version="1", record=lambda facts: None
        )
        await keeping.begin()
        await journal.write(lambda tx: prepare(tx, settings))
        yield Field(books, writer, journal, keeping, clock)
        if orderly:
            await keeping.end()
    finally:
        await loop.run_in_executor(None, writer.close)
        await asyncio.sleep(0)
        await loop.run_in_executor(None, keeping.close)
        os.close(books.lock_fd)


def run_once(settings: Settings, records: int, word: str = "played", *, orderly: bool = True) -> None:
    """Start, play, stop."""

    async def life() -> None:
        async with running(settings, orderly=orderly) as field:
            await field.play(records, word)

    asyncio.run(life())


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def log_of(state: Path) -> dict[tuple[str, int], bytes]:
    """What stands in the log: stream id and sequence to body."""
    with contextlib.closing(Database(state / "hall.db").open_reader()) as reader:
        bodies = [body for (body,) in reader.execute("SELECT body FROM log ORDER BY position").fetchall()]
    found = [(json.loads(body), body) for body in bodies]
    return {(event["streamid"], int(event["sequence"])): body for event, body in found}


def events_of(state: Path, kind: str) -> list[dict[str, Any]]:
    """Decoded events of a kind (without ``hall.`` and the version), oldest first."""
    events = [json.loads(body) for body in log_of(state).values()]
    return [event for event in events if event["type"] == f"hall.{kind}.v1"]


def copy_back(saved: Path, state: Path, *, in_place: bool) -> None:
    """An older state over the present one. ``in_place``: file by file (same inodes), else as new files."""
    if not in_place:
        # Beside the old ones first: a file system may give a new file the inode of one that was just deleted.
        fresh = state.with_name(state.name + ".fresh")
        shutil.copytree(saved, fresh)
        shutil.rmtree(state)
        fresh.rename(state)
        return
    for path in state.iterdir():
        if not (saved / path.name).exists():
            path.unlink()
    for path in saved.iterdir():
        (state / path.name).write_bytes(path.read_bytes())
