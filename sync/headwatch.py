"""Where the newest durable record is, and waiting for a newer one without asking the database.

Whoever learns of a commit (the writer's owner in the field, the seam's client in the front) calls ``move``.
"""

from __future__ import annotations

import asyncio

from sync.envelope import Cursor


class HeadWatch:
    """Belongs to one event loop. ``position`` 0: nothing known yet."""

    def __init__(self) -> None:
        self.position = 0
        self.cursor: Cursor | None = None
        self._waiting: dict[asyncio.Future[None], int] = {}

    def move(self, position: int, cursor: Cursor | None = None) -> None:
        """A newer record is durable. An older position is ignored, but for 0: start again (another log)."""
        if position <= self.position and position != 0:
            return
        self.position = position
        self.cursor = cursor
        for future, after in list(self._waiting.items()):
            if after < position and not future.done():
                future.set_result(None)

    async def wait_beyond(self, position: int, timeout: float) -> bool:  # noqa: ASYNC109  the caller's patience, not ours
        """True as soon as there is a record after ``position``; False when ``timeout`` seconds are over."""
        if self.position > position:
            return True
        if timeout <= 0:
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = position
        try:
            await asyncio.wait((future,), timeout=timeout)
        finally:
            del self._waiting[future]
            future.cancel()
        return self.position > position
