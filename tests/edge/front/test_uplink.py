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

from tests.edge.front.made_up_hall import TECHNICIAN, Hall, made_up_hall, until

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
