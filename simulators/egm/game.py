"""What a game costs and what it pays. Seeded, no time inside: `machine.py` says when a game is played."""

from dataclasses import dataclass
from typing import NamedTuple

from simulators.egm.dice import Dice


class Round(NamedTuple):
    """One game from bet to result, in credits."""

    wager: int
    win: int


@dataclass(frozen=True, slots=True)
class GameRules:
    """How generous the game is. The defaults pay back about nine tenths of the turnover."""

    hit: float = 0.22
    "Share of games that win."
    multiples: tuple[int, ...] = (1, 1, 1, 2, 2, 2, 3, 3, 5, 10)
    "What a win pays, in wagers, each with the same chance."
    top: float = 0.0005
    "Share of games that win the top award."
    top_award: int = 5_000
    "Credits."


class Game:
    """A game with its own row of dice: the same seed plays the same games."""

    def __init__(self, dice: Dice, max_bet: int, rules: GameRules | None = None) -> None:
        self._dice = dice
        self._max_bet = max_bet
        self._rules = rules or GameRules()

    def play(self, on_machine: int) -> Round | None:
        """The next game a player with these credits plays; None when there is not even one credit."""
        limit = min(self._max_bet, on_machine)
        if limit < 1:
            return None
        wager = 1 + self._dice.below(limit)
        if self._dice.happens(self._rules.top):
            return Round(wager, self._rules.top_award)
        if self._dice.happens(self._rules.hit):
            return Round(wager, wager * self._rules.multiples[self._dice.below(len(self._rules.multiples))])
        return Round(wager, 0)
