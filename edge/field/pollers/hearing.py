"""What the lines heard goes where it belongs: journal first, then board and desk.

One table from SAS event to handler. A handler says what was found (for the journal) and what is to be done once it is on
disk; it never sends anything. So a snapshot can name the event that caused it: the event is stored before the
meters are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from edge.board import Board
from edge.clock import Clock, stamp
from edge.field.desk import CommandRef, Desk, DeskFull, Slip
from edge.field.found import CommandEnded, ExceptionFound, Found, IdentityFound
from edge.field.journal import Journal, Written
from edge.field.pollers.sas import SasPoller, Wire
from edge.field.translate import sas as translate
from edge.hall.devices import Egm
from edge.hall.events import Fact, text_of
from edge.hall.money import Denomination
from edge.hall.requests import Disable, Enable, Identify, ReadMeters
from edge.hall.shapes import Json
from protocols.errors import LineLost
from protocols.sas.conversations.identity import Identified
from protocols.sas.conversations.meters import MetersRead
from protocols.sas.events import (
    BadReply,
    Chirp,
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
from sync.envelope import Envelope
from sync.errors import StorageFull


class Losses(Protocol):
    """Who opens lines again."""

    def line_lost(self, wire: Wire, error: LineLost, now: float) -> None: ...


@dataclass(slots=True)
class Seat:
    """A machine as the hearing knows it: where it sits, and what is under way with it."""

    egm: Egm
    wire: Wire
    up: bool = False
    next_snapshot_at: float = float("inf")
    features: bytes = b""
    "What the machine said of itself in this run (SAS A0)."
    down_since: datetime | None = None
    worth: Denomination | None = None
    exceptions: int = 0
    review: int = 0
    follows: bool = False
    "Its meters were read in this run, and the wall clock has not jumped since."


@dataclass(slots=True)
class _Heard:
    """What one batch of events comes to."""

    found: list[Found] = field(default_factory=list)
    then: list[Callable[[Written], None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Habits:
    """How the gateway asks of its own accord."""

    currency: str
    snapshot_codes: tuple[int, ...]
    snapshot_every_s: float = 900.0
    fast_poll_s: float = 0.040
    hall_time: Callable[[], datetime] = field(kw_only=True)
    "Local time of the hall, for a machine's clock."


class Hearing:
    """The recorder of the tick: everything a line tells passes here once."""

    def __init__(self, journal: Journal, board: Board, desk: Desk, clock: Clock, habits: Habits) -> None:
        self._journal = journal
        self._board = board
        self._desk = desk
        self._clock = clock
        self._habits = habits
        self._seats: dict[int, Seat] = {}
        self._by_place: dict[tuple[str, int], Seat] = {}
        self._waiting_for_room: list[tuple[Wire, _Heard]] = []
        self.poller: SasPoller | None = None
        self.losses: Losses | None = None
        self._stopping = False
        self.full: Callable[[], None] | None = None
        "Called when the books are full: whoever can make room does, the lines are held meanwhile."

    def seat(self, egm: Egm, wire: Wire) -> None:
        """A machine sits at this line and address from now on."""
        seat = Seat(egm, wire, worth=translate.denomination(egm.identity.denomination_code, self._habits.currency))
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
        heard = _Heard()
        at = self._clock.wall()
        for event in events:
            _HANDLERS[type(event)](self, wire, event, at, now, heard)
        if heard.found:
            self._record(wire, heard)
        elif heard.then:
            nothing = Written((), {})
            for act in heard.then:
                act(nothing)

    def _record(self, wire: Wire, heard: _Heard) -> None:
        wire.undurable += 1

        def done(written: Written | None, error: Exception | None) -> None:
            if isinstance(error, StorageFull):
                # Held: nothing leaves on this line, the machine keeps what it said. Tried again when there is room.
                wire.undurable -= 1
                self._hold_and_retry(wire, heard)
                return
            if written is not None:
                self._show(heard.found, written)
                for act in heard.then:
                    act(written)
            if self.poller is not None:
                self.poller.durable(wire)

        self._journal.record(heard.found, done)

    def _hold_and_retry(self, wire: Wire, heard: _Heard) -> None:
        wire.host.hold()
        wire.blocked = True
        if self.full is not None:
            self.full()
        self._waiting_for_room.append((wire, heard))

    def room_again(self) -> None:
        """There is room in the books again: write down what waited, then let the lines go on."""
        waiting, self._waiting_for_room = self._waiting_for_room, []
        for wire, heard in waiting:
            wire.host.release(self._clock.monotonic())
            self._record(wire, heard)

    def _show(self, found: Sequence[Found], written: Written) -> None:
        for envelope in written.events:
            self._show_event(envelope)
        for asset, change in written.identities.items():
            seat = self._seats[asset]
            identity = next(f.identity for f in found if isinstance(f, IdentityFound) and f.asset == asset)
            seat.worth = translate.denomination(identity.denomination_code, self._habits.currency)
            self._board.update_egm(
                asset,
                serial=identity.serial,
                game_id=identity.game_id,
                generation=change.generation,
                denomination=seat.worth.as_data() if seat.worth else None,
            )

    def _show_event(self, envelope: Envelope) -> None:
        asset = envelope.data.get("asset")
        seat = self._seats.get(asset) if isinstance(asset, int) else None
        if seat is None:
            return
        data, kind = envelope.data, envelope.type
        if kind == "hall.egm.meters.snapshot.v1":
            values = {f"{r['code']:02x}": r["value"] for r in data["readings"] if r["game"] == 0}
            self._board.update_egm(
                seat.egm.asset, meters=values, meters_at=envelope.time, generation=data["generation"]
            )
            return
        if kind == "hall.egm.meters.review.v1":
            seat.review += len(data["meters"])
            self._board.update_egm(seat.egm.asset, review=seat.review)
        if "sas_exception" in data:
            seat.exceptions += 1
            self._board.update_egm(seat.egm.asset, exceptions=seat.exceptions)
            if kind == "hall.egm.door.opened.v1":
                self._board.set_door(seat.egm.asset, data["door"], "open")
            elif kind == "hall.egm.door.closed.v1":
                self._board.set_door(seat.egm.asset, data["door"], "closed")
            elif kind.startswith("hall.egm.power."):
                self._board.update_egm(seat.egm.asset, power=kind.split(".")[3])
        if kind == "hall.egm.identified.v1":
            return  # asked by ourselves: would hide what the machine said last
        newest: dict[str, Json] = {
            "kind": kind,
            "text": text_of(kind, data),
            "time": envelope.time,
            "sequence": envelope.sequence,
        }
        self._board.update_egm(seat.egm.asset, last_event=newest)

    # handlers, one per SAS event ------------------------------------------------------------------------------------

    def _exception(self, wire: Wire, event: ExceptionSeen, at: datetime, _now: float, heard: _Heard) -> None:
        seat = self._by_place.get((wire.name, event.address))
        if seat is None:
            return
        place = len(heard.found)
        found: ExceptionFound = translate.exception(seat.egm.asset, event, at)
        heard.found.append(found)

        def then(written: Written) -> None:
            cause = written.caused_by(place)
            if event.code in translate.IDENTITY_CHANGING:
                self._ask(Slip(Identify(seat.egm.asset)), first=True)
                self._ask_snapshot(seat, "event", cause)
            elif event.code in translate.SNAPSHOT_AFTER:
                self._ask_snapshot(seat, "event", cause)

        heard.then.append(then)

    def _link_up(self, wire: Wire, event: LinkUp, at: datetime, now: float, heard: _Heard) -> None:
        seat = self._by_place.get((wire.name, event.address))
        if seat is None:
            return
        data: dict[str, Json] = {
            "asset": seat.egm.asset,
            "line": wire.name,
            "down_since": stamp(seat.down_since) if seat.down_since else None,
        }
        heard.found.append(Fact("hall.egm.link.up.v1", f"egm/{seat.egm.asset}", at, data))
        self._board.update_egm(seat.egm.asset, link="up", link_since=stamp(at))

        def then(_written: Written) -> None:
            # Up only now: what an exception of the same moment asks for must not begin before the identity is known.
            seat.up, seat.down_since = True, None
            self._ask(Slip(Identify(seat.egm.asset)), first=True)
            self._ask_snapshot(seat, "link_up" if seat.egm.identified_at else "first", None)
            if self.poller is not None:
                self.poller.touch(wire)

        heard.then.append(then)
        seat.next_snapshot_at = now + self._habits.snapshot_every_s

    def _link_down(self, wire: Wire, event: LinkDown, at: datetime, now: float, heard: _Heard) -> None:
        seat = self._by_place.get((wire.name, event.address))
        if seat is None:
            return
        last = None
        if event.last_heard_at is not None:
            last = stamp(datetime.fromtimestamp(at.timestamp() - (now - event.last_heard_at), at.tzinfo))
        seat.up, seat.down_since = False, at
        seat.next_snapshot_at = float("inf")
        data: dict[str, Json] = {
            "asset": seat.egm.asset,
            "line": wire.name,
            "misses": event.misses,
            "last_heard_at": last,
            "cause": "no_answer" if last else "never_heard",
        }
        heard.found.append(Fact("hall.egm.link.down.v1", f"egm/{seat.egm.asset}", at, data))
        self._board.update_egm(seat.egm.asset, link="down", link_since=stamp(at))

    def _gap(self, wire: Wire, event: Gap, at: datetime, now: float, heard: _Heard) -> None:
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
        heard.then.append(lambda written: self._ask_snapshot(seat, "event", written.caused_by(place)))

    def _silence_began(self, wire: Wire, event: SilenceBegan, at: datetime, now: float, heard: _Heard) -> None:
        data: dict[str, Json] = {
            "line": wire.name,
            "silence_ms": max(0, round((event.until - now) * 1000)),
            "reason": wire.silence_reason,
        }
        wire.silence_reason = "three_tries"
        wire.silent = True
        heard.found.append(Fact("hall.line.silent.v1", f"line/{wire.name}", at, data))
        self._board.update_line(wire.name, state="silent", since=stamp(at))

    def _silence_ended(self, wire: Wire, _event: SilenceEnded, at: datetime, _now: float, _heard: _Heard) -> None:
        wire.silent = False
        self._board.update_line(wire.name, state="up", since=stamp(at))

    def _counted(self, _wire: Wire, _event: SasEvent, _at: datetime, _now: float, _heard: _Heard) -> None:
        """Misses, damaged replies and chirps are counted by the host and shown by the board's regular refresh."""

    def _stray(self, wire: Wire, event: Stray, at: datetime, now: float, heard: _Heard) -> None:
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

    def _finished(self, wire: Wire, event: Finished, at: datetime, now: float, heard: _Heard) -> None:
        seat = self._by_place.get((wire.name, event.address))
        if seat is None:
            return
        slip = self._desk.finish(seat.egm.asset)
        if slip is None:
            return
        outcome = event.outcome
        if isinstance(outcome, Identified):
            self._know(seat, outcome)
            heard.found.append(translate.identity(seat.egm.asset, outcome, at))
            seat.egm = replace(seat.egm, identified_at=stamp(at))
        elif isinstance(outcome, MetersRead) and isinstance(slip.request, ReadMeters):
            found = translate.snapshot(seat.egm.asset, outcome, slip.request, worth=seat.worth, time=at)
            heard.found.append(replace(found, follows=seat.follows))
            seat.follows = True
            seat.next_snapshot_at = now + self._habits.snapshot_every_s
        elif isinstance(slip.request, (Enable, Disable)) and outcome.ok:
            self._board.update_egm(seat.egm.asset, enabled=isinstance(slip.request, Enable))
        if slip.command is not None:
            heard.found.append(self._command_result(slip, slip.command, outcome, at))
        heard.then.append(lambda _written: self._next(seat))

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

    def _know(self, seat: Seat, identified: Identified) -> None:
        seat.features = identified.features
        if identified.polls_fast:
            seat.wire.host.set_poll_interval(seat.egm.address, self._habits.fast_poll_s)

    # requests -------------------------------------------------------------------------------------------------------

    def ask(self, slip: Slip, *, first: bool = False) -> None:
        """Put a request on the desk and begin it if its machine is free. Raises DeskFull."""
        self._desk.put(slip, first=first)
        seat = self._seats[slip.request.asset]
        self._next(seat)

    def _ask(self, slip: Slip, *, first: bool = False) -> None:
        try:
            self.ask(slip, first=first)
        except DeskFull:
            # Our own questions come again with the next occasion; central's requests were counted before.
            return

    def _ask_snapshot(self, seat: Seat, reason: str, because: str | None) -> None:
        request = ReadMeters(seat.egm.asset, self._habits.snapshot_codes, reason=reason, because=because)  # type: ignore[arg-type]  # one of the table's words
        self._ask(Slip(request))

    def _next(self, seat: Seat) -> None:
        """Begin what is next on this machine's desk, when its link is up and nothing else is under way."""
        if not seat.up or self._stopping:
            return
        slip = self._desk.take(seat.egm.asset)
        if slip is None:
            return
        talk = translate.conversation(slip.request, seat.features, self._habits.hall_time())
        seat.wire.host.begin(seat.egm.address, talk)
        if self.poller is not None:
            self.poller.touch(seat.wire)

    def clock_stepped(self) -> None:
        """The wall clock jumped: how long ago the last meters were read is not known any more."""
        for seat in self._seats.values():
            seat.follows = False

    def stop(self) -> None:
        """Begin nothing new."""
        self._stopping = True

    def ask_due_snapshots(self, now: float) -> None:
        """Ask for the regular snapshots that are due; called about once a second."""
        for seat in self._seats.values():
            if seat.up and now >= seat.next_snapshot_at:
                seat.next_snapshot_at = now + self._habits.snapshot_every_s
                self._ask_snapshot(seat, "interval", None)


_HANDLERS: Mapping[type, Callable[..., None]] = {
    ExceptionSeen: Hearing._exception,
    LinkUp: Hearing._link_up,
    LinkDown: Hearing._link_down,
    Gap: Hearing._gap,
    SilenceBegan: Hearing._silence_began,
    SilenceEnded: Hearing._silence_ended,
    Missed: Hearing._counted,
    BadReply: Hearing._counted,
    Chirp: Hearing._counted,
    Stray: Hearing._stray,
    Finished: Hearing._finished,
}
