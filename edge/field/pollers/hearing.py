"""What the lines heard goes where it belongs: journal first, then board and desk.

One table from SAS event to handler. A handler says what was found (for the journal) and what is to be done once it is on
disk; it never sends anything. So a snapshot can name the event that caused it: the event is stored before the
meters are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from edge.board import Board
from edge.clock import Clock, stamp
from edge.field.desk import CommandRef, Desk, Slip
from edge.field.found import CommandEnded, ConfirmFound, Found
from edge.field.journal import Journal, Written
from edge.field.pollers.asking import Asking
from edge.field.pollers.dayend import DayEnd, still_closes
from edge.field.pollers.followups import FollowUps
from edge.field.pollers.greeting import Greeting
from edge.field.pollers.sas import SasPoller, Wire
from edge.field.pollers.seats import Habits, Heard, Seat, Stage
from edge.field.pollers.showing import Showing
from edge.field.translate import sas as translate
from edge.field.translate.followups import AFTER, BESIDE
from edge.hall.devices import Egm
from edge.hall.events import Fact
from edge.hall.exceptions import CLEAR_CERTAIN, meaning
from edge.hall.requests import (
    AnswerMeterChange,
    Confirm,
    Describe,
    Disable,
    Enable,
    Identify,
    ReadHandpay,
    ReadHopper,
    ReadLastBill,
    ReadMeters,
    ReadSelection,
)
from edge.hall.shapes import Json
from protocols.errors import LineLost
from protocols.sas.conversations.meters import MetersRead
from protocols.sas.events import (
    BadReply,
    Chirp,
    Contested,
    Echo,
    ExceptionSeen,
    Finished,
    Gap,
    LinkDown,
    LinkUp,
    Missed,
    Outcome,
    SasEvent,
    SilenceBegan,
    SilenceEnded,
    Stray,
)
from sync.errors import StorageFull

__all__ = ["Habits", "Hearing", "Seat"]


class Losses(Protocol):
    """Who opens lines again."""

    def line_lost(self, wire: Wire, error: LineLost, now: float) -> None: ...


class Hearing:
    """The recorder of the tick: everything a line tells passes here once."""

    def __init__(self, journal: Journal, board: Board, desk: Desk, clock: Clock, habits: Habits) -> None:
        self._journal = journal
        self._board = board
        self._clock = clock
        self._habits = habits
        self._seats: dict[int, Seat] = {}
        self._by_place: dict[tuple[str, int], Seat] = {}
        self._waiting_for_room: list[tuple[Wire, Heard]] = []
        self._acts_waiting: list[Found] = []
        self._poller: SasPoller | None = None
        self.losses: Losses | None = None
        self.asking = Asking(desk, self._seats, habits)
        self.asking.confirmed = self._confirm
        self._greeting = Greeting(self.asking, habits)
        self._follow_ups = FollowUps(self.asking, habits)
        self._showing = Showing(board, self._seats, habits)
        self.full: Callable[[], None] | None = None
        "Called when the books are full: whoever can make room does, the lines are held meanwhile."
        self.shed: Callable[[str, str], bool] = lambda _kind, _subject: False  # True: given up, as room is short

    @property
    def poller(self) -> SasPoller | None:
        """The tick this is the recorder of; set once both are there."""
        return self._poller

    @poller.setter
    def poller(self, poller: SasPoller) -> None:
        self._poller = self.asking.poller = poller

    def seat(
        self,
        egm: Egm,
        wire: Wire,
        *,
        handpay_open: bool = False,
        unsupported_polls: Iterable[int] = (),
        meters_read: Iterable[int] = (),
    ) -> None:
        """A machine sits at this line and address from now on, with what the books have of it from earlier runs."""
        seat = Seat(
            egm,
            wire,
            worth=translate.denomination(egm.identity.denomination_code, self._habits.currency),
            handpay_open=handpay_open,
            unsupported_polls=set(unsupported_polls),
            beside=set(BESIDE.intersection(meters_read)),
            new=not tuple(meters_read),
        )
        self._seats[egm.asset] = self._by_place[wire.name, egm.address] = seat

    @property
    def seats(self) -> Mapping[int, Seat]:
        return self._seats

    def hurry(self) -> None:
        self._journal.hurry()

    def lost(self, wire: Wire, error: LineLost, now: float) -> None:
        if self.losses is not None:
            self.losses.line_lost(wire, error, now)

    # events of one line ---------------------------------------------------------------------------------------------

    def heard(self, wire: Wire, events: Sequence[SasEvent], now: float) -> None:
        """Called by the tick. What has to be on disk blocks the line until it is."""
        heard = Heard()
        at = self._clock.wall()
        for event in events:
            # What a newer host tells beyond this table is counted by itself; a line must not stop over it.
            _HANDLERS.get(type(event), Hearing._counted)(self, wire, event, at, now, heard)
        if heard.found:
            self._record(wire, heard)
        elif heard.then:
            nothing = Written((), {})
            for act in heard.then:
                act(nothing)

    def _record(self, wire: Wire, heard: Heard) -> None:
        if any(waits is wire for waits, _ in self._waiting_for_room):
            # Behind what waits: the order in which a line tells is the order of the log.
            self._waiting_for_room.append((wire, heard))
            return
        wire.undurable += 1

        def done(written: Written | None, error: Exception | None) -> None:
            if isinstance(error, StorageFull):
                # Held: nothing leaves on this line, the machine keeps what it said. Tried again when there is room.
                wire.undurable -= 1
                self._hold_and_retry(wire, heard)
                return
            if written is not None:
                self._showing.show(written)
                for act in heard.then:
                    act(written)
            if self._poller is not None:
                self._poller.durable(wire)

        self._journal.record(heard.found, done)

    def _hold_and_retry(self, wire: Wire, heard: Heard) -> None:
        wire.host.hold()
        wire.blocked = True
        if self.full is not None:
            self.full()
        self._waiting_for_room.append((wire, heard))

    @property
    def waits_for_room(self) -> bool:
        """Is anything not in the books because they are full?"""
        return bool(self._waiting_for_room or self._acts_waiting)

    def room_again(self) -> None:
        """There is room in the books again: write down what waited, then let the lines go on."""
        for wire, _ in self._waiting_for_room:
            wire.host.release(self._clock.monotonic())
        self.write_waiting()

    def write_waiting(self) -> None:
        """Write down what waited; a line that is held stays so."""
        waiting, acts = self._waiting_for_room, self._acts_waiting
        self._waiting_for_room, self._acts_waiting = [], []
        for wire, heard in waiting:
            self._record(wire, heard)
        for found in acts:
            self.enter(found)

    def enter(self, found: Found) -> None:
        """An act of the books alone, for which no wire waits and none is asked: written down, then shown."""

        def done(written: Written | None, error: Exception | None) -> None:
            if isinstance(error, StorageFull):
                self._acts_waiting.append(found)
                if self.full is not None:
                    self.full()
            if written is not None:
                self._showing.show(written)

        self._journal.record([found], done, urgent=True)

    # handlers, one per SAS event ------------------------------------------------------------------------------------

    def _exception(self, wire: Wire, event: ExceptionSeen, at: datetime, _now: float, heard: Heard) -> None:
        seat = self._by_place.get((wire.name, event.address))
        if seat is None:
            return
        if event.code not in AFTER and self.shed(meaning(event.code).kind, f"egm/{seat.asset}"):
            return
        place = len(heard.found)
        unknown = seat.stage not in (Stage.ACCEPTED, Stage.READY)
        heard.found.append(translate.exception(seat.asset, event, at, unidentified=unknown))

        def then(written: Written) -> None:
            if event.code in CLEAR_CERTAIN:
                seat.handpay_open = False
            self._follow_ups.after(seat, event.code, written.caused_by(place))

        heard.then.append(then)

    def _link_up(self, wire: Wire, event: LinkUp, at: datetime, now: float, heard: Heard) -> None:
        seat = self._by_place.get((wire.name, event.address))
        if seat is None:
            return
        data: dict[str, Json] = {
            "asset": seat.asset,
            "line": wire.name,
            "down_since": stamp(seat.down_since) if seat.down_since else None,
        }
        heard.found.append(Fact("hall.egm.link.up.v1", f"egm/{seat.asset}", at, data))
        self._board.update_egm(seat.asset, link="up", link_since=stamp(at))
        heard.then.append(lambda _written: self._greeting.link_up(seat))
        seat.next_snapshot_at = now + self._habits.snapshot_every_s

    def _link_down(self, wire: Wire, event: LinkDown, at: datetime, now: float, heard: Heard) -> None:
        seat = self._by_place.get((wire.name, event.address))
        if seat is None:
            return
        last = None
        if event.last_heard_at is not None:
            last = stamp(datetime.fromtimestamp(at.timestamp() - (now - event.last_heard_at), at.tzinfo))
        self._greeting.link_down(seat, at)
        data: dict[str, Json] = {
            "asset": seat.asset,
            "line": wire.name,
            "misses": event.misses,
            "last_heard_at": last,
            "cause": "no_answer" if last else "never_heard",
        }
        heard.found.append(Fact("hall.egm.link.down.v1", f"egm/{seat.asset}", at, data))
        self._board.update_egm(seat.asset, link="down", link_since=stamp(at))

    def _gap(self, wire: Wire, event: Gap, at: datetime, now: float, heard: Heard) -> None:
        seat = self._by_place.get((wire.name, event.address))
        if seat is None:
            return

        def wall(moment: float) -> str:
            return stamp(datetime.fromtimestamp(at.timestamp() - (now - moment), at.tzinfo))

        data: dict[str, Json] = {
            "asset": seat.egm.asset,
            "since": wall(event.since),
            "until": wall(event.until),
            "reason": event.reason.replace("-", "_"),
        }
        heard.found.append(Fact("hall.egm.data.gap.v1", f"egm/{seat.egm.asset}", at, data))
        place = len(heard.found) - 1
        heard.then.append(lambda written: self.asking.ask_meters(seat, "event", written.caused_by(place)))

    def _silence_began(self, wire: Wire, event: SilenceBegan, at: datetime, now: float, heard: Heard) -> None:
        data: dict[str, Json] = {
            "line": wire.name,
            "silence_ms": max(0, round((event.until - now) * 1000)),
            "reason": wire.silence_reason,
        }
        wire.silence_reason = "three_tries"
        wire.silent = True
        heard.found.append(Fact("hall.line.silent.v1", f"line/{wire.name}", at, data))
        self._board.update_line(wire.name, state="silent", since=stamp(at))

    def _silence_ended(self, wire: Wire, _event: SilenceEnded, at: datetime, _now: float, _heard: Heard) -> None:
        wire.silent = False
        self._board.update_line(wire.name, state="up", since=stamp(at))

    def _counted(self, _wire: Wire, _event: SasEvent, _at: datetime, _now: float, _heard: Heard) -> None:
        """Misses, damaged replies and chirps are counted by the host and shown by the board's regular refresh."""

    def _stray(self, wire: Wire, event: Stray, at: datetime, now: float, heard: Heard) -> None:
        count = len(event.data) + event.count
        line = self._board.lines.get(wire.name)
        self._board.update_line(wire.name, stray_bytes=(line.stray_bytes if line else 0) + count)
        wire.chatter += count
        if now < wire.chatter_at:
            return
        # One record a minute and line: a flood of garbage must not become a flood of events.
        wire.chatter_at = now + 60.0
        data: dict[str, Json] = {"line": wire.name, "octets": max(1, wire.chatter), "sample": event.data[:32].hex()}
        wire.chatter = 0
        heard.found.append(Fact("hall.line.chatter.v1", f"line/{wire.name}", at, data))

    def _contested(self, wire: Wire, event: Contested, at: datetime, _now: float, heard: Heard) -> None:
        seat = self._by_place.get((wire.name, event.address))
        if seat is None:
            return
        data: dict[str, Json] = {"asset": seat.asset, "line": wire.name, "second_answers": max(1, event.second_answers)}
        heard.found.append(Fact("hall.egm.address.contested.v1", f"egm/{seat.asset}", at, data))

    def _echo(self, wire: Wire, event: Echo, at: datetime, _now: float, heard: Heard) -> None:
        data: dict[str, Json] = {"line": wire.name, "sample": event.poll[:64].hex()}
        heard.found.append(Fact("hall.line.echoes.v1", f"line/{wire.name}", at, data))

    def _finished(self, wire: Wire, event: Finished, at: datetime, now: float, heard: Heard) -> None:
        seat = self._by_place.get((wire.name, event.address))
        slip = None if seat is None else self.asking.finish(seat, event.token)
        if seat is None or slip is None:
            return
        outcome = event.outcome
        match slip.request:
            case Identify():
                self._greeting.identified(seat, outcome, at, now, heard)
            case ReadMeters():
                self._read(seat, slip.request, outcome, at, now, heard)
            case Describe():
                self._greeting.described(seat, outcome, at, now, heard)
            case ReadHandpay():
                self._follow_ups.handpay_answered(seat, outcome, at, now, heard)
            case ReadLastBill() | ReadHopper() | ReadSelection():
                self._follow_ups.answered(seat, slip.request, outcome, at, heard)
            case AnswerMeterChange():
                self._follow_ups.change_answered(seat, slip.request, outcome, at, heard)
            case Enable() | Disable() if outcome.ok:
                self._board.update_egm(seat.asset, enabled=isinstance(slip.request, Enable))
        if slip.command is not None:
            heard.found.append(self._command_result(slip, slip.command, outcome, at))
            if outcome.ok and isinstance(slip.request, Enable | Disable):
                # Placed in or taken out of service: what it stood at then (MTR-07).
                done = len(heard.found) - 1
                heard.then.append(lambda written: self.asking.ask_meters(seat, "service", written.caused_by(done)))
        heard.then.append(lambda _written: self.asking.next(seat))

    def _read(self, seat: Seat, request: ReadMeters, outcome: Outcome, at: datetime, now: float, heard: Heard) -> None:
        """The snapshot first, then what follows from it: a test ends, a meter change may go on."""
        if isinstance(outcome, MetersRead):
            found = translate.snapshot(
                seat.asset, outcome, request, worth=seat.worth, time=at, lacking=seat.unsupported_meters
            )
            first = seat.new and request.whole and not request.before_change
            if first:
                # Whatever it was asked for: the first reading of a machine says so (MTR-15).
                found, seat.new = replace(found, reason="first"), False
            if found.reason == "day_end" and not still_closes(self._habits.days, seat, at):
                found = replace(found, reason="interval")
            heard.found.append(replace(found, follows=seat.follows, stepped=seat.stepped))
            if request.whole:
                seat.follows, seat.stepped = True, False
                seat.way = outcome.way or seat.way
                seat.next_snapshot_at = now + self._habits.snapshot_every_s
                seat.unsupported_meters |= {code for game, code in outcome.unsupported if game == 0}
                seat.beside |= {reading.code for reading in outcome.readings} & BESIDE
        elif request.reason == "day_end" and request.whole:
            DayEnd.failed(seat, now)
        self._greeting.read(seat, request, outcome, at, now, heard)
        self._follow_ups.read(seat, request, outcome, heard)

    def _confirm(self, seat: Seat, slip: Slip) -> None:
        """A person confirms the machine that answers: an act of the books, in its turn among what is asked."""
        assert isinstance(slip.request, Confirm)
        assert slip.command is not None
        at = self._clock.wall()
        found = ConfirmFound(
            seat.asset, at, slip.request.serial, slip.command.central, slip.command.command_id, slip.command.kind
        )

        self.asking.finish_unsent(seat)

        def then(written: Written) -> None:
            decision = written.identities.get(seat.asset)
            if decision is not None:
                self._greeting.decided(seat, decision, at)
            self.asking.next(seat)

        self._record(seat.wire, Heard([found], [then]))

    def _command_result(self, slip: Slip, command: CommandRef, outcome: Outcome, at: datetime) -> CommandEnded:
        asset = slip.request.asset
        head: dict[str, Json] = {
            "central": command.central,
            "command_id": command.command_id,
            "kind": command.kind,
            "asset": asset,
        }
        if outcome.ok:
            fact = Fact("hall.command.done.v1", f"egm/{asset}", at, {**head, "result": {"outcome": outcome.slug}})
        else:
            text = f"Machine {asset} did not do it: {outcome.slug}."
            fact = Fact("hall.command.failed.v1", f"egm/{asset}", at, {**head, "error": outcome.slug, "text": text})
        return CommandEnded(command.central, command.command_id, fact)

    # requests -------------------------------------------------------------------------------------------------------

    def ask(self, slip: Slip) -> None:
        """Put a request on the desk and begin it if its machine is free. Raises DeskFull."""
        self.asking.ask(slip)

    def clock_stepped(self) -> None:
        """The wall clock jumped: how long ago the last meters were read is not known any more."""
        for seat in self._seats.values():
            seat.follows, seat.stepped = False, True

    def stop(self) -> None:
        """Begin nothing new."""
        self.asking.stopping = True

    def ask_due(self, now: float) -> None:
        """Ask for what is due again; called about once a second."""
        self.asking.ask_due(now)


_HANDLERS: Mapping[type, Callable[..., None]] = {
    ExceptionSeen: Hearing._exception,
    LinkUp: Hearing._link_up,
    LinkDown: Hearing._link_down,
    Gap: Hearing._gap,
    SilenceBegan: Hearing._silence_began,
    SilenceEnded: Hearing._silence_ended,
    Missed: Hearing._counted,
    BadReply: Hearing._counted,
    Contested: Hearing._contested,
    Echo: Hearing._echo,
    Chirp: Hearing._counted,
    Stray: Hearing._stray,
    Finished: Hearing._finished,
}
