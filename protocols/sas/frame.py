"""Polls and replies to bytes and back, always driven by the poll that is out (sas-core 1.5, 1.6).

The same byte means different things after different polls; a reply is accepted when its address, its command, its length
and its check sum are those of the poll. Nothing here knows time or states.
"""

from __future__ import annotations

from protocols.errors import BadCrc, BadEcho, BadField, BadLength
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.crc import crc_holds, with_crc
from protocols.sas.longpoll import Kind, LongPoll, Reply, Values, read_fields, write_fields

RESYNC = b"\x80"
"""General poll to address 0: nobody answers; keeps the line in step and acknowledges what came last."""

NACK_BIT = 0x80
BUSY_MARK = 0x00
LENGTH_BYTE = "length_byte"
"""In the values of a reply that came, or is to go, without the length byte that others send there: 0 (QUIRKS X9)."""
_NO_VALUES: Values = {}


def general_poll(address: int) -> bytes:
    """``81`` for address 1. Raises BadField outside 1 to 127."""
    if not 1 <= address <= 127:
        raise BadField(f"A machine's address is 1 to 127, not {address}.", field="address")
    return bytes([0x80 | address])


def encode_poll(poll: LongPoll, address: int, values: Values = _NO_VALUES) -> bytes:
    """Host to machine: ``01 01 51 08`` is shutdown for address 1. Address 0 is for broadcasts. Raises BadField, BadLength."""
    if not 0 <= address <= 127 or (address == 0 and not poll.broadcast):
        raise BadField(f"{poll.name} cannot go to address {address}.", field="address")
    head = bytes([address, poll.code])
    if poll.kind is Kind.R:
        if values:
            raise BadField(f"{poll.name} is a read poll and carries nothing.")
        return head
    return with_crc(head + write_fields(poll.request, values, counted=poll.request_counted))


def decode_poll(data: bytes) -> tuple[LongPoll, int, Values]:
    """Machine side: poll, address, values. Raises BadEcho (unknown command), BadLength, BadCrc, BadField."""
    if len(data) < 2:
        raise BadLength(f"A long poll has at least 2 bytes, not {len(data)}.")
    address, code = data[0], data[1]
    if address > 127:
        raise BadField(f"A long poll goes to address 0 to 127, not {address}.", field="address")
    poll = BY_CODE.get(code)
    if poll is None:
        raise BadEcho(f"There is no long poll {code:02X} here.", code=code)
    if poll.kind is Kind.R:
        if len(data) != 2:
            raise BadLength(f"{poll.name} is 2 bytes, {len(data)} came.")
        return poll, address, _NO_VALUES
    size = poll_size(data)
    if size is None:
        raise BadLength(f"{poll.name} ends before its length byte.")
    if size != len(data):
        raise BadLength(f"{poll.name} is {size} bytes, {len(data)} came.")
    if not crc_holds(data):
        raise BadCrc(f"The check sum of {poll.name} does not hold.")
    return poll, address, read_fields(poll.request, data, 2, len(data) - 2, counted=poll.request_counted)


def poll_size(data: bytes | bytearray) -> int | None:
    """Machine side: bytes of the long poll that begins so; None: not known yet. 0: an unknown command."""
    if len(data) < 2:
        return None
    poll = BY_CODE.get(data[1])
    if poll is None:
        return 0
    size = poll.request_size
    if size is not None:
        return size
    return 5 + data[2] if len(data) > 2 else None


def encode_reply(poll: LongPoll, address: int, values: Values) -> bytes:
    """Machine to host, with data, from address 1 to 127. Raises BadField, BadLength; what is only acknowledged has none."""
    if not 1 <= address <= 127:
        raise BadField(f"A machine's address is 1 to 127, not {address}.", field="address")
    if poll.reply is None:
        raise BadField(f"{poll.name} is answered with ACK or NACK alone.")
    counted = poll.reply_counted
    if poll.reply_bare_below and LENGTH_BYTE in values:
        counted = bool(values[LENGTH_BYTE])
        values = {name: value for name, value in values.items() if name != LENGTH_BYTE}
    written = write_fields(poll.reply, values, counted=counted)
    if counted != poll.reply_counted and written[0] >= poll.reply_bare_below:
        raise BadField(f"Without its length byte, {poll.name} begins with less than {poll.reply_bare_below:02X}.")
    return with_crc(bytes([address, poll.code]) + written)


