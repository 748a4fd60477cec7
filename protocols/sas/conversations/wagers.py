"""Coin in and payback of a game by wager category, so that its theoretical payback can be weighted (sas-core 5.3, B4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from protocols.errors import BadRequest
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.asking import confirmed, number, text
from protocols.sas.conversations.base import NoAnswer, Poll, Script, Steps, Unsupported
from protocols.sas.fields import MeterValue
from protocols.sas.longpoll import Reply

WAGER_CATEGORY = long_poll(0xB4)
CATEGORIES_MOST = 100


class WagerCategory(NamedTuple):
    """One category of bets of a game; category 0 is the whole game."""

    category: int
    payback: str
    "As told: 9250 is 92.50 %."
    coin_in: int | None
    "Credits; None: the machine does not count it, which is not zero."
    size: int
    "Bytes of BCD it came in: it wraps at 100 ** size."


@dataclass(frozen=True, slots=True)
class WagersRead:
    """What was told. Categories stand in the order of their numbers."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "wagers-read"

    game: int
    categories: tuple[WagerCategory, ...]
    unread: tuple[int, ...]
    "Categories that could not be read now, or that the machine says no to."


class ReadWagers(Script):
    """Categories 0 to ``categories`` (as B5 tells) of a game. Outcome: WagersRead; Unsupported; NoAnswer.

    Raises BadRequest for a game outside 0 to 9999 or more than a hundred categories.
    """

    def __init__(self, game: int, categories: int) -> None:
        if not 0 <= game <= 9999 or not 0 <= categories <= CATEGORIES_MOST:
            raise BadRequest("Wager categories are 0 to 100 of a game 0 to 9999.", game=game, categories=categories)
        self._game = game
        self._categories = range(categories + 1)
        super().__init__()

    def steps(self) -> Steps:
        read: list[WagerCategory] = []
        unread: list[int] = []
        for category in self._categories:
            told = yield from confirmed(Poll(WAGER_CATEGORY, {"game": self._game, "category": category}))
            one = _category(category, told) if isinstance(told, Reply) else None
            if one is not None:
                read.append(one)
                continue
            if isinstance(told, Unsupported) and not read:
                return told
            unread.append(category)
            if not isinstance(told, Reply) and told == NoAnswer():
                # Gone or damaged: more of the same is of no use now.
                unread += self._categories[category + 1 :]
                break
        return WagersRead(self._game, tuple(read), tuple(unread)) if read else NoAnswer()


def _category(category: int, told: Reply) -> WagerCategory | None:
    coin_in = told.values.get("coin_in")
    if number(told.values, "category") != category or not isinstance(coin_in, MeterValue):
        return None
    return WagerCategory(category, text(told.values, "payback") or "", coin_in.value, coin_in.size)
