"""What a machine offers: games, denominations, limits, clock, its own number and place. Asked when it was identified.

Asks only what consumes nothing and writes nothing (sas-core 5.3, 9.1).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations import inside
from protocols.sas.conversations.asking import Survey, number, numbers, raw, text
from protocols.sas.conversations.base import Answer, NoAnswer, Poll, Script, Steps
from protocols.sas.conversations.identity import MULTI_DENOMINATION_BIT
from protocols.sas.longpoll import Reply, Values

SELECTED_GAME = Poll(long_poll(0x55))
ENABLED_GAMES = Poll(long_poll(0x56))
PLAYER_DENOMINATION = Poll(long_poll(0xB1))
PLAYER_DENOMINATIONS = Poll(long_poll(0xB2))
TOKEN_DENOMINATION = Poll(long_poll(0xB3))
CLOCK = Poll(long_poll(0x7E))
MACHINE_NUMBERS = Poll(long_poll(0xB7), {"asset_number": 0, "location": ""})
"""Zero and empty only read."""
CASH_OUT_LIMIT = Poll(long_poll(0xA4), {"game": 0})
CONFIGURATION = long_poll(0x53)
EXTENDED = long_poll(0xB5)

NUMBERS_SINCE = "603"
GAMES_MOST = 32
"""So many games are asked for one by one unless told otherwise: two polls each, in between which meters wait."""
IN_VAIN_MOST = 3
"""After so many games in a row without an answer to a poll it is not asked of the others."""


@dataclass(frozen=True, slots=True)
class GameDescribed:
    """One game, or with number 0 the machine as a whole. None: not told."""

    number: int
    game_id: str | None = None
    additional_id: str | None = None
    denomination_code: int | None = None
    paytable: str | None = None
    base_percentage: str | None = None
    "As told: 9250 is 92.50 %."
    max_bet: int | None = None
    "Credits. From B5 where it is told there; from 53 it ends at 255, which means that or more."
    progressive_group: int | None = None
    progressive_levels: tuple[int, ...] | None = None
    "Enabled levels, 1 to 32."
    name: str | None = None
    paytable_name: str | None = None
    wager_categories: int | None = None
    denominations: tuple[int, ...] | None = None
    "Codes of the denominations the game can be configured for (6.03)."


@dataclass(frozen=True, slots=True)
class Described:
    """What a machine offers. None: not told; unsupported and damaged say why."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "described"

    selected_game: int | None
    "0: the menu."
    enabled_games: tuple[int, ...] | None
    denomination_code: int | None
    "The player's, selected now."
    denominations: tuple[int, ...] | None
    "Codes the player may select."
    token_denomination: int | None
    cash_out_limit: int | None
    "Credits the hopper pays at most without an attendant."
    clock: tuple[str, str] | None
    "MMDDYYYY and HHMMSS as the machine says."
    asset_number: int | None
    "0: none set."
    location: str | None
    may_set: tuple[bool, bool] | None
    "Whether the host may change the asset number, and the floor location."
    machine: GameDescribed
    "The extended information of game 0."
    games: tuple[GameDescribed, ...]
    games_left_out: int
    "Games beyond the bound, which were not asked for."
    enabled_by_denomination: tuple[tuple[int, tuple[int, ...]], ...]
    "(denomination code, enabled games), where the machine can be asked for one denomination."
    unsupported: frozenset[int]
    "Long polls this machine is silent to, or says no to, while it answers others."
    damaged: frozenset[int]
    "Long polls whose answers could not be used or were not heard: ask again later."


