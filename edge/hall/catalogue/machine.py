"""Events of who a machine is, what it offers, and whether the way to it was tested. The gateway makes them from answers.

An answer that shows another machine is told before anything else of it is booked.
"""

from edge.hall.catalogue.kind import ASSET, EventKind, own
from edge.hall.shapes import boolean, choice, hexadecimal, integer, nullable, record, several, text

_GENERATION = integer(1, 1_000_000, about="life of this machine's meters, from 1")
_POLLS = several(integer(0, 255, about="code of a SAS long poll"), most=256)
_DENOMINATIONS = several(integer(0, 255, about="code of a denomination"), most=255)

_IDENTITY = {
    "serial": nullable(text(40)),
    "version": nullable(text(10)),
    "game_id": nullable(text(10)),
    "additional_id": nullable(text(10)),
    "paytable": nullable(text(20)),
    "denomination_code": nullable(integer(0, 255)),
    "max_bet": nullable(integer(0, 99_999)),
    "games": nullable(integer(0, 9999)),
    "features": nullable(hexadecimal(16)),
}
_IDENTITY_TOO = {
    "base_percentage": nullable(text(10, about="theoretical payback in hundredths of a percent, as told")),
    "progressive_group": nullable(integer(0, 255)),
}
_GAME = record(
    {
        "game": integer(0, 9999, about="0 is the machine as a whole"),
        "game_id": nullable(text(10)),
        "additional_id": nullable(text(10)),
        "paytable": nullable(text(20)),
        "base_percentage": nullable(text(10)),
        "denomination_code": nullable(integer(0, 255)),
        "max_bet": nullable(integer(0, 99_999)),
        "progressive_group": nullable(integer(0, 255)),
        "levels": nullable(several(integer(1, 32, about="progressive level"), most=32)),
        "name": nullable(text(40)),
        "paytable_name": nullable(text(40)),
        "wager_categories": nullable(integer(0, 9999)),
        "denominations": nullable(_DENOMINATIONS),
    }
)

IDENTITY_KINDS: tuple[EventKind, ...] = (
    own("egm.identified", "Machine identified", "Machine {asset} is serial number {serial}", "system",
        {"asset": ASSET, "generation": _GENERATION, **_IDENTITY, "unsupported": _POLLS,
         "changed": boolean(about="true: something of it differs from what was known")},
        _IDENTITY_TOO,
        priority="normal"),
    own("egm.replaced", "Machine replaced",
        "Machine {asset}: another machine answers here ({serial_before} before, {serial} now)", "fault",
        {"asset": ASSET, "serial_before": text(40), "serial": text(40), "generation": _GENERATION,
         "previous": _GENERATION},
        priority="alarm", live="fault"),
    own("egm.wrong", "Not the machine that is enrolled",
        "Machine {asset}: not the machine that is enrolled ({reason}: {told} instead of {expected})", "fault",
        {
            "asset": ASSET,
            "reason": choice("serial", "no_serial", "asset",
                             about="serial: another serial number; no_serial: it tells none; asset: its own asset number"),
            "expected": nullable(text(40)),
            "told": nullable(text(40)),
            "held": boolean(about="true: nothing is taken from it until a person confirms it"),
            "generation": _GENERATION,
        },
        priority="alarm", live="fault"),
    own("egm.confirmed", "Machine confirmed", "Machine {asset}: serial number {serial} was confirmed", "system",
        {
            "asset": ASSET,
            "serial": nullable(text(40)),
            "reason": choice("serial", "no_serial", "asset", about="what was wrong with it"),
            "central": text(80, about="who confirmed it"),
        },
        priority="high", live="system"),
    own("egm.changed", "Machine set up otherwise", "Machine {asset} is not set up as it was", "fault",
        {
            "asset": ASSET,
            "generation": _GENERATION,
            "differences": several(record({
                "what": choice(*_IDENTITY, *_IDENTITY_TOO),
                "before": nullable(text(40)),
                "after": nullable(text(40)),
            }), most=16),
        },
        priority="alarm", live="fault"),
    own("egm.identity.unknown", "Machine does not say who it is", "Machine {asset} does not say who it is", "fault",
        {"asset": ASSET, "tries": integer(1, 1000),
         "reason": choice("no_answer", "damaged", about="damaged: answers came, none could be used")},
        priority="alarm", live="fault"),
    own("egm.described", "Machine described", "Machine {asset} offers {game_count} games", "system",
        {
            "asset": ASSET,
            "first": boolean(about="true: nothing was known before"),
            "game_count": integer(0, 9999, about="0: it has no numbered games"),
            "games": several(_GAME, most=64, about="as far as they were asked for"),
            "enabled_games": nullable(several(integer(0, 9999), most=255)),
            "games_left_out": integer(0, 9999, about="beyond those that are asked for one by one"),
            "enabled_by_denomination": several(record({
                "denomination": integer(0, 255),
                "games": several(integer(0, 9999), most=255),
            }), most=255),
            "features": several(text(60), most=64, about="in words"),
            "token_denomination": nullable(integer(0, 255)),
            "player_denominations": nullable(_DENOMINATIONS),
            "cash_out_limit": nullable(integer(0, 9999, about="credits the hopper pays at most")),
            "asset_number": nullable(integer(0, 2**32 - 1, about="its own; 0: none set")),
            "floor_location": nullable(text(40)),
        },
        priority="normal"),
)  # fmt: skip

TEST_KINDS: tuple[EventKind, ...] = (
    own("egm.link.tested", "Way to the machine tested", "Machine {asset}: communication test {result}", "link",
        {
            "asset": ASSET,
            "occasion": choice("installation", "replacement", "conversion", "interruption"),
            "result": choice("passed", "partly", "failed",
                             about="passed: identity and every meter; partly: what it knows not was left out"),
            "identity": choice("right", "unknown", "wrong", about="against what is enrolled or known"),
            "serial": nullable(text(40)),
            "polls": integer(about="sent since the link came up"),
            "answers": integer(),
            "misses": integer(),
            "damaged": integer(),
            "meters_read": integer(0, 10_000),
            "meters_unsupported": integer(0, 10_000),
            "meters_unread": integer(0, 10_000, about="could not be read now"),
            "polls_unsupported": _POLLS,
        },
        priority="normal"),
    own("egm.address.contested", "Two machines at one address",
        "Machine {asset}: more than one machine seems to answer at its address", "link",
        {"asset": ASSET, "line": text(40), "second_answers": integer(1, about="in the last minute")},
        priority="alarm", live="fault"),
)  # fmt: skip
