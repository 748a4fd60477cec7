"""Small payloads and properties of the MQTT way, both directions."""

from __future__ import annotations

import orjson
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sync.envelope import canonical
from sync.errors import BadCursor
from sync.uplink import Json


def offline(session: str) -> bytes:
    return canonical({"state": "offline", "session": session})


def properties_of(
    content_type: str, beside: list[tuple[str, str]] | None = None, correlation: bytes | None = None
) -> Properties:
    made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's is not annotated
    made.ContentType = content_type
    if beside:
        made.UserProperty = beside
    if correlation is not None:
        made.CorrelationData = correlation
    return made


def state_of(payload: bytes) -> Json:
    try:
        value = orjson.loads(payload[:4096])
    except orjson.JSONDecodeError:
        raise BadCursor("not JSON") from None
    if not isinstance(value, dict):
        raise BadCursor("not an object")
    return value


def first_of(group: BaseException | None) -> BaseException:
    """The first error that is no group."""
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    assert group is not None
    return group
