"""(pure) The wire in words: characters of both directions in, one line for people out. For traces, never for books.

Driven by the outstanding poll as a host is: the same byte means different things after different polls. What cannot be
read is shown as it came, with the reason; nothing is guessed and nothing raises.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from protocols.errors import ProtocolError
from protocols.sas.catalog.exception_codes import EXCEPTIONS
from protocols.sas.catalog.meter_codes import METERS
from protocols.sas.crc import crc_holds
from protocols.sas.frame import decode_poll, decode_reply, reply_complete
from protocols.sas.longpoll import LongPoll

RESYNC = 0x80
_EVENT_MARK = 0xFF
BUFFER_MAX = 300
"More than any answer can have (5 + 255): beyond it, it is a babble and shown as such."
SHOWN_MAX = 400
"Characters of one line."


@dataclass(frozen=True, slots=True)
class Told:
    """One line. `address` None: not known whose. `fault`: something is wrong with it. `idle`: a poll with no news."""

    data: bytes
    wakeup: bool
    address: int | None
    text: str
    fault: bool = False
    idle: bool = False


class Explainer:
    """One per line and viewer; may begin anywhere in the traffic. Feed it records in order."""

    def __init__(self) -> None:
        self._poll: LongPoll | None = None
        self._address: int | None = None
        self._request = b""
        self._awaiting = False
        self._began = False
        self._buffer = b""

    def feed(self, direction: str, data: bytes, flags: bytes = b"") -> list[Told]:
        """`>` host to machines, `<` machines to host. Returns what can be said now, oldest first."""
        return list(self._sent(data, flags) if direction == ">" else self._heard(data, flags))

    def _sent(self, data: bytes, flags: bytes) -> Iterator[Told]:
        yield from self._close()
        self._began = True
        first = data[0] if data else 0
        wakeup = flags[:1] == b"\x01" if flags else True
        self._request, self._poll, self._awaiting = data, None, False
        if len(data) == 1 and first == RESYNC:
            self._address = None
            yield Told(data, wakeup, None, "nobody asked: keeps the line in step", idle=True)
        elif len(data) == 1 and first > RESYNC:
            self._address, self._awaiting = first & 0x7F, True
            yield Told(data, wakeup, self._address, "anything new?", idle=True)
        else:
            yield self._long_poll(data, wakeup)

    def _long_poll(self, data: bytes, wakeup: bool) -> Told:
        self._address = data[0] if data else None
        try:
            poll, address, values = decode_poll(data)
        except ProtocolError as error:
            self._awaiting = bool(self._address)
            return Told(data, wakeup, self._address, str(error), fault=True)
        self._poll, self._address, self._awaiting = poll, address, address != 0
        said = _values(values)
        whom = "" if address else "to all: "
        return Told(data, wakeup, address, _cut(f"{whom}{poll.name}{': ' + said if said else ''}"))

    def _heard(self, data: bytes, flags: bytes) -> Iterator[Told]:
        if b"\x01" in flags:
            yield Told(data, True, data[0] & 0x7F, "chirp: this machine hears no host", fault=True)
            return
        if not self._began:
            yield Told(data, False, None, "an answer to what was asked before this trace began", idle=True)
            return
        if not self._awaiting:
            yield Told(data, False, None, "nobody asked for this", fault=True)
            return
        self._buffer += data
        address = self._address or 0
        unknown = self._poll is None and len(self._request) > 1
        if len(self._buffer) > BUFFER_MAX:
            yield from self._close()
        elif not unknown and reply_complete(self._poll, address, self._buffer):
            whole, self._buffer, self._awaiting = self._buffer, b"", False
            yield self._reply(whole, address)

    def _reply(self, data: bytes, address: int) -> Told:
        if self._poll is None:
            return _event(data, address)
        try:
            reply = decode_reply(self._poll, address, data, self._request)
        except ProtocolError as error:
            return Told(data, False, address, str(error), fault=True)
        if reply.status != "data":
            word = {"ack": "done", "nack": "refused", "busy": "busy, ask later"}[reply.status]
            return Told(data, False, address, word, fault=reply.status != "ack")
        return Told(data, False, address, _cut(_values(reply.values) or "done"))

    def _close(self) -> Iterator[Told]:
        """The host goes on: what came so far is all there is."""
        if self._buffer:
            count = len(self._buffer)
            text = f"broken: {count} byte{'s' if count > 1 else ''} that are no answer to this poll"
            yield Told(self._buffer, False, self._address, text, fault=True)
        elif self._awaiting:
            yield Told(b"", False, self._address, "no answer", fault=True)
        self._buffer, self._awaiting = b"", False


def explain_exception(code: int) -> str:
    """The standard's name of an exception."""
    row = EXCEPTIONS.get(code)
    return f"unknown exception {code:02X}" if row is None else row.name


def _event(data: bytes, address: int) -> Told:
    if len(data) != 1:
        if len(data) > 4 and data[1] == _EVENT_MARK and crc_holds(data):
            more = f", data {data[3:-2].hex(' ')}" if len(data) > 5 else ""
            return Told(data, False, address, f"event frame: {data[2]:02X} {explain_exception(data[2])}{more}")
        return Told(data, False, address, f"{len(data)} bytes where one is due", fault=True)
    if data[0] == 0:
        return Told(data, False, address, "nothing new", idle=True)
    return Told(data, False, address, f"{data[0]:02X} {explain_exception(data[0])}")


def _values(values: Mapping[str, Any]) -> str:
    return " · ".join(f"{name.replace('_', ' ')} {_value(value, name)}" for name, value in values.items())


def _value(value: Any, name: str = "") -> str:
    if isinstance(value, bytes):
        return value.hex(" ") or "—"
    if isinstance(value, tuple) and hasattr(value, "code"):
        return _meter(value)
    if name == "meters" and isinstance(value, tuple) and all(type(part) is int for part in value):
        return ", ".join(f"{part:02X}" for part in value) or "—"
    if isinstance(value, tuple | list):
        return ", ".join(_value(part) for part in value) or "—"
    if isinstance(value, str):
        return "".join(char if char.isprintable() else "?" for char in value).strip() or "—"
    return str(value)


def _meter(value: Any) -> str:
    row = METERS.get(value.code)
    name = f"{value.code:02X}" if row is None else f"{value.code:02X} {row.name}"
    return f"{name} {'not kept' if value.value is None else value.value}"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"
