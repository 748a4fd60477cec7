"""The MQTT road of the contract as AsyncAPI 3.0. The words are those of docs/delivery.md, names and bounds those of the code."""

from __future__ import annotations

from typing import Any, get_args

from edge.config.model import MqttSettings
from edge.front.api.shapes import KINDS_OF_COMMAND, SHA256, SHAPES, STREAM
from edge.hall.events import LiveClass
from sync.delivery import BATCH_BYTES, BATCH_EVENTS, LIVE_CATCH_UP
from sync.mqtt import BATCH_TYPE, EVENT_TYPE, HEALTH_EVERY_S
from sync.topics import Topics

Json = dict[str, Any]
PREFIX = "hall/v1/{hall}/{gateway}/"
_SESSION: Json = {"type": "string", "description": "of the connection; an offline of another session is an old one"}
_TEXT: Json = {"type": "string"}
_DIGITS: Json = {"type": "string", "pattern": "^[1-9][0-9]*$"}


def _object(members: Json, about: str = "") -> Json:
    made: Json = {"type": "object", "properties": members, "required": list(members)}
    return {"description": about, **made} if about else made


PAYLOADS: dict[str, Json] = {
    "state": {
        "oneOf": [
            _object({"state": {"const": "online"}, "session": _SESSION, "epoch": {"type": "integer"}, "since": _TEXT}),
            _object({"state": {"const": "offline"}, "session": _SESSION}),
        ]
    },
    "info": _object({name: {"type": "string"} for name in ("version", "started_at", "schemas")}),
    "batch": {
        "type": "array", "minItems": 1, "maxItems": BATCH_EVENTS, "items": {"$ref": "#/components/schemas/envelope"},
        "description": f"at most {BATCH_EVENTS} events and {BATCH_BYTES} bytes, as stored, all of one stream",
    },
    "health": _object({"field": {"type": "boolean"}, "clock": {"type": "string"}, "sequence": {"type": "integer"}}),
    "central-state": {"type": "object", "description": "any object of at most 4,096 bytes; shown to people"},
}  # fmt: skip
PROPERTIES = _object(
    {"streamid": STREAM, "first": _DIGITS, "last": _DIGITS, "sha256": SHA256}, "user properties, as text"
)


def _channel(address: str, message: str, about: str, parameters: Json | None = None) -> Json:
    names = {"hall": {"description": "[hall] id"}, "gateway": {"description": "[gateway] id"}, **(parameters or {})}
    return {
        "address": PREFIX + address,
        "description": about,
        "parameters": names,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }


def _message(schema: str, media: str, **more: Any) -> Json:
    return {"contentType": media, "payload": {"$ref": f"#/components/schemas/{schema}"}, **more}


_CONSUMER = {"consumer": {"description": "a [[consumer]] of the configuration"}}
_KIND = {"kind": {"enum": list(KINDS_OF_COMMAND)}}
# name: address, message, who speaks, QoS, retain, what it is, parameters
CHANNELS: dict[str, tuple[str, str, str, int, bool, str, Json]] = {
    "state": ("state", "state", "gateway", 1, True, "Is the gateway on line. Also its will, as offline.", {}),
    "info": ("info", "info", "gateway", 1, True, "Who the gateway is.", {}),
    "log": ("log", "batch", "gateway", 1, False, "The ordered lane: everything, in order. No shared subscription.", {}),
    "live": (
        "live/{class}", "event", "gateway", 1, False,
        "The live lane: a copy ahead of the backlog, never acknowledged, maybe missing or out of order; always again in log. "
        f"After a lost session at most the newest {LIVE_CATCH_UP} are sent again.",
        {"class": {"enum": sorted(get_args(LiveClass))}},
    ),
    "health": ("health", "health", "gateway", 0, False, f"Figures, every {HEALTH_EVERY_S:g} s.", {}),
    "ack": (
        "ack/{consumer}", "cursor", "central", 1, True,
        "Everything up to here is stored durably and without a gap. What is refused is an alarm in the hall, not an answer.",
        _CONSUMER,
    ),
    "central-state": (
        "central/{consumer}/state", "central-state", "central", 1, True, "Is central there; also its will.", _CONSUMER,
    ),
    "request": ("request/{kind}", "command", "central", 1, False, "A signed command; a retained one is left alone.", _KIND),
    "response": (
        "response/{kind}", "command-response", "gateway", 1, False,
        "The answer, here or on the Response Topic of the request, which must lie below response/.", _KIND,
    ),
}  # fmt: skip


def document() -> Json:
    """AsyncAPI 3.0, from the side of the gateway: what it sends, what it receives."""
    wanted = {"envelope", "cursor", "command", "command-response"}
    window = MqttSettings.model_fields["window"].default
    timeout = MqttSettings.model_fields["ack_timeout_s"].default
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "hall-edge over MQTT 5",
            "version": "1",
            "description": "The second road of the log; docs/delivery.md is the reference. Only central's own acknowledgement "
            f"counts, a broker's PUBACK moves nothing. At most {window} batches are out that are not confirmed; with nothing "
            f"confirmed for {timeout} s the gateway ends its session and begins again behind what was confirmed.",
        },
        "defaultContentType": "application/json",
        "channels": {
            name: _channel(address, message, about, parameters)
            for name, (address, message, _, _, _, about, parameters) in CHANNELS.items()
        },
        "operations": {
            name: {
                "action": "send" if who == "gateway" else "receive",
                "channel": {"$ref": f"#/channels/{name}"},
                "bindings": {"mqtt": {"qos": qos, "retain": retain}},
                **({"reply": {"channel": {"$ref": "#/channels/response"}}} if name == "request" else {}),
            }
            for name, (_, _, who, qos, retain, _, _) in CHANNELS.items()
        },
        "components": {
            "messages": {
                "state": _message("state", "application/json"),
                "info": _message("info", "application/json"),
                "batch": _message("batch", BATCH_TYPE, headers=PROPERTIES),
                "event": _message("envelope", EVENT_TYPE),
                "health": _message("health", "application/json"),
                "cursor": _message("cursor", "application/json"),
                "central-state": _message("central-state", "application/json"),
                "command": _message(
                    "command", "application/json",
                    bindings={"mqtt": {"correlationData": {"type": "string"}, "responseTopic": PREFIX + "response/{kind}"}},
                ),
                "command-response": _message(
                    "command-response", "application/json",
                    bindings={"mqtt": {"correlationData": {"type": "string", "description": "of the request, handed back"}}},
                ),
            },
            "schemas": {**{name: SHAPES[name] for name in sorted(wanted)}, **PAYLOADS},
        },
    }  # fmt: skip


def addresses() -> dict[str, str]:
    """Every channel as the code spells it, with the names of its parameters filled in alike."""
    topics = Topics("H", "G")
    return {
        "state": topics.state, "info": topics.info, "log": topics.log, "health": topics.health, "live": topics.live("C"),
        "ack": topics.ack("K"), "central-state": topics.central_state("K"), "request": topics.request("Q"),
        "response": topics.response("Q"),
    }  # fmt: skip
