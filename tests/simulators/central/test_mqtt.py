"""A central on a real broker with the gateway's real uplink: all of the log, gap-free, whatever dies meanwhile."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simulators.central.commands import make, new_key, read_key, send_mqtt
from simulators.central.mqtt import Broker, MqttCentral
from simulators.central.store import CentralStore
from sync import outbox
from sync.commands import parse, verify
from sync.headwatch import HeadWatch
from sync.mqtt import Uplink, UplinkSettings

CONSUMER = "central-1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CentralStore]:
    with CentralStore(tmp_path / "books.db") as made:
        yield made


@asynccontextmanager
async def running(coroutine: Any) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(coroutine)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def become(done: Callable[[], bool], *, within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not done():  # noqa: ASYNC110  # books and brokers have no event to wait for
            await asyncio.sleep(0.02)


class Uplinked:
    """The gateway's end."""

    def __init__(self, gateway: Any, port: int) -> None:
        self.connection = sqlite3.connect(f"file:{gateway.path}?mode=ro", uri=True, isolation_level=None)
        self.head = HeadWatch()
        self.admitted: list[bytes] = []
        settings = UplinkSettings(
            "127.0.0.1", port, "hg-07", "7", "hg-07", CONSUMER, ack_timeout_s=1.0, retry_first_s=0.05, retry_max_s=0.2
        )
        self.uplink = Uplink(
            settings,
            lambda: self.connection,
            self._advance,
            self._admit,
            self.head,
            now_utc=lambda: datetime.now(UTC),
        )
        self._gateway = gateway

    async def _advance(self, consumer: str, cursor: Any) -> object:
        return self._gateway.do(lambda tx: outbox.advance(tx, consumer, cursor))

    async def _admit(self, payload: bytes, _: dict[str, Any]) -> dict[str, Any]:
        self.admitted.append(payload)
        return {"status": "admitted", "command_id": json.loads(payload)["command_id"]}

    def happen(self, count: int) -> None:
        self._gateway.happen(count)
        self.head.move(outbox.head(self.connection).position)


@pytest.fixture
def uplinked(gateway: Any, mosquitto: Any) -> Iterator[Uplinked]:
    made = Uplinked(gateway, mosquitto.port)
    yield made
    made.connection.close()


def central(store: CentralStore, port: int) -> MqttCentral:
    return MqttCentral(Broker("127.0.0.1", port), store, CONSUMER, hall="7", gateway="hg-07")


async def test_all_of_the_log_and_the_live_copies_arrive_and_are_confirmed(
    gateway: Any, mosquitto: Any, uplinked: Uplinked, store: CentralStore
) -> None:
    taker = central(store, mosquitto.port)
    async with running(taker.run(asyncio.Event())), running(uplinked.uplink.run()):
        uplinked.happen(1000)
        await become(lambda: gateway.confirmed == 1000)
        uplinked.happen(7)
        await become(lambda: gateway.confirmed == 1007 and store.report()["live"]["records"] >= 7)
    report = store.report()
    assert report["is_whole"]
    assert report["records"] == 1007
    assert report["live"]["differ_from_log"] == 0


async def test_up_2_a_broker_that_dies_and_forgets_everything_costs_only_repeats(
    gateway: Any, mosquitto: Any, uplinked: Uplinked, store: CentralStore
) -> None:
    taker = central(store, mosquitto.port)
    async with running(taker.run(asyncio.Event())), running(uplinked.uplink.run()):
        for _ in range(2):
            uplinked.happen(600)
            await become(lambda: taker.stats.records > 0)
            mosquitto.kill()
            uplinked.happen(100)
            mosquitto.start()
        await become(lambda: gateway.confirmed == 1400)
    report = store.report()
    assert report["is_whole"], report["findings"]
    assert report["records"] == 1400
    assert taker.stats.connected >= 2


async def test_up_4_a_batch_that_never_reached_central_comes_again_because_it_was_not_confirmed(
    gateway: Any, mosquitto: Any, uplinked: Uplinked, store: CentralStore
) -> None:
    # The broker confirms to the gateway, nobody is subscribed yet, so everything is lost behind the PUBACK.
    async with running(uplinked.uplink.run()):
        uplinked.happen(300)
        await become(lambda: uplinked.uplink.status.batches > 0)
        assert gateway.confirmed == 0
        taker = central(store, mosquitto.port)
        async with running(taker.run(asyncio.Event())):
            await become(lambda: gateway.confirmed == 300)
    assert store.report()["is_whole"]


async def test_what_is_no_batch_is_written_down_and_not_confirmed(mosquitto: Any, store: CentralStore) -> None:
    taker = central(store, mosquitto.port)
    async with running(taker.run(asyncio.Event())), Broker("127.0.0.1", mosquitto.port).client("rogue") as rogue:
        await become(lambda: taker.stats.connected > 0)
        for payload in (b"", b"\xff", b"[1", b'[{"a":1}]'):
            await rogue.publish("hall/v1/7/hg-07/log", payload, qos=1)
        await become(lambda: taker.stats.bad == 4)
    assert store.position is None
    assert not store.report()["is_whole"]


async def test_a_signed_command_is_answered_over_the_broker(
    mosquitto: Any, uplinked: Uplinked, store: CentralStore, tmp_path: Path
) -> None:
    public = new_key(tmp_path / "central.key")
    command = make(
        "enable", {"asset": 1}, central=CONSUMER, gateway="hg-07", streamid="5e" * 16, key_id="central-1-2026"
    )
    async with running(uplinked.uplink.run()):
        await become(lambda: uplinked.uplink.status.connected)
        await asyncio.sleep(0.1)  # its subscription has no other sign
        broker = Broker("127.0.0.1", mosquitto.port)
        answer = await send_mqtt(broker, "7", command, read_key(tmp_path / "central.key"), store)
    assert answer["answer"]["status"] == "admitted"
    verify(parse(uplinked.admitted[0]), bytes.fromhex(public))


async def test_central_tells_whether_it_is_there(mosquitto: Any, store: CentralStore) -> None:
    states: list[str] = []
    async with Broker("127.0.0.1", mosquitto.port).client("watcher") as watcher:
        await watcher.subscribe(f"hall/v1/7/hg-07/central/{CONSUMER}/state", qos=1)
        taker = central(store, mosquitto.port)
        async with running(taker.run(asyncio.Event())):
            await become(lambda: taker.stats.connected > 0)
        async with asyncio.timeout(10):
            async for message in watcher.messages:
                states.append(str(message.payload, "ascii"))
                if len(states) == 2:
                    break
    assert states == ['{"state":"online"}', '{"state":"offline"}']
