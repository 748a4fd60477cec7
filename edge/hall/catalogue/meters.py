"""Events of meters. The gateway makes them from what it asked; no exception does.

A snapshot names the event that caused it (`because`), never the other way round.
"""

from collections.abc import Mapping

from edge.hall.catalogue.kind import ASSET, EventKind, own
from edge.hall.requests import SnapshotReason
from edge.hall.shapes import (
    boolean,
    choice,
    digits,
    event_id,
    integer,
    nullable,
    record,
    several,
    text,
)

VERDICTS = (
    "first", "equal", "delta", "level", "rollover", "ram_clear", "replaced", "denomination_change", "corrupt_read",
    "ambiguous",
)  # fmt: skip
"What a reading is against the one before; the last six are the causes of a falling meter (MTR-03 to MTR-05)."
REASONS: Mapping[SnapshotReason, str] = {
    "first": "the first of a machine that is new here, or stands where another stood",
    "interval": "the regular one",
    "day_end": "just before the gaming day ends; the closing reading of the day",
    "link_up": "its link is up again; what it counted meanwhile is in it",
    "command": "asked for by central or a person",
    "move": "asked for before the machine is moved",
    "last": "asked for as the last one before the machine is taken away",
    "drop": "cashbox or drop: door opened, box removed or put in, bill totals reset",
    "access": "way to logic or validator: door opened, operator menu entered or left",
    "service": "placed in or taken out of service",
    "denomination": "options, denominations, games, program or components changed",
    "before_clear": "the machine waits until its meters were read, to clear them or change its games",
    "after_clear": "its meters were cleared, or its memory was hurt or reset",
    "event": "another significant event: handpay, bill, power, gap, a change given up",
}
"Why a snapshot was taken, with what it means (MTR-07). ``first`` and ``last`` are the flags of MTR-15."

_GENERATION = integer(1, 1_000_000, about="life of this machine's meters, from 1")
CHOICES = ("count", "none", "refuted", "confirmed")
"What became of a doubtful reading; the first two are a person's."
_CODE = integer(0, 0xFFFF, about="SAS meter code")
_REVIEW = integer(1, about="number of the review, by which it is decided")
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
            "reason": choice(*REASONS, about="; ".join(f"{reason}: {why}" for reason, why in REASONS.items())),
            "because": nullable(event_id(about="the event that caused this reading")),
            "coherent": boolean(about="true: all values belong to the same moment"),
            "denomination": nullable(DENOMINATION),
            "readings": several(_READING, most=400),
            "unsupported": several(_CODE, most=400, about="asked for and not known to the machine: not zero"),
        }),
    own("egm.meters.missed", "Meters not read",
        "Machine {asset}: meters could not be read ({why})", "link",
        {
            "asset": ASSET,
            "reason": choice(*REASONS, about="what the reading was for"),
            "because": nullable(event_id(about="the event that caused it")),
            "why": choice("no_answer", "refused", "unsupported", "other",
                          about="the first of a row of readings that fail while its link is up; its values are as old as "
                          "the last snapshot until the next one"),
        }),
    own("egm.meters.review", "Meters need review", "Machine {asset}: meters need a person's decision ({cause})",
        "money",
        {
            "asset": ASSET,
            "generation": _GENERATION,
            "cause": choice("ambiguous", "corrupt_read"),
            "meters": several(record({
                "game": _GAME, "code": _CODE, "before": digits(), "after": digits(), "width": integer(1, 9),
            }, {"denomination": nullable(integer(0, 255)), "review": _REVIEW}), most=400),
        },
        {"snapshot": event_id(about="the snapshot in which it was seen")},
        priority="alarm", live="money"),
    own("egm.meters.decided", "Doubtful reading decided",
        "Machine {asset}: review {review} of its meters is decided ({choice})", "money",
        {
            "asset": ASSET,
            "generation": _GENERATION,
            "review": _REVIEW,
            "game": _GAME,
            "denomination": nullable(integer(0, 255, about="denomination code the game was asked for")),
            "code": _CODE,
            "cause": choice("ambiguous", "corrupt_read"),
            "choice": choice(*CHOICES, about="count: the amount is added, booked in the day of this event; none: nothing is; "
                             "refuted, confirmed: no person was needed, the next reading stood on the old line and was "
                             "counted from there, or where the doubtful one did and has a review of its own"),
            "amount": digits(19, about="what is counted by it, in the unit of the meter; 0 for every choice but count"),
            "comment": text(400, about="why, in the words of whoever decided"),
            "central": text(80, about="who decided; gateway: no person"),
        },
        priority="high", live="money"),
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
