"""Pages of the log for whoever asks by HTTP, without HTTP: the exact bytes of the answer, a long poll, compression.

One query and one join a page; no event is decoded. Routes, keys and status codes are the front's.
"""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import zstandard

from sync import outbox
from sync.envelope import Cursor
from sync.errors import BadCursor
from sync.headwatch import HeadWatch

__all__ = ["LIMIT_MAX", "WAIT_MAX_S", "After", "HeadWatch", "PullFeed", "PullPage", "compress"]

LIMIT_DEFAULT = 500
LIMIT_MAX = 1000
PAGE_BYTES_MAX = 4 << 20
"A page of 1,000 ordinary events has about 500 kB; one of events of 64 KiB each is cut here."
WAIT_MAX_S = 60.0

After = Cursor | int | Literal["oldest", "now"] | None
"Where to begin: after a cursor; after a sequence of ``streamid``; the oldest here; the newest; where the consumer is."

_SMALL = 1024
"Below this many bytes compression is not worth its header."


@dataclass(frozen=True, slots=True)
class PullPage:
    """An answer: its bytes, and what a route needs to know of them."""

    body: bytes
    count: int
    next: Cursor
    position: int
    "Place of ``next`` in the whole log; what a long poll waits beyond."
    has_more: bool


class PullFeed:
    """``reader`` gives the connection of this moment; it is not kept and not closed here."""

    def __init__(self, reader: Callable[[], sqlite3.Connection], head: HeadWatch) -> None:
        self._reader = reader
        self._head = head

    def page(
        self,
        consumer: str,
        streamid: str | None = None,
        after: After = None,
        limit: int = LIMIT_DEFAULT,
        *,
        clock: str = "untrusted",
        form: Literal["json", "ndjson"] = "json",
    ) -> PullPage:
        """One page after a cursor, all read in one snapshot.

        ``after`` None: after what the consumer has confirmed. An integer is a sequence of ``streamid``. ``form``
        ndjson: one event a line, nothing else; ``next`` then travels in a header. Raises UnknownConsumer, BadCursor,
        EpochChanged (409), CursorExpired (410), ChainMismatch (409), AckBeyondHead (416).
        """
        conn = self._reader()
        conn.execute("BEGIN")
        try:
            confirmed = outbox.position_of(conn, consumer)
            start = _start(conn, confirmed, streamid, after)
            page = outbox.page(conn, start, max(1, min(limit, LIMIT_MAX)), PAGE_BYTES_MAX)
            head = outbox.head(conn)
            oldest = outbox.oldest(conn)
        finally:
            conn.execute("COMMIT")
        if form == "ndjson":
            body = b"\n".join((*page.bodies, b""))
        else:
            body = b'{"events":[%b],"next":%b,"has_more":%b,"head":%b,"oldest":%b,"epoch":%d,"clock":"%b"}' % (
                b",".join(page.bodies),
                page.next.encode(),
                b"true" if page.has_more else b"false",
                head.cursor.encode(),
                oldest.encode(),
                page.epoch,
                clock.encode("ascii"),
            )
        return PullPage(body, len(page.bodies), page.next, page.position, page.has_more)

    async def page_or_wait(
        self,
        consumer: str,
        streamid: str | None = None,
        after: After = None,
        limit: int = LIMIT_DEFAULT,
        *,
        wait_s: float = 0.0,
        clock: str = "untrusted",
        form: Literal["json", "ndjson"] = "json",
    ) -> PullPage:
        """The same as a long poll: an empty page waits up to ``wait_s`` (at most 60) for a new record."""
        page = self.page(consumer, streamid, after, limit, clock=clock, form=form)
        if page.count or wait_s <= 0:
            return page
        if await self._head.wait_beyond(page.position, min(wait_s, WAIT_MAX_S)):
            # From where the first look ended, or "now" would move on over the record that woke us.
            page = self.page(consumer, None, page.next, limit, clock=clock, form=form)
        return page


def compress(body: bytes, accept_encoding: str) -> tuple[bytes, str | None]:
    """The body in the best encoding the client takes, and its name: zstd, gzip (level 1 both), or None: as it is."""
    if len(body) < _SMALL:
        return body, None
    taken = _taken(accept_encoding)
    if "zstd" in taken:
        return zstandard.ZstdCompressor(level=1).compress(body), "zstd"
    if "gzip" in taken:
        return gzip.compress(body, compresslevel=1, mtime=0), "gzip"
    return body, None


def _taken(accept_encoding: str) -> set[str]:
    taken = set()
    for part in accept_encoding.lower().split(",")[:20]:
        name, _, parameters = part.partition(";")
        weight = parameters.replace(" ", "").removeprefix("q=")
        if not weight or weight.strip("0."):
            taken.add(name.strip())
    return taken


def _start(conn: sqlite3.Connection, confirmed: int, streamid: str | None, after: After) -> Cursor | int:
    if isinstance(after, Cursor):
        return after
    if isinstance(after, int):
        if streamid is None:
            raise BadCursor("A sequence means nothing without the streamid it belongs to.")
        if after < 0:
            raise BadCursor("A sequence is not below 0.")
        return outbox.resolve(conn, streamid, after)
    if streamid is not None:
        outbox.resolve(conn, streamid, 0)  # one that is not ours is told so, even if no number came with it
    if after == "oldest":
        return outbox.before_oldest(conn)
    if after == "now":
        return outbox.head(conn).position
    return confirmed
