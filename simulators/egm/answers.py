"""Table: long poll -> what this machine answers, from its state. None: it does not know the poll and stays silent.

Lengths, check sums, repeats and the general poll are the port's affair (`protocols.sas.egm`). Polls that only read
single meters need no row here: they follow from the meters each poll names.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from protocols.sas.catalog.denominations import BILLS
from protocols.sas.catalog.meter_codes import MeterValue
from protocols.sas.catalog.meters import MACHINE_METERS
from protocols.sas.egm import Ack, Answer, Busy, Nack
from protocols.sas.longpoll import LongPoll, Values
from simulators.egm.bank import BILL_METERS, Bank
from simulators.egm.book import Book
from simulators.egm.machine import Machine

ACK, NACK = Ack(), Nack()

PER_GAME = frozenset({0x00, 0x01, 0x02, 0x05, 0x06, 0x07, 0x1C, *range(0x1D, 0x23), 0x7F})
"Meters a machine keeps for each game (sas-core 8)."
BILL_CODES: Mapping[int, int] = {value: code for code, value in BILLS.items()}
"Value of a bill -> its code in poll 48."
_NARROW = 4
_DATE, _TIME = "%m%d%Y", "%H%M%S"


class Answers:
    """What one machine says. ``answer`` is given to its port."""

    def __init__(self, machine: Machine, book: Book, now: Callable[[], float]) -> None:
        self._machine = machine
        self._bank: Bank = machine.bank
        self._book = book
        self._now = now
        self.busy_polls: set[int] = set()
        "Polls answered with BUSY for now; a test's switch."
        self.refused_polls: set[int] = set()
        "Polls answered with NACK for now."

    def answer(self, poll: LongPoll, values: Values) -> Answer:
        """The values of the reply, an acknowledgement, or silence."""
        code = poll.code
        if code in self._machine.persona.unsupported_polls:
            return None
        if code in self.busy_polls:
            return Busy()
        if code in self.refused_polls:
            return NACK
        make = _TABLE.get(code)
        if make is not None:
            return make(self, values)
        return self._single_meters(poll) if poll.meters else None

    def _knows_game(self, values: Values) -> bool:
        # A game that does not exist is ignored, not refused (sas-core 1.6).
        game = values["game"]
        return isinstance(game, int) and game <= self._machine.persona.games

    # control

    def _enable(self, enabled: bool) -> Answer:
        self._machine.is_enabled = enabled
        return ACK

    def _take_bills(self, takes: bool) -> Answer:
        self._machine.cabinet.takes_bills = takes
        return ACK

    def _real_time_events(self, values: Values) -> Answer:
        # This machine has no real-time mode: switching it off is done, switching it on is refused.
        return NACK if values.get("enable") else ACK

    def _date_time(self, _: Values) -> Answer:
        moment = self._machine.date_time(self._now())
        return {"date": moment.strftime(_DATE), "time": moment.strftime(_TIME)}

    def _set_date_time(self, values: Values) -> Answer:
        zone = self._machine.date_time(self._now()).tzinfo
        try:
            moment = datetime.strptime(f"{values['date']!s}{values['time']!s}", _DATE + _TIME).replace(tzinfo=zone)
        except ValueError:
            return NACK
        self._machine.set_date_time(moment, self._now())
        return ACK

    # meters

    def _single_meters(self, poll: LongPoll) -> Answer:
        if not all(self._bank.supports(code) for code in poll.meters.values()):
            return None
        told = {name: self._bank.shown(code, _NARROW) for name, code in poll.meters.items()}
        self._book.meters({code: told[name] for name, code in poll.meters.items()})
        return told

    def _machine_meters(self, _: Values) -> Answer:
        told = self._single_meters(MACHINE_METERS)
        assert isinstance(told, dict)
        limit = 10**8
        return {
            **told,
            "slot_door_opened": self._bank.slot_door_opened % limit,
            "power_reset": self._bank.power_resets % limit,
        }

    def _meters_of_game(self, values: Values) -> Answer:
        if not self._knows_game(values):
            return None
        codes = {"coin_in": 0x00, "coin_out": 0x01, "jackpot": 0x02, "games_played": 0x05}
        return {"game": values["game"], **{name: self._bank.shown(code, _NARROW) for name, code in codes.items()}}

    def _hand_paid(self, values: Values) -> Answer:
        if not self._knows_game(values):
            return None
        return {"game": values["game"], "hand_paid": self._bank.shown(0x03, _NARROW)}

    def _bills_value(self, _: Values) -> Answer:
        total = sum(value * self._bank.value(BILL_METERS[value]) for value in self._machine.persona.bills)
        return {"bills_value": total % 10**8}

    def _games_since(self, _: Values) -> Answer:
        return {"since_power_up": self._bank.shown(0x25, 2), "since_door_closed": self._bank.shown(0x26, 2)}

    def _extended(self, values: Values) -> Answer:
        return self._listed(values, self._bank.width, leave_out=False)

    def _selected(self, values: Values) -> Answer:
        return self._listed(values, Bank.narrow_width, leave_out=True)

    def _listed(self, values: Values, width: Callable[[int], int], *, leave_out: bool) -> Answer:
        game, codes = values["game"], values["meters"]
        if not self._knows_game(values) or not isinstance(codes, tuple):
            return None
        told: dict[int, int] = {}
        out: list[MeterValue] = []
        for code in codes:
            assert isinstance(code, int)
            if self._bank.supports(code) and (game == 0 or code in PER_GAME):
                # One game is all this machine has, so the game's meters are the machine's.
                told[code] = self._bank.shown(code, width(code))
                out.append(MeterValue(code, width(code), told[code]))
            elif not leave_out:
                out.append(MeterValue(code, 0, None))
        if game == 0:
            self._book.meters(told)
        return {"game": game, "meters": tuple(out)}

    # identity

    def _info(self) -> dict[str, int | str | bytes]:
        persona = self._machine.persona
        return {
            "game_id": persona.game_id,
            "additional_id": persona.additional_id,
            "denomination": persona.denomination_code,
            "max_bet": min(255, persona.max_bet),
            "progressive_group": persona.progressive_group,
            "game_options": persona.game_options,
            "paytable_id": persona.paytable,
            "base_percentage": persona.payback,
        }

    def _version(self, _: Values) -> Answer:
        return {"version": self._machine.persona.version, "serial": self._machine.serial}

    def _configuration(self, values: Values) -> Answer:
        return {"game": values["game"], **self._info()} if self._knows_game(values) else None

    def _extended_game(self, values: Values) -> Answer:
        if not self._knows_game(values):
            return None
        persona = self._machine.persona
        return {
            "game": values["game"], "max_bet": persona.max_bet, "progressive_group": persona.progressive_group,
            "progressive_levels": bytes(4), "game_name": persona.name[:20], "paytable_name": persona.paytable,
            "wager_categories": 0,
        }  # fmt: skip

    def _features(self, values: Values) -> Answer:
        if not self._knows_game(values):
            return None
        return {"game": values["game"], "features": bytes((*self._machine.persona.features, 0, 0, 0))}

    def _last_bill(self, _: Values) -> Answer:
        value = self._bank.last_bill
        if value is None:
            return {"country": 0, "denomination": 0, "count": 0}
        count = self._bank.shown(BILL_METERS[value], _NARROW)
        return {"country": self._machine.persona.bill_country, "denomination": BILL_CODES[value], "count": count}


_TABLE: Mapping[int, Callable[[Answers, Values], Answer]] = {
    0x01: lambda it, _: it._enable(False),
    0x02: lambda it, _: it._enable(True),
    0x03: lambda it, _: ACK,
    0x04: lambda it, _: ACK,
    0x05: lambda it, _: ACK,
    0x06: lambda it, _: it._take_bills(True),
    0x07: lambda it, _: it._take_bills(False),
    0x0A: lambda it, _: ACK,
    0x0B: lambda it, _: ACK,
    0x0E: Answers._real_time_events,
    0x18: Answers._games_since,
    0x1C: Answers._machine_meters,
    0x1F: lambda it, _: it._info(),
    0x20: Answers._bills_value,
    0x2D: Answers._hand_paid,
    0x2F: Answers._selected,
    0x48: Answers._last_bill,
    0x51: lambda it, _: {"games": it._machine.persona.games},
    0x52: Answers._meters_of_game,
    0x53: Answers._configuration,
    0x54: Answers._version,
    0x55: lambda it, _: {"game": it._machine.selected_game},
    0x56: lambda it, _: {"games": tuple(range(1, it._machine.persona.games + 1))},
    0x6F: Answers._extended,
    0x7E: Answers._date_time,
    0x7F: Answers._set_date_time,
    0xA0: Answers._features,
    0xAF: Answers._extended,
    0xB1: lambda it, _: {"denomination": it._machine.persona.denomination_code},
    0xB2: lambda it, _: {"denominations": (it._machine.persona.denomination_code,)},
    0xB3: lambda it, _: {"denomination": it._machine.persona.denomination_code},
    0xB5: Answers._extended_game,
}
