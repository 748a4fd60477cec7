"""A long poll as data: its code, kind and fields, and from them its length, its encoding and its meaning.

What a standard tabulates is data: nobody types 36. Plain polls of the four kinds need a row in the catalogue and nothing
else. Which bytes stand around the fields (address, check sum) is the frame's affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias

from protocols.errors import BadField, BadLength
from protocols.sas.fields import Field, Flags, Tail, Value

Values: TypeAlias = Mapping[str, Value]
Status: TypeAlias = Literal["data", "ack", "nack", "busy"]


class Kind(Enum):
    """What a request looks like (sas-core 1.6)."""

    R = "read: address, command; no check sum"
    S = "set: address, command, data, check sum, even without data"
    M = "multi-game: as S, with a game number"
    G = "global: as S to address 0, never answered"


@dataclass(frozen=True, slots=True)
class LongPoll:
    """One row of the standard's list of long polls. ``reply`` None: acknowledged with the address alone."""

    code: int
    name: str
    kind: Kind
    request: tuple[Field, ...] = ()
    reply: tuple[Field, ...] | None = None
    request_counted: bool = False
    "A length byte stands before the request's fields: bytes that follow it, without the check sum."
    reply_counted: bool = False
    "The same for the reply."
    broadcast: bool = False
    "May go to address 0, to all machines; then nobody answers."
    consumes: bool = False
    "The acknowledgement of its reply deletes something in the machine: ask, store, then go on."
    meters: Mapping[str, int] = field(default_factory=dict)
    "Reply field -> meter code, where the reply is meters of the whole machine."
    multi_denom: bool = False
    "May be asked for one denomination, inside B0 (sas-core 5.7)."
    nested: bool = False
    "Carries another poll: the reply has to name the same one (B0)."
    reply_bare_below: int = 0
    """Machines disagree whether this reply has its length byte (QUIRKS X9): a byte below this one in its place is none, and
    the reply is read and written without it. Its values then say ``length_byte`` 0. 0: no doubt."""
    version: str = ""
    "The standard's version that brought it, where that is later than 6.02."
    certain: bool = True
    "False: one source only (confidence C): understood, never sent of our own accord."
    source: str = ""

    request_size: int | None = field(init=False, compare=False)
    "Bytes of a request with address, code and check sum; None: its length byte says."
    reply_size: int | None = field(init=False, compare=False)
    "Bytes of a data reply with address, code and check sum; None: its length byte says. 1: only an ACK."
    reply_least: int | None = field(init=False, compare=False)
    "The same where an older machine leaves bytes out at the end; None: its length byte says."

    def __post_init__(self) -> None:
        # Reckoned once: the length of what is awaited is asked for with every character that comes.
        request = 2 if self.kind is Kind.R else _size(self.request, 4, counted=self.request_counted)
        reply = 1 if self.reply is None else _size(self.reply, 4, counted=self.reply_counted)
        object.__setattr__(self, "request_size", request)
        object.__setattr__(self, "reply_size", reply)
        object.__setattr__(self, "reply_least", None if reply is None else reply - _left_out(self.reply or ()))


def _size(fields: tuple[Field, ...], around: int, *, counted: bool) -> int | None:
    total = around + counted
    for one in fields:
        if one.size is None:
            return None
        total += one.size
    return total


def _left_out(fields: tuple[Field, ...]) -> int:
    return sum(one.size - one.short for one in fields if isinstance(one, Flags) and one.short is not None)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for a long poll, checked against it."""

    address: int
    poll: LongPoll
    status: Status
    values: Values = field(default_factory=dict)


def write_fields(fields: tuple[Field, ...], values: Values, *, counted: bool) -> bytes:
    """The fields in order, a length byte in front where there is one. Raises BadField: missing, unknown or not fitting."""
    known = {one.name for one in fields}
    for name in values:
        if name not in known:
            raise BadField(
                f"There is no field {name!r} here; there are {', '.join(sorted(known)) or 'none'}.", field=name
            )
    out = bytearray()
    for one in fields:
        if one.name in values:
            out += one.encode(values[one.name])
        elif not isinstance(one, Tail):
            raise BadField(f"The field {one.name!r} is missing.", field=one.name)
    if counted:
        if len(out) > 255:
            raise BadLength(f"{len(out)} bytes do not fit a length byte.")
        return bytes([len(out)]) + bytes(out)
    return bytes(out)


def read_fields(fields: tuple[Field, ...], data: bytes, at: int, end: int, *, counted: bool) -> dict[str, Value]:
    """The values between ``at`` and ``end``. Bytes left over are an error. Raises BadField, BadLength."""
    if counted:
        if at >= end:
            raise BadLength("The frame ends before its length byte.")
        if data[at] != end - at - 1:
            raise BadLength(f"The length byte says {data[at]}, {end - at - 1} bytes follow.")
        at += 1
    values: dict[str, Value] = {}
    for one in fields:
        if at == end and isinstance(one, Tail):
            continue
        values[one.name], at = one.decode(data, at, end)
    if at != end:
        raise BadLength(f"{end - at} bytes are left over.")
    return values
