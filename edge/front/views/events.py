"""The newest events as people read them, by machine and kind. Not the pull feed: that one never looks into a body."""

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from edge.hall.events import KINDS, text_of
from sync import outbox

STEP = 500
"Records read at once."
DEEPEST = 20_000
"Records looked through for one answer: about 40 ms. Older ones are central's business."
PAGE_BYTES = 4 << 20


def newest(
    conn: sqlite3.Connection,
    limit: int,
    *,
    asset: int | None = None,
    kind: str | None = None,
    klass: str | None = None,
    without: str | None = None,
    after: int = 0,
) -> list[dict[str, Any]]:
    """The last events, newest first, at most `limit`; of one machine, a kind or its beginning, of or without a class.

    `after`: only those beyond this position of the log.
    """
    found: list[dict[str, Any]] = []
    for event in _backwards(conn, after):
        if _fits(event, asset, kind, klass, without):
            found.append(shown(event))
            if len(found) >= limit:
                break
    return found


def position(conn: sqlite3.Connection) -> int:
    """Where the log ends now."""
    return outbox.head(conn).position


def shown(event: Mapping[str, Any]) -> dict[str, Any]:
    """An envelope as one line for people, with what is needed to find it again."""
    kind = str(event["type"])
    row = KINDS.get(kind)
    data = event.get("data") or {}
    return {
        "id": event["id"],
        "sequence": int(event["sequence"]),
        "time": event["time"],
        "type": kind,
        "subject": event.get("subject", ""),
        "text": text_of(kind, data) if row is not None else kind,
        "class": row.klass if row is not None else "",
        "priority": row.priority if row is not None else "normal",
        "maybe_repeat": bool(data.get("maybe_repeat", False)),
        "data": data,
    }


def _backwards(conn: sqlite3.Connection, after: int) -> Iterator[dict[str, Any]]:
    end = outbox.head(conn).position
    # What retention took is not there to be read.
    floor = max(after, end - DEEPEST, outbox.before_oldest(conn))
    while end > floor:
        start = max(floor, end - STEP)
        for body in reversed(_between(conn, start, end)):
            yield orjson.loads(body)
        end = start


def _between(conn: sqlite3.Connection, start: int, end: int) -> list[bytes]:
    # A page never crosses the end of an epoch, nor its limit of bytes.
    bodies: list[bytes] = []
    while start < end:
        page = outbox.page(conn, start, end - start, PAGE_BYTES)
        if not page.bodies:
            break
        bodies += page.bodies
        start = page.position
    return bodies


def _fits(
    event: Mapping[str, Any], asset: int | None, kind: str | None, klass: str | None, without: str | None
) -> bool:
    if asset is not None and event.get("subject") != f"egm/{asset}":
        return False
    if kind is not None and not str(event["type"]).startswith(kind):
        return False
    row = KINDS.get(str(event["type"]))
    is_of = row.klass if row is not None else ""
    return (klass is None or is_of == klass) and (without is None or is_of != without)
