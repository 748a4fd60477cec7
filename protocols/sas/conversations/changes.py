"""What is agreed with a machine before it changes: meters collected (B6), its own number and place (B7). From 6.03 on.

Source: sas-core 5.3 and 5.8.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from protocols.errors import BadRequest
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.asking import Failure, number, once, text
from protocols.sas.conversations.base import Answer, NoAnswer, Poll, Script, Steps, Unsupported
from protocols.sas.frame import encode_poll
from protocols.sas.longpoll import Reply, Values

COLLECT = long_poll(0xB6)
NUMBERS = long_poll(0xB7)
CURRENT_CREDITS = Poll(long_poll(0x1A))
READ_NUMBERS = Poll(NUMBERS, {"asset_number": 0, "location": ""})

SEEN, COLLECTED, CANNOT = 0x00, 0x01, 0x80
ChangeMeaning: TypeAlias = Literal["meters_will_be_cleared", "games_will_change", "nothing_pending", "other"]
_MEANINGS: dict[int, ChangeMeaning] = {
    0x00: "meters_will_be_cleared",
    0x01: "games_will_change",
    0x80: "nothing_pending",
}


@dataclass(frozen=True, slots=True)
class CollectStatus:
    """What the machine is about to do."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "collect-status"

    status: int

    @property
    def meaning(self) -> ChangeMeaning:
        """The status in a word."""
        return _MEANINGS.get(self.status, "other")


class CollectMeters(Script):
    """Answer a machine that wants to clear meters or change its games: 0 seen, keep waiting; 1 collected, go ahead; 0x80
    cannot now.

    Outcome: CollectStatus; Refused; Unsupported; NoAnswer: then after 1 it may have gone ahead. Raises BadRequest for
    another status.
    """

    urgent = True

    def __init__(self, status: int) -> None:
        if status not in (SEEN, COLLECTED, CANNOT):
            raise BadRequest("A machine is told 00, 01 or 80.", status=status)
        self._question = Poll(COLLECT, {"status": status})
        super().__init__()

    def steps(self) -> Steps:
        told = yield from once(self._question)
        if not isinstance(told, Reply):
            return told
        status = number(told.values, "status")
        return NoAnswer() if status is None else CollectStatus(status)


@dataclass(frozen=True, slots=True)
class NumbersSet:
    """The machine has the numbers that were wanted, and says so itself."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "numbers-set"

    asset_number: int
    location: str
    written: bool
    "False: it had them already."


@dataclass(frozen=True, slots=True)
class NumbersKept:
    """The machine keeps what it has."""

    ok: ClassVar[bool] = False
    slug: ClassVar[str] = "numbers-kept"

    asset_number: int
    location: str
    reason: Literal["not-allowed", "credits", "not-taken"]
    """not-allowed: its control flags; credits: there are credits on it, or it does not say; not-taken: written, and it
    says another."""


class SetMachineNumbers(Script):
    """Give a machine its asset number, its place on the floor, or both. Reads first, and writes only what may be written.

    Outcome: NumbersSet; NumbersKept; Unsupported; Refused; NoAnswer (then it may be written). Raises BadRequest for nothing
    to write (0 and an empty place only read) and BadField for what does not fit. with_credits: write an asset number also
    when there are credits on the machine; one host in the field never does.
    """

    def __init__(
        self, *, asset_number: int | None = None, location: str | None = None, with_credits: bool = False
    ) -> None:
        if not asset_number and not location:
            raise BadRequest("An asset number from 1 on or a place with a name, or nothing is written.")
        self._asset_number = asset_number or 0
        self._location = location or ""
        self._with_credits = with_credits
        encode_poll(NUMBERS, 1, {"asset_number": self._asset_number, "location": self._location})
        super().__init__()

    def steps(self) -> Steps:
        told = yield from _numbers(READ_NUMBERS)
        if not isinstance(told, tuple):
            return told
        flags, asset_number, location = told
        if self._has(asset_number, location):
            return NumbersSet(asset_number, location, written=False)
        writes_number = bool(self._asset_number) and asset_number != self._asset_number
        writes_location = bool(self._location) and location != self._location.strip()
        if (writes_number and not flags & 1) or (writes_location and not flags & 2):
            return NumbersKept(asset_number, location, "not-allowed")
        if writes_number and not self._with_credits and (yield from self._credits()):
            return NumbersKept(asset_number, location, "credits")
        values: Values = {
            "asset_number": self._asset_number if writes_number else 0,
            "location": self._location if writes_location else "",
        }
        told = yield from _numbers(Poll(NUMBERS, values))
        if isinstance(told, NoAnswer | Unsupported):
            # It may be written and only the answer lost.
            told = yield from _numbers(READ_NUMBERS)
        if not isinstance(told, tuple):
            return told
        _, asset_number, location = told
        if self._has(asset_number, location):
            return NumbersSet(asset_number, location, written=True)
        return NumbersKept(asset_number, location, "not-taken")

    def _has(self, asset_number: int, location: str) -> bool:
        return self._asset_number in (0, asset_number) and self._location.strip() in ("", location)

    def _credits(self) -> Generator[Poll, Answer, bool]:
        answer = yield CURRENT_CREDITS
        return answer.reply is None or answer.reply.values.get("credits") != 0


def _numbers(question: Poll) -> Generator[Poll, Answer, tuple[int, int, str] | Failure]:
    """Control flags, asset number and place as the machine has them."""
    told = yield from once(question)
    if not isinstance(told, Reply):
        return told
    flags, asset_number = number(told.values, "control_flags"), number(told.values, "asset_number")
    location = text(told.values, "location")
    if flags is None or asset_number is None or location is None:
        return NoAnswer()
    return flags, asset_number, location
