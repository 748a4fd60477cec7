"""A central that takes MQTT, as the contract wants it: files by stream and number, confirms only what is gap-free.

It keeps what a central must keep over its own death in plain members, so a test can kill and revive its connection.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiomqtt
import orjson

from sync.envelope import Cursor, canonical, chain_next, chain_start, identify
from sync.topics import Topics


class Central:
    """Its books, and a connection that comes back by itself while ``run`` runs."""

    def __init__(self, port: int, topics: Topics, consumer: str, *, name: str = "central") -> None:
        self.port = port
        self.topics = topics
        self.consumer = consumer
        self.name = name
        self.bodies: dict[tuple[str, int], bytes] = {}
        self.doubled = 0
        self.altered: list[tuple[str, int]] = []
        self.live_at: dict[tuple[str, int], float] = {}
        "When the live copy came, monotonic."
        self.batches: list[tuple[int, int]] = []
        self.batch_bytes_max = 0
        self.states: list[dict[str, Any]] = []
        self.responses: list[tuple[str, bytes | None, dict[str, Any]]] = []
        self.streamid: str | None = None
        self.gapless = 0
        self.chain = b""
        self.confirms = True
        self.news = asyncio.Event()
        self.told = 0
        "The last number confirmed in this session of its connection."
        self.sessions = 0
        self.client: aiomqtt.Client | None = None
        self.connected = asyncio.Event()

    @property
    def cursor(self) -> Cursor:
        assert self.streamid is not None
        return Cursor(self.streamid, self.gapless, self.chain.hex())

    async def run(self) -> None:
        while True:
            try:
                await self._session()
            except* (aiomqtt.MqttError, OSError):
                pass
            if self.client is not None and self.client._disconnected.done():
                self.client._disconnected.exception()  # looked at, or it would be reported as forgotten
            self.connected.clear()
            await asyncio.sleep(0.15)

    async def _session(self) -> None:
        client = aiomqtt.Client(
            "127.0.0.1", self.port, identifier=self.name, protocol=aiomqtt.ProtocolVersion.V5, timeout=5
        )
        client.pending_calls_threshold = 1000
        self.client = client
        async with client, asyncio.TaskGroup() as group:
            self.sessions += 1
            self.told = 0
            await client.subscribe([(self.topics.log, 1), (self.topics.prefix + "live/#", 1), (self.topics.state, 1),
                                    (self.topics.prefix + "response/#", 1)])  # fmt: skip
            self.connected.set()
            # Apart from listening: a confirmation to a broker that died would wait for its PUBACK to time out.
            group.create_task(self._confirm())
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                topic = message.topic.value
                if topic == self.topics.log:
                    self._batch(message)
                elif topic == self.topics.state:
                    self.states.append(orjson.loads(message.payload))
                elif topic.startswith(self.topics.prefix + "live/"):
                    event = orjson.loads(message.payload)
                    key = identify(event)
                    self.live_at.setdefault(key, time.monotonic())
                    self._file(key, message.payload)
                else:
                    correlation = getattr(message.properties, "CorrelationData", None)
                    self.responses.append((topic, correlation, orjson.loads(message.payload)))
                self.news.set()

    async def _confirm(self) -> None:
        while True:
            await self.news.wait()
            self.news.clear()
            if self.confirms and self.gapless > self.told:
                self.told = self.gapless
                await self.confirm(self.cursor)

    async def confirm(self, cursor: Cursor) -> None:
        assert self.client is not None
        await self.client.publish(self.topics.ack(self.consumer), cursor.encode(), qos=1, retain=True)

    def _batch(self, message: aiomqtt.Message) -> None:
        assert isinstance(message.payload, bytes)
        beside = dict(message.properties.UserProperty)  # type: ignore[union-attr]  # version 5 has properties
        assert message.properties.ContentType == "application/cloudevents-batch+json"  # type: ignore[union-attr]
        events = orjson.loads(message.payload)
        self.batches.append((int(beside["first"]), int(beside["last"])))
        self.batch_bytes_max = max(self.batch_bytes_max, len(message.payload))
        assert len(events) <= 200
        for event in events:
            self._file(identify(event), canonical(event))
        if self.streamid is None:
            self.streamid, self.chain = beside["streamid"], chain_start(beside["streamid"])
        while (body := self.bodies.get((self.streamid, self.gapless + 1))) is not None:
            self.gapless += 1
            self.chain = chain_next(self.chain, self.gapless, body)
            if self.gapless == int(beside["last"]) and self.streamid == beside["streamid"]:
                assert self.chain.hex() == beside["sha256"]

    def _file(self, key: tuple[str, int], body: bytes) -> None:
        before = self.bodies.setdefault(key, body)
        if before is not body:
            self.doubled += 1
            if before != body:
                self.altered.append(key)
