"""Over a real broker: both lanes, central's word alone moves anything, and whoever dies comes back without loss."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sync import outbox
from sync.commands import encode
from sync.envelope import Cursor
from sync.errors import FieldAway
from sync.headwatch import HeadWatch
from sync.mqtt import Alarm, Uplink, UplinkSettings, is_late_callback
from tests.sync.central import Central
from tests.sync.conftest import mosquitto_program
from tests.sync.stage import NIGHT, Broker, Hall
from tests.sync.test_inbox import DISABLE

pytestmark = pytest.mark.broker
CONSUMER = "central-mqtt"


class Road:
    """A hall, an uplink and a central, all on one broker; ``until`` waits for what should become true."""

    def __init__(self, hall: Hall, port: int, **settings: Any) -> None:
        self.hall = hall
        self.head = HeadWatch()
        self.alarms: list[Alarm] = []
        self.admitted: list[tuple[bytes, dict[str, Any]]] = []
        self.advanced: list[Cursor] = []
        self.field_away = False
        loop = asyncio.get_running_loop()

        def on_commit() -> None:
            loop.call_soon_threadsafe(self.head.move, hall.writer.head.position)

        hall.writer.on_commit = on_commit
        hall.do(lambda tx: outbox.ensure_consumers(tx, {CONSUMER: True}))
        self.reader = hall.reader()
        self.uplink = Uplink(
            UplinkSettings(
                **{
                    "host": "127.0.0.1", "port": port, "client_id": "hg-07", "hall": "7", "gateway": "hg-07",
                    "consumer": CONSUMER, "retry_first_s": 0.1, "retry_max_s": 0.5, "timeout_s": 3.0, **settings,
                }
            ),
            lambda: self.reader,
            self.advance,
            self.admit,
            self.head,
            now_utc=lambda: NIGHT,
            info=lambda: {"version": "0.1.0"},
            on_alarm=self.alarms.append,
        )  # fmt: skip
        self.central = Central(port, self.uplink.topics, CONSUMER)
        self.tasks: list[asyncio.Task[None]] = []

    async def advance(self, consumer: str, cursor: Cursor) -> outbox.Advanced:
        if self.field_away:
            raise FieldAway("the field is away")
        self.advanced.append(cursor)
        return await asyncio.to_thread(self.hall.do, lambda tx: outbox.advance(tx, consumer, cursor))

    async def admit(self, payload: bytes, facts: dict[str, Any]) -> dict[str, Any]:
        if self.field_away:
            raise FieldAway("the field is away")
        self.admitted.append((payload, facts))
        return {"status": "admitted", "command_id": "c-0001"}

    async def start(self, *, central: bool = True) -> None:
        """Central listens first: what a broker gets for nobody is gone until the ack timeout."""
        self.tasks.append(asyncio.create_task(self.central.run() if central else asyncio.sleep(0)))
        if central:
            await asyncio.wait_for(self.central.connected.wait(), 5)
        self.tasks.insert(0, asyncio.create_task(self.uplink.run()))

    @property
    def confirmed(self) -> int:
        return outbox.cursor_of(self.reader, CONSUMER).sequence

    async def until(self, true: Callable[[], object], within_s: float = 15.0) -> None:
        async with asyncio.timeout(within_s):
            while not true():
                for task in self.tasks:
                    if task.done() and not task.cancelled():
                        task.result()
                await asyncio.sleep(0.005)

    async def happen(self, count: int = 1, **data: Any) -> None:
        await asyncio.to_thread(self.hall.happen, count, **data)

    async def close(self) -> None:
        self.uplink.stop()
        if self.tasks:
            await asyncio.wait(self.tasks[:1], timeout=3)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


Build = Callable[..., Road]


@pytest.fixture
async def build(hall: Hall, broker: Broker) -> AsyncIterator[Build]:
    loop = asyncio.get_running_loop()
    noise: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: None if is_late_callback(context) else noise.append(context))
    roads: list[Road] = []

    def make(**settings: Any) -> Road:
        roads.append(Road(hall, settings.pop("port", broker.port), **settings))
        return roads[-1]

    yield make
    for road in roads:
        await road.close()
    loop.set_exception_handler(None)
    assert noise == []


async def test_everything_arrives_in_order_and_only_central_moves_the_cursor(build: Build) -> None:
    road = build()
    await road.happen(1000, live=None)
    await road.start()
    await road.until(lambda: road.confirmed == 1000)
    assert road.central.batches[:5] == [(1, 200), (201, 400), (401, 600), (601, 800), (801, 1000)]
    assert road.central.batch_bytes_max <= 120_000
    stored = outbox.page(road.reader, 0, 1000, 10_000_000).bodies
    assert [road.central.bodies[(road.central.cursor.streamid, n)] for n in range(1, 1001)] == list(stored)
    await road.happen(1)
    await road.until(lambda: road.confirmed == 1001)
    await road.until(lambda: road.uplink.status.in_flight == 0)


async def test_up_2_without_centrals_word_nothing_moves_and_no_more_than_four_batches_go_out(build: Build) -> None:
    road = build()
    road.central.confirms = False
    await road.happen(2000)
    await road.start()
    await road.until(lambda: road.central.gapless == 800)
    await asyncio.sleep(0.2)  # every PUBACK has come by now
    assert road.uplink.status.batches == 4
    assert (road.central.gapless, road.confirmed, road.advanced) == (800, 0, [])
    road.central.confirms = True
    await road.central.confirm(road.central.cursor)
    await road.until(lambda: road.confirmed == 2000)


async def test_up_8_wrong_words_from_central_move_nothing_and_are_alarms(build: Build) -> None:
    road = build()
    road.central.confirms = False
    await road.happen(50)
    await road.start()
    await road.until(lambda: road.central.gapless == 50)
    right = road.central.cursor
    central = road.central.client
    assert central is not None
    wrong: list[tuple[bytes, str]] = [
        (b"50", "bad-ack"),
        (b'{"sequence":50}', "bad-ack"),
        (replace(right, sha256="00" * 32).encode(), "chain-mismatch"),
        (replace(right, sequence=51).encode(), "ack-beyond-head"),
        (replace(right, streamid="ff" * 16).encode(), "epoch-changed"),
    ]
    for payload, slug in wrong:
        await central.publish(road.uplink.topics.ack(CONSUMER), payload, qos=1, retain=True)
        await road.until(lambda slug=slug: road.uplink.status.alarms[slug])  # type: ignore[misc]  # early binding
        assert road.confirmed == 0
    await road.central.confirm(right)
    await road.until(lambda: road.confirmed == 50)


async def test_up_6_a_session_without_a_word_from_central_begins_again_after_what_is_confirmed(build: Build) -> None:
    road = build(ack_timeout_s=0.4)
    await road.happen(300)
    await road.start()
    await road.until(lambda: road.confirmed == 300)
    road.central.confirms = False
    await road.happen(10)
    await road.until(lambda: road.uplink.status.stalls >= 2)
    assert road.confirmed == 300
    assert [first for first, _ in road.central.batches].count(301) >= 2
    assert all(first >= 301 for first, _ in road.central.batches[2:])
    road.central.confirms = True
    await road.until(lambda: road.confirmed == 310)
    assert road.central.altered == []


async def test_up_3_live_copies_come_at_once_and_again_in_order_and_are_one_record(build: Build) -> None:
    road = build()
    await road.start()
    await road.until(lambda: road.uplink.status.connected)
    await road.happen(1, live="money")
    await road.happen(1, live=None)
    await road.until(lambda: road.confirmed == 2)
    assert [key[1] for key in road.central.live_at] == [1]
    assert road.central.doubled == 1  # the copy and its place in the log are one record
    assert road.central.altered == []


async def test_state_is_retained_and_a_will_names_the_session_it_ends(build: Build, broker: Broker) -> None:
    road = build()
    await road.start()
    await road.until(lambda: road.central.states)
    online = road.central.states[-1]
    assert online == {
        "state": "online", "session": road.uplink.status.session, "epoch": 1, "since": "2026-11-23T00:11:07.320Z",
    }  # fmt: skip
    # The same client id somewhere else: the broker ends our session, and sends its will.
    with contextlib.suppress(aiomqtt.MqttError):
        async with aiomqtt.Client("127.0.0.1", broker.port, identifier="hg-07", protocol=aiomqtt.ProtocolVersion.V5):
            await road.until(lambda: len(road.central.states) > 1)
    assert road.central.states[1] == {"state": "offline", "session": online["session"]}
    await road.until(lambda: road.central.states[-1]["state"] == "online")
    newer = road.central.states[-1]["session"]
    assert newer != online["session"]
    road.uplink.stop()
    await road.until(lambda: road.central.states[-1] == {"state": "offline", "session": newer})
    await asyncio.wait_for(road.tasks[0], 2)


async def test_cancelling_says_goodbye_too(build: Build) -> None:
    road = build()
    await road.start()
    await road.until(lambda: road.central.states)
    road.tasks[0].cancel()
    await road.until(lambda: road.central.states[-1]["state"] == "offline", within_s=2)


async def test_up_2_a_broker_killed_with_what_it_had_confirmed_loses_nothing(build: Build, broker: Broker) -> None:
    road = build(ack_timeout_s=2.0)
    await road.start()
    for round_ in range(3):
        await road.happen(700)
        await road.until(lambda round_=round_: road.central.gapless > 700 * round_)  # type: ignore[misc]  # early binding
        broker.kill()
        await road.happen(100)
        broker.start()
    await road.until(lambda: road.confirmed == 2400, within_s=30)
    stored = outbox.page(road.reader, 0, 5000, 1 << 30).bodies
    streamid = road.central.cursor.streamid
    assert [road.central.bodies[(streamid, number)] for number in range(1, 2401)] == list(stored)
    assert road.central.altered == []


async def test_while_the_field_is_away_an_acknowledgement_waits_for_it(build: Build) -> None:
    road = build(ack_timeout_s=5.0)
    await road.start()
    road.field_away = True
    await road.happen(20)
    await road.until(lambda: road.central.gapless == 20)
    await asyncio.sleep(0.1)
    assert road.confirmed == 0
    road.field_away = False
    await road.until(lambda: road.confirmed == 20)


async def ask(road: Road, kind: str, payload: bytes, *, response: str | None = None, retain: bool = False) -> None:
    central = road.central.client
    assert central is not None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's is not annotated
    properties.CorrelationData = b"42"
    if response is not None:
        properties.ResponseTopic = response
    topic = road.uplink.topics.request(kind)
    await central.publish(topic, payload, qos=1, properties=properties, retain=retain)


async def test_a_command_is_judged_by_the_field_and_answered_with_its_correlation(build: Build) -> None:
    road = build()
    await road.start()
    await road.until(lambda: road.uplink.status.connected)
    topics = road.uplink.topics
    await ask(road, "egm.disable", encode(DISABLE))
    await ask(road, "egm.disable", encode(DISABLE), response=topics.response("egm.disable") + "/desk-3")
    await ask(road, "egm.disable", encode(DISABLE), response=topics.log)  # not below response/: not followed
    await road.until(lambda: len(road.central.responses) == 3)
    admitted = {"status": "admitted", "command_id": "c-0001"}
    assert sorted(road.central.responses) == [
        (topics.response("egm.disable"), b"42", admitted),
        (topics.response("egm.disable"), b"42", admitted),
        (topics.response("egm.disable") + "/desk-3", b"42", admitted),
    ]
    assert road.admitted[0] == (encode(DISABLE), {"topic": topics.request("egm.disable"), "kind": "egm.disable"})


async def test_hx_8_a_command_that_is_none_is_refused_with_a_code_and_never_reaches_the_field(build: Build) -> None:
    road = build()
    await road.start()
    await road.until(lambda: road.uplink.status.connected)
    await ask(road, "egm.disable", b"{}")
    await ask(road, "egm.enable", encode(DISABLE))  # by the topic of another kind
    await ask(road, "egm.disable", b"x" * 70_000)
    await road.until(lambda: len(road.central.responses) == 3)
    assert {(answer["status"], answer["code"]) for _, _, answer in road.central.responses} == {("refused", "malformed")}
    await ask(road, "egm.disable", encode(DISABLE), retain=True)  # while we listen it is an ordinary one
    await road.until(lambda: len(road.admitted) == 1)
    road.field_away = True
    await ask(road, "egm.disable", encode(replace(DISABLE, command_id="c-0002")))
    await road.until(lambda: len(road.central.responses) == 5)
    assert road.central.responses[-1][2]["code"] == "field-away"


async def test_hx_8_a_command_kept_by_the_broker_is_left_alone(build: Build) -> None:
    road = build()
    await road.start()
    old = replace(DISABLE, expires_at=NIGHT + timedelta(days=365))
    await road.until(lambda: road.uplink.status.connected)
    road.uplink.stop()
    await asyncio.wait_for(road.tasks[0], 3)
    await ask(road, "egm.disable", encode(old), retain=True)
    again = build()
    await again.start(central=False)
    await again.until(lambda: again.uplink.status.alarms["retained-request"])
    assert again.admitted == []


async def test_up_7_what_the_access_list_refuses_is_an_alarm_and_moves_nothing(hall: Hall, tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite hall/v1/7/hg-07/state\ntopic readwrite hall/v1/7/hg-07/info\ntopic read #\n")
    strict = Broker(mosquitto_program(), tmp_path, f"acl_file {rules}\n")
    strict.start()
    road = Road(hall, strict.port)
    try:
        await road.happen(10)
        await road.start(central=False)
        await road.until(lambda: road.uplink.status.alarms["publish-refused"])
        refused = next(alarm for alarm in road.alarms if alarm.slug == "publish-refused")
        assert refused.facts["code"] == 135  # not authorized
        await road.until(
            lambda: (
                {a.facts["topic"] for a in road.alarms if a.slug == "publish-refused"}
                >= {road.uplink.topics.log, road.uplink.topics.live("door")}
            )
        )
        assert road.confirmed == 0
    finally:
        await road.close()
        strict.stop()


async def test_up_7_nobody_listening_is_an_alarm(build: Build) -> None:
    road = build()
    await road.happen(1)
    await road.start(central=False)
    await road.until(lambda: road.uplink.status.alarms["no-subscriber"])
    assert road.confirmed == 0


async def test_no_broker_at_all_is_tried_again_and_stopped_at_once(hall: Hall) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        road = Road(hall, taken.getsockname()[1])
        await road.start(central=False)
        await road.until(lambda: road.uplink.status.error)
        assert not road.uplink.status.connected
        road.uplink.stop()
        await asyncio.wait_for(road.tasks[0], 2)


def test_only_the_known_noise_is_filtered() -> None:
    known = {
        "message": "Exception in callback _on_socket_register_write.<locals>... add_writer",
        "exception": OSError(9, "Bad file descriptor"),
    }
    assert is_late_callback(known)
    assert not is_late_callback({**known, "exception": OSError(5, "Input/output error")})
    assert not is_late_callback(
        {"message": "Task exception was never retrieved", "exception": OSError(9, "Bad file descriptor")}
    )
