"""The pull feed gives stored bytes, a cursor beside them, and a coded error for each cursor that cannot be."""

from __future__ import annotations

import asyncio
import gzip
import time

import orjson
import pytest
import zstandard

from sync import outbox
from sync.envelope import Cursor, canonical
from sync.errors import AckBeyondHead, BadCursor, ChainMismatch, EpochChanged, UnknownConsumer
from sync.headwatch import HeadWatch
from sync.pull import PullFeed, compress
from tests.sync.stage import STREAM, Hall


def feed_of(hall: Hall) -> tuple[PullFeed, HeadWatch]:
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"central-1": True}))
    reader, head = hall.reader(), HeadWatch()
    return PullFeed(lambda: reader, head), head


def test_a_page_is_the_answer_of_the_contract_with_the_bytes_as_stored(hall: Hall) -> None:
    feed, _ = feed_of(hall)
    envelopes = hall.happen(12)
    page = feed.page("central-1", STREAM, 3, 5, clock="synced")
    answer = orjson.loads(page.body)
    assert list(answer) == ["events", "next", "has_more", "head", "oldest", "epoch", "clock"]
    assert b",".join(envelope.body for envelope in envelopes[3:8]) in page.body
    assert [canonical(event) for event in answer["events"]] == [envelope.body for envelope in envelopes[3:8]]
    assert answer["next"] == envelopes[7].cursor.as_json() == page.next.as_json()
    assert answer["head"] == envelopes[11].cursor.as_json()
    assert answer["oldest"] == envelopes[0].cursor.as_json()
    assert (answer["has_more"], answer["epoch"], answer["clock"]) == (True, 1, "synced")
    assert feed.page("central-1", STREAM, 3, 5, clock="synced") == page


def test_where_a_page_begins(hall: Hall) -> None:
    feed, _ = feed_of(hall)
    envelopes = hall.happen(12)
    hall.do(lambda tx: outbox.advance(tx, "central-1", envelopes[3].cursor))

    def first(**where: object) -> object:
        events = orjson.loads(feed.page("central-1", **where).body)["events"]  # type: ignore[arg-type]  # a table
        return events[0]["id"].split(":")[1] if events else None

    assert first() == "5"  # from what it confirmed
    assert first(after="oldest") == "1"
    assert first(after="now") is None
    assert first(after=9, streamid=STREAM) == "10"
    assert first(after=envelopes[9].cursor) == "11"
    assert first(after=12, streamid=STREAM) is None
    lines = feed.page("central-1", after=envelopes[9].cursor, form="ndjson").body
    assert lines == envelopes[10].body + b"\n" + envelopes[11].body + b"\n"


def test_each_impossible_cursor_has_its_error(hall: Hall) -> None:
    feed, _ = feed_of(hall)
    envelopes = hall.happen(3)
    with pytest.raises(UnknownConsumer):
        feed.page("nobody")
    with pytest.raises(BadCursor):
        feed.page("central-1", None, 2)
    with pytest.raises(BadCursor):
        feed.page("central-1", STREAM, -1)
    with pytest.raises(AckBeyondHead):
        feed.page("central-1", STREAM, 4)
    with pytest.raises(EpochChanged):
        feed.page("central-1", "ff" * 16, 1)
    with pytest.raises(EpochChanged):
        feed.page("central-1", "ff" * 16)
    with pytest.raises(ChainMismatch):
        feed.page("central-1", after=Cursor(STREAM, 2, envelopes[0].cursor.sha256))
    # and after each of them the reader is not left inside a transaction
    assert feed.page("central-1").count == 3


async def test_a_long_poll_wakes_with_the_head_and_ends_with_its_time(hall: Hall) -> None:
    feed, head = feed_of(hall)
    hall.happen(2)
    ask = asyncio.create_task(feed.page_or_wait("central-1", after="now", wait_s=30))
    await asyncio.sleep(0.02)
    assert not ask.done()
    envelope = hall.happen()[0]
    head.move(hall.writer.head.position, envelope.cursor)
    page = await asyncio.wait_for(ask, 1)
    assert (page.count, page.next) == (1, envelope.cursor)
    began = time.monotonic()
    page = await feed.page_or_wait("central-1", after="now", wait_s=0.05)
    assert page.count == 0
    assert 0.04 < time.monotonic() - began < 1
    assert orjson.loads(page.body)["next"] == envelope.cursor.as_json()


async def test_a_head_watch_wakes_whoever_waits_for_less() -> None:
    head = HeadWatch()
    near = asyncio.create_task(head.wait_beyond(5, 10))
    far = asyncio.create_task(head.wait_beyond(50, 0.05))
    await asyncio.sleep(0)
    head.move(5)
    await asyncio.sleep(0)
    assert not near.done()
    head.move(6)
    head.move(3)
    assert (await near, head.position) == (True, 6)
    assert await far is False
    assert await head.wait_beyond(6, 0) is False
    head.move(0)
    assert head.position == 0


def test_compression_is_what_the_client_takes() -> None:
    body = b'{"door":"main"}' * 500
    zstd, name = compress(body, "gzip, zstd;q=0.8, br")
    assert (name, zstandard.ZstdDecompressor().decompress(zstd)) == ("zstd", body)
    gzipped, name = compress(body, "gzip")
    assert (name, gzip.decompress(gzipped)) == ("gzip", body)
    assert compress(body, "zstd;q=0, gzip;q=0.0") == (body, None)
    assert compress(body, "") == (body, None)
    assert compress(b"{}", "zstd") == (b"{}", None)
