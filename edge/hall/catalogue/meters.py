"""Events of meters. The gateway makes them from what it asked; no exception does.

A snapshot names the event that caused it (`because`), never the other way round.
"""

from edge.hall.catalogue.kind import ASSET, EventKind, own
from edge.hall.shapes import (
    boolean,
    choice,
    digits,
    event_id,
    integer,
    nullable,
    record,
    several,
)

VERDICTS = (
    "first", "equal", "delta", "level", "rollover", "ram_clear", "replaced", "denomination_change", "corrupt_read",
    "ambiguous",
)  # fmt: skip
"What a reading is against the one before; the last six are the causes of a falling meter (MTR-03 to MTR-05)."
REASONS = ("first", "interval", "event", "command", "link_up", "stop")

_GENERATION = integer(1, 1_000_000, about="life of this machine's meters, from 1")
_CODE = integer(0, 0xFFFF, about="SAS meter code")
_GAME = integer(0, 9999, about="0 is the machine as a whole")
DENOMINATION = record(
    {
        "code": integer(0, 255),
        "numerator": integer(1, about="minor units per credit, above the line"),
        "denominator": integer(1, about="minor units per credit, below the line"),
    }
)
_READING = record(
    {
        "game": _GAME,
        "denomination": nullable(integer(0, 255, about="denomination code the game was asked for")),
        "code": _CODE,
        "value": digits(),
        "width": integer(1, 9, about="bytes of BCD as received; the meter wraps at 10^(2 x width)"),
        "delta": nullable(digits(about="growth since the last booked reading; null: none may be counted")),
        "verdict": choice(*VERDICTS),
    }
)
_CODES = several(_CODE, most=400)

METER_KINDS: tuple[EventKind, ...] = (
    own("egm.meters.snapshot", "Meter snapshot", "Machine {asset}: meters read ({reason})", "meters",
        {
            "asset": ASSET,
            "generation": _GENERATION,
            "reason": choice(*REASONS),
            "because": nullable(event_id(about="the event that caused this reading")),
            "coherent": boolean(about="true: all values belong to the same moment"),
            "denomination": nullable(DENOMINATION),
            "readings": several(_READING, most=400),
            "unsupported": several(_CODE, most=400, about="asked for and not known to the machine: not zero"),
        }),
    own("egm.meters.review", "Meters need review", "Machine {asset}: meters need a person's decision ({cause})",
        "money",
        {
            "asset": ASSET,
            "generation": _GENERATION,
            "cause": choice("ambiguous", "corrupt_read"),
            "meters": several(record({
                "game": _GAME, "code": _CODE, "before": digits(), "after": digits(), "width": integer(1, 9),
            }), most=400),
        },
        {"snapshot": event_id(about="the snapshot in which it was seen")},
        priority="alarm", live="money"),
    own("egm.generation.opened", "New meter generation",
        "Machine {asset}: meters start generation {generation} ({cause})", "money",
        {
            "asset": ASSET,
            "generation": _GENERATION,
            "previous": _GENERATION,
            "cause": choice("ram_clear", "replaced"),
            "last_snapshot": nullable(event_id(about="the last good snapshot of the generation before")),
        },
        {"first_snapshot": event_id(about="the first snapshot of the new one")},
        priority="alarm", live="money"),
    own("egm.meters.collected", "Meters collected before a change",
        "Machine {asset}: meters were collected before its change ({machine})", "money",
        {
            "asset": ASSET,
            "because": nullable(event_id(about="the announcement")),
            "answer": choice("go_ahead", "not_now", about="what we told the machine (SAS B6)"),
            "machine": choice("meters_will_be_cleared", "games_will_change", "nothing_pending", "other", "no_answer",
                              about="what it said to that"),
        },
        priority="high", live="money"),
    own("egm.denomination.changed", "Accounting denomination changed",
        "Machine {asset}: accounting denomination changed", "money",
        {"asset": ASSET, "before": nullable(DENOMINATION), "after": nullable(DENOMINATION)},
        priority="alarm", live="money"),
)  # fmt: skip
