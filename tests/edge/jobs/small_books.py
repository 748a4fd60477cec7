"""Small real books with a log, and settings that point to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from edge.config.model import Settings
from sync import outbox
from sync.envelope import Draft
from sync.writer import Writer

KEY = "5a" * 32


def settings_for(directory: Path, *, key: str | None = None, keep: int = 14) -> Settings:
    return Settings.model_validate({
        "hall": {"id": "7"}, "gateway": {"id": "hg-07"}, "store": {"directory": str(directory)},
        "backup": {"keep": keep}, "backup_key": key,
    })  # fmt: skip


def fill(database: Path, count: int, *, more: Callable[[object], None] | None = None) -> None:
    """So many records by a real writer, which is closed cleanly."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        writer = Writer(
            database, now_utc=lambda: datetime.now(UTC), post=loop.call_soon_threadsafe, on_fatal=lambda error: None
        )
        writer.start()

        def write(tx: object) -> None:
            for number in range(count):
                outbox.append(tx, draft(number))  # type: ignore[arg-type]  # the writer's transaction
            if more is not None:
                more(tx)

        await writer.run(write)
        writer.close()

    asyncio.run(work())


def draft(number: int) -> Draft:
    at = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    return Draft(
        "hall.egm.test.v1", "urn:hall:7:gw:hg-07", "egm/1", at, {"number": number}, "2026-11-23", "synced",
        "urn:hall:schema:egm.test.v1",
    )  # fmt: skip
