"""What the characters after a poll mean. The outstanding poll decides, never a value (sas-core 1.5).

Bytes in, a meaning out; no state, no time. A buffer that may still grow gives None until the line was quiet for the
gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from protocols.errors import FrameError
from protocols.sas.catalog.exception_codes import EXCEPTIONS, IDLE_CODES, RTE_BYTES
from protocols.sas.crc import crc_holds
from protocols.sas.frame import decode_reply, reply_complete
from protocols.sas.longpoll import LongPoll, Reply
from protocols.sas.realtime import EVENT_MARK

BUFFER_MAX = 300
"""A reply is at most 5 + 255 bytes; what comes beyond is counted, not kept."""


@dataclass(frozen=True, slots=True)
class Code:
    """An answer to a general poll: one byte without check sum."""

    code: int


@dataclass(frozen=True, slots=True)
class EventFrame:
    """A real-time event frame: ``address FF code [data] CRC``. The poll it came for was not executed (sas-core 6)."""

    code: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Busy:
    """``address 00``: later."""


@dataclass(frozen=True, slots=True)
class Bad:
    """Cannot be used; the poll is repeated."""

    slug: str


Meaning: TypeAlias = Code | EventFrame | Busy | Bad | Reply


def meaning(poll: LongPoll | None, address: int, request: bytes, heard: bytes, *, ended: bool) -> Meaning | None:
    """Read what came after a poll (None: the general poll). heard is not empty; ended: the line was quiet for the gap.

    None: not complete yet, ask again when more has come or the gap is over. With ended it never is None.
    """
    if heard[0] == address and len(heard) >= 2:
        if heard[1] == EVENT_MARK:
            return _event_frame(address, heard, ended=ended)
        if heard[1] == 0x00 and len(heard) == 2:
            return Busy()
    if poll is None:
        if len(heard) == 1 and (ended or heard[0] & 0x7F != address):
            # A lone byte equal to the address may be the head of a frame, one equal to the poll its echo; the gap tells.
            return Code(heard[0])
        return Bad("bad-length") if ended else None
    if not ended and (len(heard) == 1 or not reply_complete(poll, address, heard)):
        # One byte is ACK, NACK or the head of BUSY, of an event frame or of data; the gap tells.
        return None
    try:
        return decode_reply(poll, address, heard, request)
    except FrameError as error:
        return Bad(error.slug)


def _event_frame(address: int, heard: bytes, *, ended: bool) -> Meaning | None:
    if len(heard) < 3:
        return Bad("bad-length") if ended else None
    code = heard[2]
    is_known = code in EXCEPTIONS or code in IDLE_CODES
    data_bytes = RTE_BYTES.get(code, 0)
    if not ended and (len(heard) < 5 + data_bytes or not is_known):
        # An unknown exception may carry data of unknown length: the gap ends it and the CRC judges.
        return None
    if len(heard) < 5 or (is_known and len(heard) != 5 + data_bytes):
        return Bad("bad-length")
    if not crc_holds(heard):
        return Bad("bad-crc")
    return EventFrame(code, heard[3:-2])