def encode_ack(address: int) -> bytes:
    return bytes([address])


def encode_nack(address: int) -> bytes:
    return bytes([address | NACK_BIT])


def encode_busy(address: int) -> bytes:
    return bytes([address, BUSY_MARK])


def reply_complete(poll: LongPoll | None, address: int, data: bytes | bytearray) -> bool:
    """Is this a whole reply to the poll that is out (None: the general poll)? Length only; sense is decode_reply's.

    A reply that an older machine keeps shorter (8F), or that lacks its length byte (B7), is never whole by its length: the
    gap ends it.
    """
    length = len(data)
    if poll is None or length == 0:
        return length > 0
    if poll.reply is None:
        return True
    if length == 1:
        return data[0] != address
    if data[1] == BUSY_MARK:
        return True
    size = poll.reply_size
    if size is None:
        if length < 3 or data[2] < poll.reply_bare_below:
            return False
        size = 5 + data[2]
    return length >= size


def decode_reply(poll: LongPoll, address: int, data: bytes, request: bytes = b"") -> Reply:
    """Check and read the reply to a long poll. Raises BadLength, BadEcho, BadCrc, BadField.

    ``request`` is the poll as it was sent: an answer inside B0 has to be one to the poll that was inside. Without it that
    is not looked at.
    """
    if not data:
        raise BadLength("No bytes came.")
    if len(data) == 1:
        if data[0] == address | NACK_BIT and poll.kind is not Kind.R:
            return Reply(address, poll, "nack")
        if data[0] == address and poll.reply is None:
            return Reply(address, poll, "ack")
        if data[0] == address:
            raise BadLength(f"The answer to {poll.name} ends after its address.")
        raise BadEcho(f"{data[0]:02X} answers for address {address:02X}.", got=data[0])
    if data[0] != address:
        raise BadEcho(f"Address {data[0]:02X} answers for {address:02X}.", got=data[0])
    if len(data) == 2 and data[1] == BUSY_MARK:
        return Reply(address, poll, "busy")
    if data[1] != poll.code:
        raise BadEcho(f"{data[1]:02X} answers {poll.code:02X}.", got=data[1])
    if poll.reply is None:
        raise BadLength(f"{poll.name} is acknowledged with one byte, {len(data)} came.")
    size, least = poll.reply_size, poll.reply_least
    if size is not None and least is not None and not least <= len(data) <= size:
        raise BadLength(f"The answer to {poll.name} is {size} bytes, {len(data)} came.")
    if len(data) < 5:
        raise BadLength(f"An answer with data has at least 5 bytes, {len(data)} came.")
    if not crc_holds(data):
        raise BadCrc(f"The check sum of the answer to {poll.name} does not hold.")
    end = len(data) - 2
    if data[2] < poll.reply_bare_below:
        return Reply(address, poll, "data", read_fields(poll.reply, data, 2, end, counted=False) | {LENGTH_BYTE: 0})
    values = read_fields(poll.reply, data, 2, end, counted=poll.reply_counted)
    if poll.nested and len(request) > 5:
        _same_inside(data, request)
    return Reply(address, poll, "data", values)


def _same_inside(data: bytes, request: bytes) -> None:
    """Base 00 is an error; the denomination it is about may then be anything (sas-core 5.7)."""
    if data[4] not in (request[4], 0):
        raise BadEcho(f"{data[4]:02X} answers {request[4]:02X} inside {request[1]:02X}.", got=data[4])
    if data[4] and data[3] != request[3]:
        raise BadEcho(f"Denomination {data[3]:02X} answers for {request[3]:02X}.", got=data[3])
