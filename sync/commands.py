"""(pure) A command from central: its envelope, its strict reading, its content hash, its signature.

Whether it is admitted is decided in ``sync.inbox``; what a kind means is none of this wing's business. Source of the
members: the contract with central, docs/delivery.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from re import compile as pattern_of
from typing import Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sync.envelope import INTEGER_MAX, canonical, stamp
from sync.errors import BadEnvelope, BadSignature, Malformed, Unsigned

COMMAND_MAX: Final = 64 * 1024
"Bytes of one command as it arrives."

_NAME = pattern_of(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")
_ID = pattern_of(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}\Z")
_KIND = pattern_of(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,5}\Z")
_STREAM_ID = pattern_of(r"[0-9a-f]{32}\Z")
_SIGNATURE = pattern_of(r"[0-9a-f]{128}\Z")
_INSTANT = pattern_of(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z\Z")
_NEEDED = frozenset({"central", "term", "command_id", "gateway", "streamid", "issued_at", "expires_at", "kind", "body"})
_SIGNED = frozenset({"key_id", "signature"})


@dataclass(frozen=True, slots=True)
class Command:
    """What central or a person asks of this gateway, once."""

    central: str
    term: int
    "Fencing number of this central: a lower one than seen before is refused."
    command_id: str
    gateway: str
    streamid: str
    "The stream of records the sender believes in."
    issued_at: datetime
    expires_at: datetime
    kind: str
    body: Mapping[str, Any]
    key_id: str | None = None
    signature: bytes | None = None
    "Ed25519 over the canonical envelope without this member, 64 bytes."
    raw: bytes = b""
    "The canonical envelope with its signature; what the inbox keeps."

    @property
    def content_hash(self) -> bytes:
        """SHA-256 of canonical {kind, body}: what makes a second arrival the same command. A new expiry does not."""
        return sha256(canonical({"kind": self.kind, "body": dict(self.body)})).digest()

    def signing_bytes(self) -> bytes:
        """The canonical envelope without its signature."""
        return canonical(_envelope(self))


def parse(raw: bytes) -> Command:
    """Read a command strictly: every member once, none unknown, each of its type and range. Raises Malformed."""
    if len(raw) > COMMAND_MAX:
        raise Malformed(f"A command of {len(raw)} bytes; {COMMAND_MAX} are allowed.")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_no_member_twice, parse_float=_no_float, parse_constant=_no_float, parse_int=_small_int,
        )  # fmt: skip
    except Malformed:
        raise
    except (ValueError, RecursionError) as wrong:
        raise Malformed(f"The command is not JSON: {type(wrong).__name__}.") from None
    if not isinstance(value, dict):
        raise Malformed("A command is an object.")
    if missing := _NEEDED - value.keys():
        raise Malformed(f"The command lacks {', '.join(sorted(missing))}.", members=sorted(missing))
    if unknown := value.keys() - _NEEDED - _SIGNED:
        raise Malformed(f"The command has an unknown member {min(unknown)[:60]!r}.")
    if ("key_id" in value) != ("signature" in value):
        raise Malformed("key_id and signature come together or not at all.")
    body = value["body"]
    if not isinstance(body, dict):
        raise Malformed("The body of a command is an object.")
    issued, expires = _instant(value, "issued_at"), _instant(value, "expires_at")
    if expires <= issued:
        raise Malformed("The command expires before it is issued.")
    term = value["term"]
    if type(term) is not int or term < 0:
        raise Malformed("The term is an integer from 0.")
    try:
        whole = canonical(value)
    except BadEnvelope as wrong:
        raise Malformed(f"The command: {wrong}") from None
    return Command(
        central=_text(value, "central", _NAME),
        term=term,
        command_id=_text(value, "command_id", _ID),
        gateway=_text(value, "gateway", _NAME),
        streamid=_text(value, "streamid", _STREAM_ID),
        issued_at=issued,
        expires_at=expires,
        kind=_text(value, "kind", _KIND),
        body=body,
        key_id=_text(value, "key_id", _NAME) if "key_id" in value else None,
        signature=bytes.fromhex(_text(value, "signature", _SIGNATURE)) if "signature" in value else None,
        raw=whole,
    )


def verify(command: Command, public_key: bytes) -> None:
    """Does the signature hold under this key (32 bytes)? Raises Unsigned, BadSignature; returns None if it does."""
    if command.signature is None:
        raise Unsigned("The command carries no signature.")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(command.signature, _without_signature(command))
    except InvalidSignature:
        raise BadSignature(
            f"The signature of command {command.command_id} does not hold.", command_id=command.command_id
        ) from None


def encode(command: Command, private_key: bytes | None = None) -> bytes:
    """The wire form of a command, signed if a private key (32 bytes) is given; then it needs a ``key_id``."""
    envelope = _envelope(command)
    if private_key is not None:
        signature = Ed25519PrivateKey.from_private_bytes(private_key).sign(canonical(envelope))
        return canonical({**envelope, "signature": signature.hex()})
    if command.signature is not None:
        return canonical({**envelope, "signature": command.signature.hex()})
    return canonical(envelope)


def _envelope(command: Command) -> dict[str, Any]:
    envelope: dict[str, Any] = {
        "central": command.central,
        "term": command.term,
        "command_id": command.command_id,
        "gateway": command.gateway,
        "streamid": command.streamid,
        "issued_at": stamp(command.issued_at),
        "expires_at": stamp(command.expires_at),
        "kind": command.kind,
        "body": dict(command.body),
    }
    if command.key_id is not None:
        envelope["key_id"] = command.key_id
    return envelope


def _without_signature(command: Command) -> bytes:
    # From what came in, not from what we understood: the signer may have written an instant with other decimals.
    if not command.raw:
        return canonical(_envelope(command))
    value = json.loads(command.raw)
    value.pop("signature", None)
    return canonical(value)


def _text(value: dict[str, Any], name: str, pattern: Any) -> str:
    text = value[name]
    if not isinstance(text, str) or pattern.match(text) is None:
        raise Malformed(f"The {name} of the command is not of its form.", member=name)
    return text


def _instant(value: dict[str, Any], name: str) -> datetime:
    text = _text(value, name, _INSTANT)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(f"The {name} of the command is no instant.", member=name) from None


def _no_member_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("A member of the command stands twice.")
    return members


def _no_float(text: str) -> NoReturn:
    raise Malformed(f"{text[:40]} has no place in a command: integers only.")


def _small_int(text: str) -> int:
    if len(text) > 17 or abs(number := int(text)) > INTEGER_MAX:
        raise Malformed("An integer beyond 2^53 - 1; larger ones travel as strings.")
    return int(text) if number else 0
