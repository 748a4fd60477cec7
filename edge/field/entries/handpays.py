"""The amount of a handpay: told once, however often the machine says it; or told that it will not be known (EVT-06)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from edge.field.found import HandpayFound
from edge.field.page import Page
from edge.hall.events import Fact
from edge.hall.shapes import Json
from edge.store.descriptions import note_polls, unsupported_polls
from edge.store.handpays import (
    begin_handpay,
    close_handpay,
    give_record,
    give_up_record,
    open_handpay,
    same_record,
    without_record,
)
from edge.store.questions import answer_question, ask_question

HANDPAY_INFORMATION = 0x1B


def enter_handpay(page: Page, found: HandpayFound) -> None:
    """The question is answered with this, in the transaction that stores the answer."""
    asset, tx = found.asset, page.tx
    answer_question(tx, asset, "handpay")
    waiting = without_record(tx, asset)
    if found.record is None:
        if found.why != "no_record":
            # Asked again, at every handpay, it would cost the line its silence each time.
            note_polls(tx, asset, silent=[HANDPAY_INFORMATION])
        if waiting is not None:
            give_up_record(tx, waiting.handpay)
            tell_unknown(page, asset, waiting.pending_id, found.why, found.time)
        return
    note_polls(tx, asset, answered=[HANDPAY_INFORMATION])
    if waiting is None:
        current = open_handpay(tx, asset)
        if same_record(current, found.record):
            return
        if current is not None:
            close_handpay(tx, current.handpay, "superseded")
        waiting = begin_handpay(tx, asset, None)
    elif same_record(waiting, found.record):
        return
    data: dict[str, Json] = {"asset": asset, "because": waiting.pending_id, **found.told}
    envelope = page.append(Fact("hall.egm.handpay.recorded.v1", f"egm/{asset}", found.time, data))
    give_record(tx, waiting.handpay, found.record, envelope.id)


def open_by_exception(page: Page, asset: int, envelope_id: str, time: datetime) -> None:
    """The machine says that it waits for an attendant. The question for the amount is written down with it.

    Where the machine is known not to answer that question, the amount is declared unknown at once.
    """
    opened = begin_handpay(page.tx, asset, envelope_id)
    if HANDPAY_INFORMATION not in unsupported_polls(page.tx, asset):
        ask_question(page.tx, asset, "handpay", envelope_id)
    elif not opened.amount_unknown:
        give_up_record(page.tx, opened.handpay)
        tell_unknown(page, asset, opened.pending_id, "unsupported", time)


def abandon_handpays(page: Page, asset: int, by: Literal["replaced", "ram_clear"], time: datetime) -> None:
    """The machine that held them is gone, or its memory is: what was not read will not be read."""
    answer_question(page.tx, asset, "handpay")
    while (waiting := without_record(page.tx, asset)) is not None:
        give_up_record(page.tx, waiting.handpay)
        tell_unknown(page, asset, waiting.pending_id, by, time)
    while (current := open_handpay(page.tx, asset)) is not None:
        close_handpay(page.tx, current.handpay, by)


def tell_unknown(page: Page, asset: int, because: str | None, reason: str, time: datetime) -> None:
    data: dict[str, Json] = {"asset": asset, "because": because, "reason": reason}
    page.append(Fact("hall.egm.handpay.unknown.v1", f"egm/{asset}", time, data))
