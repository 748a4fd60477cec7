"""(pure) SAS words become hall words, the hall's requests become SAS conversations. Nowhere else do the two meet."""

from __future__ import annotations

from datetime import datetime

from edge.field.found import ExceptionFound, IdentityFound, SnapshotFound
from edge.hall.devices import Identity
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.hall.requests import Disable, Enable, Identify, ReadMeters, Request, SetClock
from protocols.sas.catalog.control import SHUTDOWN, STARTUP
from protocols.sas.catalog.denominations import DENOMINATIONS
from protocols.sas.conversations.base import Conversation
from protocols.sas.conversations.control import Control
from protocols.sas.conversations.control import SetClock as ClockTalk
from protocols.sas.conversations.identity import Identified
from protocols.sas.conversations.identity import Identify as IdentifyTalk
from protocols.sas.conversations.meters import MetersRead
from protocols.sas.conversations.meters import ReadMeters as MetersTalk
from protocols.sas.events import ExceptionSeen

IDENTITY_CHANGING = frozenset({0x17, 0x18, 0x36, 0x38, 0x3C, 0x70, 0x7A, 0x8E, 0xA2})
"""After these a machine may be another, or count anew: ask who it is and read its meters (sas-core 9.3, 9.5)."""

SNAPSHOT_AFTER = frozenset(
    {0x11, 0x13, 0x15, 0x19, 0x1B, 0x1C, 0x31, 0x32, 0x33, 0x3A, 0x51, 0x52, 0x7B, 0x98, 0x99, 0x9A, 0x9B}
) | frozenset(range(0x47, 0x51))
"""After these the meters are read, and the snapshot names the event (rule 14, MTR-07)."""


def exception(asset: int, seen: ExceptionSeen, time: datetime) -> ExceptionFound:
    """A reported exception as the journal takes it."""
    return ExceptionFound(asset=asset, code=seen.code, time=time, doubtful=seen.doubtful)


def identity(asset: int, found: Identified, time: datetime) -> IdentityFound:
    """What the identity conversation learned. A silent poll is None: the machine did not say."""
    return IdentityFound(
        asset=asset,
        time=time,
        identity=Identity(
            serial=found.serial or None,
            version=found.version,
            game_id=found.game_id,
            additional_id=found.additional_id,
            paytable=found.paytable,
            denomination_code=found.denomination_code,
            max_bet=found.max_bet,
            games=found.games,
            features=found.features.hex() or None,
        ),
        unsupported=tuple(sorted(found.unsupported)),
    )


def denomination(code: int | None, currency: str) -> Denomination | None:
    """Worth of a credit from the machine's denomination code (sas-core 4.1); None where it does not tell."""
    value = None if code is None else DENOMINATIONS.get(code)
    return None if code is None or value is None else Denomination.of(code, value, currency)


def snapshot(
    asset: int, read: MetersRead, asked: ReadMeters, *, worth: Denomination | None, time: datetime
) -> SnapshotFound:
    """A finished reading. What the machine does not support is listed, never a zero."""
    return SnapshotFound(
        asset=asset,
        time=time,
        reason=asked.reason,
        because=asked.because,
        coherent=read.coherent,
        denomination=worth,
        readings=tuple(
            Reading(r.game, r.denomination_code, r.code, r.value, r.size) for r in read.readings if r.value is not None
        ),
        unsupported=tuple(sorted(code for game, code in read.unsupported if game == 0)),
    )


def conversation(request: Request, features: bytes, hall_time: datetime) -> Conversation:
    """The SAS conversation that does what the hall asks.

    features: what the machine said of itself, empty where not known; hall_time: local time of the hall at this moment.
    """
    match request:
        case Enable():
            return Control(STARTUP)
        case Disable():
            return Control(SHUTDOWN)
        case Identify():
            return IdentifyTalk()
        case ReadMeters():
            return MetersTalk(request.codes, request.games, features=features)
        case SetClock():
            # Not the time of the request: it may have waited for the machine.
            return ClockTalk(f"{hall_time:%m%d%Y}", f"{hall_time:%H%M%S}")
