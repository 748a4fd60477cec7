"""The live view and the orderly stop."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx

from edge.seam.server import SeamServer
from tests.edge.front.made_up_hall import CENTRAL, TECHNICIAN, Hall, made_up_hall, until


async def pictures(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The pictures of a stream of server-sent events."""
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line[6:])


async def test_a_stream_begins_with_everything_and_goes_on_with_what_changes(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as browser, browser.stream("GET", "/api/v1/live") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = pictures(answer)
        async with asyncio.timeout(5):
            first = await anext(stream)
            assert first["whole"] is True
            assert [tile["asset"] for tile in first["tiles"]] == ["100417", "100418"]
            assert first["top"]["machines"] == "1/2 on line"
            hall.board.set_door(100417, "main", "open")
            hall.board.flush(asyncio.get_running_loop().time(), every_s=0)
            async for picture in stream:
                if picture.get("tiles"):
                    assert [(tile["asset"], tile["word"], tile["doors"]) for tile in picture["tiles"]] == [
                        ("100417", "door open", "main")
                    ]
                    assert "whole" not in picture
                    break


async def test_mtr_16_when_the_field_is_gone_the_tiles_of_an_open_page_turn_stale(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as browser, browser.stream("GET", "/api/v1/live") as answer:
        stream = pictures(answer)
        async with asyncio.timeout(10):
            await anext(stream)
            await hall.seam.close()
            async for picture in stream:
                if picture.get("tiles"):
                    assert [tile["asset"] for tile in picture["tiles"]] == ["100417", "100418"]
                    assert all(tile["read"] == "▲ stale: the field is away" for tile in picture["tiles"])
                    break


async def test_a_new_event_reaches_an_open_page(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as browser, browser.stream("GET", "/api/v1/live") as answer:
        stream = pictures(answer)
        async with asyncio.timeout(6):
            await anext(stream)
            await asyncio.sleep(1.1)  # the hub must have looked at the log once
            await hall.open_door()
            async for picture in stream:
                if picture.get("events"):
                    (event,) = picture["events"]
                    assert event["text"] == "Machine 100417: main door opened"
                    assert event["priority"] == "alarm"
                    break


async def test_a_page_that_reads_slowly_gets_newer_pictures_not_more(hall: Hall) -> None:
    live = hall.house.live
    stream = live.watch()
    assert isinstance(stream, AsyncGenerator)
    async with asyncio.timeout(5):
        await anext(stream)
        for number in range(500):
            hall.board.update_egm(100417, polls=number)
            hall.board.flush(asyncio.get_running_loop().time(), every_s=0)
        await until(lambda: hall.house.front.seam.mirror.egms[100417].polls == 499)
        picture = await anext(stream)
    assert len(picture["tiles"]) == 1
    await stream.aclose()
    assert live.streams == 0


async def test_the_front_stops_within_two_seconds_with_five_live_pages_two_long_polls_and_a_trace(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        hall = await stack.enter_async_context(made_up_hall(tmp_path))
        browser = await stack.enter_async_context(hall.client(TECHNICIAN))
        central = await stack.enter_async_context(hall.client(CENTRAL))
        streams = [await stack.enter_async_context(browser.stream("GET", "/api/v1/live")) for _ in range(5)]
        reading = [asyncio.create_task(answer.aread()) for answer in streams]
        tracing = asyncio.create_task(browser.get("/api/v1/lines/A/trace"))
        polls = [asyncio.create_task(central.get("/api/v1/events", params={"wait": 60})) for _ in range(2)]
        await asyncio.sleep(0.3)
        assert hall.house.live.streams == 5
        began = time.monotonic()
        await hall.house.stop()
        took_s = time.monotonic() - began
        assert took_s < 2.0
        assert all("bye" in body.decode() for body in await asyncio.gather(*reading))
        assert [answer.status_code for answer in await asyncio.gather(*polls)] == [503, 503]
        await tracing
        assert not (tmp_path / "control.sock").exists()


async def test_open_pages_and_long_polls_survive_the_field_and_go_on_with_it(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as browser, browser.stream("GET", "/api/v1/live") as answer:
        stream = pictures(answer)
        async with asyncio.timeout(15):
            await anext(stream)
            await hall.seam.close()
            async for picture in stream:
                if "top" in picture and not picture["top"]["connected"]:
                    assert "Field restarting" in picture["top"]["mirror"]
                    break
            hall.seam = SeamServer(hall.directory / "field.sock", hall.field, hall.board, "test")
            await hall.seam.start()
            async for picture in stream:
                if "top" in picture and picture["top"]["connected"]:
                    break


async def test_a_wire_is_shown_while_it_is_looked_at(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as browser:
        assert (await browser.get("/api/v1/lines/Z/trace")).status_code == 404
        async with browser.stream("GET", "/api/v1/lines/A/trace") as answer:
            lines = answer.aiter_lines()
            now = asyncio.get_running_loop().time()
            hall.seam.trace("A", now, ">", b"\x81", b"\x01")
            hall.seam.trace("A", now, "<", b"\x11", b"\x00")
            async with asyncio.timeout(5):
                poll = json.loads(await anext(lines))
                reply = json.loads(await anext(lines))
        assert (poll["hex"], poll["wakeup"], poll["address"]) == ("81", True, 1)
        assert reply["text"] == "11 slot door opened"
        await until(lambda: hall.field.traced == ["+A", "-A"])
