"""(pure) What a machine offers, in hall words (sas-core 5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from edge.field.found import DescriptionFound
from edge.field.translate.features import features_in_words
from edge.hall.shapes import Json
from protocols.sas.conversations.description import Described, GameDescribed
from protocols.sas.events import Outcome

DESCRIPTION_POLLS = frozenset({0x55, 0x56, 0xB1, 0xB2, 0xB3, 0xB5, 0xA4, 0x7E, 0x53, 0xB7})
"What a machine may be asked to describe itself."


def description(
    asset: int, outcome: Outcome, time: datetime, *, features: bytes, games: int
) -> DescriptionFound | None:
    """None: it did not say, or something of it came damaged and would look like a change.

    games: how many it has by poll 51. What the player has selected is no part of it: it changes with every game.
    """
    if not isinstance(outcome, Described) or outcome.damaged:
        return None
    whole = [outcome.machine] if _says_something(outcome.machine) else []
    described: list[Json] = [dict(_game(game)) for game in (*whole, *outcome.games) if _says_something(game)]
    by_denomination: list[Json] = [
        {"denomination": code, "games": list(enabled)} for code, enabled in outcome.enabled_by_denomination
    ]
    told: dict[str, Json] = {
        "game_count": games,
        "games": described,
        "games_left_out": outcome.games_left_out,
        "enabled_games": _list(outcome.enabled_games),
        "enabled_by_denomination": by_denomination,
        "features": list(features_in_words(features)),
        "token_denomination": outcome.token_denomination,
        "player_denominations": _list(outcome.denominations),
        "cash_out_limit": outcome.cash_out_limit,
        "asset_number": outcome.asset_number,
        "floor_location": outcome.location,
    }
    return DescriptionFound(
        asset,
        time,
        told,
        outcome.asset_number,
        unsupported=tuple(sorted(outcome.unsupported)),
        answered=_answered(outcome),
    )


def _answered(outcome: Described) -> tuple[int, ...]:
    told: Mapping[int, object] = {
        0x55: outcome.selected_game,
        0x56: outcome.enabled_games,
        0xB1: outcome.denomination_code,
        0xB2: outcome.denominations,
        0xB3: outcome.token_denomination,
        0xA4: outcome.cash_out_limit,
        0x7E: outcome.clock,
        0xB7: outcome.asset_number,
    }
    return tuple(sorted(code for code, value in told.items() if value is not None and code not in outcome.unsupported))


def _says_something(game: GameDescribed) -> bool:
    return game != GameDescribed(game.number)


def _game(game: GameDescribed) -> Mapping[str, Json]:
    return {
        "game": game.number,
        "game_id": game.game_id,
        "additional_id": game.additional_id,
        "paytable": game.paytable,
        "base_percentage": game.base_percentage,
        "denomination_code": game.denomination_code,
        "max_bet": game.max_bet,
        "progressive_group": game.progressive_group,
        "levels": _list(game.progressive_levels),
        "name": game.name,
        "paytable_name": game.paytable_name,
        "wager_categories": game.wager_categories,
        "denominations": _list(game.denominations),
    }


def _list(values: tuple[int, ...] | None) -> list[Json] | None:
    return None if values is None else list(values)
