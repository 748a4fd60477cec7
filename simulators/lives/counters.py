"""(pure) The counters of one slot machine place: what its memory holds, what was really counted, and in which era.

A register is what the machine holds and shows; a total is what was truly counted at this place; the era changes
whenever the two part: memory cleared, machine exchanged, credits re-scaled, a register that jumped. Two readings of
one era differ by what was counted between them, modulo the register; those of two eras by nothing anybody knows.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from simulators.egm.dice import Dice

Unit = Literal["credits", "cents", "count", "level"]


class Slot(NamedTuple):
    """One counter of a machine."""

    game: int
    code: int
    unit: Unit
    width: int
    "BCD bytes of a plain answer."


SLOTS = (
    Slot(0, 0x00, "credits", 4), Slot(0, 0x01, "credits", 4), Slot(0, 0x02, "credits", 4),
    Slot(0, 0x03, "credits", 4), Slot(0, 0x05, "count", 4), Slot(0, 0x06, "count", 4),
    Slot(0, 0x0B, "credits", 4), Slot(0, 0x0C, "level", 4), Slot(0, 0x40, "count", 4),
    Slot(0, 0xA0, "cents", 5), Slot(1, 0x00, "credits", 4), Slot(1, 0x05, "count", 4),
)  # fmt: skip
"""Coin in, coin out, jackpots, hand-paid cancelled credits, games, games won, bills, credits now, bills of one value,
cashless in, and coin in and games of the first game of a multi-game machine."""
COIN_IN, COIN_OUT, JACKPOT, CANCELLED, GAMES, WON, BILLS, LEVEL, NOTES, CASHLESS, GAME_IN, GAME_GAMES = range(12)
RISING = tuple(place for place, slot in enumerate(SLOTS) if slot.unit != "level")
WIDE = 6
"Bytes of an extended answer (6F) of a machine that keeps long credits."
AT_ONCE = {"credits": 10_000_000, "count": 10_000, "cents": 100_000_000, "level": 0}
PER_HOUR = {"credits": 1_000_000, "count": 100_000, "cents": 100_000_000, "level": 0}
"The most that a machine of these lives moves at once and in an hour; it is held against the gateway's own bounds."


def most(unit: Unit, elapsed_s: int) -> int:
    """The most a counter of this unit can have moved in this time."""
    return AT_ONCE[unit] + PER_HOUR[unit] * elapsed_s // 3600


class Counters:
    """Registers, totals and eras of one place on the floor."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self.totals = [0] * len(SLOTS)
        self.eras = [0] * len(SLOTS)
        self.registers: list[int] = []
        self.digits = 8
        "Of its credit and count registers: 8; 12 where it keeps long ones; 7 in an old machine, which wraps early."
        self.bet = 1
        self.multi = False
        self.worth = 1
        self.fresh()

    def fresh(self) -> None:
        """Another machine: registers of any age, a bet of its own."""
        dice = self._dice
        kind = dice.below(20)
        self.digits = 12 if kind < 5 else 7 if kind == 5 else 8
        self.bet = (5, 20, 60, 150, 400)[dice.below(5)]
        self.multi = dice.happens(0.3)
        self.worth = (1, 5, 25, 100)[dice.below(4)]
        games = 10 ** (1 + dice.below(7)) * (1 + dice.below(9))
        coin_in = games * self.bet
        self.registers = [
            coin_in, coin_in * 9 // 10, coin_in // 200 * dice.below(3), coin_in // 500 * dice.below(3), games,
            games // 4, coin_in // 7, dice.below(5_000), games // 40, games * dice.below(50), coin_in // 2, games // 2,
        ]  # fmt: skip
        for place in RISING:
            self.registers[place] %= self.modulus(place)
            self.eras[place] += 1

    def modulus(self, place: int) -> int:
        """The first number that this register cannot hold."""
        return int(10 ** (2 * SLOTS[place].width if SLOTS[place].unit == "cents" else self.digits))

    def count(self, place: int, amount: int) -> None:
        """The machine counts."""
        self.totals[place] += amount
        self.registers[place] = (self.registers[place] + amount) % self.modulus(place)

    def play(self, elapsed_s: int, busy: float) -> None:
        """People play for so long; at busy 1.0 a game every six seconds, without a pause."""
        dice = self._dice
        games = int(elapsed_s / 6 * busy * (0.5 + dice.share()))
        if games == 0:
            return
        coin_in = games * self.bet
        out = int(coin_in * (0.75 + 0.3 * dice.share()))
        won = games // 4
        self.count(COIN_IN, coin_in)
        self.count(COIN_OUT, out)
        self.count(GAMES, games)
        self.count(WON, won)
        self.count(BILLS, coin_in // 7)
        self.count(NOTES, games // 40)
        if dice.happens(min(0.5, games / 4_000)):
            self.count(JACKPOT, self.bet * (200 + dice.below(5_000)))
            self.count(CANCELLED, self.bet * dice.below(300))
        if dice.happens(0.3):
            self.count(CASHLESS, 100 * dice.below(1 + games))
        if self.multi:
            self.count(GAME_IN, coin_in // 2)
            self.count(GAME_GAMES, games // 2)
        self.registers[LEVEL] = dice.below(20_000)

    def clear(self) -> None:
        """Memory is cleared; its own self-test leaves some registers a little above zero."""
        for place in RISING:
            self.registers[place] = self._dice.below(40) if self._dice.happens(0.2) else 0
            self.eras[place] += 1

    def rescale(self, worth: int) -> None:
        """The accounting denomination changes: what is counted in credits is shown in credits of the new worth."""
        for place, slot in enumerate(SLOTS):
            if slot.unit == "credits":
                self.registers[place] = self.registers[place] * self.worth // worth % self.modulus(place)
                self.eras[place] += 1
        self.worth = worth

    def jump(self, place: int, value: int) -> None:
        """One register loses its value for good; nothing was counted."""
        self.registers[place] = value
        self.eras[place] += 1
