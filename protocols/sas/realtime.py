"""Real-time event frames: ``address FF code [data] CRC``, sent in the place of an answer (sas-core 6).

There is no length byte: the code says how much follows. What follows which code stands with the exceptions
(`catalog.exception_codes`). Whether a frame came at all is told by `protocols.sas.answer`.
"""

from __future__ import annotations

from protocols.errors import BadField, BadLength
from protocols.sas.catalog.exception_codes import EXCEPTIONS, RTE_FIELDS
from protocols.sas.crc import with_crc
from protocols.sas.longpoll import Values, read_fields, write_fields

EVENT_MARK = 0xFF
"""In the place of a command: never a long poll's code."""
_NO_VALUES: Values = {}


def event_frame(address: int, code: int, values: Values = _NO_VALUES) -> bytes:
    """Machine to host: ``01 FF 11 14 A4`` is the slot door of machine 1. 00 and 1F: nothing happened (QUIRKS X1).

    Raises BadField: address outside 1 to 127, code outside 0 to 255, values that are missing, unknown or do not fit.
    """
    if not 1 <= address <= 127:
        raise BadField(f"A machine's address is 1 to 127, not {address}.", field="address")
    if not 0 <= code <= 0xFF:
        raise BadField(f"An exception is 0 to 255, not {code}.", field="code")
    data = write_fields(RTE_FIELDS.get(code, ()), values, counted=False)
    return with_crc(bytes([address, EVENT_MARK, code]) + data)


def event_values(code: int, data: bytes) -> Values:
    """What the bytes between code and check sum say.

    Of a code that is not in the table nobody knows the layout: its bytes stand under ``data``, if there are any. Raises
    BadLength, BadField. The event itself happened all the same: the check sum held.
    """
    if code not in EXCEPTIONS:
        return {"data": data} if data else {}
    fields = RTE_FIELDS.get(code, ())
    if not fields and data:
        raise BadLength(f"Exception {code:02X} carries nothing, {len(data)} bytes came.")
    return read_fields(fields, data, 0, len(data), counted=False)
