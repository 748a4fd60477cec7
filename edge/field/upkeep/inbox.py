"""The inbox forgets finished commands after 400 days, a slice at a time, and raises its watermark with it (rule 19).

A command that is forgotten can never be admitted again: whatever was issued before the watermark is refused as too old.
So nothing is forgotten because of a clock alone: the house's must be believed, and the sender's must have gone on as far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

import structlog

from edge.clock import Clock, clock_allows_expiry
from sync import inbox
from sync.db import Transaction
from sync.errors import StorageFull

KEPT: Final = timedelta(days=400)
EVERY_S: Final = 3600.0
FIRST_AFTER_S: Final = 60.0
"""A start has other things to do."""
PAUSE_S: Final = 0.2
"""Between two slices: the lines' own commits come first."""

log = structlog.get_logger("field")


class Write(Protocol):
    """``Journal.write``: one small transaction, on disk when it returns."""

    def __call__(self, work: Callable[[Transaction], int], /) -> Awaitable[int]: ...


@dataclass(frozen=True, slots=True)
class Forgetting:
    """One per field."""

    write: Write
    clock: Clock

    async def run(self) -> None:
        """Prune now and then, until cancelled."""
        await asyncio.sleep(FIRST_AFTER_S)
        while True:
            try:
                await prune_inbox(self.write, self.clock)
            except StorageFull:
                # Forgetting needs a little room as well; it is tried again.
                log.warning("no room to forget old commands")
            await asyncio.sleep(EVERY_S)


async def prune_inbox(write: Write, clock: Clock, *, pause_s: float = PAUSE_S) -> int:
    """Forget what is over 400 days old; returns how many commands. Nothing while the clock is not believed."""
    forgotten = 0
    while clock_allows_expiry(clock.quality()):
        some = await write(lambda tx: _slice(tx, clock))
        forgotten += some
        if some < inbox.PRUNE_MAX:
            break
        await asyncio.sleep(pause_s)
    return forgotten


def _slice(tx: Transaction, clock: Clock) -> int:
    last = inbox.last_issued(tx)
    if last is None:
        return 0
    return inbox.prune(tx, min(last, clock.wall()) - KEPT)
