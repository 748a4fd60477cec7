"""What is inside the preamble B0: another poll, asked and answered for one denomination (sas-core 5.7).

The frame around it is a plain row of the catalogue, MULTI_DENOMINATION with ``denomination``, ``base`` and ``data``. Here
``data`` is written and read, in both directions: exactly what the bare poll has between command and check sum.

A poll that is only acknowledged (09) is answered inside with the address, or the address and 80. The same bytes mean
other things after other polls: for machine 1, ``01 00`` is BUSY after 09 and "no games" after 56. The poll inside
decides, never the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from protocols.errors import BadEcho, BadField, BadLength, FrameError
from protocols.sas.catalog.denominations import DENOMINATIONS
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.longpoll import LongPoll, Reply, Values, read_fields, write_fields

NOT_SUPPORTED, MALFORMED, NOT_AWARE, NOT_SO, NO_DENOMINATION = 0x01, 0x02, 0x03, 0x04, 0x05
ERRORS: Mapping[int, str] = {
    NOT_SUPPORTED: "long poll not supported or ignored",
    MALFORMED: "malformed long poll",
    NOT_AWARE: "not a multi-denom-aware long poll",
    NOT_SO: "not supported for a specific denomination in that form",
    NO_DENOMINATION: "not a valid player denomination",
}
WHOLE_MACHINE_ONLY = frozenset({0x2F})
"""Inside B0 this poll knows no game but 0000 (sas-core 8, notes)."""

_ERROR_BASE = 0x00
_NACK_BIT = 0x80
_BUSY_MARK = 0x00
_NO_VALUES: Values = {}

Inner: TypeAlias = "Values | Literal['ack', 'nack', 'busy']"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The machine will not: an error of the list, or a code that is not in it."""

    error: int
    text: str


def request_values(base: LongPoll, denomination: int, values: Values = _NO_VALUES) -> Values:
    """Host's side: what to ask MULTI_DENOMINATION with. Denomination 0: as the bare poll would answer.

    Raises BadField: a poll that knows nothing of denominations, or values it cannot carry.
    """
    if not base.multi_denom:
        raise BadField(f"{base.name} cannot be asked for one denomination.", field="base")
    if base.code in WHOLE_MACHINE_ONLY and values.get("game") != 0:
        raise BadField(f"{base.name} is asked for the whole machine here.", field="game")
    data = write_fields(base.request, values, counted=base.request_counted)
    return {"denomination": denomination, "base": base.code, "data": data}


def read_reply(base: LongPoll, address: int, reply: Values, denomination: int | None = None) -> Reply | Refusal:
    """Host's side: the answer of the poll inside, as if it had come alone, or the machine's refusal.

    ``denomination``: what was asked for, if it shall be checked here. Raises BadEcho (another poll or denomination),
    BadLength, BadField.
    """
    data = _data(reply)
    if reply["base"] == _ERROR_BASE:
        if len(data) != 1:
            raise BadLength(f"An error is one byte, {len(data)} came.")
        return Refusal(data[0], ERRORS.get(data[0], f"unknown error {data[0]:02X}"))
    if reply["base"] != base.code:
        raise BadEcho(f"{reply['base']!r} answers {base.code:02X} inside B0.", got=reply["base"])
    if denomination is not None and reply["denomination"] != denomination:
        raise BadEcho(f"Denomination {reply['denomination']!r} answers for {denomination}.", got=reply["denomination"])
    if base.reply is None:
        return _acknowledged(base, address, data)
    try:
        values = read_fields(base.reply, data, 0, len(data), counted=base.reply_counted)
    except FrameError:
        # Only what cannot be the answer may be BUSY: after 56, 01 00 is an answer.
        if data == bytes([address, _BUSY_MARK]):
            return Reply(address, base, "busy")
        raise
    return Reply(address, base, "data", values)


def _acknowledged(base: LongPoll, address: int, data: bytes) -> Reply:
    if data == bytes([address]):
        return Reply(address, base, "ack")
    if data == bytes([address | _NACK_BIT]):
        return Reply(address, base, "nack")
    if data == bytes([address, _BUSY_MARK]):
        return Reply(address, base, "busy")
    raise BadEcho(f"{data.hex(' ')} acknowledges nothing of machine {address}.")


def read_request(values: Values) -> tuple[int, LongPoll, Values]:
    """Machine's side: denomination, the poll inside, and its values.

    Raises FrameError with ``error``, the byte to answer with (`error_values`). Whether this machine has the denomination
    is its own affair; 20 to FF no machine has.
    """
    denomination, code = values["denomination"], values["base"]
    assert isinstance(denomination, int)
    assert isinstance(code, int)
    base = BY_CODE.get(code)
    if base is None:
        raise BadEcho(f"There is no long poll {code:02X} here.", error=NOT_SUPPORTED)
    if not base.multi_denom:
        raise BadField(f"{base.name} cannot be asked for one denomination.", field="base", error=NOT_AWARE)
    data = _data(values)
    try:
        inner = read_fields(base.request, data, 0, len(data), counted=base.request_counted)
    except FrameError as error:
        raise BadField(f"{base.name} is malformed: {error}", field="data", error=MALFORMED) from error
    if base.code in WHOLE_MACHINE_ONLY and inner["game"] != 0:
        raise BadField(f"{base.name} is for the whole machine here.", field="game", error=NOT_SO)
    if denomination not in DENOMINATIONS:
        raise BadField(f"{denomination:02X} is no denomination.", field="denomination", error=NO_DENOMINATION)
    return denomination, base, inner


def reply_values(base: LongPoll, address: int, denomination: int, inner: Inner) -> Values:
    """Machine's side: what to answer MULTI_DENOMINATION with. Raises BadField: not an answer this poll has."""
    if isinstance(inner, str):
        data = _word(base, address, inner)
    elif base.reply is None:
        raise BadField(f"{base.name} is answered with ACK or NACK alone.", field="data")
    else:
        data = write_fields(base.reply, inner, counted=base.reply_counted)
    return {"denomination": denomination, "base": base.code, "data": data}


def _word(base: LongPoll, address: int, word: str) -> bytes:
    if word == "busy":
        return bytes([address, _BUSY_MARK])
    if base.reply is not None:
        # A refusal of these is an error of the list.
        raise BadField(f"{base.name} is answered with data, BUSY or an error.", field="data")
    return bytes([address if word == "ack" else address | _NACK_BIT])


def error_values(denomination: int, error: int) -> Values:
    """Machine's side: the refusal. ``error``: one of ERRORS."""
    return {"denomination": denomination, "base": _ERROR_BASE, "data": bytes([error])}


def _data(values: Values) -> bytes:
    data = values["data"]
    assert isinstance(data, bytes)
    return data
