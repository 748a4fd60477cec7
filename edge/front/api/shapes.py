"""The shapes that the contract with central is made of, as JSON Schema (2020-12): pure data, and how they name each other.

They stand in `/api/openapi.json` and, one file each, in `docs/contract/schemas/`. The data of each kind of event is not
here but in the catalogue. A reader tolerates members that it does not know, so only what central sends is closed.
"""

from collections.abc import Mapping
from typing import Any, Final

from edge.hall.events import KINDS
from sync.envelope import INTEGER_MAX

Shape = dict[str, Any]
REF: Final = "#/components/schemas/"

STREAM: Final[Shape] = {"type": "string", "pattern": "^[0-9a-f]{32}$", "description": "a stream of records: one epoch"}
SHA256: Final[Shape] = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "a chain value, docs/chain.md"}
NAME: Final[Shape] = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$"}
COMMAND_ID: Final[Shape] = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$"}
STAMP: Final[Shape] = {
    "type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", "description": "UTC with milliseconds",
}  # fmt: skip
_INSTANT: Final[Shape] = {
    "type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$", "description": "RFC 3339, UTC",
}  # fmt: skip
CLOCK: Final[Shape] = {"type": "string", "enum": ["synced", "holdover", "untrusted"]}
OBJECT: Final[Shape] = {"type": "object"}


def ref(name: str) -> Shape:
    """Another shape of this table."""
    return {"$ref": f"{REF}{name}"}


def record(members: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None, *, about: str = "") -> Shape:
    """An object with these members, and maybe more."""
    made: Shape = {
        "type": "object",
        "properties": {**members, **(optional or {})},
        "required": list(members),
    }
    return {"description": about, **made} if about else made


def closed(members: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None, *, about: str = "") -> Shape:
    """An object with these members and no others: what comes from outside is read strictly."""
    return {**record(members, optional, about=about), "additionalProperties": False}


def lists(items: Shape, about: str = "") -> Shape:
    """A list of these."""
    return {"type": "array", "items": items, **({"description": about} if about else {})}


def _either(shape: Shape) -> Shape:
    return {"anyOf": [shape, {"type": "null"}]}


_SEQUENCE: Shape = {"type": "integer", "minimum": 0, "maximum": INTEGER_MAX, "description": "the last record included"}
_CURSOR = closed(
    {"streamid": STREAM, "sequence": _SEQUENCE, "sha256": SHA256},
    about="How far a reader is. Sequence 0 with h(0): nothing yet.",
)

_ENVELOPE = record(
    {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "pattern": "^[0-9a-f]{32}:[1-9][0-9]*$", "description": "streamid:sequence"},
        "source": {"type": "string", "pattern": "^urn:hall:[^:]+:gw:[^:]+$"},
        "type": {"type": "string", "pattern": r"^hall\.[a-z0-9_.]+\.v[0-9]+$", "description": "a kind of event"},
        "subject": {"type": "string", "description": "egm/ASSET, line/NAME, gateway/ID or command/ID"},
        "time": {**STAMP, "description": "when it happened, by the gateway's clock"},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"type": "string", "pattern": r"^/api/v1/schemas/hall\.[a-z0-9_.]+\.v[0-9]+\.json$"},
        "streamid": STREAM,
        "epoch": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "sequence": {"type": "string", "pattern": "^[0-9]{20}$", "description": "dense, from 1, within one streamid"},
        "gamingday": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
        "recordedat": {**STAMP, "description": "when it was written down"},
        "clock": CLOCK,
        "data": {"type": "object", "description": "by the schema of the kind"},
    },
    about="A record of the log: CloudEvents 1.0 in canonical JSON, at most 65,536 bytes.",
)

_PAGE = record(
    {
        "events": lists(ref("envelope"), "the stored bytes, in order, all of one stream"),
        "next": ref("cursor"),
        "has_more": {"type": "boolean"},
        "head": ref("cursor"),
        "oldest": ref("cursor"),
        "epoch": {"type": "integer", "minimum": 1, "description": "of these events"},
        "clock": CLOCK,
    },
    about="A page of the pull feed. next: go on from there and, once all is stored, acknowledge it. oldest names the "
    "oldest record still here, so what follows it begins behind it.",
)

_ACKNOWLEDGED = record(
    {"acknowledged": ref("cursor"), "advanced": {"type": "boolean", "description": "false: it stood there or further"}},
    about="Where the consumer stands now.",
)

