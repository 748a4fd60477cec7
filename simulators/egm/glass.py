"""What a player sees behind the glass after a game: reels that stand, cards that lie. Nothing is won or lost by it here."""

from simulators.egm.dice import Dice

STOPS = 22
"Of each reel."
_DECK = tuple(suit << 4 | rank for suit in range(4) for rank in range(13))
"Cards as 8E has them: spades, clubs, hearts, diamonds; two to ace."


class Glass:
    """Has dice of its own, so that it changes nothing in what is played."""

    def __init__(self, dice: Dice, *, reels: int, has_cards: bool) -> None:
        self._dice = dice
        self._has_cards = has_cards
        self.reel_stops = (1,) * reels
        "Left reel first, from 1."
        self.hand = bytes(_DECK[:5])
        "The last hand dealt."

    def show(self) -> None:
        """A game is over."""
        self.reel_stops = tuple(1 + self._dice.below(STOPS) for _ in self.reel_stops)
        if self._has_cards:
            deck = list(_DECK)
            self.hand = bytes(deck.pop(self._dice.below(len(deck))) for _ in range(5))
