"""(pure) What each machine counted, rebuilt from the feed alone: by gaming day, meter and worth of a credit.

A gateway keeps the same sums in tables of its own (`meter_days`). This is the other arithmetic: no table, only the records
that arrived, in their order. Where both are equal to the credit, a central that was written by others can rely on the feed.

Which readings go up: all of them, with every snapshot, as soon as it is stored. A snapshot of fifteen meters is about two
kilobytes; every fifteen minutes that is 190 KB a machine and day, less than a tenth of it compressed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

LEVELS = frozenset({0x0C, 0x1B, 0x25, 0x26, 0x3E, 0x3F, 0x7F})
"Meters that are no counters (SAS table C-7): nothing is counted of them."


class CountKey(NamedTuple):
    """What a sum belongs to."""

    gamingday: str
    asset: int
    generation: int
    game: int
    denomination: int | None
    code: int
    worth: Fraction | None
    "Minor units per credit; None: the machine did not tell."


class Counted(NamedTuple):
    """Sums of one meter in one gaming day."""

    counted: int
    corrected: int
    "By decisions of people on that day."


def rebuild(bodies: Iterable[bytes]) -> Mapping[CountKey, Counted]:
    """From records in the order of their sequence."""
    sums: dict[CountKey, Counted] = {}
    worths: dict[str, Fraction | None] = {}
    doubtful: dict[int, str] = {}
    for body in bodies:
        event = json.loads(body)
        kind, data = event["type"], event["data"]
        if kind == "hall.egm.meters.snapshot.v1":
            worths[event["id"]] = worth = _worth(data["denomination"])
            for reading in data["readings"]:
                # A doubtful reading is no reading of the day: nothing of it is booked until the next one.
                if reading["code"] in LEVELS or reading["verdict"] == "corrupt_read":
                    continue
                key = CountKey(
                    event["gamingday"], data["asset"], data["generation"],
                    reading["game"], reading["denomination"], reading["code"], worth,
                )  # fmt: skip
                # A meter that was read has a sum, be it of nothing: that is another thing than one nobody knows.
                _add(sums, key, int(reading["delta"] or 0), 0)
        elif kind == "hall.egm.meters.review.v1":
            for meter in data["meters"]:
                doubtful[meter["review"]] = data["snapshot"]
        elif kind == "hall.egm.meters.decided.v1" and data["choice"] == "count":
            key = CountKey(
                event["gamingday"], data["asset"], data["generation"],
                data["game"], data["denomination"], data["code"], worths[doubtful[data["review"]]],
            )  # fmt: skip
            _add(sums, key, 0, int(data["amount"]))
    return sums


def differences(
    here: Mapping[CountKey, Counted], there: Mapping[CountKey, Counted]
) -> list[tuple[CountKey, Counted | None, Counted | None]]:
    """Where two such books differ; None: the one does not have it at all."""
    return [(key, here.get(key), there.get(key)) for key in here.keys() | there.keys() if here.get(key) != there.get(key)]


def _add(sums: dict[CountKey, Counted], key: CountKey, counted: int, corrected: int) -> None:
    before = sums.get(key, Counted(0, 0))
    sums[key] = Counted(before.counted + counted, before.corrected + corrected)


def _worth(told: Mapping[str, Any] | None) -> Fraction | None:
    return None if told is None else Fraction(told["numerator"], told["denominator"])
