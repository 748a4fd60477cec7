"""(pure) What a record of the log looks like: canonical JSON, CloudEvents 1.0, the chain, and a cursor.

A record is encoded once, hashed once, and sent as stored. Nothing in it depends on when or how it is sent, and its hash
travels beside it, never in it. What an event means is none of this file's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from re import compile as pattern_of
from typing import Any, Final, NamedTuple

import orjson

from sync.errors import BadCursor, BadEnvelope, EventTooLarge

EVENT_MAX: Final = 64 * 1024
"Bytes of one canonical event, inclusive. Two of them always fit into one batch of 120,000 bytes but for the brackets."
INTEGER_MAX: Final = 2**53 - 1
"Beyond it, JSON readers that know only doubles would read another number. Larger ones travel as strings of digits."
DEPTH_MAX: Final = 16
"Objects within objects. Our deepest event needs 4; a limit keeps a bug from running into the interpreter's."
CHAIN_TEXT: Final = b"hall-edge log v1\n"

_OPTIONS: Final = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_STREAM_ID = pattern_of(r"[0-9a-f]{32}\Z")
_SHA256 = pattern_of(r"[0-9a-f]{64}\Z")


def canonical(value: object) -> bytes:
    """The one encoding of a JSON value on our subset: RFC 8785 without floats.

    Objects (ASCII keys only), arrays, strings, true, false, null, integers within 2^53 - 1. RFC 8785 sorts keys by
    UTF-16 code units, orjson by UTF-8 bytes; the two differ above U+FFFF, so keys are restricted to ASCII, where they
    agree. Raises BadEnvelope and names the member.
    """
    _check(value, "", 0)
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except orjson.JSONEncodeError as wrong:
        raise BadEnvelope(f"Not canonical JSON: {wrong}") from None


def _check(value: object, where: str, depth: int) -> None:
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return
    if depth > DEPTH_MAX:
        raise BadEnvelope(f"{where[:200] or 'value'}: nested deeper than {DEPTH_MAX}", member=where[:200])
    if kind is dict:
        for key, member in value.items():  # type: ignore[attr-defined]  # kind is dict, which mypy does not follow
            if type(key) is not str or not key.isascii():
                raise BadEnvelope(f"{where[:200] or 'value'}: the key {key!r:.60} is not ASCII", member=where[:200])
            inner = type(member)
            if inner is str or inner is int or member is None or inner is bool:
                continue
            _check(member, f"{where}.{key}", depth + 1)
    elif kind is list or kind is tuple:
        for index, member in enumerate(value):  # type: ignore[arg-type]  # kind is list or tuple
            inner = type(member)
            if inner is str or inner is int or member is None or inner is bool:
                continue
            _check(member, f"{where}[{index}]", depth + 1)
    else:
        raise BadEnvelope(f"{where[:200] or 'value'}: {kind.__name__} has no place in an event", member=where[:200])


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC, milliseconds cut, not rounded: ``2026-11-23T00:11:07.320Z``. Raises BadEnvelope if naive."""
    if at.tzinfo is not UTC:
        if at.tzinfo is None:
            raise BadEnvelope("A time without a time zone")
        at = at.astimezone(UTC)
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


# The chain ----------------------------------------------------------------------------------------------------------


def chain_start(stream_id: str) -> bytes:
    """h(0) = SHA-256("hall-edge log v1\\n" + stream id), the stream id as its 32 characters of hex."""
    return sha256(CHAIN_TEXT + stream_id.encode("ascii")).digest()


