"""A central that takes MQTT 5: a persistent session, everything stored before it is acknowledged, and only gap-free.

The ordered lane moves the books; the live lane is kept beside them as single copies. The broker may forget everything:
what was not acknowledged comes again from the gateway.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulators.central.books import BadBatch, Claim, Finding, split_array
from simulators.central.store import CentralStore

SESSION_S = 7 * 86_400
"Session expiry of the contract: 7 days or more."
_PAUSE_FIRST_S, _PAUSE_MAX_S = 0.1, 2.0
_PUBACK_S = 2.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, and who we are to it."""

    host: str
    port: int = 1883
    username: str | None = None
    password: str | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def client(self, identifier: str, **more: Any) -> aiomqtt.Client:
        """A client of MQTT 5; nothing is connected yet."""
        tls = aiomqtt.TLSParameters(ca_certs=self.ca, certfile=self.cert, keyfile=self.key) if self.ca else None
        return aiomqtt.Client(
            self.host, self.port, identifier=identifier, protocol=aiomqtt.ProtocolVersion.V5,
            username=self.username, password=self.password, tls_params=tls, **more,
        )  # fmt: skip


@dataclass(slots=True)
class MqttStats:
    """Counters of this run."""

    connected: int = 0
    batches: int = 0
    records: int = 0
    live: int = 0
    early: int = 0
    "Batches that came while an earlier one was missing; not taken, they come again."
    bad: int = 0
    acknowledged: int = 0
    lost_connection: dict[str, int] = field(default_factory=dict)


class MqttCentral:
    """Subscribes, stores, acknowledges."""

    def __init__(
        self, broker: Broker, store: CentralStore, consumer: str, *, hall: str, gateway: str, session_s: int = SESSION_S
    ) -> None:
        self.broker = broker
        self.store = store
        self.consumer = consumer
        self.prefix = f"hall/v1/{hall}/{gateway}"
        self.stats = MqttStats()
        self.last_error: str | None = None
        self._session_s = session_s

    async def run(self, stop: asyncio.Event, until: float | None = None) -> None:
        """Take until ``stop`` is set or the monotonic moment ``until``; connects again for ever."""
        work = asyncio.create_task(self._for_ever())
        stopped = asyncio.create_task(stop.wait())
        left = None if until is None else max(0.0, until - time.monotonic())
        try:
            done, _ = await asyncio.wait({work, stopped}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, stopped):
                task.cancel()
            await asyncio.gather(work, stopped, return_exceptions=True)
        if work in done:
            work.result()

    async def _for_ever(self) -> None:
        pause = _PAUSE_FIRST_S
        while True:
            try:
                await self._session()
            except aiomqtt.MqttError as gone:
                self.last_error = str(gone) or repr(gone)
                name = type(gone).__name__
                self.stats.lost_connection[name] = self.stats.lost_connection.get(name, 0) + 1
                pause = _PAUSE_FIRST_S if time.monotonic() - self._connected_at > 5 else min(_PAUSE_MAX_S, pause * 2)
            await asyncio.sleep(pause)

    _connected_at = 0.0

    async def _session(self) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no types here
        properties.SessionExpiryInterval = self._session_s
        state = f"{self.prefix}/central/{self.consumer}/state"
        will = aiomqtt.Will(state, b'{"state":"offline"}', qos=1, retain=True)
        async with self.broker.client(
            f"central-{self.consumer}", clean_start=False, properties=properties, will=will
        ) as client:
            self._connected_at = time.monotonic()
            self.stats.connected += 1
            self.last_error = None
            await client.subscribe(f"{self.prefix}/log", qos=1)
            await client.subscribe(f"{self.prefix}/live/#", qos=1)
            await client.publish(state, b'{"state":"online"}', qos=1, retain=True)
            await self._acknowledge(client)
            try:
                async for message in client.messages:
                    await self._message(client, message)
            except asyncio.CancelledError:
                # An orderly goodbye takes the will away, so it has to be said here.
                await client.publish(state, b'{"state":"offline"}', qos=1, retain=True, timeout=1.0)
                raise

    async def _message(self, client: aiomqtt.Client, message: aiomqtt.Message) -> None:
        lane = message.topic.value.removeprefix(self.prefix + "/")
        payload = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
        try:
            if lane.startswith("live/"):
                self.store.live(lane.removeprefix("live/"), payload)
                self.stats.live += 1
            elif self._batch(payload, message.properties):
                await self._acknowledge(client)
        except BadBatch as bad:
            self.stats.bad += 1
            self.last_error = str(bad)
            self.store.found(Finding("bad-batch", "", 0, f"{lane}: {bad}"))

    def _batch(self, payload: bytes, properties: Properties | None) -> bool:
        """True when there is something to acknowledge (again)."""
        told = dict(getattr(properties, "UserProperty", ()) or ())
        try:
            claim = Claim(told["streamid"], int(told["last"]), told["sha256"])
            bodies = [event.encode() for event in split_array(payload.decode("utf-8"))[0]]
        except (KeyError, ValueError) as broken:
            raise BadBatch(f"no batch of the contract: {broken!r}") from broken
        taken = self.store.take(bodies, claim, way="mqtt")
        self.stats.batches += 1
        self.stats.records += len(taken.records)
        self.stats.early += any(finding.kind == "early" for finding in taken.findings)
        return bool(taken.records or taken.repeats)

    async def _acknowledge(self, client: aiomqtt.Client) -> None:
        here = self.store.position
        if here is None:
            return
        said = {"streamid": here.streamid, "sequence": here.sequence, "sha256": here.chain.hex()}
        # While it waits for the PUBACK a lost broker is not noticed, so it must not wait for long.
        topic, text = f"{self.prefix}/ack/{self.consumer}", json.dumps(said).encode()
        await client.publish(topic, text, qos=1, retain=True, timeout=_PUBACK_S)
        self.store.was_acknowledged(here)
        self.stats.acknowledged += 1
