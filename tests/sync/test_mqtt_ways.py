"""Over real brokers: a spare way while the first is down, and back; somebody with our name; a cursor that a person moved."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from sync import outbox, retention, rewinding
from sync.mqtt import is_late_callback
from tests.sync.central import Central
from tests.sync.conftest import mosquitto_program
from tests.sync.stage import Broker, Hall
from tests.sync.test_mqtt import CONSUMER, Build, Road

pytestmark = pytest.mark.broker


@pytest.fixture
async def build(hall: Hall, brokers: list[Broker]) -> AsyncIterator[Build]:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(
        lambda its, context: None if is_late_callback(context) else its.default_exception_handler(context)
    )
    roads: list[Road] = []

    def make(port: int, **settings: Any) -> Road:
        roads.append(Road(hall, port, **settings))
        return roads[-1]

    yield make
    for road in roads:
        await road.close()
    loop.set_exception_handler(None)


@pytest.fixture
def brokers(tmp_path: Path) -> Any:
    """The first and the spare one, both up."""
    both = []
    for name in ("first", "spare"):
        (tmp_path / name).mkdir()
        both.append(Broker(mosquitto_program(), tmp_path / name))
        both[-1].start()
    yield both
    for one in both:
        one.stop()


async def hear_at(road: Road, port: int) -> Central:
    """The same central at the other broker: its books are those of the first connection."""
    other = Central(port, road.uplink.topics, CONSUMER, name="central-2")
    other.bodies, other.altered = road.central.bodies, road.central.altered
    road.tasks.append(asyncio.create_task(other.run()))
    await asyncio.wait_for(other.connected.wait(), 5)
    return other


async def test_up_1_while_the_first_broker_is_down_the_spare_one_carries_on_and_then_the_first_again(
    build: Build, brokers: list[Broker]
) -> None:
    first, spare = brokers
    road = build(first.port, spare=(("127.0.0.1", spare.port),), well_for_s=0.5, probe_every_s=0.1, ack_timeout_s=3.0)
    await road.happen(300)
    await road.start()
    other = await hear_at(road, spare.port)
    await road.until(lambda: road.confirmed == 300)
    assert road.uplink.status.way == 0
    first.kill()
    await road.happen(300)
    await road.until(lambda: road.uplink.status.way == 1 and road.uplink.status.connected)
    # The central at the spare broker knows what the first connection had, and goes on from there.
    other.streamid, other.gapless, other.chain = road.central.streamid, road.central.gapless, road.central.chain
    await road.until(lambda: road.confirmed == 600)
    assert min(start for start, _ in other.batches) == 301  # nothing confirmed was sent again
    first.start()
    await road.until(lambda: road.uplink.status.way == 0 and road.uplink.status.connected)
    road.central.gapless, road.central.chain = other.gapless, other.chain
    await asyncio.wait_for(road.central.connected.wait(), 5)
    await road.happen(100)
    await road.until(lambda: road.confirmed == 700)
    assert road.central.altered == []
    assert len(road.central.bodies) == 700


async def test_a_broker_where_central_is_not_gives_way_to_the_next(build: Build, brokers: list[Broker]) -> None:
    first, spare = brokers
    road = build(first.port, spare=(("127.0.0.1", spare.port),), ack_timeout_s=0.5)
    other = Central(spare.port, road.uplink.topics, CONSUMER)
    await road.happen(50)
    await road.start(central=False)
    road.tasks.append(asyncio.create_task(other.run()))
    await road.until(lambda: road.confirmed == 50)
    assert road.uplink.status.stalls >= 1
    assert road.uplink.status.alarms["no-subscriber"] >= 1


async def test_up_13_somebody_with_our_client_id_is_an_alarm_and_no_tug_of_war(
    build: Build, brokers: list[Broker]
) -> None:
    port = brokers[0].port
    road = build(port, retry_first_s=0.2, retry_max_s=2.0, timeout_s=0.5)
    await road.happen(50)
    await road.start()
    await road.until(lambda: road.confirmed == 50)
    until = time.monotonic() + 4.0
    taken = 0
    while time.monotonic() < until:  # he comes back at once, each time
        with contextlib.suppress(aiomqtt.MqttError):
            async with aiomqtt.Client("127.0.0.1", port, identifier="hg-07", protocol=aiomqtt.ProtocolVersion.V5) as he:
                taken += 1
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.01, until - time.monotonic())):
                        await he._disconnected
    # Mosquitto 2.0.11 does not say code 142; that sessions are cut again and again is seen all the same.
    assert road.uplink.status.alarms["sessions-cut"] >= 1
    assert road.uplink.status.sessions <= 8  # pauses of 0.2, 0.4, 0.8, 1.6 and 2 s, not a storm
    assert taken <= road.uplink.status.sessions + 1
    await road.happen(10)
    await road.until(lambda: road.confirmed == 60)
    assert road.central.altered == []


async def test_up_13_a_broker_that_names_the_reason_is_believed_and_the_pauses_grow(build: Build) -> None:
    times: list[float] = []

    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        times.append(time.monotonic())
        await reader.read(1000)
        writer.write(bytes.fromhex("2003 000000"))  # CONNACK, no properties
        writer.write(bytes.fromhex("e002 8e00"))  # DISCONNECT: session taken over
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(broker, "127.0.0.1", 0)
    road = build(server.sockets[0].getsockname()[1], retry_first_s=0.1, retry_max_s=2.0)
    await road.start(central=False)
    await road.until(lambda: len(times) >= 4)
    assert road.uplink.status.alarms["session-taken-over"] >= 3
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[0] >= 0.2
    assert pauses[2] >= 0.8
    assert "hg-07" in next(one for one in road.alarms if one.slug == "session-taken-over").text
    road.uplink.stop()
    await asyncio.wait_for(road.tasks[0], 5)
    server.close()
    await server.wait_closed()


async def test_up_10_a_consumer_set_back_is_sent_to_again_and_the_word_the_broker_keeps_does_not_undo_it(
    build: Build, brokers: list[Broker]
) -> None:
    port = brokers[0].port
    road = build(port, ack_timeout_s=2.0)
    await road.happen(100)
    await road.start()
    await road.until(lambda: road.confirmed == 100)
    road.central.confirms = False
    road.central.batches.clear()
    await asyncio.to_thread(road.hall.do, lambda tx: rewinding.rewind(tx, CONSUMER, None))
    await road.until(lambda: (1, 100) in road.central.batches)
    await road.until(lambda: road.uplink.status.alarms["stale-ack"])
    assert road.confirmed == 0
    road.central.confirms = True
    await road.central.confirm(road.central.cursor)  # now it says so itself
    await road.until(lambda: road.confirmed == 100)
    assert road.central.altered == []


async def test_up_14_delivery_stands_at_a_record_central_refuses_and_goes_on_when_a_person_sets_it_aside(
    build: Build, brokers: list[Broker]
) -> None:
    road = build(brokers[0].port, ack_timeout_s=0.4, retry_max_s=0.3)
    await road.happen(20)
    await road.start(central=False)
    sent: list[int] = []
    topics = road.uplink.topics
    # A central that confirms up to 7 and breaks on 8, for ever.
    seven, eight = (outbox.cursor_at(road.reader, number) for number in (7, 8))
    async with aiomqtt.Client("127.0.0.1", brokers[0].port, protocol=aiomqtt.ProtocolVersion.V5) as central:
        await central.subscribe(topics.log, qos=1)

        async def listen() -> None:
            async for message in central.messages:
                sent.append(int(dict(message.properties.UserProperty)["first"]))  # type: ignore[union-attr]  # version 5

        listening = asyncio.create_task(listen())
        await central.publish(topics.ack(CONSUMER), seven.encode(), qos=1, retain=True)
        await road.until(lambda: road.confirmed == 7)
        await road.until(lambda: road.uplink.status.stalls >= 2)
        assert road.confirmed == 7  # it stands, loudly, and never skips by itself
        assert road.uplink.status.alarms["ack-stalled"] >= 2
        assert sent[-1] == 8
        moved = await asyncio.to_thread(road.hall.do, lambda tx: rewinding.set_aside(tx, CONSUMER, 8))
        assert moved.cursor == eight
        await road.until(lambda: sent[-1] == 9)
        await central.publish(topics.ack(CONSUMER), outbox.cursor_at(road.reader, 20).encode(), qos=1, retain=True)
        await road.until(lambda: road.confirmed == 20)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_ret_03_who_is_not_required_and_was_away_too_long_is_an_alarm_and_live_copies_go_on(
    build: Build, brokers: list[Broker]
) -> None:
    road = build(brokers[0].port, retry_max_s=0.2)
    road.hall.do(lambda tx: outbox.ensure_consumers(tx, {CONSUMER: False}))
    await road.happen(30)
    road.hall.now += timedelta(days=100)
    await road.happen(5)
    gone = await asyncio.to_thread(
        road.hall.do, lambda tx: retention.release(tx, road.hall.now - timedelta(days=90), lambda _kind: False)
    )
    assert gone.records == 30
    await road.start()
    await road.until(lambda: road.uplink.status.alarms["cursor-expired"] >= 2)
    await road.happen(1, live="money")
    await road.until(lambda: road.reader and any(key[1] == 36 for key in road.central.live_at))
    assert (road.confirmed, road.central.batches) == (0, [])
    await asyncio.to_thread(road.hall.do, lambda tx: rewinding.rewind(tx, CONSUMER, None))
    await road.until(lambda: (31, 36) in road.central.batches)
