"""Commands to one slot machine: let it be played, stop it, set its clock, confirm that it is the right one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from edge.hall.requests import Confirm, Disable, Enable, Request, SetClock
from edge.hall.shapes import Schema, integer, record, text

EXPECTED = text(
    40, about="serial number of the machine that is meant; another one is not touched. Left out: whichever stands there"
)
ASSET_BODY: Schema = record(
    {"asset": integer(1, 999_999_999, about="asset number of the machine")}, {"expected_serial": EXPECTED}
)
CONFIRM_BODY: Schema = record(
    {"asset": integer(1, 999_999_999, about="asset number of the machine")},
    {"serial": text(40, about="serial number that was seen; left out: whichever answers")},
)


def enable(body: Mapping[str, Any], _hall_time: datetime) -> Request:
    """``egm.enable``: SAS 02. Repeating it does no harm."""
    return Enable(body["asset"])


def disable(body: Mapping[str, Any], _hall_time: datetime) -> Request:
    """``egm.disable``: SAS 01; the game that runs is finished, credits can still be cashed out."""
    return Disable(body["asset"])


def set_clock(body: Mapping[str, Any], hall_time: datetime) -> Request:
    """``egm.clock.set``: the hall's local time at the moment of sending, read back afterwards."""
    return SetClock(body["asset"], hall_time)


def confirm(body: Mapping[str, Any]) -> Request:
    """``egm.confirm``: the machine that answers there, another than enrolled, is the right one from now on."""
    return Confirm(body["asset"], body.get("serial"))
