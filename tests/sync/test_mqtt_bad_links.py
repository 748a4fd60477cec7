"""A real broker behind a bad line (UP-12): what is sent gets on, in order and whole, with little memory and little work."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from sync import outbox
from tests.harness.badlink import BadLink
from tests.sync.stage import Broker
from tests.sync.test_mqtt import Build, Road, build

__all__ = ["build"]
pytestmark = pytest.mark.broker
MIB = 1 << 20


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def whole(road: Road, count: int) -> None:
    stored = outbox.page(road.reader, 0, count, 1 << 30).bodies
    streamid = road.central.cursor.streamid
    assert [road.central.bodies[(streamid, number)] for number in range(1, count + 1)] == list(stored)
    assert road.central.altered == []


async def test_up_12_at_ten_kilobytes_a_second_a_full_batch_gets_through_in_one_session(
    build: Build, broker: Broker
) -> None:
    async with BadLink(broker.port, rate=10_000).running() as link:
        road = build(port=link.port, timeout_s=10.0, ack_timeout_s=20.0)
        road.central.port = broker.port  # central's own line is good
        await road.happen(150, live=None, text="y" * 300)
        began, work, memory = time.monotonic(), time.process_time(), rss()
        await road.start()
        await road.until(lambda: road.confirmed == 150, within_s=25)
        took = time.monotonic() - began
        assert took > 10, "longer than any single exchange with a broker should take"
        assert time.process_time() - work < took / 4
        assert rss() - memory < 16 * MIB
        assert (road.uplink.status.sessions, road.uplink.status.stalls) == (1, 0)
        whole(road, 150)


async def test_up_12_over_a_line_that_flaps_every_five_seconds_and_resets_connections_everything_arrives(
    build: Build, broker: Broker
) -> None:
    async with BadLink(broker.port, reset=0.02).running() as link:
        road = build(port=link.port, timeout_s=3.0, ack_timeout_s=3.0)
        road.central.port = broker.port
        await road.start()
        flapping = asyncio.create_task(link.flap(3.0, 2.0))
        work, memory, seen = time.process_time(), rss(), []
        for _ in range(4):
            await road.happen(500)
            await asyncio.sleep(3.5)
            seen.append(road.confirmed)
        assert seen == sorted(seen)
        assert seen[-1] >= 1000, "there is progress between two cuts"
        assert link.connections < 60, "no storm of connections while it is down"
        assert time.process_time() - work < 7.0
        assert rss() - memory < 24 * MIB
        flapping.cancel()
        await asyncio.gather(flapping, return_exceptions=True)
        await road.until(lambda: road.confirmed == 2000, within_s=10)
        whole(road, 2000)


async def test_up_12_a_line_that_is_always_cut_before_a_full_batch_is_through_gets_smaller_ones(
    build: Build, broker: Broker
) -> None:
    async with BadLink(broker.port, rate=40_000).running() as link:
        road = build(port=link.port, timeout_s=3.0)
        road.central.port = broker.port
        await road.happen(150, live=None, text="y" * 300)  # one batch of 110 kB: 2.8 s, and the line lives for 1.5 s
        await road.start()
        flapping = asyncio.create_task(link.flap(1.5, 0.2))
        try:
            await road.until(lambda: road.confirmed == 150, within_s=25)
        finally:
            flapping.cancel()
            await asyncio.gather(flapping, return_exceptions=True)
        assert road.uplink.status.sessions > 1
        whole(road, 150)
