"""How things stand in a machine: last bill, hopper, selected game and denomination, cards, reels. Nothing is consumed.

Source: sas-core 4.2, 5.3, 5.5. Codes are kept as they came beside their meaning; a meaning nobody knows is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from protocols.sas.catalog.denominations import BILL_ALIASES, BILLS
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.asking import NEIGHBOURS, Survey, confirmed, number, raw
from protocols.sas.conversations.base import NoAnswer, Poll, Script, Steps, Unsupported
from protocols.sas.longpoll import Reply

LAST_BILL = Poll(long_poll(0x48))
HOPPER = Poll(long_poll(0x4F))
SELECTED_GAME = Poll(long_poll(0x55))
PLAYER_DENOMINATION = Poll(long_poll(0xB1))
CARDS = Poll(long_poll(0x8E))
REELS = Poll(long_poll(0x8F))

HopperStatus: TypeAlias = Literal[
    "ok",
    "flooded_optics",
    "reverse_coin",
    "coin_too_short",
    "coin_jam",
    "runaway",
    "optics_disconnected",
    "empty",
    "other",
]
HOPPER_STATUS: tuple[HopperStatus, ...] = (
    "ok", "flooded_optics", "reverse_coin", "coin_too_short", "coin_jam", "runaway", "optics_disconnected", "empty",
)  # fmt: skip
"""By code; 08 to FE are reserved, FF is other."""
UNUSED_REEL = 0xFF

Suit: TypeAlias = Literal["spades", "clubs", "hearts", "diamonds", "joker"]
_SUITS: tuple[Suit, ...] = ("spades", "clubs", "hearts", "diamonds", "joker")
_RANKS = ("2", "3", "4", "5", "6", "7", "8", "9", "10", "jack", "queen", "king", "ace", "joker")


@dataclass(frozen=True, slots=True)
class BillRead:
    """The bill accepted last."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "bill-read"

    country: int
    "Decimal number of the list of countries; 0: unknown."
    code: int
    "The byte as it came."
    value: int | None
    """Whole units of the currency; None: a code of no table, or no bill yet (count 0). 0A to 0F are read as binary
    numbers, everything else as packed BCD (QUIRKS X3)."""
    count: int
    "Bills of this kind accepted so far."


@dataclass(frozen=True, slots=True)
class HopperRead:
    """How the hopper stands."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "hopper-read"

    code: int
    percent: int | None
    "How full; None: the machine does not know."
    level: int | None
    "Coins; None: it does not tell."

    @property
    def status(self) -> HopperStatus:
        return HOPPER_STATUS[self.code] if self.code < len(HOPPER_STATUS) else "other"


@dataclass(frozen=True, slots=True)
class SelectionRead:
    """What the player has selected."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "selection-read"

    game: int | None
    "0: the menu; None: not told."
    denomination_code: int | None
    "None: not told."
    unsupported: frozenset[int] = frozenset()
    "Of 55 and B1, what the machine does not know."
    damaged: frozenset[int] = frozenset()
    "Of 55 and B1, what could not be heard now."


class Card(NamedTuple):
    """A playing card; None: a code that means other, or nothing."""

    code: int
    suit: Suit | None
    rank: str | None


@dataclass(frozen=True, slots=True)
class CardsRead:
    """A hand, from left to right."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "cards-read"

    hand: Literal["dealt", "final", "other"]
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class ReelsRead:
    """Stop of each reel, the left one first: nine places, five in older machines (QUIRKS X5)."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "reels-read"

    stops: tuple[int | None, ...]
    "None: no such reel."


class ReadLastBill(Script):
    """Outcome: BillRead; Unsupported (older machines ignore the poll); NoAnswer; Refused when it stays busy."""

    def steps(self) -> Steps:
        told = yield from confirmed(LAST_BILL)
        if not isinstance(told, Reply):
            return told
        code = number(told.values, "denomination") or 0
        count = number(told.values, "count") or 0
        value = BILLS.get(code, BILL_ALIASES.get(code)) if count else None
        return BillRead(number(told.values, "country") or 0, code, value, count)


class ReadHopper(Script):
    """Outcome: HopperRead; Unsupported; NoAnswer; Refused when it stays busy."""

    def steps(self) -> Steps:
        told = yield from confirmed(HOPPER)
        if not isinstance(told, Reply):
            return told
        percent = number(told.values, "percent")
        return HopperRead(
            code=number(told.values, "status") or 0,
            percent=percent if percent is not None and percent <= 100 else None,
            level=number(told.values, "level"),
        )


class ReadSelection(Script):
    """Outcome: SelectionRead; Unsupported when the machine knows neither poll; NoAnswer."""

    def steps(self) -> Steps:
        survey = Survey()
        yield from survey.ask((SELECTED_GAME, PLAYER_DENOMINATION))
        for neighbour in NEIGHBOURS:
            if not survey.found and survey.is_silent():
                # Silent to both, as most machines with one game are: is it there at all?
                yield from survey.ask((neighbour,))
        yield from survey.finish()
        asked = frozenset((SELECTED_GAME.poll.code, PLAYER_DENOMINATION.poll.code))
        selection = SelectionRead(
            game=number(survey.told(SELECTED_GAME.poll.code), "game"),
            denomination_code=number(survey.told(PLAYER_DENOMINATION.poll.code), "denomination"),
            unsupported=asked & survey.unsupported,
            damaged=asked & survey.damaged,
        )
        if selection.game is None and selection.denomination_code is None:
            return Unsupported() if selection.unsupported == asked else NoAnswer()
        return selection


class ReadCards(Script):
    """Outcome: CardsRead; Unsupported; NoAnswer; Refused when it stays busy."""

    def steps(self) -> Steps:
        told = yield from confirmed(CARDS)
        if not isinstance(told, Reply):
            return told
        hand = number(told.values, "hand")
        return CardsRead(
            "dealt" if hand == 0 else "final" if hand == 1 else "other",
            tuple(_card(code) for code in raw(told.values, "cards")),
        )


class ReadReels(Script):
    """Outcome: ReelsRead; Unsupported; NoAnswer; Refused when it stays busy."""

    def steps(self) -> Steps:
        told = yield from confirmed(REELS)
        if not isinstance(told, Reply):
            return told
        return ReelsRead(tuple(None if stop == UNUSED_REEL else stop for stop in raw(told.values, "stops")))


def _card(code: int) -> Card:
    suit, rank = code >> 4, code & 0x0F
    return Card(code, _SUITS[suit] if suit < len(_SUITS) else None, _RANKS[rank] if rank < len(_RANKS) else None)
