"""Commands that come by the broker: a bounded queue, one judge, an answer to each.

Whoever asks says where the answer goes, within bounds; whether a command is admitted is the field's decision alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiomqtt

from sync.commands import COMMAND_MAX, parse
from sync.envelope import canonical
from sync.errors import CommandError, FieldAway
from sync.mqttwords import properties_of
from sync.topics import Topics
from sync.uplink import Json

REQUESTS_MAX = 100
"Commands waiting for the field; more are refused."


class Requests:
    """One per uplink; what waits outlives a session, because its answer may be given in the next."""

    def __init__(self, topics: Topics, admit: Callable[[bytes, Json], Awaitable[Json]]) -> None:
        self._topics = topics
        self._admit = admit
        self._waiting: asyncio.Queue[aiomqtt.Message] = asyncio.Queue(REQUESTS_MAX)

    async def put(self, client: aiomqtt.Client, message: aiomqtt.Message) -> None:
        """Take it in, or answer at once that there are too many."""
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            refusal = {"status": "refused", "code": "rate-limited", "text": "Too many commands are waiting."}
            await self._respond(client, message, refusal)

    async def answer(self, client: aiomqtt.Client) -> None:
        """Judge and answer one after the other, for ever. Raises MqttError."""
        while True:
            message = await self._waiting.get()
            await self._respond(client, message, await self._judge(message))

    async def _judge(self, message: aiomqtt.Message) -> Json:
        topic = message.topic.value
        kind = self._topics.kind_of(topic)
        payload = message.payload if isinstance(message.payload, bytes) else b""
        try:
            command = parse(payload[: COMMAND_MAX + 1])
            if command.kind != kind:
                raise CommandError.of(
                    "malformed", f"A command of kind {command.kind} came by the topic of another kind."
                )
            return await self._admit(payload, {"topic": topic, "kind": command.kind})
        except CommandError as wrong:
            return {"status": "refused", "code": wrong.slug, "text": str(wrong)}
        except FieldAway as away:
            return {"status": "refused", "code": away.slug, "text": str(away)}

    async def _respond(self, client: aiomqtt.Client, message: aiomqtt.Message, answer: Json) -> None:
        asked = message.properties
        wanted = getattr(asked, "ResponseTopic", None)
        topic = wanted if self._topics.may_answer_to(wanted) else None
        if topic is None:
            topic = self._topics.response(self._topics.kind_of(message.topic.value) or "unknown")
        properties = properties_of("application/json", correlation=getattr(asked, "CorrelationData", None))
        await client.publish(topic, canonical(answer), qos=1, properties=properties)
