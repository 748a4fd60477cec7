"""(pure) The hall's requests as SAS conversations: one table. What the answers mean is in ``sas`` and ``answers``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from edge.hall.requests import (
    AnswerMeterChange,
    Describe,
    Disable,
    Enable,
    Identify,
    ReadHandpay,
    ReadHopper,
    ReadLastBill,
    ReadMeters,
    ReadSelection,
    Request,
    SetClock,
)
from protocols.sas.catalog.control import SHUTDOWN, STARTUP
from protocols.sas.conversations.base import Conversation
from protocols.sas.conversations.changes import CANNOT, COLLECTED, SEEN, CollectMeters
from protocols.sas.conversations.control import Control
from protocols.sas.conversations.control import SetClock as ClockTalk
from protocols.sas.conversations.description import Describe as DescribeTalk
from protocols.sas.conversations.handpay import ReadHandpay as HandpayTalk
from protocols.sas.conversations.identity import Identify as IdentifyTalk
from protocols.sas.conversations.meters import ReadMeters as MetersTalk
from protocols.sas.conversations.meters import Way
from protocols.sas.conversations.state import ReadHopper as HopperTalk
from protocols.sas.conversations.state import ReadLastBill as BillTalk
from protocols.sas.conversations.state import ReadSelection as SelectionTalk


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the machine and the moment when a conversation begins."""

    hall_time: datetime
    "Local time of the hall."
    features: bytes = b""
    "SAS A0; empty: not known."
    games: int = 0
    version: str | None = None
    way: Way | None = None
    "How its meters were read last."


def _clock(known: Known) -> Conversation:
    # Not the time of the request: it may have waited for the machine.
    return ClockTalk(f"{known.hall_time:%m%d%Y}", f"{known.hall_time:%H%M%S}")


_CHANGE = {"wait": SEEN, "go_ahead": COLLECTED, "not_now": CANNOT}

_TALKS: Mapping[type[Request], Callable[[Any, Known], Conversation]] = {
    Enable: lambda _request, _known: Control(STARTUP),
    Disable: lambda _request, _known: Control(SHUTDOWN),
    Identify: lambda _request, _known: IdentifyTalk(),
    ReadMeters: lambda request, known: MetersTalk(
        request.codes, request.games, denominations=request.denominations, features=known.features, known_way=known.way
    ),
    SetClock: lambda _request, known: _clock(known),
    Describe: lambda _request, known: DescribeTalk(known.games, known.features, version=known.version),
    ReadHandpay: lambda _request, _known: HandpayTalk(),
    ReadLastBill: lambda _request, _known: BillTalk(),
    ReadHopper: lambda _request, _known: HopperTalk(),
    ReadSelection: lambda _request, _known: SelectionTalk(),
    AnswerMeterChange: lambda request, _known: CollectMeters(_CHANGE[request.answer]),
}


def conversation(request: Request, known: Known) -> Conversation | None:
    """The SAS conversation that does what the hall asks; None: nothing is said to the machine for it."""
    make = _TALKS.get(type(request))
    return None if make is None else make(request, known)
