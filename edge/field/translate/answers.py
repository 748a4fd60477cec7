"""(pure) What machines answered to the questions an exception made necessary, in hall words."""

from __future__ import annotations

from datetime import datetime

from edge.field.found import DescriptionFound, HandpayFound, PollsFound
from edge.hall.events import Fact
from edge.hall.money import Denomination
from edge.hall.requests import ReadHopper, ReadLastBill, ReadSelection
from protocols.sas.events import Outcome


def description(asset: int, outcome: Outcome, time: datetime) -> DescriptionFound | None:
    """What the machine offers; None: it did not say."""
    del asset, outcome, time
    return None


def handpay(
    asset: int, outcome: Outcome, *, worth: Denomination | None, currency: str, time: datetime
) -> HandpayFound | None:
    """The handpay the machine told, or that it has none; None: no answer, ask again."""
    del asset, outcome, worth, currency, time
    return None


def meter_change(outcome: Outcome) -> str:
    """What the machine will do, in the words of ``hall.egm.meters.collected.v1``."""
    del outcome
    return "no_answer"


def answer(
    request: ReadLastBill | ReadHopper | ReadSelection, outcome: Outcome, time: datetime
) -> tuple[Fact | None, PollsFound | None]:
    """The event this answer becomes, and what it shows of the polls the machine knows."""
    del request, outcome, time
    return None, None
