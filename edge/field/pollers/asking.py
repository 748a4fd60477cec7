"""What is asked of which machine when: from the desk to its line, one conversation at a time and what it waits for beside it.

A machine's stage says what may begin. Nothing here knows why something is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edge.field.desk import Desk, DeskFull, Slip
from edge.field.pollers.dayend import DayEnd
from edge.field.pollers.sas import SasPoller
from edge.field.pollers.seats import Habits, Seat, Seats, Stage
from edge.field.translate import sas as translate
from edge.field.translate.talks import Known, conversation
from edge.hall.requests import Confirm, Describe, Identify, ReadHandpay, ReadMeters, SnapshotReason

GAMES_MAX = 64
"""Games read one by one; a machine with more is read as a whole and in its first so many."""
HANDPAY_AGAIN_S = 5.0
"""A handpay that could not be read is asked for again after this, as long as its link is up."""


class Asking:
    """Requests of all machines. ``confirmed`` takes a slip that is no question to the machine."""

    def __init__(self, desk: Desk, seats: Seats, habits: Habits) -> None:
        self._desk = desk
        self._seats = seats
        self._habits = habits
        self._day_end = None if habits.days is None else DayEnd(seats, habits.days, habits.day_end_within_s)
        self.poller: SasPoller | None = None
        self.confirmed: Callable[[Seat, Slip], None] | None = None
        self.stranded: Callable[[Seat], None] | None = None
        "Called about once a second for a machine that waits to be known and is not being asked."
        self.barred: Callable[[Seat, Slip], bool] | None = None
        "The last look at a command before it is begun. True: it must not be, and its end has been written down."
        self.stopping = False

    def ask(self, slip: Slip, *, first: bool = False) -> None:
        """Put a request on the desk and begin it if its machine is free. Raises DeskFull."""
        self._desk.put(slip, first=first)
        self.next(self._seats[slip.request.asset])

    def ask_own(self, slip: Slip, *, first: bool = False) -> bool:
        """A question of the gateway's own: on a full desk (False) it is left for the next occasion."""
        try:
            self.ask(slip, first=first)
        except DeskFull:
            # Our own questions come again with the next occasion; central's requests were counted before.
            return False
        return True

    def ask_meters(
        self, seat: Seat, reason: SnapshotReason, because: str | None = None, *, beside: tuple[int, ...] = ()
    ) -> bool:
        """Read what a snapshot holds, with these codes beside it; games and denominations too, where the hall wants them.
        False: the desk is full."""
        codes = self._habits.snapshot_codes
        codes += tuple(code for code in beside if code not in codes)
        asked = self.ask_own(Slip(ReadMeters(seat.asset, codes, reason=reason, because=because)))
        if reason in _WITH_GAMES[self._habits.per_game]:
            self.ask_games(seat, reason, because)
            self.ask_denominations(seat, reason, because)
        return asked

    def ask_games(
        self, seat: Seat, reason: SnapshotReason, because: str | None, *, before_change: bool = False
    ) -> bool:
        """Read each game of a machine that has several. False: it has none to be read apart."""
        if seat.games < 2:
            return False
        # 0 is the cabinet: the games are held against it, and both must be of one moment (MTR-09).
        games = tuple(range(min(seat.games, GAMES_MAX) + 1))
        codes = self._habits.game_codes
        self.ask_own(Slip(ReadMeters(seat.asset, codes, games, reason, because, before_change)))
        return True

    def ask_denominations(
        self, seat: Seat, reason: SnapshotReason, because: str | None, *, before_change: bool = False
    ) -> bool:
        """Read each denomination of a machine whose player may choose from several. False: there is none to be read apart."""
        if not seat.denominations:
            return False
        # With the total, as the games: what is held against each other is of one moment (MTR-09).
        codes = self._habits.game_codes
        request = ReadMeters(seat.asset, codes, (0,), reason, because, before_change, seat.denominations)
        self.ask_own(Slip(request))
        return True

    def learnt_denominations(self, seat: Seat, denominations: tuple[int, ...]) -> None:
        """The machine has told which of its denominations can be read apart."""
        before, seat.denominations = seat.denominations, denominations
        if before != denominations and self._habits.per_game != "never":
            # What was asked for with the link could not name them yet.
            self.ask_denominations(seat, "link_up" if before is None else "denomination", None)

    def next(self, seat: Seat) -> None:
        """Begin what is next on this machine's desk, when its link is up and nothing else of its kind is under way."""
        if not seat.up or self.stopping:
            return
        self._begin(seat, urgent=True)
        self._begin(seat, urgent=False)

    def _begin(self, seat: Seat, *, urgent: bool) -> None:
        while (slip := self._desk.take(seat.asset, lambda one: _may(seat, one), urgent=urgent)) is not None:
            request = slip.request
            if slip.command is not None and self.barred is not None and self.barred(seat, slip):
                self._desk.finish(seat.asset, urgent=urgent)
                continue
            if isinstance(request, Confirm):
                assert self.confirmed is not None
                self.confirmed(seat, slip)
                return
            if isinstance(request, ReadMeters):
                if request.whole:
                    request = translate.with_codes(request, seat.beside)
                request = translate.without(request, seat.unsupported_meters)
            known = Known(self._habits.hall_time(), seat.features, seat.games, seat.version, seat.way)
            talk = conversation(request, known)
            if talk is None:
                self._desk.finish(seat.asset, urgent=urgent)
                continue
            seat.tokens[seat.wire.host.begin(seat.egm.address, talk)] = urgent
            if self.poller is not None:
                self.poller.touch(seat.wire)
            return

    def finish(self, seat: Seat, token: int) -> Slip | None:
        """A conversation has ended; returns what it was begun for."""
        urgent = seat.tokens.pop(token, None)
        return None if urgent is None else self._desk.finish(seat.asset, urgent=urgent)

    def finish_unsent(self, seat: Seat) -> None:
        """A request that is no question to the machine has been settled."""
        self._desk.finish(seat.asset)

    def forget_own(self, seat: Seat) -> None:
        """What waited for the machine that stood there before is not asked of this one."""
        self._desk.forget_own(seat.asset)

    def accept(self, seat: Seat) -> None:
        """It is stored who sits there: its exceptions may be taken now."""
        if seat.handpay_open:
            # Before anything else: the machine keeps the record only until its link or its memory goes.
            self.ask_own(Slip(ReadHandpay(seat.asset)), first=True)
        seat.wire.host.accept(seat.egm.address)
        if self.poller is not None:
            self.poller.touch(seat.wire)

    def ask_due(self, now: float) -> None:
        """Ask for what is due again: regular snapshots, identities not told, handpays not read. About once a second."""
        if self._day_end is not None:
            for seat in self._day_end.due(self._habits.hall_time(), now):
                if not self.ask_meters(seat, "day_end"):
                    self._day_end.failed(seat, now)
        for seat in self._seats.values():
            if not seat.up:
                continue
            if now >= seat.next_snapshot_at and seat.stage in (Stage.ACCEPTED, Stage.READY):
                seat.next_snapshot_at = now + self._habits.snapshot_every_s
                self.ask_meters(seat, "interval")
            if seat.stage is Stage.GREETING and not seat.wire.undurable and not self._desk.asks(seat.asset, Identify):
                # The books refused what it told (kept as an incident): asked anew, and in the end accepted without.
                assert self.stranded is not None
                self.stranded(seat)
            if now >= seat.identity_again_at:
                seat.identity_again_at = float("inf")
                self.ask_own(Slip(Identify(seat.asset)), first=True)
            if now >= seat.describe_again_at:
                seat.describe_again_at = float("inf")
                self.ask_own(Slip(Describe(seat.asset)))
            accepted = seat.stage in (Stage.ACCEPTED, Stage.READY)
            due = accepted and seat.handpay_open and now >= seat.handpay_again_at
            if due and not self._desk.asks(seat.asset, ReadHandpay):
                seat.handpay_again_at = now + HANDPAY_AGAIN_S
                self.ask_own(Slip(ReadHandpay(seat.asset)), first=True)


_WITH_GAMES: Mapping[str, frozenset[SnapshotReason]] = {
    "never": frozenset(),
    "link_up": frozenset({"link_up", "day_end"}),
    "always": frozenset({"link_up", "interval", "day_end"}),
}
"Setting ``per_game`` -> readings with which the games and denominations of a machine are read."


def _may(seat: Seat, slip: Slip) -> bool:
    """May this begin at the machine's stage? Commands only when it is known who it is and its meters were read."""
    if seat.stage is Stage.READY:
        return True
    if isinstance(slip.request, Identify):
        return True
    if isinstance(slip.request, Confirm):
        return seat.stage in (Stage.HELD, Stage.ACCEPTED)
    return seat.stage is Stage.ACCEPTED and slip.command is None
