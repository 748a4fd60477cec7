"""Polls that ask a machine who it is and what it can: information, version, features, games, denominations."""

from __future__ import annotations

from protocols.sas.fields import Ascii, Bcd, Binary, Counted, Field, Flags, Rest, Several, SizedMeter, Tail
from protocols.sas.longpoll import Kind, LongPoll

_INFO: tuple[Field, ...] = (
    Ascii("game_id", 2),
    Ascii("additional_id", 3),
    Binary("denomination"),
    Binary("max_bet"),
    Binary("progressive_group"),
    Binary("game_options", 2),
    Ascii("paytable_id", 6),
    Ascii("base_percentage", 4),
)
_GAME = Bcd("game", 4)

MACHINE_INFO = LongPoll(0x1F, "machine ID and information", Kind.R, reply=_INFO, source="sas-core 5.3")
NUMBER_OF_GAMES = LongPoll(0x51, "number of games implemented", Kind.R, reply=(Bcd("games", 4),), source="sas-core 5.3")
GAME_CONFIGURATION = LongPoll(
    0x53, "configuration of game n", Kind.M, (_GAME,), (_GAME, *_INFO), source="sas-core 5.3"
)
SAS_VERSION_AND_SERIAL = LongPoll(
    0x54, "SAS version and serial number", Kind.R,
    reply=(Ascii("version", 3), Rest("serial", 40)), reply_counted=True, source="sas-core 5.3",
)  # fmt: skip
SELECTED_GAME = LongPoll(0x55, "selected game number", Kind.R, reply=(_GAME,), source="sas-core 5.3")
ENABLED_GAMES = LongPoll(
    0x56, "enabled game numbers", Kind.R,
    reply=(Several("games", Bcd("game", 4)),), reply_counted=True, multi_denom=True, source="sas-core 5.3",
)  # fmt: skip
ENABLED_FEATURES = LongPoll(
    0xA0, "enabled features", Kind.M, (_GAME,), (_GAME, Flags("features", 6)), source="sas-core 5.3"
)
CASH_OUT_LIMIT = LongPoll(0xA4, "cash-out limit", Kind.M, (_GAME,), (_GAME, Bcd("limit", 4, "credits")), source="sas-core 5.3")
PLAYER_DENOMINATION = LongPoll(
    0xB1, "current player denomination", Kind.R, reply=(Binary("denomination"),), source="sas-core 5.3"
)
PLAYER_DENOMINATIONS = LongPoll(
    0xB2, "enabled player denominations", Kind.R,
    reply=(Several("denominations", Binary("denomination")),), reply_counted=True, source="sas-core 5.3",
)  # fmt: skip
TOKEN_DENOMINATION = LongPoll(
    0xB3, "token denomination", Kind.R, reply=(Binary("denomination"),), source="sas-core 5.3"
)
WAGER_CATEGORY = LongPoll(
    0xB4, "wager category information", Kind.M, (_GAME, Bcd("category", 4)),
    (_GAME, Bcd("category", 4), Ascii("payback", 4), SizedMeter("coin_in", 0x00)),
    reply_counted=True, source="sas-core 5.3",
)  # fmt: skip
"""Category 0 is the whole game. ``payback`` as in 1F: "9250" is 92.50 %. ``coin_in`` carries its own size."""
EXTENDED_GAME = LongPoll(
    0xB5, "extended information of game n", Kind.M, (_GAME,),
    (
        _GAME, Bcd("max_bet", 4, "credits"), Binary("progressive_group"), Flags("progressive_levels", 4),
        Tail(Counted("game_name", 20)), Tail(Counted("paytable_name", 20)),
        Tail(Bcd("wager_categories", 4)), Tail(Several("denominations", Binary("denomination"))),
    ),
    reply_counted=True, multi_denom=True, source="sas-core 5.3",
)  # fmt: skip
MACHINE_NUMBERS = LongPoll(
    0xB7, "set machine numbers", Kind.S,
    (Binary("asset_number", 4), Counted("location", 40)),
    (Binary("control_flags"), Binary("asset_number", 4), Counted("location", 40)),
    request_counted=True, reply_counted=True, reply_bare_below=4, version="6.03", source="sas-core 5.3",
)  # fmt: skip
"""Asset number 0 and an empty location only read. ``control_flags``: bit 0, the host may change the asset number; bit 1, the
floor location. One maker's machine answers without a length byte (QUIRKS X9): two flag bits are below 4, a length is 6 or more."""

POLLS = (
    MACHINE_INFO, NUMBER_OF_GAMES, GAME_CONFIGURATION, SAS_VERSION_AND_SERIAL, SELECTED_GAME, ENABLED_GAMES,
    ENABLED_FEATURES, CASH_OUT_LIMIT, PLAYER_DENOMINATION, PLAYER_DENOMINATIONS, TOKEN_DENOMINATION, WAGER_CATEGORY,
    EXTENDED_GAME, MACHINE_NUMBERS,
)  # fmt: skip