def chain_next(before: bytes, sequence: int, body: bytes) -> bytes:
    """h(n) = SHA-256(h(n-1) + n as 8 bytes big-endian + body). The worked vector is in docs/chain.md."""
    return sha256(before + sequence.to_bytes(8, "big") + body).digest()


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader is: the last record included, and the chain value there. Sequence 0: nothing yet, h(0)."""

    streamid: str
    sequence: int
    sha256: str

    def as_json(self) -> dict[str, str | int]:
        """``{"streamid": ..., "sequence": ..., "sha256": ...}``"""
        return {"streamid": self.streamid, "sequence": self.sequence, "sha256": self.sha256}

    def encode(self) -> bytes:
        """Its canonical JSON."""
        return b'{"sequence":%d,"sha256":"%s","streamid":"%s"}' % (
            self.sequence, self.sha256.encode(), self.streamid.encode(),
        )  # fmt: skip

    @staticmethod
    def read(value: object) -> Cursor:
        """A cursor from decoded JSON: exactly the three members. Raises BadCursor."""
        if not isinstance(value, dict) or value.keys() != {"streamid", "sequence", "sha256"}:
            raise BadCursor("A cursor is an object of streamid, sequence and sha256, and nothing else.")
        streamid, sequence, digest = value["streamid"], value["sequence"], value["sha256"]
        if not isinstance(streamid, str) or _STREAM_ID.match(streamid) is None:
            raise BadCursor("The streamid of a cursor is 32 characters of lower-case hex.")
        if type(sequence) is not int or not 0 <= sequence <= INTEGER_MAX:
            raise BadCursor("The sequence of a cursor is an integer from 0 to 2^53 - 1.")
        if not isinstance(digest, str) or _SHA256.match(digest) is None:
            raise BadCursor("The sha256 of a cursor is 64 characters of lower-case hex.")
        return Cursor(streamid, sequence, digest)

    @staticmethod
    def parse(raw: bytes | bytearray | str) -> Cursor:
        """A cursor from JSON text of at most 1,000 bytes. Raises BadCursor."""
        if len(raw) > 1000:
            raise BadCursor("A cursor of more than 1,000 bytes.")
        try:
            return Cursor.read(orjson.loads(raw))
        except orjson.JSONDecodeError as wrong:
            raise BadCursor(f"The cursor is not JSON: {wrong}") from None


# The envelope -------------------------------------------------------------------------------------------------------


class Draft(NamedTuple):
    """What the house says of an event; the log adds number, stream and time of recording."""

    type: str
    source: str
    subject: str
    time: datetime
    "When it happened, by our clock."
    data: Mapping[str, Any]
    gamingday: str
    clock: str
    "Quality of the clock that gave the times: synced, holdover, untrusted."
    dataschema: str
    live_class: str | None = None
    "On the live lane as this class; None: only in the ordered lane."


class Envelope(NamedTuple):
    """A record of the log: what was stored, and where it stands."""

    id: str
    type: str
    subject: str
    time: str
    recordedat: str
    streamid: str
    epoch: int
    sequence: int
    data: Mapping[str, Any]
    body: bytes
    "The canonical CloudEvent, exactly as stored and sent."
    chain: bytes
    "h(sequence), 32 bytes."

    @property
    def cursor(self) -> Cursor:
        """The cursor of a reader that has this record and all before it."""
        return Cursor(self.streamid, self.sequence, self.chain.hex())


def encode(draft: Draft, *, streamid: str, epoch: int, sequence: int, recordedat: str) -> tuple[str, str, bytes]:
    """The id, the time and the canonical bytes of a record. Raises BadEnvelope, EventTooLarge."""
    if not (draft.type and draft.source and draft.subject and draft.dataschema and draft.gamingday and draft.clock):
        raise BadEnvelope("An event needs type, source, subject, dataschema, gamingday and clock.", type=draft.type)
    data = draft.data if type(draft.data) is dict else dict(draft.data)
    _check(data, "data", 1)
    identity = f"{streamid}:{sequence}"
    time = stamp(draft.time)
    try:
        body = orjson.dumps(
            {
                "specversion": "1.0",
                "id": identity,
                "source": draft.source,
                "type": draft.type,
                "subject": draft.subject,
                "time": time,
                "datacontenttype": "application/json",
                "dataschema": draft.dataschema,
                "streamid": streamid,
                "epoch": str(epoch),
                "sequence": f"{sequence:020d}",
                "gamingday": draft.gamingday,
                "recordedat": recordedat,
                "clock": draft.clock,
                "data": data,
            },
            option=_OPTIONS,
        )
    except orjson.JSONEncodeError as wrong:
        raise BadEnvelope(f"{draft.type}: {wrong}", type=draft.type) from None
    if len(body) > EVENT_MAX:
        raise EventTooLarge(
            f"{draft.type} would have {len(body)} bytes; {EVENT_MAX} are allowed.", type=draft.type, size=len(body)
        )
    return identity, time, body


def identify(event: Mapping[str, Any]) -> tuple[str, int]:
    """Stream id and sequence of a decoded event, as central needs them to file it. Raises BadEnvelope.

    ``canonical(event)`` gives the stored bytes back, so the chain can be computed from a decoded page.
    """
    streamid, sequence = event.get("streamid"), event.get("sequence")
    if not isinstance(streamid, str) or _STREAM_ID.match(streamid) is None:
        raise BadEnvelope("An event without a stream id")
    if not isinstance(sequence, str) or len(sequence) != 20 or not (sequence.isascii() and sequence.isdigit()):
        raise BadEnvelope("An event without a sequence of 20 digits", streamid=streamid)
    number = int(sequence)
    if event.get("id") != f"{streamid}:{number}":
        raise BadEnvelope("The id of an event differs from its stream id and sequence", streamid=streamid)
    return streamid, number
