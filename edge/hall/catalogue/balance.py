"""Events of the self-audit: the meters of a machine do not agree with each other, or agree again (MTR-09 to MTR-11).

A residual is told once; again only when it is another one. What is compared with what is in `edge.rules.balance`.
"""

from collections.abc import Mapping

from edge.hall.catalogue.kind import ASSET, EventKind, own
from edge.hall.shapes import Schema, choice, event_id, integer, nullable, record, several

RULES = ("credits", "bills", "games", "denominations")


def _signed(about: str) -> Schema:
    return {"type": "string", "pattern": r"^(0|-?[1-9][0-9]{0,29})$", "description": about}


_GAME = integer(0, 9999, about="0 is the machine as a whole")
_CODE = integer(0, 0xFFFF, about="SAS meter code")
_WHICH: Mapping[str, Schema] = {
    "asset": ASSET,
    "generation": integer(1, 1_000_000, about="life of this machine's meters, from 1"),
    "rule": choice(
        *RULES,
        about="credits: current credits against what came and went; bills: their value against the counts by value; "
        "games: the cabinet against the sum of its games; denominations: against the sum of those its player may choose",
    ),
    "code": integer(0, 0xFFFF, about="SAS code of the meter that states the sum"),
    "scale": choice(
        "credits", "minor", "count", about="what amounts are counted in; minor: units of the currency's smallest"
    ),
    "per": integer(1, about="amounts are in 1/per of the scale"),
}

BALANCE_KINDS: tuple[EventKind, ...] = (
    own("egm.meters.unbalanced", "Meters do not add up",
        "Machine {asset}: meters do not add up, difference {residual} {scale} ({rule})", "money",
        {
            **_WHICH,
            "residual": _signed("stated less summed since the range began; positive: it states more than the others explain"),
            "before": _signed("the residual that was told before; 0: none"),
            "stated": _signed("what the one meter states, from the snapshot before to this one"),
            "summed": _signed("what the others sum up to in that time"),
            "terms": several(record({
                "game": _GAME, "code": _CODE, "growth": _signed("booked in that time, in the meter's own unit"),
            }, {"denomination": integer(0, 255, about="code of the only one of which it tells")}), most=400),
        },
        {
            "since": nullable(event_id(about="the snapshot at which the range began")),
            "from": nullable(event_id(about="the snapshot judged before this one; the difference arose after it")),
            "snapshot": event_id(about="the snapshot in which it was seen"),
        },
        priority="alarm", live="money"),
    own("egm.meters.balanced", "Meters add up again",
        "Machine {asset}: meters add up again ({rule}, {how})", "money",
        {
            **_WHICH,
            "how": choice("agrees", "new_range", about="agrees: the residual is gone; new_range: it stays unexplained, and "
                          "from this snapshot on it is reckoned anew (other generation, other denomination, doubt)"),
            "before": _signed("the residual that was told before"),
        },
        {"snapshot": event_id(about="the snapshot in which it was seen")},
        priority="high", live="money"),
)  # fmt: skip
