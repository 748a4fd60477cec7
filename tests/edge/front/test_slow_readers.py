"""Two hundred who read slowly or not at all: what waits for them is bounded, they are refused or dropped, others are served."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from edge.front import serving
from edge.front.live import STREAMS_MAX
from edge.front.serving import CONNECTIONS_MAX
from sync import outbox
from tests.edge.front.made_up_hall import CENTRAL, TECHNICIAN, Hall, until

READERS = 200
MIB = 1 << 20


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@contextlib.asynccontextmanager
async def who_never_read(hall: Hall, path: str, key: str, count: int) -> AsyncIterator[list[asyncio.StreamWriter]]:
    """Each asks once and reads nothing, with the smallest buffer the kernel gives."""
    callers: list[asyncio.StreamWriter] = []
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nAccept-Encoding: identity\r\n\r\n"
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", hall.house.ports[0], limit=1024)
            reader._transport.pause_reading()  # type: ignore[attr-defined]  # not read from the socket either
            writer.write(request.encode())
            callers.append(writer)
        yield callers
    finally:
        for writer in callers:
            writer.transport.abort()


async def change_all(hall: Hall, seconds: float) -> None:
    """The floor changes as fast as the board tells it."""
    until_s = time.monotonic() + seconds
    number = 0
    while time.monotonic() < until_s:
        number += 1
        for asset in (100417, 100418):
            hall.board.update_egm(asset, polls=number, label="x" * 200 + str(number))
        hall.board.flush(asyncio.get_running_loop().time(), every_s=0)
        await asyncio.sleep(0.005)


async def test_rs_7_two_hundred_live_pages_that_are_not_read_hold_one_picture_each_and_the_field_waits_for_nobody(
    hall: Hall,
) -> None:
    async with hall.local() as beside, who_never_read(hall, "/api/v1/live", TECHNICIAN.text, READERS):
        await until(lambda: hall.house.live.streams >= min(STREAMS_MAX, CONNECTIONS_MAX) - 1)
        gc.collect()
        before = rss()
        sent = hall.board.number
        await change_all(hall, 3.0)
        assert hall.house.live.streams <= STREAMS_MAX
        assert rss() - before < 24 * MIB, "pictures are merged, never queued"
        assert hall.board.number - sent > 100, "changes are told at the pace of the field"
        assert hall.house.front.seam.connected
        for stream in hall.house.live._streams:
            assert len(stream.events) <= 15
        began = time.monotonic()
        assert (await beside.get("/api/v1/status")).status_code == 200
        assert time.monotonic() - began < 1.0
    await until(lambda: hall.house.live.streams == 0)
    async with hall.client(TECHNICIAN) as browser:
        assert (await browser.get("/api/v1/status")).status_code == 200


async def test_rs_7_centrals_that_ask_for_large_pages_and_do_not_read_are_bounded_and_another_gets_all_of_it(
    hall: Hall,
) -> None:
    for _ in range(200):
        await hall.open_door(text="y" * 8000)
    gc.collect()
    before = rss()
    path = "/api/v1/events?limit=1000&after=oldest"
    async with who_never_read(hall, path, CENTRAL.text, READERS), hall.local() as beside:
        await asyncio.sleep(2.0)
        # A page has 4 MiB at the most and 64 callers of a listener are heard: far below what 200 could ask for.
        assert rss() - before < CONNECTIONS_MAX * 4 * MIB
        assert (await beside.get("/api/v1/healthz")).status_code == 200
        assert hall.house.front.seam.connected
        await hall.open_door()
        assert hall.writer.head.position == 201, "the books go on"
    async with hall.client(CENTRAL) as central:
        answer: httpx.Response | None = None
        async with asyncio.timeout(10):
            while answer is None or answer.status_code == 503:
                answer = await central.get("/api/v1/events", params={"limit": 1000, "after": "oldest"})
        assert len(json.loads(answer.content)["events"]) == 201
        assert outbox.cursor_of(hall.house.front.readers.connection(), "central-1").sequence == 0


async def test_rs_7_who_takes_nothing_is_dropped_and_who_takes_a_little_is_not(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "READ_WITHIN_S", 0.4)
    for _, listener in hall.house._servers:
        # On loopback the kernel would take the whole page, and what it holds does not wait with us.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 << 10)
    for _ in range(100):
        await hall.open_door(text="y" * 8000)
    path = "/api/v1/events?limit=1000&after=oldest"
    async with who_never_read(hall, path, CENTRAL.text, CONNECTIONS_MAX), hall.client(CENTRAL) as central:
        assert (await central.get("/api/v1/healthz")).status_code == 503, "every place is taken"

        async def served() -> bool:
            return (await central.get("/api/v1/healthz")).status_code == 200

        began = time.monotonic()
        while not await served():
            await asyncio.sleep(0.05)
            assert time.monotonic() - began < 5
    reader, writer = await asyncio.open_connection("127.0.0.1", hall.house.ports[0], limit=4096)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {CENTRAL.text}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    whole = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
    read, began = 0, time.monotonic()
    while read < whole:
        read += len(await reader.read(16_384))
        await asyncio.sleep(0.03)
    assert read == whole > 800_000
    assert time.monotonic() - began > 1.0, "far longer than a reader may sleep"
    writer.transport.abort()
