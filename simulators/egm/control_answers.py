"""Polls that make a machine do something: play, bills, games, clock, real-time events, meters about to change."""

from collections.abc import Callable, Mapping
from datetime import datetime

from protocols.sas.catalog.denominations import BILLS
from protocols.sas.egm import Answer
from protocols.sas.longpoll import Values
from simulators.egm.changes import CANNOT, COLLECTED, SEEN
from simulators.egm.facts import ACK, NACK, Facts

_DATE, _TIME = "%m%d%Y", "%H%M%S"
_BILLS = tuple(BILLS.values())
"Bit 0 of the first byte of 08 stands for the first, and so on (sas-core 5.4)."
_STAYS_ENABLED = 0x01
_SWITCH = (0, 1)


def _enable(it: Facts, on: bool) -> Answer:
    it.machine.is_enabled = on
    return ACK


def _take_bills(it: Facts, on: bool) -> Answer:
    it.machine.cabinet.takes_bills = on
    return ACK


def _configure_bills(it: Facts, values: Values) -> Answer:
    mask, action = values["mask"], values["action"]
    assert isinstance(mask, bytes)
    assert isinstance(action, int)
    bits = int.from_bytes(mask, "little")
    cabinet = it.machine.cabinet
    cabinet.bills_enabled = frozenset(value for bit, value in enumerate(_BILLS) if bits >> bit & 1)
    cabinet.stays_enabled = bool(action & _STAYS_ENABLED)
    return ACK


def _enable_game(it: Facts, values: Values) -> Answer:
    game, on = it.game(values), values["enable"]
    if not game or on not in _SWITCH:
        return NACK
    codes = (it.denomination,) if it.denomination else it.persona.player_denominations
    pairs = {(game, code) for code in codes}
    it.machine.enabled = it.machine.enabled | pairs if on else it.machine.enabled - pairs
    return ACK


def _maintain(it: Facts, on: bool) -> Answer:
    it.machine.is_in_maintenance = on
    return ACK


def _real_time_events(_: Facts, values: Values) -> Answer:
    # The switch itself is in the port.
    return ACK if values["enable"] in _SWITCH else NACK


def _delay_game(it: Facts, values: Values) -> Answer:
    tenths = values["tenths"]
    assert isinstance(tenths, int)
    it.machine.delay_game(tenths / 10, it.lived())
    return ACK


def _auto_rebet(it: Facts, values: Values) -> Answer:
    if values["enable"] not in _SWITCH:
        return NACK
    it.machine.auto_rebet = values["enable"] == 1
    return ACK


def _date_time(it: Facts, _: Values) -> Answer:
    moment = it.machine.clock.read(it.now())
    return {"date": moment.strftime(_DATE), "time": moment.strftime(_TIME)}


def _set_date_time(it: Facts, values: Values) -> Answer:
    if it.persona.clock != "sets":
        return NACK if it.persona.clock == "refuses" else None
    zone = it.machine.clock.read(it.now()).tzinfo
    try:
        moment = datetime.strptime(f"{values['date']!s}{values['time']!s}", _DATE + _TIME).replace(tzinfo=zone)
    except ValueError:
        return NACK
    it.machine.clock.set(moment, it.now())
    return ACK


def _meter_collect(it: Facts, values: Values) -> Answer:
    if not it.persona.asks_before_changes:
        return None
    status = values["status"]
    if status not in (SEEN, COLLECTED, CANNOT):
        return NACK
    assert isinstance(status, int)
    return {"status": it.machine.change.collect(status, it.lived())}


CONTROL_ANSWERS: Mapping[int, Callable[[Facts, Values], Answer]] = {
    0x01: lambda it, _: _enable(it, False),
    0x02: lambda it, _: _enable(it, True),
    0x03: lambda it, _: ACK,
    0x04: lambda it, _: ACK,
    0x05: lambda it, _: ACK,
    0x06: lambda it, _: _take_bills(it, True),
    0x07: lambda it, _: _take_bills(it, False),
    0x08: _configure_bills,
    0x09: _enable_game,
    0x0A: lambda it, _: _maintain(it, True),
    0x0B: lambda it, _: _maintain(it, False),
    0x0C: lambda it, _: ACK,
    0x0D: lambda it, _: ACK,
    0x0E: _real_time_events,
    0x2E: _delay_game,
    0x7E: _date_time,
    0x7F: _set_date_time,
    0xAA: _auto_rebet,
    0xB6: _meter_collect,
}
