"""Commands about meters: read them now, or decide a reading that waits for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from edge.field.commands.devices import EXPECTED
from edge.field.desk import CommandRef
from edge.field.found import DecisionFound
from edge.hall.ids import ASSET_MAX
from edge.hall.requests import ReadMeters, Request
from edge.hall.shapes import Schema, checker, choice, digits, integer, record, text

DECIDE_BODY: Schema = record(
    {
        "asset": integer(1, ASSET_MAX, about="asset number of the machine"),
        "review": integer(1, about="number of the review"),
        "choice": choice("count", "none", about="count: the amount is added; none: nothing is"),
        "comment": text(400, about="why; it stays in the log"),
    },
    {"amount": digits(19, about="with count: what is to be added, in the unit of the meter")},
)
_SHAPE = checker(DECIDE_BODY)
READ_BODY: Schema = record(
    {"asset": integer(1, ASSET_MAX, about="asset number of the machine")},
    {
        "occasion": choice("move", "last", about="the machine is about to be moved, or taken away for good"),
        "expected_serial": EXPECTED,
    },
)


def read_now(body: Mapping[str, Any], codes: Sequence[int]) -> Request:
    """``egm.meters.read``: a snapshot just before the event that ends the command.

    Its reason is "command", or the occasion that was named: no machine tells that it is about to be moved or taken away
    (MTR-07, MTR-15), so a person or central says it with this command before anybody pulls a plug.
    """
    return ReadMeters(body["asset"], tuple(codes), reason=body.get("occasion", "command"))


def wrong_decision(body: object) -> str | None:
    """None when the body is that of a decision; otherwise what is wrong with it."""
    wrong = _SHAPE(body)
    if wrong is not None or not isinstance(body, Mapping):
        return wrong or "must be an object"
    if body["choice"] == "count" and "amount" not in body:
        return ".amount is missing: say how much is to be counted"
    if body["choice"] == "none" and "amount" in body:
        return ".amount must be left out where nothing is to be counted"
    return None if body["comment"].strip() else ".comment is empty: say why, an auditor will ask"


def decide(body: Mapping[str, Any], ref: CommandRef, now: datetime) -> DecisionFound:
    """``egm.meters.decide``: an act of the books; the machine is not asked and need not be there any more."""
    return DecisionFound(
        body["asset"],
        now,
        body["review"],
        body["choice"],
        int(body.get("amount", "0")),
        body["comment"],
        ref.central,
        ref.command_id,
        ref.kind,
    )
