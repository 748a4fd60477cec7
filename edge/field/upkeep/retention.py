"""Lets go of records whose time is over, a slice at a time (RET-03): the log first, then money that was kept beside it.

Each slice is a transaction of its own in the writer's thread. While the clock cannot be believed nothing has an age.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Protocol, TypeVar

import structlog

from edge.clock import Clock, clock_allows_expiry
from edge.hall.events import is_money
from sync import retention
from sync.db import Transaction
from sync.errors import ConstraintBroken, StorageFull

T = TypeVar("T")

EVERY_S = 15.0
"Four slices of the log a minute: 4,000 records, where a hall of a thousand machines makes 400."

log = structlog.get_logger("field")


class Write(Protocol):
    """As the journal writes: one transaction, on disk when it returns."""

    def __call__(self, work: Callable[[Transaction], T], /) -> Awaitable[T]:
        """Run this work."""


class Retention:
    """``run`` until it is cancelled. ``released``, ``kept``, ``forgotten``: records since the start."""

    def __init__(self, write: Write, clock: Clock, *, keep_events_days: int, keep_money_days: int) -> None:
        self._write = write
        self._clock = clock
        self._events = timedelta(days=keep_events_days)
        self._money = timedelta(days=keep_money_days)
        self.released = 0
        self.kept = 0
        self.forgotten = 0

    async def run(self) -> None:
        """A slice, a pause, for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.step()

    async def step(self) -> int:
        """One slice of each; how many records left the log or were forgotten.

        Full books are no fault here: deleting needs room too, so it is tried again when there is some.
        """
        if not clock_allows_expiry(self._clock.quality()):
            return 0
        now = self._clock.wall()
        try:
            gone = await self._write(partial(retention.release, older_than=now - self._events, keeps=is_money))
            forgotten = await self._write(partial(retention.forget, older_than=now - self._money))
        except StorageFull:
            return 0
        except ConstraintBroken as broken:
            log.exception("retention was refused by the books; nothing was deleted", error=str(broken))
            return 0
        self.released += gone.records
        self.kept += gone.kept
        self.forgotten += forgotten
        if gone.records or forgotten:
            log.info(
                "records left by age", records=gone.records, kept=gone.kept, forgotten=forgotten, through=gone.through
            )
        return gone.records + forgotten
