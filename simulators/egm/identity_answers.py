"""Polls that ask a machine who it is and how things stand: games, denominations, features, handpay, hopper, glass."""

from collections.abc import Callable, Mapping

from protocols.sas.catalog.denominations import BILLS
from protocols.sas.egm import Answer
from protocols.sas.fields import Value
from protocols.sas.frame import LENGTH_BYTE
from protocols.sas.longpoll import Values
from simulators.egm.bank import BILL_METERS
from simulators.egm.facts import Facts
from simulators.egm.handpays import Handpay

BILL_CODES: Mapping[int, int] = {value: code for code, value in BILLS.items()}
"""Value of a bill -> its code in poll 48."""
LARGEST_BET = 255
NO_HANDPAY = Handpay("none", 0)
HOPPER_OK, HOPPER_EMPTY = 0x00, 0x07
_ASSET_MAY_CHANGE, _LOCATION_MAY_CHANGE = 0x01, 0x02


def _info(it: Facts, game: int = 0) -> dict[str, int | str | bytes]:
    """Of the whole machine: the largest bet and the mean percentage of its games (sas-core 5.3)."""
    persona = it.persona
    titles = [persona.title(n) for n in range(1, persona.games + 1)] if not game else [persona.title(game)]
    return {
        "game_id": persona.game_id,
        "additional_id": persona.additional_id,
        "denomination": persona.denomination_code,
        "max_bet": min(LARGEST_BET, max(title.max_bet for title in titles)),
        "progressive_group": persona.progressive_group,
        "game_options": persona.game_options,
        "paytable_id": titles[0].paytable,
        "base_percentage": f"{sum(int(title.payback) for title in titles) // len(titles):04d}",
    }


def _version(it: Facts, _: Values) -> Answer:
    return {"version": it.persona.version, "serial": it.machine.serial}


def _configuration(it: Facts, values: Values) -> Answer:
    game = it.game(values)
    return None if game is None else {"game": game, **_info(it, game)}


def _extended_game(it: Facts, values: Values) -> Answer:
    game = it.game(values)
    if game is None:
        return None
    persona = it.persona
    titles = [persona.title(game)] if game else [persona.title(n) for n in range(1, persona.games + 1)]
    told: dict[str, Value] = {
        "game": game, "max_bet": min(9999, max(title.max_bet for title in titles)),
        "progressive_group": persona.progressive_group,
        "progressive_levels": bytes([persona.progressive_group != 0, 0, 0, 0]),
        "game_name": (titles[0].name if game else persona.name)[:20], "paytable_name": titles[0].paytable,
        "wager_categories": titles[0].wager_categories if game else 0,
    }  # fmt: skip
    return {**told, "denominations": persona.player_denominations} if persona.is_603 else told


def _features(it: Facts, values: Values) -> Answer:
    game = it.game(values)
    return None if game is None else {"game": game, "features": bytes((*it.persona.features, 0, 0, 0))}


def _enabled_games(it: Facts, _: Values) -> Answer:
    games = {game for game, code in it.machine.enabled if it.denomination in (0, code)}
    return {"games": tuple(sorted(games))}


def _enabled_denominations(it: Facts, _: Values) -> Answer:
    codes = {code for _, code in it.machine.enabled}
    return {"denominations": tuple(code for code in it.persona.player_denominations if code in codes)}


def _cash_out_limit(it: Facts, values: Values) -> Answer:
    game = it.game(values)
    return None if game is None else {"game": game, "limit": min(9999, it.persona.cash_out_limit)}


def _machine_numbers(it: Facts, values: Values) -> Answer:
    persona, machine = it.persona, it.machine
    if not persona.is_603:
        return None
    asset, location = values["asset_number"], str(values["location"])
    assert isinstance(asset, int)
    # With credits on it a machine does not take another number: hosts know that (sas-core 5.3).
    if asset and persona.numbers_flags & _ASSET_MAY_CHANGE and not it.bank.credits:
        machine.asset = asset
    if location and persona.numbers_flags & _LOCATION_MAY_CHANGE:
        machine.location = location
    told: dict[str, Value] = {
        "control_flags": persona.numbers_flags,
        "asset_number": machine.asset,
        "location": machine.location,
    }
    return told if persona.b7_length_byte else {**told, LENGTH_BYTE: 0}


def _last_bill(it: Facts, _: Values) -> Answer:
    value = it.bank.last_bill
    if value is None:
        return {"country": 0, "denomination": 0, "count": 0}
    count = it.bank.shown(BILL_METERS[value], 4)
    return {"country": int(f"{it.persona.bill_country:02x}"), "denomination": BILL_CODES[value], "count": count}


def _handpay(it: Facts, _: Values) -> Answer:
    handpay = it.machine.handpays.shown() or NO_HANDPAY
    return {
        "progressive_group": handpay.group, "level": handpay.level, "amount": handpay.amount, "partial_pay": 0,
        "reset_id": 0, "session_win": 0, "session_pay": 0,
    }  # fmt: skip


def _hopper(it: Facts, _: Values) -> Answer:
    room, level = it.persona.hopper_coins, it.bank.hopper_coins
    if not room:
        return None
    empty = not level or "hopper_empty" in it.machine.cabinet.troubles
    return {"status": HOPPER_EMPTY if empty else HOPPER_OK, "percent": 100 * level // room, "level": level}


def _cards(it: Facts, _: Values) -> Answer:
    if not it.persona.has_cards:
        return None
    return {"hand": 0 if it.machine.is_busy else 1, "cards": it.machine.glass.hand}


def _reels(it: Facts, _: Values) -> Answer:
    if not it.persona.reels:
        return None
    return {"stops": bytes(it.machine.glass.reel_stops).ljust(it.persona.reel_stops_told, b"\xff")}


IDENTITY_ANSWERS: Mapping[int, Callable[[Facts, Values], Answer]] = {
    0x1B: _handpay,
    0x1F: lambda it, _: _info(it),
    0x48: _last_bill,
    0x4F: _hopper,
    0x51: lambda it, _: {"games": it.persona.games},
    0x53: _configuration,
    0x54: _version,
    0x55: lambda it, _: {"game": it.machine.selected_game},
    0x56: _enabled_games,
    0x8E: _cards,
    0x8F: _reels,
    0xA0: _features,
    0xA4: _cash_out_limit,
    0xB1: lambda it, _: {"denomination": it.bank.denomination},
    0xB2: _enabled_denominations,
    0xB3: lambda it, _: {"denomination": it.persona.token_code or it.persona.denomination_code},
    0xB5: _extended_game,
    0xB7: _machine_numbers,
}
