"""(pure) What polls, answers and events say, in a technician's words. For traces, never for books; nothing raises.

Most values are told by the names of their fields. Words of its own has what would mislead otherwise: amounts whose unit
another field tells, codes of money, polls inside polls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from protocols.errors import FrameError
from protocols.sas.catalog.countries import COUNTRIES
from protocols.sas.catalog.denominations import BILL_ALIASES, BILLS, DENOMINATIONS
from protocols.sas.catalog.exception_codes import EXCEPTIONS
from protocols.sas.catalog.index import BY_CODE, name_of
from protocols.sas.catalog.meter_codes import METERS
from protocols.sas.catalog.state import CANCELLED_CREDITS, NON_PROGRESSIVE, TOP_AWARD, handpay_unit
from protocols.sas.denominated import Refusal, read_reply, read_request
from protocols.sas.longpoll import LongPoll
from protocols.sas.realtime import event_values

Said = Mapping[str, Any]


def request_words(poll: LongPoll, values: Said) -> str:
    """What is asked: the poll's name and what goes with it."""
    tell = _REQUESTS.get(poll.code)
    said = fields_words(values) if tell is None else tell(values)
    return f"{poll.name}{': ' + said if said else ''}"


def reply_words(poll: LongPoll, address: int, values: Said, request: bytes = b"") -> str:
    """What an answer with data says. ``request``: as it was sent, for what stands inside B0."""
    if poll.nested:
        return _inside(address, values, request)
    tell = _REPLIES.get(poll.code)
    return (fields_words(values) if tell is None else tell(values)) or "done"


def exception_words(code: int) -> str:
    """The standard's name of an exception."""
    row = EXCEPTIONS.get(code)
    return f"unknown exception {code:02X}" if row is None else row.name


def event_words(code: int, data: bytes) -> str:
    """An exception by its name, with what its event frame carries."""
    name = exception_words(code)
    try:
        values = event_values(code, data)
    except FrameError as error:
        return f"{name}, with data that cannot be read ({error})"
    tell = _EVENTS.get(code)
    said = fields_words(values) if tell is None else tell(values)
    return f"{name}{': ' + said if said else ''}"


def fields_words(values: Said) -> str:
    """Field by field."""
    return " · ".join(f"{name.replace('_', ' ')} {_value(value, name)}" for name, value in values.items())


def _value(value: Any, name: str = "") -> str:
    if isinstance(value, bytes):
        return value.hex(" ") or "—"
    if isinstance(value, tuple) and hasattr(value, "code"):
        return _meter(value)
    if name == "denomination":
        return _credit(value)
    if name == "denominations" and isinstance(value, tuple):
        return ", ".join(map(_credit, value)) or "—"
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


def _credit(code: int) -> str:
    """A credit's worth by its code, in units of the currency."""
    worth = DENOMINATIONS.get(code)
    if worth is None:
        return f"{code:02X} ({'none' if code == 0 else 'not a denomination'})"
    tens = worth * 10_000
    whole, part = divmod(int(tens), 10_000)
    digits = f"{part:04d}".rstrip("0").ljust(2, "0")
    return f"{whole}.{digits}"


# polls with words of their own ---------------------------------------------------------------------------------------


def _handpay(values: Said) -> str:
    if not any(values.values()):
        return "no handpay"
    level, amount = values["level"], values["amount"]
    kinds = {NON_PROGRESSIVE: "a win", TOP_AWARD: "top award", CANCELLED_CREDITS: "cancelled credits"}
    unit = handpay_unit(level)
    kind = kinds.get(level) or (f"progressive level {level}" if unit == "cents" else f"level {level:02X}, unknown")
    parts = [f"handpay, {kind}: {amount} {unit}"]
    if values["progressive_group"]:
        parts.append(f"group {values['progressive_group']}")
    if values["partial_pay"]:
        parts.append(f"{values['partial_pay']} credits paid before")
    parts.append("may go to the credit meter" if values["reset_id"] == 1 else "only the key resets it")
    if values["session_win"] or values["session_pay"]:
        parts.append(f"session win {values['session_win']}, pay {values['session_pay']}")
    return " · ".join(parts)


