"""Polls that ask how things stand: handpay, last bill, hopper, cards, reels."""

from __future__ import annotations

from typing import Literal

from protocols.sas.fields import Bcd, Binary, Flags, Tail
from protocols.sas.longpoll import Kind, LongPoll

HANDPAY_INFORMATION = LongPoll(
    0x1B, "handpay information", Kind.R,
    reply=(
        Binary("progressive_group"), Binary("level"), Bcd("amount", 10), Bcd("partial_pay", 4, "credits"), Binary("reset_id"),
        Bcd("session_win", 10), Bcd("session_pay", 10),
    ),
    consumes=True, source="sas-core 5.5",
)  # fmt: skip
"""All zero: no handpay. ``level`` says what ``amount`` counts (`handpay_unit`). It leaves out what was paid before when no
progressive is involved, and includes it when one is. ``reset_id`` 1: may be paid to the credit meter too. Session values: 6.03."""
NON_PROGRESSIVE, TOP_AWARD, CANCELLED_CREDITS = 0x00, 0x40, 0x80
"""Levels of a handpay beside 01 to 20, the progressive ones. 40 is one source's top award, another's non-progressive win: the
same for us, in credits (QUIRKS X12)."""


def handpay_unit(level: int) -> Literal["cents", "credits"]:
    """What the amount of 1B counts: cents for a progressive level (01 to 20 hex), otherwise credits (sas-core 5.5)."""
    return "cents" if 0x01 <= level <= 0x20 else "credits"


LAST_BILL = LongPoll(
    0x48, "last accepted bill", Kind.R,
    reply=(Bcd("country", 2), Binary("denomination"), Bcd("count", 8, "count")), source="sas-core 5.5",
)  # fmt: skip
"""``denomination`` is kept as it came: BCD in most machines, binary in one source (catalog.denominations)."""
HOPPER_STATUS = LongPoll(
    0x4F, "hopper status", Kind.R,
    reply=(Binary("status"), Binary("percent"), Tail(Bcd("level", 8, "coins"))), reply_counted=True, source="sas-core 5.5",
)  # fmt: skip
CARD_INFORMATION = LongPoll(
    0x8E, "card information", Kind.R, reply=(Binary("hand"), Flags("cards", 5)), source="sas-core 5.5"
)
REEL_STOPS = LongPoll(0x8F, "physical reel stops", Kind.R, reply=(Flags("stops", 9, short=5),), source="sas-core 5.5")
"""Left reel first, FF unused. Nine, or five in older machines (QUIRKS X5)."""

POLLS = (HANDPAY_INFORMATION, LAST_BILL, HOPPER_STATUS, CARD_INFORMATION, REEL_STOPS)
