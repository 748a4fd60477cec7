"""Commands to one slot machine: let it be played, stop it, set its clock."""

from __future__ import annotations

from datetime import datetime

from edge.hall.requests import Disable, Enable, Request, SetClock
from edge.hall.shapes import Schema, integer, record

ASSET_BODY: Schema = record({"asset": integer(1, 999_999_999, about="asset number of the machine")})


def enable(body: dict[str, int], _hall_time: datetime) -> Request:
    """``egm.enable``: SAS 02. Repeating it does no harm."""
    return Enable(body["asset"])


def disable(body: dict[str, int], _hall_time: datetime) -> Request:
    """``egm.disable``: SAS 01; the game that runs is finished, credits can still be cashed out."""
    return Disable(body["asset"])


def set_clock(body: dict[str, int], hall_time: datetime) -> Request:
    """``egm.clock.set``: the hall's local time at the moment of sending, read back afterwards."""
    return SetClock(body["asset"], hall_time)
