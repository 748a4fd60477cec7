"""What the routes and pages of the front share. Built once by `app`, handed to every request."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from edge.access import Keyring
from edge.clock import Clock
from edge.config.model import Settings
from edge.front.readers import Readers
from edge.seam.client import SeamClient

T = TypeVar("T")


@dataclass(slots=True)
class Front:
    """The parts of a running front."""

    settings: Settings
    seam: SeamClient
    readers: Readers
    keyring: Keyring
    clock: Clock
    version: str
    started_at: datetime
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    "Set when the front stops; every open stream ends then."
    uplink_told: Callable[[], dict[str, Any]] | None = None
    "What the MQTT uplink says of itself; None: not configured."

    @property
    def zone(self) -> ZoneInfo:
        """The hall's time zone: what people read."""
        return ZoneInfo(self.settings.hall.time_zone)

    async def pause(self, seconds: float) -> bool:
        """Sleep, but not beyond the stop. False: the front stops."""
        try:
            async with asyncio.timeout(seconds):
                await self.stop.wait()
        except TimeoutError:
            return True
        return False

    async def until_stop(self, waiting: Awaitable[T], *ends: Awaitable[object]) -> T | None:
        """Await this, but not beyond the stop or any of the `ends`: None then, and all of them are cancelled."""
        task = asyncio.ensure_future(waiting)
        others = [asyncio.ensure_future(end) for end in (self.stop.wait(), *ends)]
        try:
            await asyncio.wait({task, *others}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            for one in (task, *others):
                one.cancel()
            await asyncio.gather(task, *others, return_exceptions=True)
