"""(pure) What a real-time event frame carries beside its code, in the members of the hall's event (sas-core 6.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edge.hall.shapes import Json
from protocols.errors import FrameError
from protocols.sas.catalog.denominations import BILL_ALIASES, BILLS
from protocols.sas.longpoll import Values
from protocols.sas.realtime import event_values

SHOWN_MAX = 64
_HELD = 0x80


def bill_value(code: int) -> int | None:
    """Face value of a bill in whole units of the currency; None: a code of no table."""
    return BILLS.get(code, BILL_ALIASES.get(code))


def _bill(values: Values) -> dict[str, Json]:
    data: dict[str, Json] = {"country": _whole(values["country"]), "count": _whole(values["count"])}
    value = bill_value(_whole(values["denomination"]))
    return data if value is None else {**data, "bill_denomination": value}


def _card(values: Values) -> dict[str, Json]:
    card = _whole(values["card"])
    return {"card": card & ~_HELD, "held": bool(card & _HELD)}


def _recall(values: Values) -> dict[str, Json]:
    return {"game": _whole(values["game"]), "entry": _whole(values["index"])}


def _as_told(values: Values) -> dict[str, Json]:
    return {name: _whole(value) for name, value in values.items()}


_MEMBERS: Mapping[int, Callable[[Values], dict[str, Json]]] = {0x4F: _bill, 0x8A: _recall, 0x8B: _card}
"Codes whose members are called otherwise in the hall than on the wire."


def frame_data(code: int, data: bytes) -> Mapping[str, Json]:
    """Members for the event's data; empty where the frame carried nothing. What has no known layout is kept as hex."""
    if not data:
        return {}
    try:
        values = event_values(code, data)
    except FrameError:
        # The event happened all the same: the check sum held.
        return {"frame": data[:SHOWN_MAX].hex()}
    if "data" in values:
        return {"frame": data[:SHOWN_MAX].hex()}
    return _MEMBERS.get(code, _as_told)(values)


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value
