"""Polls that read meters: for the machine, for a game, for a denomination inside B0.

Single meters need no row: they follow from the meters each poll names.
"""

from collections.abc import Callable, Mapping

from protocols.sas.catalog.meter_codes import MeterValue
from protocols.sas.catalog.meters import MACHINE_METERS
from protocols.sas.egm import Answer
from protocols.sas.longpoll import LongPoll, Values
from simulators.egm.bank import BILL_METERS, COIN_IN, HAND_PAID_CANCELLED, PER_GAME, Bank
from simulators.egm.facts import Facts

NARROW = 4
"Bytes of BCD in polls of one meter."
_LIMIT = 10**8


def single(it: Facts, poll: LongPoll) -> Answer:
    """Every meter the poll names; silence when one of them is not kept."""
    if not all(it.bank.supports(code) for code in poll.meters.values()):
        return None
    values = {name: it.bank.of(code, 0, it.denomination) for name, code in poll.meters.items()}
    told = {name: value % _LIMIT for name, value in values.items() if value is not None}
    if len(told) < len(values):
        return None
    if not it.denomination:
        it.book.meters({code: told[name] for name, code in poll.meters.items()})
    return told


def _machine_meters(it: Facts, _: Values) -> Answer:
    told = single(it, MACHINE_METERS)
    assert isinstance(told, dict)
    return {
        **told,
        "slot_door_opened": it.bank.slot_door_opened % _LIMIT,
        "power_reset": it.bank.power_resets % _LIMIT,
    }


def _of_game(it: Facts, values: Values) -> Answer:
    game = it.game(values)
    if game is None:
        return None
    codes = {"coin_in": 0x00, "coin_out": 0x01, "jackpot": 0x02, "games_played": 0x05}
    return {"game": game, **{name: (it.bank.of(code, game) or 0) % _LIMIT for name, code in codes.items()}}


def _hand_paid(it: Facts, values: Values) -> Answer:
    game = it.game(values)
    if game is None:
        return None
    return {"game": game, "hand_paid": (it.bank.of(HAND_PAID_CANCELLED, game) or 0) % _LIMIT}


def _bills_value(it: Facts, _: Values) -> Answer:
    total = sum(value * it.bank.value(BILL_METERS[value]) for value in it.persona.bills)
    return {"bills_value": total % _LIMIT}


def _games_since(it: Facts, _: Values) -> Answer:
    # Two bytes each: what is told wraps earlier than the meters 25 and 26, so the book of meters does not get it.
    return {"since_power_up": it.bank.shown(0x25, 2), "since_door_closed": it.bank.shown(0x26, 2)}


def _wager_category(it: Facts, values: Values) -> Answer:
    game, category = it.game(values), values["category"]
    assert isinstance(category, int)
    if game is None or (category and (not game or category > it.persona.title(game).wager_categories)):
        return None
    coin_in = it.bank.wagered(game, category) if category else it.bank.of(COIN_IN, game) or 0
    payback = it.persona.title(game).payback if game else f"{it.bank.value(0x7F):04d}"
    size = it.bank.width(COIN_IN)
    meter = MeterValue(COIN_IN, size, coin_in % 100**size)
    return {"game": game, "category": category, "payback": payback, "coin_in": meter}


def _extended(it: Facts, values: Values) -> Answer:
    return _listed(it, values, it.bank.width, leave_out=False)


def _selected(it: Facts, values: Values) -> Answer:
    return _listed(it, values, Bank.narrow_width, leave_out=True)


def _listed(it: Facts, values: Values, width: Callable[[int], int], *, leave_out: bool) -> Answer:
    game, codes = it.game(values), values["meters"]
    if game is None or not isinstance(codes, tuple):
        return None
    out: list[MeterValue] = []
    for code in codes:
        fine = bool(game or it.denomination)
        value = it.bank.of(code, game, it.denomination) if it.bank.supports(code) else None
        if value is not None and (not fine or code in PER_GAME):
            out.append(MeterValue(code, width(code), value % 100 ** width(code)))
        elif not leave_out:
            out.append(MeterValue(code, 0, None))
    if not game and not it.denomination:
        it.book.meters({meter.code: meter.value for meter in out if meter.value is not None})
    return {"game": game, "meters": tuple(out)}


def _true_coins(it: Facts, told: Mapping[str, int]) -> Answer:
    return told if it.persona.hopper_coins else None


METER_ANSWERS: Mapping[int, Callable[[Facts, Values], Answer]] = {
    0x18: _games_since,
    0x1C: _machine_meters,
    0x20: _bills_value,
    0x2A: lambda it, _: _true_coins(it, {"true_coin_in": 0}),
    0x2B: lambda it, _: _true_coins(it, {"true_coin_out": it.bank.coins_paid % _LIMIT}),
    0x2C: lambda it, _: _true_coins(it, {"hopper_level": it.bank.hopper_coins}),
    0x2D: _hand_paid,
    0x2F: _selected,
    0x52: _of_game,
    0x6F: _extended,
    0xAF: _extended,
    0xB4: _wager_category,
}
