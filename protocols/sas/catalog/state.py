"""Polls that ask how things stand: last bill, hopper, cards, reels."""

from __future__ import annotations

from protocols.sas.fields import Bcd, Binary, Flags, Tail
from protocols.sas.longpoll import Kind, LongPoll

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

POLLS = (LAST_BILL, HOPPER_STATUS, CARD_INFORMATION, REEL_STOPS)
