"""A reported exception: its event, the last one stored of its machine, and what its code alone changes in the books.

What has to be asked because of it is not decided here; only that a question which consumes its answer is written down in
this very transaction, before it can be sent.
"""

from __future__ import annotations

from edge.clock import stamp
from edge.field.entries.handpays import abandon_handpays, open_by_exception
from edge.field.found import ExceptionFound
from edge.field.page import Page
from edge.hall.events import Fact
from edge.hall.exceptions import (
    CLEAR_CERTAIN,
    HANDPAY_CLOSES,
    HANDPAY_OPENS,
    OVERFLOW,
    exception_data,
    meaning,
)
from edge.hall.shapes import Json
from edge.store.devices import registered_at
from edge.store.handpays import close_handpay, open_handpay
from edge.store.last_exceptions import last_exception, note_exception


def enter_exception(page: Page, found: ExceptionFound) -> None:
    """The event of this code, with what a real-time frame carried."""
    asset, code = found.asset, found.code
    # The host says doubtful only of a code that may come once more (it was given the last ones stored). Whether any was
    # stored is asked here: before the first one there is nothing to repeat.
    before = last_exception(page.tx, asset)
    repeat = found.doubtful and before is not None
    egm = page.egms.get(asset)
    data = exception_data(asset, code, location=egm.location if egm else None, maybe_repeat=repeat)
    data.update(found.frame)
    if found.unidentified:
        data["unidentified"] = True
    opened = open_handpay(page.tx, asset) if code in HANDPAY_OPENS or code in HANDPAY_CLOSES else None
    if opened is not None and opened.pending_id is not None:
        data["handpay"] = opened.pending_id
    envelope = page.append(Fact(meaning(code).kind, f"egm/{asset}", found.time, data))
    note_exception(page.tx, asset, code, envelope.sequence, maybe_repeat=repeat)
    if code in HANDPAY_OPENS:
        open_by_exception(page, asset, envelope.id, found.time)
    elif code in HANDPAY_CLOSES and opened is not None:
        close_handpay(page.tx, opened.handpay, HANDPAY_CLOSES[code])
    elif code in CLEAR_CERTAIN and not repeat:
        abandon_handpays(page, asset, "ram_clear", found.time)
    elif code == OVERFLOW:
        since = before.noted_at if before is not None else registered_at(page.tx, asset)
        gap: dict[str, Json] = {
            "asset": asset, "since": since, "until": stamp(found.time), "reason": "overflow", "because": envelope.id,
        }  # fmt: skip
        page.append(Fact("hall.egm.data.gap.v1", f"egm/{asset}", found.time, gap))
