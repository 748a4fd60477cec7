"""(pure) What machines answered to the questions an exception made necessary, in hall words (sas-core 5.3, 5.5, 5.8)."""

from __future__ import annotations

from datetime import datetime

from edge.field.found import HandpayFound, PollsFound
from edge.hall.events import Fact
from edge.hall.money import Denomination, minor_per_unit
from edge.hall.requests import ReadHopper, ReadLastBill, ReadSelection
from edge.hall.shapes import Json
from protocols.sas.conversations.base import Unsupported
from protocols.sas.conversations.changes import CollectStatus
from protocols.sas.conversations.handpay import HandpayRead
from protocols.sas.conversations.state import BillRead, HopperRead, SelectionRead
from protocols.sas.events import Outcome

HANDPAY, LAST_BILL, HOPPER, SELECTED_GAME, PLAYER_DENOMINATION = 0x1B, 0x48, 0x4F, 0x55, 0xB1


def handpay(
    asset: int, outcome: Outcome, *, worth: Denomination | None, currency: str, time: datetime
) -> HandpayFound | None:
    """The handpay the machine told, or that it has none, or does not know the question; None: no answer, ask again."""
    if isinstance(outcome, Unsupported):
        return HandpayFound(asset, time, None, why="unsupported")
    if not isinstance(outcome, HandpayRead):
        return None
    if outcome.empty:
        return HandpayFound(asset, time, None)
    record: dict[str, Json] = {
        "progressive_group": outcome.progressive_group,
        "level": outcome.level,
        "amount": outcome.amount,
        "partial_pay": outcome.partial_pay,
        "reset_id": outcome.reset_id,
    }
    told: dict[str, Json] = {
        **record,
        "kind": outcome.kind,
        "unit": outcome.unit,
        "denomination": dict(worth.as_data()) if worth and outcome.unit == "credits" else None,
        "currency": currency,
        "minor": _minor(outcome.amount, outcome.unit, worth, currency),
    }
    if outcome.session_win or outcome.session_pay:
        told.update(session_win=outcome.session_win, session_pay=outcome.session_pay)
    return HandpayFound(asset, time, record, told)


def _minor(amount: int, unit: str, worth: Denomination | None, currency: str) -> int | None:
    """Worth in minor units; None where a credit's worth is not known, or the worth is no whole number of them."""
    if unit == "cents":
        minor, rest = divmod(amount * minor_per_unit(currency), 100)
        return None if rest else minor
    if worth is None:
        return None
    exact = amount * worth.minor
    return int(exact) if exact.denominator == 1 else None


def bill(request: ReadLastBill, outcome: BillRead, time: datetime) -> Fact:
    """The bill accepted last, as the machine booked it."""
    data: dict[str, Json] = {
        "asset": request.asset,
        "because": request.because,
        "country": outcome.country if outcome.country <= 99 else 0,
        "value": outcome.value,
        "code": outcome.code,
        "count": outcome.count,
    }
    return Fact("hall.egm.bill.recorded.v1", f"egm/{request.asset}", time, data)


def hopper(request: ReadHopper, outcome: HopperRead, time: datetime) -> Fact:
    """How the hopper stands."""
    data: dict[str, Json] = {
        "asset": request.asset,
        "because": request.because,
        "status": outcome.status,
        "code": outcome.code,
        "percent": outcome.percent,
        "coins": outcome.level,
    }
    return Fact("hall.egm.hopper.recorded.v1", f"egm/{request.asset}", time, data)


def selection(request: ReadSelection, outcome: SelectionRead, time: datetime) -> Fact:
    """Which game and denomination the player has selected."""
    data: dict[str, Json] = {
        "asset": request.asset,
        "because": request.because,
        "game": outcome.game,
        "denomination": outcome.denomination_code,
    }
    return Fact("hall.egm.selection.recorded.v1", f"egm/{request.asset}", time, data)


def answer(
    request: ReadLastBill | ReadHopper | ReadSelection, outcome: Outcome, time: datetime
) -> tuple[Fact | None, PollsFound | None]:
    """The event this answer becomes, and what it shows of the polls the machine knows; None: nothing."""
    asset = request.asset
    match request, outcome:
        case ReadLastBill(), BillRead():
            return bill(request, outcome, time), PollsFound(asset, answered=(LAST_BILL,))
        case ReadHopper(), HopperRead():
            return hopper(request, outcome, time), PollsFound(asset, answered=(HOPPER,))
        case ReadSelection(), SelectionRead():
            known = {SELECTED_GAME, PLAYER_DENOMINATION} - outcome.unsupported - outcome.damaged
            return selection(request, outcome, time), PollsFound(
                asset, tuple(sorted(known)), tuple(sorted(outcome.unsupported))
            )
        case ReadLastBill(), Unsupported():
            return None, PollsFound(asset, unsupported=(LAST_BILL,))
        case ReadHopper(), Unsupported():
            return None, PollsFound(asset, unsupported=(HOPPER,))
        case ReadSelection(), Unsupported():
            return None, PollsFound(asset, unsupported=(SELECTED_GAME, PLAYER_DENOMINATION))
    return None, None


def meter_change(outcome: Outcome) -> str:
    """What the machine will do, in the words of ``hall.egm.meters.collected.v1``."""
    return outcome.meaning if isinstance(outcome, CollectStatus) else "no_answer"