def _bill(values: Said) -> str:
    code, country = values["denomination"], values["country"]
    worth = BILLS.get(code, BILL_ALIASES.get(code))
    bill = f"bill of unknown code {code:02X}" if worth is None else f"bill of {worth}"
    return f"{bill}, {COUNTRIES.get(country, f'country {country}')}, {values['count']} of this kind so far"


_HOPPER = {
    0x00: "ok", 0x01: "flooded optics", 0x02: "reverse coin", 0x03: "coin too short", 0x04: "coin jam", 0x05: "runaway",
    0x06: "optics disconnected", 0x07: "empty", 0xFF: "other fault",
}  # fmt: skip


def _hopper(values: Said) -> str:
    status, percent = values["status"], values["percent"]
    full = "fullness unknown" if percent == 0xFF else f"{percent} % full"
    level = f", {values['level']} coins" if "level" in values else ""
    return f"hopper {_HOPPER.get(status, f'status {status:02X}')}, {full}{level}"


_COLLECT_ASKED = {0x00: "seen, keep waiting", 0x01: "collected, go ahead", 0x80: "cannot now"}
_COLLECT_TOLD = {
    0x00: "lifetime meters will be cleared or games remapped", 0x01: "games or denominations will be switched on or off",
    0x80: "nothing is pending",
}  # fmt: skip


def _numbers_asked(values: Said) -> str:
    wanted = []
    if values["asset_number"]:
        wanted.append(f"asset number {values['asset_number']}")
    if values["location"]:
        wanted.append(f"location {_value(values['location'])}")
    return " · ".join(wanted) or "only read"


def _numbers_told(values: Said) -> str:
    flags = values["control_flags"]
    may = [name for bit, name in ((1, "asset number"), (2, "location")) if flags & bit]
    bare = " · without its length byte" if "length_byte" in values else ""
    return (
        f"asset number {values['asset_number']} · location {_value(values['location'])} · "
        f"the host may set {' and '.join(may) or 'neither'}{bare}"
    )


def _inside_asked(values: Said) -> str:
    whom = f"for {_credit(values['denomination'])}" if values["denomination"] else "for the whole machine"
    try:
        _, base, inner = read_request(values)
    except FrameError as error:
        return f"{whom}: {name_of(values['base']) or format(values['base'], '02X')} ({error})"
    return f"{whom}: {request_words(base, inner)}"


def _inside(address: int, values: Said, request: bytes) -> str:
    """What stands inside an answer B0. Which poll it answers is told by the answer, or, for an error, by the request."""
    asked = BY_CODE.get(values["base"] or (request[4] if len(request) > 4 else 0))
    if asked is None or not asked.multi_denom:
        # An error without its poll is an error all the same.
        asked = next(poll for poll in BY_CODE.values() if poll.multi_denom) if values["base"] == 0 else None
    if asked is None:
        return fields_words(values)
    try:
        inner = read_reply(asked, address, values)
    except FrameError as error:
        return f"{asked.name}, cannot be read: {error}"
    if isinstance(inner, Refusal):
        return f"refused: {inner.text}"
    whom = f"for {_credit(values['denomination'])}: " if values["denomination"] else ""
    if inner.status == "data":
        return f"{whom}{reply_words(asked, address, inner.values)}"
    return whom + {"ack": "done", "nack": "refused", "busy": "busy, ask later"}[inner.status]


def _card(values: Said) -> str:
    return f"card {values['card'] & 0x7F} {'held' if values['card'] & 0x80 else 'not held'}"


def _game(values: Said) -> str:
    return f"game {values['game']}" if values["game"] else "the menu"


_REQUESTS: Mapping[int, Callable[[Said], str]] = {
    0x0E: lambda values: (
        "off" if values["enable"] == 0 else "on" if values["enable"] == 1 else f"{values['enable']:02X}"
    ),
    0xB0: _inside_asked,
    0xB6: lambda values: _COLLECT_ASKED.get(values["status"], f"status {values['status']:02X}"),
    0xB7: _numbers_asked,
}
_REPLIES: Mapping[int, Callable[[Said], str]] = {
    0x1B: _handpay,
    0x48: _bill,
    0x4F: _hopper,
    0x55: _game,
    0xB6: lambda values: _COLLECT_TOLD.get(values["status"], f"status {values['status']:02X}"),
    0xB7: _numbers_told,
}
_EVENTS: Mapping[int, Callable[[Said], str]] = {0x4F: _bill, 0x8B: _card, 0x8C: _game}
