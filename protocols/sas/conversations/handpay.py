"""The handpay a machine is locked for: asked once, because the acknowledgement of the answer deletes it in the machine.

Whoever begins this has written down that it asks, and writes down what it was told before the next frame leaves. A
damaged answer is asked for again by the host, with the identical poll (sas-core 2.5, 5.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.catalog.state import CANCELLED_CREDITS, NON_PROGRESSIVE, TOP_AWARD, handpay_unit
from protocols.sas.conversations.asking import number, once
from protocols.sas.conversations.base import Poll, Script, Steps
from protocols.sas.longpoll import Reply

HANDPAY = Poll(long_poll(0x1B))

Kind: TypeAlias = Literal["jackpot", "progressive", "cancelled_credits", "other"]
_KINDS: dict[int, Kind] = {NON_PROGRESSIVE: "jackpot", TOP_AWARD: "jackpot", CANCELLED_CREDITS: "cancelled_credits"}


@dataclass(frozen=True, slots=True)
class HandpayRead:
    """What the machine told, and has deleted once this is acknowledged."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "handpay-read"

    empty: bool
    "Everything was zero: there is no handpay, or its record was taken before."
    progressive_group: int
    "0: none, stand-alone or linked."
    level: int
    "00 non-progressive, 01 to 20 hex progressive level, 40 top award, 80 cancelled credits; others as they came."
    amount: int
    """In ``unit``. Without what was paid before when no progressive is involved, with it when one is."""
    unit: Literal["credits", "cents"]
    "credits: of the accounting denomination."
    partial_pay: int
    "Credits paid before."
    reset_id: int
    "0: key-off at the machine only, 1: pay to the credit meter possible too."
    session_win: int = 0
    "From 6.03 on; 0 in machines before."
    session_pay: int = 0

    @property
    def kind(self) -> Kind:
        """The level in a word; other: a level the standard does not name (QUIRKS X12 for 40)."""
        return "progressive" if 0x01 <= self.level <= 0x20 else _KINDS.get(self.level, "other")


class ReadHandpay(Script):
    """Outcome: HandpayRead; NoAnswer, then the machine may still have it; Unsupported; Refused when it stays busy.

    Never asks twice by itself: of a second answer nobody would know whether it is the same handpay. Begin it anew only
    after NoAnswer or Refused, or when the machine says again that it waits (51 every 15 s).
    """

    urgent = True

    def steps(self) -> Steps:
        told = yield from once(HANDPAY)
        if not isinstance(told, Reply):
            return told
        values = {name: number(told.values, name) or 0 for name in told.values}
        level = values["level"]
        return HandpayRead(
            empty=not any(values.values()),
            progressive_group=values["progressive_group"],
            level=level,
            amount=values["amount"],
            unit=handpay_unit(level),
            partial_pay=values["partial_pay"],
            reset_id=values["reset_id"],
            session_win=values["session_win"],
            session_pay=values["session_pay"],
        )
