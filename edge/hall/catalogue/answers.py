"""Events made from what a machine answered when it was asked because of an exception: amounts, bills, hopper, selection.

Each names the event that was the reason for asking (`because`), and stands after it in the log.
"""

from edge.hall.catalogue.kind import ASSET, EventKind, own
from edge.hall.catalogue.meters import DENOMINATION
from edge.hall.shapes import choice, event_id, integer, nullable, text

_BECAUSE = nullable(event_id(about="the event that was the reason for asking"))

ANSWER_KINDS: tuple[EventKind, ...] = (
    own("egm.handpay.recorded", "Handpay amount", "Machine {asset}: handpay of {amount} {unit} ({kind})", "money",
        {
            "asset": ASSET,
            "because": nullable(event_id(about="the handpay.pending event; null: its record was found without one")),
            "kind": choice("jackpot", "progressive", "cancelled_credits", "other",
                           about="other: a level that the standard does not name"),
            "amount": integer(0, 9_999_999_999, about="as the machine told it, in `unit`"),
            "unit": choice("credits", "cents", about="cents: hundredths of a unit of the currency"),
            "denomination": nullable(DENOMINATION),
            "currency": text(3, about="ISO 4217"),
            "minor": nullable(integer(about="worth in minor units of the currency; null: not known, or not whole")),
            "partial_pay": integer(0, 9999, about="credits the machine has paid of it already"),
            "progressive_group": integer(0, 255, about="0: none, stand-alone or linked"),
            "level": integer(0, 255, about="as told: 0 none, 1 to 32 progressive level, 64 top award, 128 cancelled"),
            "reset_id": integer(0, 255, about="as told: 0 key-off at the machine only, 1 pay to credit meter possible"),
        },
        {
            "session_win": integer(0, 9_999_999_999),
            "session_pay": integer(0, 9_999_999_999),
        },
        priority="alarm", live="money"),
    own("egm.handpay.unknown", "Handpay amount unknown", "Machine {asset}: amount of a handpay is not known ({reason})",
        "money",
        {
            "asset": ASSET,
            "because": nullable(event_id(about="the handpay.pending event")),
            "reason": choice("no_record", "unsupported", "no_answer", "replaced", "ram_clear"),
        },
        priority="alarm", live="money"),
    own("egm.bill.recorded", "Bill as the machine booked it", "Machine {asset}: bill of {value} accepted", "money",
        {
            "asset": ASSET,
            "because": _BECAUSE,
            "country": integer(0, 99, about="country of the bill (SAS appendix C); 0 unknown"),
            "value": nullable(integer(0, 1_000_000, about="face value in whole units; null: a code of no table")),
            "code": integer(0, 255, about="the machine's own code of the bill"),
            "count": integer(0, 99_999_999, about="bills of this kind accepted so far"),
        },
        priority="high", live="money"),
    own("egm.hopper.recorded", "Hopper status", "Machine {asset}: hopper {status}", "fault",
        {
            "asset": ASSET,
            "because": _BECAUSE,
            "status": choice("ok", "flooded_optics", "reverse_coin", "coin_too_short", "coin_jam", "runaway",
                             "optics_disconnected", "empty", "other"),
            "code": integer(0, 255, about="the machine's own code of the status"),
            "percent": nullable(integer(0, 100, about="how full; null: not known")),
            "coins": nullable(integer(0, 99_999_999, about="level in coins; null: not told")),
        },
        priority="high", live="fault"),
    own("egm.selection.recorded", "Game selected", "Machine {asset}: game {game} is selected", "play",
        {
            "asset": ASSET,
            "because": _BECAUSE,
            "game": nullable(integer(0, 9999, about="0: the menu; null: not told")),
            "denomination": nullable(integer(0, 255, about="code of the player's denomination; null: not told")),
        },
        priority="low", shed="drop_first"),
)  # fmt: skip
