"""The front's uplink through a real broker: events go out, central's own acknowledgement moves the cursor."""

import asyncio
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from sync import outbox
from sync.envelope import canonical, identify
from sync.topics import Topics
from tests.edge.front.made_up_hall import CENTRAL, TECHNICIAN, Hall, made_up_hall, until
from tests.sync.central import Central
from tests.sync.stage import door_opened

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
pytestmark = pytest.mark.skipif(
    not os.path.exists(MOSQUITTO) and "CI" not in os.environ, reason="the broker mosquitto is not installed"
)


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """A broker on a free port of the loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = int(free.getsockname()[1])
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {number} 127.0.0.1\nallow_anonymous true\n")
    broker = await asyncio.create_subprocess_exec(
        MOSQUITTO, "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", number)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.transport.abort()
            break
    yield number
    broker.terminate()
    await broker.wait()


@pytest.fixture
async def hall(tmp_path: Path, port: int) -> AsyncIterator[Hall]:
    mqtt = {"host": "127.0.0.1", "port": port, "consumer": "central-1"}
    async with made_up_hall(tmp_path, mqtt=mqtt) as made:
        yield made


async def test_what_central_confirms_by_mqtt_moves_the_cursor_and_nothing_else_does(hall: Hall, port: int) -> None:
    root = "hall/v1/7/hg-07"
    async with asyncio.timeout(30), aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as central:
        await central.subscribe(f"{root}/#", qos=1)
        await hall.open_door()
        async for message in central.messages:
            if message.topic.value != f"{root}/log":
                continue
            assert isinstance(message.payload, bytes)
            assert [event["subject"] for event in json.loads(message.payload)] == ["egm/100417"]
            sent = dict(message.properties.UserProperty)  # type: ignore[union-attr] # MQTT 5 has properties
            break
        async with hall.client(TECHNICIAN) as people:

            async def behind() -> int:
                told = (await people.get("/api/v1/status")).json()
                assert told["uplink"]["state"] == "connected"
                return next(int(one["behind"]) for one in told["consumers"] if one["name"] == "central-1")

            assert await behind() == 1  # the broker has it, which means nothing
            ack = {"streamid": sent["streamid"], "sequence": int(sent["last"]), "sha256": sent["sha256"]}
            wrong = {**ack, "sha256": "f" * 64}
            await central.publish(f"{root}/ack/central-1", json.dumps(wrong), qos=1, retain=True)
            await until(lambda: hall.field.asked)
            assert await behind() == 1
            await central.publish(f"{root}/ack/central-1", json.dumps(ack), qos=1, retain=True)
            async with asyncio.timeout(10):
                while await behind() != 0:  # noqa: ASYNC110 - what is waited for is an answer over HTTP
                    await asyncio.sleep(0.05)


async def test_up_3_one_backlog_drained_over_both_roads_at_once_ends_at_the_same_place_with_the_same_bytes(
    hall: Hall, port: int
) -> None:
    """One central, one set of books, one cursor: whichever road brings a record, and whichever confirms it."""
    count = 3000
    over_broker = Central(port, Topics("7", "hg-07"), "central-1")
    listening = asyncio.create_task(over_broker.run())
    pulled: dict[tuple[str, int], bytes] = {}
    await asyncio.wait_for(over_broker.connected.wait(), 10)
    await hall.writer.run(lambda tx: [outbox.append(tx, door_opened(nr=nr, live=None)) for nr in range(count)])
    hall.announce()
    async with asyncio.timeout(30), hall.client(CENTRAL) as puller:
        await until(lambda: bool(over_broker.bodies))
        more = True
        while more:
            page = (await puller.get("/api/v1/events", params={"limit": 100})).json()  # after what is confirmed
            pulled |= {identify(event): canonical(event) for event in page["events"]}
            answer = await puller.post("/api/v1/consumers/central-1/ack", json=page["next"])
            assert answer.status_code == 200
            more = page["has_more"]
        reader = hall.house.front.readers.connection()
        head = outbox.head(reader)
        await until(lambda: outbox.cursor_of(reader, "central-1") == head.cursor)
        await until(
            lambda: hall.house.front.uplink_told is not None and hall.house.front.uplink_told()["in_flight"] == 0
        )
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    stored = outbox.page(reader, 0, count, 1 << 30).bodies
    streamid = head.cursor.streamid
    both = over_broker.bodies | pulled
    assert [both[(streamid, number)] for number in range(1, count + 1)] == list(stored)
    assert all(over_broker.bodies[key] == body for key, body in pulled.items() if key in over_broker.bodies)
    assert over_broker.bodies, "the broker brought some"
    assert pulled, "and so did HTTP"
    assert over_broker.altered == []
    assert hall.house.front.uplink_told is not None
    assert hall.house.front.uplink_told()["alarms"] == {}
