"""The live view: one hub between the board's mirror and all open streams.

Each stream has one merged change waiting, never a queue: a browser that reads slowly gets fewer and newer pictures.
Tiles are made once per picture for all streams, not once per stream.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import structlog

from edge.board import Change
from edge.clock import stamp
from edge.front.context import Front
from edge.front.views import events, tiles
from edge.front.views.freshness import Moment
from edge.seam.errors import FieldAway
from sync import outbox
from sync.errors import StoreError

PICTURE_S = 0.25
"At most four pictures a second reach a browser."
STATE_S = 1.0
STREAMS_MAX = 40
LATEST = 15
ROUTINE = "meters"
"Class of events that would push everything else off the page."

log = structlog.get_logger()


class Stream:
    """What waits for one browser."""

    def __init__(self) -> None:
        self.assets: set[int] = set()
        self.everything = True
        "The next picture is a whole one: the stream is new, or the mirror began anew."
        self.events: list[dict[str, Any]] = []
        self.top: dict[str, Any] | None = None
        self.connected: bool | None = None
        "Was the field there when the last picture was made; None: none was."
        self.ready = asyncio.Event()

    def wake(self) -> None:
        """There is something to send."""
        self.ready.set()


class Live:
    """Run `run()` as a task. `watch()` gives a stream of pictures."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._streams: set[Stream] = set()
        self._position: int | None = None
        self._top: dict[str, Any] = {}
        self.lag: dict[str, int] = {}
        "Records each consumer has not acknowledged, as last read."
        front.seam.mirror.subscribe(self._changed)

    @property
    def streams(self) -> int:
        """Open streams."""
        return len(self._streams)

    def top(self) -> dict[str, Any]:
        """The top bar as of now."""
        seam = self._front.seam
        told = tiles.top(
            seam.mirror, connected=seam.connected, age_s=seam.mirror_age(), trouble=seam.last_error, lag=self.lag
        )
        told["now"] = tiles.clock_of(stamp(self._front.clock.wall()), self._front.zone)
        return told

    async def run(self) -> None:
        """Once a second the top bar; new events when the log has grown."""
        while await self._front.pause(STATE_S):
            newest = self._read_books()
            top = self.top()
            for stream in self._streams:
                if stream.connected is not self._front.seam.connected:
                    # Without the field nothing on the floor is current, and no change of the board comes to say so.
                    stream.assets |= set(self._front.seam.mirror.egms)
                    stream.wake()
                if top != self._top:
                    stream.top = top
                if newest:
                    stream.events = (stream.events + newest)[-LATEST:]
                if top != self._top or newest:
                    stream.wake()
            self._top = top
        for stream in self._streams:
            stream.wake()

    def _read_books(self) -> list[dict[str, Any]]:
        try:
            conn = self._front.readers.connection()
            self.lag = {one.name: outbox.depth(conn, one.name) for one in outbox.consumers(conn)}
            head = events.position(conn)
            if self._position is None or head < self._position:
                self._position = head
            found = []
            if head > self._position and self._streams:
                found = events.newest(conn, LATEST, without=ROUTINE, after=self._position)[::-1]
            self._position = head
        except FieldAway:
            return []
        except (StoreError, sqlite3.Error) as error:
            log.warning("The books could not be read for the page", code="HE3000", error=str(error))
            return []
        return found

    def _changed(self, change: Change) -> None:
        assets = {int(asset) for asset in change.get("egms", {})}
        whole = bool(change.get("gone")) or assets == set(self._front.seam.mirror.egms)
        for stream in self._streams:
            stream.assets |= assets
            stream.everything |= whole
            stream.wake()

    async def watch(self) -> AsyncIterator[dict[str, Any]]:
        """Pictures for one browser until the front stops: `{top?, tiles?, events?, whole?}`."""
        stream = Stream()
        stream.top = self.top()
        stream.wake()
        self._streams.add(stream)
        try:
            while not self._front.stop.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(15):
                        await stream.ready.wait()
                if self._front.stop.is_set():
                    return
                yield self._picture(stream)
                if not await self._front.pause(PICTURE_S):
                    return
        finally:
            self._streams.discard(stream)

    def _picture(self, stream: Stream) -> dict[str, Any]:
        stream.ready.clear()
        stream.connected = self._front.seam.connected
        board = self._front.seam.mirror
        picture: dict[str, Any] = {}
        assets = set(board.egms) if stream.everything else stream.assets & set(board.egms)
        if stream.everything:
            picture["whole"] = True
        if assets:
            moment = Moment.of(self._front)
            picture["tiles"] = [tiles.tile(board.egms[asset], self._front.zone, moment) for asset in sorted(assets)]
        if stream.top is not None:
            picture["top"] = stream.top
        if stream.events:
            picture["events"] = [self._short(event) for event in stream.events]
        stream.assets, stream.everything, stream.events, stream.top = set(), False, [], None
        return picture

    def _short(self, event: dict[str, Any]) -> dict[str, Any]:
        return {
            "time": tiles.clock_of(event["time"], self._front.zone),
            "text": event["text"] + (" (may be a repeat)" if event["maybe_repeat"] else ""),
            "priority": event["priority"],
            "sequence": event["sequence"],
        }