_PROBLEM = record(
    {
        "type": {"type": "string", "pattern": "^urn:hall-edge:problem:[a-z-]+$", "description": "ends with the slug"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "code": {"type": "string", "pattern": "^HE[0-9]{4}$"},
        "fix": {"type": "string", "description": "what a person does"},
        "request_id": {"type": "string"},
    },
    {
        "oldest": {"description": "cursor-expired: from where records are still here; null: nothing is"},
        "epochs": lists(
            record({"epoch": {"type": "integer"}, "streamid": STREAM, "last": {"type": "integer"}}),
            "epoch-changed: the streams there are, each with its last sequence",
        ),
        "scope": {"type": "string", "description": "forbidden: the scope that was missing"},
        "retry_after_s": {"type": "integer", "description": "rate-limited: seconds to wait"},
        "command_id": {"description": "of the command that was refused, if it could be read"},
    },
    about="RFC 9457.",
)

KINDS_OF_COMMAND: Final = (
    "egm.enable", "egm.disable", "egm.clock.set", "egm.confirm", "egm.meters.read", "egm.meters.decide",
)  # fmt: skip

_COMMAND = closed(
    {
        "central": NAME,
        "term": {"type": "integer", "minimum": 0, "maximum": INTEGER_MAX, "description": "lower than before: stale-term"},
        "command_id": COMMAND_ID,
        "gateway": NAME,
        "streamid": STREAM,
        "issued_at": _INSTANT,
        "expires_at": _INSTANT,
        "kind": {"type": "string", "enum": list(KINDS_OF_COMMAND)},
        "body": {"type": "object", "description": "by the kind"},
    },
    {
        "key_id": NAME,
        "signature": {
            "type": "string", "pattern": "^[0-9a-f]{128}$",
            "description": "Ed25519 over the canonical form of this envelope without this member",
        },
    },
    about="A command. No member twice, no floats, at most 65,536 bytes. key_id and signature together, over MQTT always.",
)  # fmt: skip
_COMMAND["dependentRequired"] = {"key_id": ["signature"], "signature": ["key_id"]}

_RESULT = {**_either(OBJECT), "description": "repeated: the result of the first one, as soon as there is one"}
_COMMAND_ANSWER = record(
    {
        "status": {"type": "string", "enum": ["admitted", "repeated"]},
        "command_id": {"type": "string"},
        "text": {"type": "string"},
        "result": _RESULT,
    },
    about="202 admitted, 200 repeated. What came of it is an event.",
)
_COMMAND_RESPONSE = {
    "description": "The answer over MQTT.",
    "oneOf": [
        record(
            {
                "status": {"type": "string", "enum": ["admitted", "repeated"]},
                "command_id": {"type": "string"},
                "result": _RESULT,
            }
        ),
        record(
            {
                "status": {"const": "refused"},
                "code": {"type": "string", "description": "a slug"},
                "text": {"type": "string"},
            },
            {"command_id": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        ),
    ],
}
_COMMAND_STATE = record(
    {
        "central": NAME,
        "command_id": COMMAND_ID,
        "kind": {"type": "string"},
        "state": {"type": "string", "enum": ["pending", "complete", "failed"]},
        "body": OBJECT,
        "admitted_at": STAMP,
        "finished_at": _either(STAMP),
        "result": _either(OBJECT),
    },
    about="What became of a command.",
)

_REWIND = closed(
    {"to": {"oneOf": [ref("cursor"), {"const": "oldest"}]}}, {"comment": {"type": "string", "maxLength": 400}}
)
_SET_ASIDE = closed(
    {
        "sequence": {"type": "integer", "minimum": 1, "maximum": 2**53 - 1},
        "comment": {"type": "string", "minLength": 1, "maxLength": 400},
    }
)
_MOVED = record({"cursor": ref("cursor"), "moved": {"type": "boolean"}}, about="Where the consumer stands now.")
_CONSUMERS = record(
    {
        "consumers": lists(
            record(
                {
                    "name": NAME,
                    "required": {"type": "boolean"},
                    "acknowledged": ref("cursor"),
                    "behind": {"type": "integer", "minimum": 0, "description": "records it has not confirmed"},
                    "moved_at": {},
                }
            )
        )
    }
)

SHAPES: Final[Mapping[str, Shape]] = {
    "cursor": _CURSOR,
    "envelope": _ENVELOPE,
    "page": _PAGE,
    "acknowledged": _ACKNOWLEDGED,
    "problem": _PROBLEM,
    "command": _COMMAND,
    "command-answer": _COMMAND_ANSWER,
    "command-response": _COMMAND_RESPONSE,
    "command-state": _COMMAND_STATE,
    "rewind": _REWIND,
    "set-aside": _SET_ASIDE,
    "moved": _MOVED,
    "consumers": _CONSUMERS,
}
"By name; what central needs, whatever the road."

KIND: Final[Shape] = {"type": "string", "enum": sorted(KINDS)}
