"""The primary road over a bad line (UP-12): slow, cut at random, coming and going; central only asks again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.edge.front.made_up_hall import CENTRAL, STREAM, Hall
from tests.harness.badlink import BadLink

EVENTS = "/api/v1/events"
ACK = "/api/v1/consumers/central-1/ack"
MIB = 1 << 20


async def drain(link: BadLink, got: list[str], count: int, limit: int) -> int:
    """Each page over a connection of its own, until so many are stored; how often it had to ask again."""
    failures = 0
    headers = {"Authorization": f"Bearer {CENTRAL.text}", "Accept-Encoding": "identity"}
    while len(got) < count:
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{link.port}", headers=headers, timeout=10
            ) as central:
                asked: dict[str, Any] = {"limit": limit, "streamid": STREAM, "after": len(got)}
                page = (await central.get(EVENTS, params=asked)).json()
                got += [event["id"] for event in page["events"]]
                await central.post(ACK, json=page["next"])
        except httpx.HTTPError:
            failures += 1
            await asyncio.sleep(0.1)
    return failures


@pytest.mark.parametrize(
    ("line", "flaps", "events", "limit", "within_s"),
    [
        ({"rate": 10_000}, None, 100, 20, 15),
        ({"reset": 0.02, "reset_within": 600, "seed": 3}, None, 200, 1, 15),
        ({"rate": 20_000}, (3.0, 2.0), 150, 15, 20),
    ],
    ids=["10 kB a second", "2 % of connections are reset", "it flaps every five seconds"],
)
async def test_up_12_over_a_bad_line_central_gets_on_and_has_all_of_it_in_order(
    hall: Hall, line: dict[str, Any], flaps: tuple[float, float] | None, events: int, limit: int, within_s: float
) -> None:
    for _ in range(events):
        await hall.open_door(text="z" * 200)
    async with BadLink(hall.house.ports[0], **line).running() as link:
        got: list[str] = []
        flapping = None if flaps is None else asyncio.create_task(link.flap(*flaps))
        began, work, memory = time.monotonic(), time.process_time(), rss()
        async with asyncio.timeout(within_s):
            failures = await drain(link, got, events, limit)
        took = time.monotonic() - began
        if flapping is not None:
            flapping.cancel()
            await asyncio.gather(flapping, return_exceptions=True)
        assert failures == 0 if set(line) == {"rate"} and flaps is None else failures > 0
        assert rss() - memory < 24 * MIB
        if "rate" in line:
            assert time.process_time() - work < took / 2, "front, central and line together"
    assert got == [f"{STREAM}:{number}" for number in range(1, events + 1)]
    async with hall.client(CENTRAL) as central:
        page = (await central.get(EVENTS)).json()
        await central.post(ACK, json=page["next"])
        told = (await central.get("/api/v1/consumers")).json()["consumers"]
    assert [one["behind"] for one in told] == [0]


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
