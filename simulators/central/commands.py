"""Commands of central: the whole envelope, signed where the way needs it, written down before it leaves.

The answer says admitted or refused; what became of it is an event in the log, found by the command's id.
"""

import asyncio
import json
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulators.central.mqtt import Broker
from simulators.central.pull import Http
from simulators.central.store import CentralStore
from sync.commands import Command, encode

KINDS = {
    "enable": "egm.enable",
    "disable": "egm.disable",
    "read-meters": "egm.meters.read",
    "set-clock": "egm.clock.set",
}
"What people type -> the kind. Any other word is taken as a kind itself."


def make(
    kind: str,
    body: dict[str, Any],
    *,
    central: str,
    gateway: str,
    streamid: str,
    term: int = 1,
    valid_s: float = 60.0,
    command_id: str | None = None,
    key_id: str | None = None,
    issued_at: datetime | None = None,
) -> Command:
    """A command with every member of the contract. ``valid_s`` may be negative, to see an expired one refused."""
    issued = issued_at or datetime.now(UTC)
    return Command(
        central=central,
        term=term,
        command_id=command_id or str(uuid.uuid4()),
        gateway=gateway,
        streamid=streamid,
        issued_at=issued,
        expires_at=issued + timedelta(seconds=valid_s),
        kind=KINDS.get(kind, kind),
        body=body,
        key_id=key_id,
    )


def new_key(path: Path) -> str:
    """Write a new private key (32 bytes as hex, readable by us alone); returns the public key for the gateway."""
    secret = secrets.token_bytes(32)
    path.touch(mode=0o600)
    path.write_text(secret.hex() + "\n", encoding="ascii")
    return public_key(secret)


def read_key(path: Path) -> bytes:
    """The private key from its file. Raises OSError, ValueError."""
    secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    if len(secret) != 32:
        raise ValueError(f"{path} does not hold 32 bytes as hex")
    return secret


def public_key(secret: bytes) -> str:
    """The public half as hex."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw().hex()


def send_http(http: Http, command: Command, store: CentralStore | None, secret: bytes | None = None) -> dict[str, Any]:
    """Post it; returns status and answer. Raises GatewayAway: nobody knows then, send the same command again."""
    raw = encode(command, secret)
    if store is not None:
        store.command_sent(command.command_id, command.kind, raw)
    status, content = http.ask("POST", "/api/v1/commands", raw)
    return _answered(store, command, {"status": status, "answer": _json(content)})


async def send_mqtt(
    broker: Broker, hall: str, command: Command, secret: bytes, store: CentralStore | None, *, within_s: float = 10.0
) -> dict[str, Any]:
    """Publish it and wait for the answer. Raises TimeoutError: nobody knows then, send the same command again."""
    raw = encode(command, secret)
    if store is not None:
        store.command_sent(command.command_id, command.kind, raw)
    prefix = f"hall/v1/{hall}/{command.gateway}"
    answer_topic = f"{prefix}/response/{command.kind}"
    correlation = command.command_id.encode("ascii")
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
    properties.ResponseTopic = answer_topic
    properties.CorrelationData = correlation
    properties.ContentType = "application/json"
    async with asyncio.timeout(within_s), broker.client(f"central-commands-{secrets.token_hex(6)}") as client:
        await client.subscribe(answer_topic, qos=1)
        await client.publish(f"{prefix}/request/{command.kind}", raw, qos=1, properties=properties)
        async for message in client.messages:
            content = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
            if _is_answer(message, content, correlation):
                return _answered(store, command, {"answer": _json(content)})
    raise TimeoutError("the broker ended the session before an answer came")


def _is_answer(message: aiomqtt.Message, content: bytes, correlation: bytes) -> bool:
    told = getattr(message.properties, "CorrelationData", None)
    if told is not None:
        return bytes(told) == correlation
    answer = _json(content)
    return isinstance(answer, dict) and answer.get("command_id") == correlation.decode()


def _answered(store: CentralStore | None, command: Command, answer: dict[str, Any]) -> dict[str, Any]:
    told = {"command_id": command.command_id, "kind": command.kind, **answer}
    if store is not None:
        store.command_answered(command.command_id, json.dumps(told))
    return told


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode("utf-8", "replace")


def results(store: CentralStore, command_id: str) -> list[dict[str, Any]]:
    """Events in the books that tell what became of a command."""
    found = []
    for record in store.records():
        if command_id.encode() in record.body:
            event = json.loads(record.body)
            if str(event.get("type", "")).startswith("hall.command.") and event["data"]["command_id"] == command_id:
                found.append(event)
    return found
