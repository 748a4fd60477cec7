"""What a person or a test can make a machine do, by name, with a number where it takes one.

- ``open_NAME``, ``close_NAME`` for doors (``open_door`` is the slot door); ``begin_NAME``, ``end_NAME`` for any trouble.
- every moment of the cabinet by its name; ``exception CODE``; ``events N``.
- a player: ``bill VALUE``, ``games N``, ``cash_out``, ``select_game N``, ``select_denomination CODE``, ``jackpot CREDITS``,
  ``progressive CREDITS``, ``cancel_handpay``.
- an attendant: ``reset_handpay``, ``power_off``, ``power_on``, ``power_cycle``, ``ram_clear [ADDRESS]``, ``swap_board``,
  ``address N``, ``options``, ``options_menu``, ``denomination CODE``, ``software``, ``memory_error``, ``near_rollover METER``.
- an operator whose changes the host may collect meters before: ``change_meters``, ``change_game N``,
  ``change_denomination CODE``.
- the host by another way: ``enable``, ``disable``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from protocols.sas.catalog.denominations import DENOMINATIONS
from simulators.egm.cabinet import MOMENTS, POWER_APPLIED, POWER_LOST, TROUBLES
from simulators.egm.changes import GAMES, GAMES_CHANGED, METERS, METERS_CLEARED

if TYPE_CHECKING:
    from simulators.egm.machine import Machine

OPTIONS_CHANGED, MENU_ENTERED, MENU_LEFT = 0x3C, 0x84, 0x85
DATA_ERROR, CHECKSUM_CHANGED, COMPONENTS_CHANGED, MEMORY_ERROR_RESET = 0x34, 0x36, 0x8E, 0x3A
ROLLOVER_IN = 10
"Below the end of a meter that is about to roll over."
BOOTS = frozenset({"power_cycle", "ram_clear", "swap_board", "software"})
"After these the machine has just been switched on."


class BadAct(Exception):
    """What was asked of the machine makes no sense now, or is unknown to it."""


Act = Callable[["Machine", float, "int | None"], object]


def do(machine: Machine, what: str, now: float, number: int | None) -> None:
    """Raises BadAct."""
    act = _ACTS.get(what)
    verb, _, name = what.partition("_")
    if act is not None:
        act(machine, now, number)
    elif what in MOMENTS:
        machine.moment(what)
    elif verb in ("open", "begin") and name in TROUBLES:
        machine.begin(name)
    elif verb in ("close", "end") and name in TROUBLES:
        machine.end(name)
    else:
        raise BadAct(f"the machine cannot do {what!r}")


def _needed(number: int | None, what: str) -> int:
    if number is None:
        raise BadAct(f"which {what}?")
    return number


def _exception(machine: Machine, _now: float, number: int | None) -> None:
    if number is None or not 0 < number <= 0xFF:
        raise BadAct("an exception is 1 to 255")
    machine.report(number)


def _events(machine: Machine, _now: float, number: int | None) -> None:
    for _ in range(1 if number is None else number):
        machine.mishaps.happen(machine)


def _power_cycle(machine: Machine, _now: float, _number: int | None) -> None:
    machine.power_off()
    machine.power_on()


def _options_menu(machine: Machine, *changed: int) -> None:
    for code in (MENU_ENTERED, *changed, OPTIONS_CHANGED, MENU_LEFT):
        machine.report(code)


def _address(machine: Machine, _now: float, number: int | None) -> None:
    address = _needed(number, "address")
    if not 0 <= address <= 127:
        raise BadAct("an address is 0 to 127")
    # A machine that lost its address has a memory error to be reset first.
    _options_menu(machine, *([MEMORY_ERROR_RESET] if machine.address == 0 else []))
    machine.set_address(address)


def _ram_clear(machine: Machine, _now: float, number: int | None) -> None:
    address = machine.persona.factory_address if number is None else number
    if address is not None and not 0 <= address <= 127:
        raise BadAct("an address is 0 to 127")
    machine.clear_memory()
    if address is not None:
        machine.set_address(address)


def _boot(machine: Machine, *then: int) -> None:
    for code in (POWER_LOST, POWER_APPLIED, *then):
        machine.report(code)


def _swap_board(machine: Machine, _now: float, _number: int | None) -> None:
    """Another logic board: another serial, and meters that begin at 0. What waited to be told stays in the cabinet."""
    stem, _, count = machine.serial.partition("-")
    machine.serial = f"{stem}-{int(count or 0) + 1}"
    machine.forget()
    _boot(machine)


def _software(machine: Machine, _now: float, _number: int | None) -> None:
    """Other game software: every paytable has another name."""
    persona = machine.persona
    titles = tuple(replace(title, paytable=_next_paytable(title.paytable)) for title in persona.titles)
    machine.persona = replace(persona, titles=titles, paytable=_next_paytable(persona.paytable))
    machine.bank.change_software(machine.persona)
    machine.bank.reset_power()
    _boot(machine, CHECKSUM_CHANGED, *([COMPONENTS_CHANGED] if persona.is_603 else []), OPTIONS_CHANGED)


def _next_paytable(paytable: str) -> str:
    head = paytable.rstrip("0123456789")
    digits = paytable[len(head) :] or "0"
    return f"{head}{(int(digits) + 1) % 10 ** len(digits):0{len(digits)}d}"


def _denomination(machine: Machine, _now: float, number: int | None) -> None:
    """Another accounting denomination: all meters in credits are re-scaled (sas-core 9.5)."""
    code = _needed(number, "denomination")
    value, persona = DENOMINATIONS.get(code), machine.persona
    if value is None or persona.denominations or machine.is_busy or machine.handpay is not None:
        raise BadAct(f"the machine cannot account in denomination {code:02X} now")
    machine.persona = replace(persona, denomination_code=code, credit=value)
    machine.bank.account_in(machine.persona, persona.credit)
    machine.enabled = {(game, code) for game, _ in machine.enabled}
    _options_menu(machine)


def _memory_error(machine: Machine, _now: float, _number: int | None) -> None:
    """34; a machine that loses its address falls silent once the host has heard it."""
    machine.report(DATA_ERROR)


def _near_rollover(machine: Machine, _now: float, number: int | None) -> None:
    code = 0x00 if number is None else number
    if not machine.bank.supports(code):
        raise BadAct(f"there is no meter {code:02X}")
    machine.bank.set_meter(code, 10 ** (2 * machine.bank.width(code)) - ROLLOVER_IN)


def _select_denomination(machine: Machine, _now: float, number: int | None) -> None:
    code = _needed(number, "denomination")
    if code not in machine.persona.player_denominations or machine.is_busy or machine.handpay is not None:
        raise BadAct(f"denomination {code:02X} cannot be selected now")
    machine.bank.denomination = code
    machine.select_game(machine.selected_game)


def _change_meters(machine: Machine, now: float, _number: int | None) -> None:
    if machine.bank.credits or machine.handpay is not None:
        raise BadAct("meters are not cleared while there is money on the machine")
    _change(machine, METERS, machine.bank.clear, METERS_CLEARED, now)


def _change_game(machine: Machine, now: float, number: int | None) -> None:
    game = _needed(number, "game")
    if not 1 <= game <= machine.persona.games:
        raise BadAct(f"there is no game {game}")
    pairs = {(game, code) for code in machine.persona.player_denominations}
    _change(machine, GAMES, lambda: _toggle(machine, pairs), GAMES_CHANGED, now)


def _change_denomination(machine: Machine, now: float, number: int | None) -> None:
    code = _needed(number, "denomination")
    if code not in machine.persona.player_denominations:
        raise BadAct(f"there is no denomination {code:02X}")
    pairs = {(game, code) for game in range(1, machine.persona.games + 1)}
    _change(machine, GAMES, lambda: _toggle(machine, pairs), GAMES_CHANGED, now)


def _toggle(machine: Machine, pairs: set[tuple[int, int]]) -> None:
    machine.enabled = machine.enabled - pairs if pairs & machine.enabled else machine.enabled | pairs


def _change(machine: Machine, kind: int, act: Callable[[], None], told: int, now: float) -> None:
    """With the hand-shake where the machine has it (sas-core 5.8); else at once."""
    if machine.persona.asks_before_changes:
        machine.change.announce(kind, act, now)
    else:
        act()
        machine.report(told if told == METERS_CLEARED or machine.persona.is_603 else OPTIONS_CHANGED)


_ACTS: Mapping[str, Act] = {
    "open_door": lambda it, _, __: it.begin("slot_door"),
    "close_door": lambda it, _, __: it.end("slot_door"),
    "bill": lambda it, _, n: it.insert_bill(5 if n is None else n),
    "jackpot": lambda it, now, n: it.win_jackpot(it.persona.jackpot_from if n is None else n, now),
    "progressive": lambda it, now, n: it.win_jackpot(it.persona.jackpot_from if n is None else n, now, 0x01),
    "games": lambda it, now, n: it.play(1 if n is None else n, now),
    "cash_out": lambda it, now, _: it.cash_out(now),
    "reset_handpay": lambda it, _, __: it.reset_handpay(),
    "cancel_handpay": lambda it, _, __: it.cancel_handpay(),
    "select_game": lambda it, _, n: it.select_game(_needed(n, "game")),
    "select_denomination": _select_denomination,
    "power_off": lambda it, _, __: it.power_off(),
    "power_on": lambda it, _, __: it.power_on(),
    "power_cycle": _power_cycle,
    "ram_clear": _ram_clear,
    "swap_board": _swap_board,
    "software": _software,
    "denomination": _denomination,
    "address": _address,
    "memory_error": _memory_error,
    "near_rollover": _near_rollover,
    "options": lambda it, _, __: it.report(OPTIONS_CHANGED),
    "options_menu": lambda it, _, __: _options_menu(it),
    "change_meters": _change_meters,
    "change_game": _change_game,
    "change_denomination": _change_denomination,
    "enable": lambda it, _, __: setattr(it, "is_enabled", True),
    "disable": lambda it, _, __: setattr(it, "is_enabled", False),
    "exception": _exception,
    "events": _events,
}
