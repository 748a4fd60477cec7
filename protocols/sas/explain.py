"""(pure) The wire in words: characters of both directions in, one line for people out. For traces, never for books.

Driven by the outstanding poll as a host is: the same byte means different things after different polls. What cannot be
read is shown as it came, with the reason; nothing is guessed and nothing raises. Polls of other hosts that this gateway
never sends are named and their answers shown as they came.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from protocols.errors import ProtocolError
from protocols.sas.catalog.exception_codes import EXCEPTIONS, IDLE_CODES, RTE_BYTES
from protocols.sas.catalog.index import COMPANION, RESERVED, CompanionPoll
from protocols.sas.crc import crc_holds
from protocols.sas.frame import BUSY_MARK, NACK_BIT, decode_poll, decode_reply, reply_complete
from protocols.sas.longpoll import LongPoll
from protocols.sas.realtime import EVENT_MARK
from protocols.sas.wording import event_words, exception_words, reply_words, request_words

RESYNC = 0x80
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
        self._other: CompanionPoll | None = None
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
        self._request, self._poll, self._other, self._awaiting = data, None, None, False
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
            return self._not_ours(data, wakeup) or Told(data, wakeup, self._address, str(error), fault=True)
        self._poll, self._address, self._awaiting = poll, address, address != 0
        whom = "" if address else "to all: "
        return Told(data, wakeup, address, _cut(whom + request_words(poll, values)))

    def _not_ours(self, data: bytes, wakeup: bool) -> Told | None:
        """A poll that another host may send and we do not; None: nobody public knows it, or it is damaged."""
        if len(data) < 2:
            return None
        code = data[1]
        if code in RESERVED:
            return Told(data, wakeup, self._address, f"{code:02X} should never be polled: {RESERVED[code]}", fault=True)
        row = COMPANION.get(code)
        if row is None or not (len(data) == 2 if row.kind == "R" else crc_holds(data)):
            return None
        self._other = row
        whom = "" if self._address else "to all: "
        more = data[2:] if row.kind == "R" else data[2:-2]
        return Told(data, wakeup, self._address, _cut(f"{whom}{row.name}{': ' + more.hex(' ') if more else ''}"))

    def _heard(self, data: bytes, flags: bytes) -> Iterator[Told]:
        if data and b"\x01" in flags:
            yield Told(data, True, data[0] & 0x7F, "chirp: this machine hears no host", fault=True)
            return
        if not self._began:
            yield Told(data, False, None, "an answer to what was asked before this trace began", idle=True)
            return
        if not self._awaiting:
            yield Told(data, False, None, "nobody asked for this", fault=True)
            return
        self._buffer += data
        if len(self._buffer) > BUFFER_MAX:
            yield from self._close()
        elif self._is_whole():
            whole, self._buffer, self._awaiting = self._buffer, b"", False
            yield self._reply(whole, self._address or 0)

    def _is_whole(self) -> bool:
        """By its length; what is not is told when the host goes on."""
        address, buffer = self._address or 0, self._buffer
        if not buffer:
            return False
        if _begins_event(buffer, address):
            known = len(buffer) > 2 and (buffer[2] in EXCEPTIONS or buffer[2] in IDLE_CODES)
            return known and len(buffer) >= 5 + RTE_BYTES.get(buffer[2], 0)
        if self._poll is None:
            # A long poll that is not ours, or the head of an event frame after a general poll.
            return len(self._request) == 1 and (len(buffer) > 1 or buffer[0] != address)
        return reply_complete(self._poll, address, buffer)

    def _reply(self, data: bytes, address: int) -> Told:
        if _begins_event(data, address):
            return _event_frame(data, address)
        if self._other is not None:
            return _answer_of(self._other, data, address)
        if self._poll is None:
            if len(self._request) > 1:
                return Told(data, False, address, "broken", fault=True)
            return _lone(data, address)
        try:
            reply = decode_reply(self._poll, address, data, self._request)
        except ProtocolError as error:
            return Told(data, False, address, str(error), fault=True)
        if reply.status != "data":
            word = {"ack": "done", "nack": "refused", "busy": "busy, ask later"}[reply.status]
            return Told(data, False, address, word, fault=reply.status != "ack")
        return Told(data, False, address, _cut(reply_words(self._poll, address, reply.values, self._request)))

    def _close(self) -> Iterator[Told]:
        """The host goes on: what came so far is all there is."""
        if self._buffer:
            told = self._reply(self._buffer, self._address or 0)
            if told.fault and self._other is None and not _begins_event(self._buffer, self._address or 0):
                count = len(self._buffer)
                text = f"broken: {count} byte{'s' if count > 1 else ''} that are no answer to this poll"
                told = Told(self._buffer, False, self._address, text, fault=True)
            yield told
        elif self._awaiting:
            yield Told(b"", False, self._address, "no answer", fault=True)
        self._buffer, self._awaiting = b"", False


def _begins_event(data: bytes, address: int) -> bool:
    return len(data) > 1 and data[0] == address and data[1] == EVENT_MARK


def _event_frame(data: bytes, address: int) -> Told:
    if len(data) < 5 or not crc_holds(data):
        return Told(data, False, address, "an event frame whose check sum does not hold", fault=True)
    code = data[2]
    if code in IDLE_CODES and len(data) == 5:
        return Told(data, False, address, "event frame: nothing new", idle=True)
    return Told(data, False, address, _cut(f"event frame: {code:02X} {event_words(code, data[3:-2])}"))


def _lone(data: bytes, address: int) -> Told:
    """The answer to a general poll."""
    if len(data) != 1:
        return Told(data, False, address, f"{len(data)} bytes where one is due", fault=True)
    if data[0] in IDLE_CODES:
        return Told(data, False, address, "nothing new", idle=True)
    return Told(data, False, address, f"{data[0]:02X} {exception_words(data[0])}")


def _answer_of(row: CompanionPoll, data: bytes, address: int) -> Told:
    """What another host's machine says to a poll of which only the name is known here."""
    if len(data) == 1:
        text = {address: "done", address | NACK_BIT: "refused"}.get(data[0])
        return Told(data, False, address, text or "no answer to this poll", fault=text != "done")
    if data == bytes([address, BUSY_MARK]):
        return Told(data, False, address, "busy, ask later", fault=True)
    fine = data[:2] == bytes([address, row.code]) and crc_holds(data)
    return Told(data, False, address, _cut(data[2:-2].hex(" ") or "done") if fine else "broken", fault=not fine)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"
