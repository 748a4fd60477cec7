"""The money of one machine: credits and meters, with the widths and the rollover of the wire.

What is played is kept for each game and each denomination; the machine's meter is their sum.

Every movement of money is one method that moves all meters concerned, so their relations (sas-core 8) hold after any
sequence of calls. What may happen when, is said in `machine.py`; what is told to whom, in `answers.py`.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from protocols.sas.catalog.meter_codes import METERS
from simulators.egm.persona import Persona

COIN_IN, COIN_OUT, JACKPOT = 0x00, 0x01, 0x02
HAND_PAID_CANCELLED, CANCELLED = 0x03, 0x04
GAMES_PLAYED, GAMES_WON, GAMES_LOST = 0x05, 0x06, 0x07
FROM_HOPPER, FROM_BILLS, CREDITS_NOW = 0x09, 0x0B, 0x0C
MACHINE_PAID_WIN, ATTENDANT_PAID_WIN, ATTENDANT_PAID_PROGRESSIVE = 0x1C, 0x1F, 0x20
TOTAL_WON, TOTAL_HAND_PAID, DROP = 0x22, 0x23, 0x24
GAMES_SINCE_POWER, GAMES_SINCE_DOOR = 0x25, 0x26
STACKER_COUNT, STACKER_VALUE = 0x3E, 0x3F
BILLS_TO_DROP = 0x58
PAYBACK = 0x7F
PLAYED = frozenset({0x00, 0x01, 0x02, 0x03, 0x05, 0x06, 0x07, *range(0x1C, 0x23)})
"Kept for each game and denomination; the machine's meter is the sum."
PER_GAME = PLAYED - {HAND_PAID_CANCELLED} | {PAYBACK}
"Meters a machine tells of each game (sas-core 8); 03 has a poll of its own (2D)."

BILL_METERS: Mapping[int, int] = {
    1: 0x40, 2: 0x41, 5: 0x42, 10: 0x43, 20: 0x44, 25: 0x45, 50: 0x46, 100: 0x47, 200: 0x48, 250: 0x49, 500: 0x4A,
    1_000: 0x4B, 2_000: 0x4C, 2_500: 0x4D, 5_000: 0x4E, 10_000: 0x4F, 20_000: 0x50, 25_000: 0x51, 50_000: 0x52,
    100_000: 0x53, 200_000: 0x54, 250_000: 0x55, 500_000: 0x56, 1_000_000: 0x57,
}  # fmt: skip
"Value of a bill in currency units -> count of those accepted."
BILL_DROP_METERS: Mapping[int, int] = {
    1: 0x59, 2: 0x5A, 5: 0x5B, 10: 0x5C, 20: 0x5D, 50: 0x5E, 100: 0x5F, 200: 0x60, 500: 0x61, 1_000: 0x62,
}  # fmt: skip

_ALWAYS = (
    *range(0x0D),                # credits, games, coins (none here: structurally zero), bills, credits now
    0x15, 0x16, 0x17, 0x18,      # tickets and transfers in total: a machine without them reports 0
    *range(0x1C, 0x28),          # kinds of wins, total won, hand paid, drop, games since power and door
    STACKER_COUNT, STACKER_VALUE, BILLS_TO_DROP, PAYBACK,
)  # fmt: skip
LEVELS = frozenset({CREDITS_NOW, GAMES_SINCE_POWER, GAMES_SINCE_DOOR, STACKER_COUNT, STACKER_VALUE, PAYBACK})
"Meters that may fall without anything being wrong."
WIDE_BYTES = 9
_CENTS_BYTES = 5
_USUAL_BYTES = 4


class NotEnoughCredits(Exception):
    """A game was started with fewer credits than it costs; the caller asks `credits` first."""


class BillRefused(Exception):
    """The acceptor does not take this value, or it is no whole number of credits."""


class Bank:
    """Credits and meters. Values are kept without limit; `shown` is what fits on the wire."""

    def __init__(self, persona: Persona) -> None:
        self._persona = persona
        self._titles = tuple(persona.title(game) for game in range(1, persona.games + 1))
        self.game = 1
        "Whose meters move."
        self.denomination = persona.player_denominations[0]
        self._cells: dict[tuple[int, int], dict[int, int]] = {}
        self._categories: dict[tuple[int, int], int] = {}
        self.hopper_coins = persona.hopper_coins
        self.coins_paid = 0
        codes = {*_ALWAYS, *(BILL_METERS[value] for value in persona.bills)}
        codes |= {BILL_DROP_METERS[value] for value in persona.bills if value in BILL_DROP_METERS}
        self._meters: dict[int, int] = dict.fromkeys(sorted(codes - persona.unsupported_meters), 0)
        self._hidden: dict[int, int] = dict.fromkeys(persona.unsupported_meters & codes, 0)
        for code, value in persona.meters_at_start.items():
            self.set_meter(code, value)
        self._put(PAYBACK, self._mean_payback())
        self.slot_door_opened = 0
        self.power_resets = 0
        self.last_bill: int | None = None

    # reading

    @property
    def credits(self) -> int:
        """Credits the player has now."""
        return self.value(CREDITS_NOW)

    def value(self, code: int) -> int:
        """The meter without the limit of its width, whether the model shows it or not. 0 when it does not exist."""
        return self._meters.get(code, self._hidden.get(code, 0))

    def supports(self, code: int) -> bool:
        """False: 6F answers size 00, 2F leaves it out, the single poll stays unanswered."""
        return code in self._meters

    def codes(self) -> Iterator[int]:
        """All meters this machine shows."""
        return iter(self._meters)

    def width(self, code: int) -> int:
        """Bytes of BCD in an extended answer."""
        if self._persona.wide_meters:
            return WIDE_BYTES
        return self.narrow_width(code)

    @staticmethod
    def narrow_width(code: int) -> int:
        """Bytes of BCD in a 2F answer, which has no size bytes: 5 for cents, else 4 (sas-core 8)."""
        return _CENTS_BYTES if 0x0D <= code <= 0x10 or (0x80 <= code <= 0xBD and not code & 1) else _USUAL_BYTES

    def shown(self, code: int, width: int | None = None) -> int:
        """What a reader sees in this many bytes (default: those of an extended answer); the meter wraps there."""
        return int(self.value(code) % 10 ** (2 * (self.width(code) if width is None else width)))

    def of(self, code: int, game: int = 0, denomination: int = 0) -> int | None:
        """The meter of a game (0: all) in a denomination (0: all), without limit. None: not kept so finely."""
        if not game and not denomination:
            return self.value(code)
        if code == PAYBACK and game:
            return int(self._titles[game - 1].payback)
        if code not in PLAYED:
            return None
        return sum(
            cell.get(code, 0)
            for (of_game, of_denomination), cell in self._cells.items()
            if game in (0, of_game) and denomination in (0, of_denomination)
        )

    def wagered(self, game: int, category: int) -> int:
        """Coin in of one wager category of a game, from 1."""
        return self._categories.get((game, category), 0)

    def everything(self) -> dict[int, int]:
        """All shown meters by code, as an extended answer would carry them."""
        return {code: self.shown(code) for code in self._meters}

    # moving money

    def insert_bill(self, value: int) -> int:
        """Accept a bill of so many currency units; returns its credits. Raises BillRefused, and nothing has moved."""
        exact = value / self._persona.credit
        if value not in self._persona.bills or exact.denominator != 1:
            raise BillRefused(f"a bill of {value} is not taken")
        worth = exact.numerator
        for code in (CREDITS_NOW, FROM_BILLS, DROP, STACKER_VALUE, BILLS_TO_DROP):
            self._add(code, worth)
        self._add(STACKER_COUNT, 1)
        self._add(BILL_METERS[value], 1)
        if value in BILL_DROP_METERS:
            self._add(BILL_DROP_METERS[value], 1)
        self.last_bill = value
        return worth

    def wager(self, bet: int) -> None:
        """The player bets; the game's result follows. Raises NotEnoughCredits, and nothing has moved."""
        if not 0 < bet <= self.credits:
            raise NotEnoughCredits(f"a game for {bet} credits with {self.credits} on the machine")
        self._add(CREDITS_NOW, -bet)
        self._add(COIN_IN, bet)
        title = self._titles[self.game - 1]
        if title.wager_categories:
            played = bet // self._persona.units(self.denomination) or 1
            category = 1 + min(title.wager_categories - 1, (played - 1) * title.wager_categories // title.max_bet)
            self._categories[self.game, category] = self.wagered(self.game, category) + bet

    def end_game(self, win: int, *, by_attendant: bool = False) -> None:
        """The game is over. A win the attendant pays moves its meters only when it is paid."""
        self._add(GAMES_PLAYED, 1)
        self._add(GAMES_SINCE_POWER, 1)
        self._add(GAMES_SINCE_DOOR, 1)
        self._add(GAMES_WON if win else GAMES_LOST, 1)
        if win and not by_attendant:
            for code in (CREDITS_NOW, COIN_OUT, MACHINE_PAID_WIN, TOTAL_WON):
                self._add(code, win)

    def pay_jackpot(self, win: int, *, is_progressive: bool = False) -> None:
        """An attendant paid a win by hand and keyed it off."""
        kind = ATTENDANT_PAID_PROGRESSIVE if is_progressive else ATTENDANT_PAID_WIN
        for code in (JACKPOT, kind, TOTAL_WON, TOTAL_HAND_PAID):
            self._add(code, win)

    def cancel_credits(self) -> int:
        """An attendant paid out what is on the machine and keyed it off; returns the credits."""
        sum_paid = self.credits
        self._add(CREDITS_NOW, -sum_paid)
        for code in (HAND_PAID_CANCELLED, CANCELLED, TOTAL_HAND_PAID):
            self._add(code, sum_paid)
        return sum_paid

    def pay_from_hopper(self) -> bool:
        """Pay out what is on the machine in coins. False: no hopper, too much, or no whole number of coins."""
        coins = self.credits * self._persona.credit / self._persona.coin
        enough = coins.denominator == 1 and 0 < coins <= self.hopper_coins
        if not enough or self.credits > self._persona.cash_out_limit:
            return False
        for code in (CANCELLED, FROM_HOPPER):
            self._add(code, self.credits)
        self._put(CREDITS_NOW, 0)
        self.hopper_coins -= coins.numerator
        self.coins_paid += coins.numerator
        return True

    # what is not money

    def set_meter(self, code: int, value: int) -> None:
        """An old machine: the difference is booked on the game and the denomination that are played now."""
        if code in PLAYED:
            cell = self._cell()
            cell[code] = cell.get(code, 0) + value - self.value(code)
        self._put(code, value)

    def account_in(self, persona: Persona, before: Fraction) -> None:
        """Another accounting denomination: every meter in credits, each for itself, is rescaled and rounded down.

        ``persona`` has the new one, ``before`` is what a credit was worth. Only with one player denomination.
        """
        self._persona = persona
        factor = before / persona.credit
        for meters in (self._meters, self._hidden, *self._cells.values()):
            for code in meters:
                if METERS[code].unit == "credits":
                    meters[code] = int(meters[code] * factor)
        self._categories = {key: int(value * factor) for key, value in self._categories.items()}
        self.denomination = persona.player_denominations[0]
        cells: dict[tuple[int, int], dict[int, int]] = {}
        for (game, _), cell in self._cells.items():
            cells[game, self.denomination] = cell
        self._cells = cells
        for code in PLAYED:
            self._put(code, self.of(code, denomination=self.denomination) or 0)

    def change_software(self, persona: Persona) -> None:
        """Other paytables; the meters stay."""
        self._persona = persona
        self._titles = tuple(persona.title(game) for game in range(1, persona.games + 1))
        self._put(PAYBACK, self._mean_payback())

    def empty_stacker(self) -> None:
        """The cashbox was taken out and an empty one put in."""
        self._put(STACKER_COUNT, 0)
        self._put(STACKER_VALUE, 0)

    def open_slot_door(self) -> None:
        """Counted for poll 1C."""
        self.slot_door_opened += 1

    def close_slot_door(self) -> None:
        """Games since the door was closed start again."""
        self._put(GAMES_SINCE_DOOR, 0)

    def reset_power(self) -> None:
        """The machine was switched on again."""
        self.power_resets += 1
        self._put(GAMES_SINCE_POWER, 0)

    def clear(self) -> None:
        """RAM clear: all meters and credits are 0, as from the factory."""
        self._cells.clear()
        self._categories.clear()
        for code in self._meters:
            self._meters[code] = 0
        for code in self._hidden:
            self._hidden[code] = 0
        self._put(PAYBACK, self._mean_payback())
        self.slot_door_opened = self.power_resets = 0
        self.last_bill = None

    def _mean_payback(self) -> int:
        return sum(int(title.payback) for title in self._titles) // len(self._titles)

    def _cell(self) -> dict[int, int]:
        return self._cells.setdefault((self.game, self.denomination), {})

    def _add(self, code: int, amount: int) -> None:
        if code in PLAYED:
            cell = self._cell()
            cell[code] = cell.get(code, 0) + amount
        (self._meters if code in self._meters else self._hidden)[code] = self.value(code) + amount

    def _put(self, code: int, value: int) -> None:
        (self._meters if code in self._meters else self._hidden)[code] = value
