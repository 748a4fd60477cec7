"""Watches the room of the books, says when it gets less, and on a full disk holds the bus until there is room again.

Full: the ballast goes, what was heard is written into its room, no line sends anything. Nothing is acknowledged meanwhile
that is not on disk, and machines keep what they have to tell. When there is room for the ballast and as much again, and
all that waited is written, the lines go on by themselves. What blocks (statvfs, the ballast's fsync) runs in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import structlog

from edge.board import Board
from edge.clock import Clock, stamp
from edge.config.model import StoreSettings
from edge.field.incidents import incident
from edge.field.upkeep import ballast
from edge.hall.events import Fact
from edge.hall.shapes import Json
from edge.health.conditions import condition, told
from edge.health.room import Course, DaysAlarm, Level, Limits, Space, days_words, next_level
from edge.health.shedding import Shedding
from sync.db import Transaction
from sync.errors import StorageFull, StoreError

EVERY_S = 10.0
WHILE_FULL_S = 1.0
SLOW_COMMIT_S = 1.0
SLOW_TOLD_EVERY_S = 3600.0
"A slow disk is one alarm an hour, not one a commit."
PAGE_BYTES = 4096
WHILE_SHORT: dict[Level, str] = {
    "ok": "room-again",
    "low": "room-low",
    "short": "room-short",
    "critical": "room-critical",
    "full": "storage-full",
}

log = structlog.get_logger("field")


class Bus(Protocol):
    """All lines together."""

    def hold(self) -> None:
        """Nothing leaves on any line."""

    def let_go(self) -> None:
        """All lines go on; what still waits is written first."""

    def write_waiting(self) -> None:
        """Write down what was heard and found no room; lines stay held."""

    @property
    def waits_for_room(self) -> bool:
        """Is there any?"""


class Room:
    """``run`` until it is cancelled; ``full`` whenever a commit found no room."""

    def __init__(
        self,
        directory: Path,
        database: Path,
        settings: StoreSettings,
        *,
        clock: Clock,
        board: Board,
        bus: Bus,
        write: Callable[[Callable[[Transaction], int]], Awaitable[int]],
        record: Callable[[list[Fact]], None],
        subject: str,
    ) -> None:
        self._directory = directory
        self._database = database
        self._quota = None if settings.quota_mib is None else settings.quota_mib << 20
        low, short, critical = settings.room_percent
        self._limits = Limits(low, short, critical, settings.room_enough_mib << 20)
        self._clock = clock
        self._board = board
        self._bus = bus
        self._write = write
        self._record = record
        self._subject = subject
        self._slowest_s = 0.0
        self._state = "running"
        self._days_alarm = DaysAlarm(settings.room_days_alarm)
        self._course: Course | None = None
        self._slow_told_at: float | None = None
        self._wake = asyncio.Event()
        self._free = 0
        self._days: int | None = None
        self.level: Level = "ok"
        self.shedding = Shedding(clock.monotonic)

    async def run(self) -> None:
        """Measure, act, pause; for ever."""
        while True:
            await self.look()
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), WHILE_FULL_S if self.level == "full" else EVERY_S)

    def full(self) -> None:
        """A commit found no room: from this moment nothing leaves on any line."""
        self._bus.hold()
        if self.level != "full":
            self._enter("full")
            self._wake.set()

    def note_commit(self, seconds: float) -> None:
        """A commit took so long."""
        self._slowest_s = max(self._slowest_s, seconds)

    async def look(self) -> None:
        """One measurement and what follows from it."""
        if self.level == "full":
            await asyncio.to_thread(ballast.drop, self._directory)
            self._bus.write_waiting()
        space = await self._measure()
        if space is None:
            return
        self._free = space.free
        await self._reckon_days(space)
        level = next_level(self.level, space, self._limits)
        if self.level == "full" and level != "full" and self._bus.waits_for_room:
            level = "full"
        if level != "full":
            laid = await asyncio.to_thread(ballast.lay, self._directory)
            if not laid and self.level == "full":
                level = "full"
        if level != self.level:
            was_full = self.level == "full"
            self._enter(level)
            if was_full:
                self._bus.let_go()
        self._show()
        self._tell_slow_disk()

    async def _measure(self) -> Space | None:
        try:
            disk = await asyncio.to_thread(os.statvfs, self._directory)
            books = (await asyncio.to_thread(os.stat, self._database)).st_size
            spare = await self._write(_spare_pages)
        except StorageFull:
            return None
        except (OSError, StoreError) as error:
            log.warning("the room of the books cannot be measured", error=str(error))
            return None
        return Space(
            disk_free=disk.f_bavail * disk.f_frsize,
            disk_size=disk.f_blocks * disk.f_frsize,
            inodes_free=disk.f_favail if disk.f_files else None,
            books=books,
            spare=spare * PAGE_BYTES,
            quota=self._quota,
        )

    async def _reckon_days(self, space: Space) -> None:
        now = self._clock.monotonic()
        if self._course is None:
            self._course = Course(await asyncio.to_thread(ballast.kept_course, self._directory, now))
        used = space.books - space.spare
        if self._course.note(now, used) and self.level != "full":
            await asyncio.to_thread(ballast.keep_course, self._directory, tuple(self._course.samples), now)
        self._days = self._course.days(now, used, space.free)
        if self._days_alarm.note(self._days) is not None:
            self._incident("room-days", {"days": self._days, "free_bytes": space.free})

    def _enter(self, level: Level) -> None:
        before, self.level = self.level, level
        self.shedding.level = level
        data: dict[str, Json] = {"level": level, "free_bytes": self._free if level != "full" else 0, "before": before}
        if self._days is not None:
            data["days"] = self._days
        thinned_out = self.shedding.take_count()
        if thinned_out:
            data["thinned_out"] = thinned_out
        if level == "full":
            self._state = self._board.gateway.state
            self._board.update_gateway(state="held")
        elif before == "full":
            self._board.update_gateway(state=self._state)
        self._show()
        text, remedy = told(condition(WHILE_SHORT[level]), data)
        log.warning(text, level=level, before=before, remedy=remedy, holds=days_words(self._days))
        self._record([Fact("hall.gateway.storage.v1", self._subject, self._clock.wall(), data)])

    def _show(self) -> None:
        self._board.update_gateway(room_level=self.level, room_free_bytes=self._free, room_days=self._days)

    def _tell_slow_disk(self) -> None:
        (slowest, self._slowest_s), now = (self._slowest_s, 0.0), self._clock.monotonic()
        recent = self._slow_told_at is not None and now - self._slow_told_at < SLOW_TOLD_EVERY_S
        if slowest < SLOW_COMMIT_S or recent:
            return
        self._slow_told_at = now
        self._incident("disk-slow", {"commit_ms": round(slowest * 1000)})

    def _incident(self, slug: str, facts: dict[str, Json]) -> None:
        at = self._clock.wall()
        log.warning(told(condition(slug), facts)[0], since=stamp(at), **facts)
        self._record([incident(slug, facts, subject=self._subject, at=at)])


def _spare_pages(tx: Transaction) -> int:
    return int(tx.execute("PRAGMA freelist_count").fetchone()[0])


def quota_pages(quota_mib: int | None, default: int) -> int:
    """``max_page_count`` for the writer: the quota in pages of 4 KiB, or what SQLite allows."""
    return default if quota_mib is None else (quota_mib << 20) // PAGE_BYTES
