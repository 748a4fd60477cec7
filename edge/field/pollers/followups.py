"""What is asked because of an exception, once it is stored; and what the answers come to.

The table of who asks what is in ``translate.followups``; here it meets a machine's state: what it does not know is not
asked, a handpay goes before everything, and a meter change is held until all meters are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from edge.field.desk import Slip
from edge.field.found import HandpayFound
from edge.field.pollers.asking import HANDPAY_AGAIN_S, Asking
from edge.field.pollers.seats import Habits, Heard, Seat
from edge.field.translate import answers
from edge.field.translate.followups import AFTER, Ask, meters_beside, reason_of
from edge.hall.events import Fact
from edge.hall.meters import METERS
from edge.hall.requests import (
    AnswerMeterChange,
    Describe,
    Identify,
    ReadHandpay,
    ReadHopper,
    ReadLastBill,
    ReadMeters,
    ReadSelection,
)
from edge.hall.shapes import Json
from protocols.sas.conversations.meters import MetersRead
from protocols.sas.events import Outcome

ALL_METERS = tuple(sorted(METERS))
COLLECT_TRIES = 3
"""So often all meters are read before the machine is told that its change cannot be now."""
HANDPAY_TRIES = 3
"""Conversations about a handpay without an answer, each of three tries, until its amount is declared unknown."""
HANDPAY, LAST_BILL, HOPPER_STATUS, SELECTED_GAME = 0x1B, 0x48, 0x4F, 0x55


class FollowUps:
    """One per field."""

    def __init__(self, asking: Asking, habits: Habits) -> None:
        self._asking = asking
        self._habits = habits

    def after(self, seat: Seat, code: int, cause: str) -> None:
        """This exception is stored under this id: ask what its row says."""
        for ask in AFTER.get(code, ()):
            _ASKED[ask](self, seat, code, cause)

    def _identity(self, seat: Seat, _code: int, _cause: str) -> None:
        self._asking.ask_own(Slip(Identify(seat.asset)), first=True)

    def _description(self, seat: Seat, _code: int, _cause: str) -> None:
        self._asking.ask_own(Slip(Describe(seat.asset)))

    def _meters(self, seat: Seat, code: int, cause: str) -> None:
        self._asking.ask_meters(seat, reason_of(code), cause, beside=meters_beside(code))

    def _handpay(self, seat: Seat, _code: int, _cause: str) -> None:
        if HANDPAY not in seat.unsupported_polls:
            seat.handpay_open = True
            self._asking.ask_own(Slip(ReadHandpay(seat.asset)), first=True)

    def _bill(self, seat: Seat, _code: int, cause: str) -> None:
        if LAST_BILL not in seat.unsupported_polls:
            self._asking.ask_own(Slip(ReadLastBill(seat.asset, cause)))

    def _hopper(self, seat: Seat, _code: int, cause: str) -> None:
        if HOPPER_STATUS not in seat.unsupported_polls:
            self._asking.ask_own(Slip(ReadHopper(seat.asset, cause)))

    def _selection(self, seat: Seat, _code: int, cause: str) -> None:
        if SELECTED_GAME not in seat.unsupported_polls:
            self._asking.ask_own(Slip(ReadSelection(seat.asset, cause)))

    def _change(self, seat: Seat, _code: int, cause: str) -> None:
        # The machine repeats itself every 5 s while it waits: each time it is told to wait on, one collection goes on.
        self._asking.ask_own(Slip(AnswerMeterChange(seat.asset, "wait", cause)), first=True)
        if seat.collecting is None:
            seat.collecting, seat.collect_tries = cause, 0
            self._collect(seat, cause)

    def _change_off(self, seat: Seat, _code: int, _cause: str) -> None:
        seat.collecting = None

    def _collect(self, seat: Seat, cause: str) -> None:
        request = ReadMeters(seat.asset, ALL_METERS, reason="before_clear", because=cause, before_change=True)
        self._asking.ask_own(Slip(request), first=True)

    # answers --------------------------------------------------------------------------------------------------------

    def read(self, seat: Seat, request: ReadMeters, outcome: Outcome, heard: Heard) -> None:
        """All meters of a machine that waits for a change came, or did not."""
        cause = seat.collecting
        if not request.before_change or cause is None or cause != request.because:
            return
        complete = isinstance(outcome, MetersRead) and not outcome.unread
        if not complete:
            seat.collect_tries += 1
            if seat.collect_tries < COLLECT_TRIES:
                heard.then.append(lambda _written: self._collect(seat, cause))
                return

        def then(_written: object) -> None:
            # Only now: the meters that will be gone are on disk.
            if complete and self._goes_on(seat, request, cause):
                return
            answer = AnswerMeterChange(seat.asset, "go_ahead" if complete else "not_now", cause)
            self._asking.ask_own(Slip(answer), first=True)

        heard.then.append(then)

    def _goes_on(self, seat: Seat, request: ReadMeters, cause: str) -> bool:
        """After the whole machine its games, after them its denominations. False: that was all it has."""
        if request.whole and self._asking.ask_games(seat, "before_clear", cause, before_change=True):
            return True
        if request.denominations:
            return False
        return self._asking.ask_denominations(seat, "before_clear", cause, before_change=True)

    def change_answered(
        self, seat: Seat, request: AnswerMeterChange, outcome: Outcome, at: datetime, heard: Heard
    ) -> None:
        """The machine has said what it will do."""
        if request.answer == "wait":
            return
        seat.collecting = None
        data: dict[str, Json] = {
            "asset": seat.asset,
            "because": request.because,
            "answer": request.answer,
            "machine": answers.meter_change(outcome),
        }
        heard.found.append(Fact("hall.egm.meters.collected.v1", f"egm/{seat.asset}", at, data))

    def handpay_answered(self, seat: Seat, outcome: Outcome, at: datetime, now: float, heard: Heard) -> None:
        """The handpay was told, or the machine has none, or does not know the question; else it is asked again."""
        found = answers.handpay(seat.asset, outcome, worth=seat.worth, currency=self._habits.currency, time=at)
        if found is None:
            seat.handpay_tries += 1
            seat.handpay_again_at = now + HANDPAY_AGAIN_S
            if seat.handpay_tries < HANDPAY_TRIES:
                return
            # Each try cost its line a silence; a machine that never answers this must not keep it silent for ever.
            found = HandpayFound(seat.asset, at, None, why="no_answer")
        if found.why != "no_record":
            seat.unsupported_polls.add(HANDPAY)
        seat.handpay_open, seat.handpay_tries = False, 0
        heard.found.append(found)

    def answered(
        self,
        seat: Seat,
        request: ReadLastBill | ReadHopper | ReadSelection,
        outcome: Outcome,
        at: datetime,
        heard: Heard,
    ) -> None:
        """A bill, the hopper or the selection was told; or the machine does not know the question."""
        fact, polls = answers.answer(request, outcome, at)
        if fact is not None:
            heard.found.append(fact)
        if polls is not None:
            seat.unsupported_polls |= set(polls.unsupported)
            seat.unsupported_polls -= set(polls.answered)
            heard.found.append(polls)


_ASKED: Mapping[Ask, Callable[[FollowUps, Seat, int, str], None]] = {
    Ask.IDENTITY: FollowUps._identity,
    Ask.DESCRIPTION: FollowUps._description,
    Ask.METERS: FollowUps._meters,
    Ask.HANDPAY: FollowUps._handpay,
    Ask.BILL: FollowUps._bill,
    Ask.HOPPER: FollowUps._hopper,
    Ask.SELECTION: FollowUps._selection,
    Ask.CHANGE: FollowUps._change,
    Ask.CHANGE_OFF: FollowUps._change_off,
}
