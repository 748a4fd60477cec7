"""(pure) SAS words become hall words. The other way, the hall's requests as SAS conversations, is in ``talks``."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from edge.field.found import ExceptionFound, IdentityFound, SnapshotFound
from edge.field.translate.frames import frame_data
from edge.hall.devices import Identity
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.hall.requests import ReadMeters
from protocols.sas.catalog.denominations import DENOMINATIONS
from protocols.sas.conversations.identity import MULTI_DENOMINATION_BIT, Identified
from protocols.sas.conversations.meters import MetersRead
from protocols.sas.events import ExceptionSeen

IDENTITY_POLLS = frozenset({0x54, 0x1F, 0xA0, 0x51})
"What a machine is asked to tell who it is."


def exception(asset: int, seen: ExceptionSeen, time: datetime, *, unidentified: bool = False) -> ExceptionFound:
    """A reported exception as the journal takes it."""
    return ExceptionFound(asset, seen.code, time, seen.doubtful, frame_data(seen.code, seen.data), unidentified)


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
            base_percentage=found.base_percentage,
            progressive_group=found.progressive_group,
        ),
        unsupported=tuple(sorted(found.unsupported)),
        answered=tuple(sorted(IDENTITY_POLLS - found.unsupported - found.damaged)),
    )


def with_codes(request: ReadMeters, codes: Collection[int]) -> ReadMeters:
    """The same reading with these meters beside what it asks for."""
    more = tuple(sorted(set(codes).difference(request.codes)))
    return replace(request, codes=request.codes + more) if more else request


def without(request: ReadMeters, lacking: Collection[int]) -> ReadMeters:
    """The same reading without the meters the machine is known not to have; all of them, if that leaves none."""
    left = tuple(code for code in request.codes if code not in lacking)
    return replace(request, codes=left) if left else request


def read_apart(denominations: Iterable[int], *, features: bytes) -> tuple[int, ...]:
    """Which of the denominations a player may choose from (SAS B2) are read one by one: two or more, by a machine that knows
    such questions as far as it tells its features."""
    # Inside B0 00 is no denomination but the default of the poll (sas-core 4.1).
    codes = tuple(dict.fromkeys(code for code in denominations if code))
    knows = len(features) < 2 or features[1] & MULTI_DENOMINATION_BIT
    return codes if len(codes) > 1 and knows else ()


def denomination(code: int | None, currency: str) -> Denomination | None:
    """Worth of a credit from the machine's denomination code (sas-core 4.1); None where it does not tell."""
    value = None if code is None else DENOMINATIONS.get(code)
    return None if code is None or value is None else Denomination.of(code, value, currency)


def snapshot(
    asset: int,
    read: MetersRead,
    asked: ReadMeters,
    *,
    worth: Denomination | None,
    time: datetime,
    lacking: Collection[int] = (),
) -> SnapshotFound:
    """A finished reading. What the machine does not support is listed, never a zero.

    lacking: codes that were not asked for because it is known not to have them.
    """
    unsupported = {code for game, code in read.unsupported if game in asked.games[:1]}
    if asked.whole:
        unsupported |= set(lacking) & set(asked.codes)
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
        unsupported=tuple(sorted(unsupported)),
        confirmed=read.confirmed,
    )