class Describe(Script):
    """Outcome: Described, or NoAnswer when nothing was told.

    games: as poll 51 says; 0: no numbered games. features: A0 as Identified gives it. version: as 54 says. numbers: ask for
    asset number and place; None: where the version is 603 or later. games_most: so many games are described.
    """

    def __init__(
        self,
        games: int,
        features: bytes = b"",
        *,
        version: str | None = None,
        numbers: bool | None = None,
        games_most: int = GAMES_MOST,
    ) -> None:
        self._games = range(1, min(games, games_most) + 1)
        self._left_out = max(0, games - games_most)
        self._denominated = len(features) >= 2 and bool(features[1] & MULTI_DENOMINATION_BIT)
        known = version or ""
        self._numbers = known.isdecimal() and known >= NUMBERS_SINCE if numbers is None else numbers
        super().__init__()

    def steps(self) -> Steps:
        survey = Survey()
        questions = [SELECTED_GAME, ENABLED_GAMES, PLAYER_DENOMINATION, PLAYER_DENOMINATIONS, TOKEN_DENOMINATION]
        questions += [Poll(EXTENDED, {"game": 0}), CASH_OUT_LIMIT, CLOCK]
        if self._numbers:
            questions.append(MACHINE_NUMBERS)
        yield from survey.ask(questions)
        yield from self._ask_games(survey)
        by_denomination = yield from self._ask_denominations(survey)
        if not (yield from survey.finish()):
            return NoAnswer()
        clock, plate = survey.told(CLOCK.poll.code), survey.told(MACHINE_NUMBERS.poll.code)
        flags = number(plate, "control_flags")
        date, time = text(clock, "date"), text(clock, "time")
        return Described(
            selected_game=number(survey.told(SELECTED_GAME.poll.code), "game"),
            enabled_games=numbers(survey.told(ENABLED_GAMES.poll.code), "games"),
            denomination_code=number(survey.told(PLAYER_DENOMINATION.poll.code), "denomination"),
            denominations=numbers(survey.told(PLAYER_DENOMINATIONS.poll.code), "denominations"),
            token_denomination=number(survey.told(TOKEN_DENOMINATION.poll.code), "denomination"),
            cash_out_limit=number(survey.told(CASH_OUT_LIMIT.poll.code), "limit"),
            clock=None if date is None or time is None else (date, time),
            asset_number=number(plate, "asset_number"),
            location=text(plate, "location"),
            may_set=None if flags is None else (bool(flags & 1), bool(flags & 2)),
            machine=_game(0, {}, survey.told(EXTENDED.code, 0)),
            games=tuple(
                _game(n, survey.told(CONFIGURATION.code, n), survey.told(EXTENDED.code, n)) for n in self._games
            ),
            games_left_out=self._left_out,
            enabled_by_denomination=tuple(by_denomination),
            unsupported=frozenset(survey.unsupported),
            damaged=frozenset(survey.damaged),
        )

    def _ask_games(self, survey: Survey) -> Generator[Poll, Answer, None]:
        # B5 after silence to game 0 is not asked for each game; 53 has to be tried.
        polls = [CONFIGURATION] if survey.told(EXTENDED.code, 0) == {} else [CONFIGURATION, EXTENDED]
        in_vain = dict.fromkeys((poll.code for poll in polls), 0)
        for game in self._games:
            for poll in polls:
                if in_vain[poll.code] >= IN_VAIN_MOST:
                    continue
                yield from survey.ask((Poll(poll, {"game": game}),))
                in_vain[poll.code] = 0 if survey.told(poll.code, game) else in_vain[poll.code] + 1

    def _ask_denominations(self, survey: Survey) -> Generator[Poll, Answer, list[tuple[int, tuple[int, ...]]]]:
        enabled: list[tuple[int, tuple[int, ...]]] = []
        codes = numbers(survey.told(PLAYER_DENOMINATIONS.poll.code), "denominations") or ()
        in_vain = 0
        for code in dict.fromkeys(codes) if self._denominated else ():
            if in_vain >= IN_VAIN_MOST:
                break
            answer = yield inside.question(ENABLED_GAMES.poll, {}, code)
            reply = answer.reply and inside.unwrapped(ENABLED_GAMES.poll, code, answer.reply)
            games = numbers(reply.values, "games") if isinstance(reply, Reply) else None
            in_vain = 0 if games is not None else in_vain + 1
            if games is not None:
                enabled.append((code, games))
        return enabled


def _game(game: int, configuration: Values, extended: Values) -> GameDescribed:
    max_bet = number(extended, "max_bet")
    group = number(extended, "progressive_group")
    return GameDescribed(
        number=game,
        game_id=text(configuration, "game_id"),
        additional_id=text(configuration, "additional_id"),
        denomination_code=number(configuration, "denomination"),
        paytable=text(configuration, "paytable_id"),
        base_percentage=text(configuration, "base_percentage"),
        max_bet=number(configuration, "max_bet") if max_bet is None else max_bet,
        progressive_group=number(configuration, "progressive_group") if group is None else group,
        progressive_levels=_levels(extended),
        name=text(extended, "game_name"),
        paytable_name=text(extended, "paytable_name"),
        wager_categories=number(extended, "wager_categories"),
        denominations=numbers(extended, "denominations"),
    )


def _levels(extended: Values) -> tuple[int, ...] | None:
    """Bit 0 of the first byte is level 1."""
    if "progressive_levels" not in extended:
        return None
    mask = int.from_bytes(raw(extended, "progressive_levels"), "little")
    return tuple(level for level in range(1, 33) if mask >> (level - 1) & 1)
