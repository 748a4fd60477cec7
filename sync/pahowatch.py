"""What aiomqtt hides of the client underneath: reason codes of PUBACKs, and the known noise of a lost link.

Beside ``mqtt.py`` the only file that looks below aiomqtt. Nothing here moves anything: a PUBACK is an alarm at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

NO_SUBSCRIBER = 16
REFUSED_FROM = 128
TAKEN_OVER = 142


class HasPaho(Protocol):
    """An aiomqtt client."""

    _client: Any


def watch_pubacks(client: HasPaho, log_topic: str, alarm: Callable[..., None]) -> None:
    """Tell of refused publishes, and of a log nobody is subscribed to.

    aiomqtt drops the reason code: 135 (not authorised) would look like success. ``alarm(slug, text, **facts)``.
    """
    paho = client._client  # the topic of a refused publish cannot be learned in another way
    publish, on_publish = paho.publish, paho.on_publish
    topics: dict[int, str] = {}

    def noting_publish(topic: str, *args: Any, **kwargs: Any) -> Any:
        info = publish(topic, *args, **kwargs)
        topics[info.mid] = topic
        return info

    def noting_on_publish(paho_client: Any, userdata: Any, mid: int, code: ReasonCode, properties: Any) -> None:
        topic = topics.pop(mid, "")
        if code.value >= REFUSED_FROM:
            facts = {"topic": topic, "code": code.value}
            alarm("publish-refused", f"The broker refused {topic}: {code} ({code.value}).", **facts)
        elif code.value == NO_SUBSCRIBER and topic == log_topic:
            alarm("no-subscriber", f"Nobody is subscribed to {topic}.", topic=topic, code=NO_SUBSCRIBER)
        on_publish(paho_client, userdata, mid, code, properties)

    paho.publish = noting_publish
    paho.on_publish = noting_on_publish


def watch_ending(client: HasPaho) -> list[int]:
    """The reason codes with which the broker ends this session will stand here. To be called before it connects: aiomqtt
    forgets the one that comes right behind the CONNACK."""
    codes: list[int] = []
    paho = client._client
    on_disconnect = paho.on_disconnect

    def noting(paho_client: Any, userdata: Any, flags: Any, code: ReasonCode, properties: Any = None) -> None:
        codes.append(code.value)
        on_disconnect(paho_client, userdata, flags, code, properties)

    paho.on_disconnect = noting
    return codes


async def answers(host: str, port: int, tls: ssl.SSLContext | None, within_s: float) -> bool:
    """Is somebody there who takes a connection (and, with TLS, proves who he is)? Nothing is sent to him."""
    try:
        async with asyncio.timeout(within_s):
            _, writer = await asyncio.open_connection(host, port, ssl=tls)
    except (OSError, TimeoutError):
        return False
    writer.transport.abort()
    return True


def is_late_callback(context: Mapping[str, Any]) -> bool:
    """Is this the known noise of a lost link (a writer put on a file number that is closed)? For the loop's handler.

    ``context`` as asyncio gives it. Count these, and log everything else.
    """
    error = context.get("exception")
    message = str(context.get("message", ""))
    closed = isinstance(error, (OSError, ValueError)) and (
        "Bad file descriptor" in str(error) or "Invalid file descriptor" in str(error)
    )
    return closed and ("add_writer" in message or "add_reader" in message)


@contextlib.contextmanager
def patient(client: aiomqtt.Client) -> Iterator[None]:
    """Inside, no exchange has an end of its own: over a slow line a full batch takes longer than any that would notice a
    dead broker. That one is ended by its keepalive, or because central confirms nothing."""
    usual = client.timeout
    client.timeout = math.inf
    try:
        yield
    finally:
        client.timeout = usual
