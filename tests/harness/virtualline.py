"""One line in virtual time: a host, simulated machines, and a bad wire between them. Jumps from moment to moment.

The host's side is driven as the field drives it: nothing leaves before what was heard is stored (a commit takes some
milliseconds), who is there is asked before its exceptions are taken, meters are read every quarter of an hour. What is
stored of each machine stands beside that machine's own book.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf

from protocols.line.line import CHAR_S, Char
from protocols.sas.catalog.meter_codes import METERS
from protocols.sas.conversations.identity import Identified, Identify
from protocols.sas.conversations.meters import MetersRead, ReadMeters
from protocols.sas.events import BadReply, Contested, ExceptionSeen, Finished, Gap, LinkDown, LinkUp, Missed, SasEvent
from protocols.sas.host import Host, Start
from protocols.sas.rules import LineRules
from simulators.alignment import Given, Kept
from simulators.egm.wired import WiredEgm
from simulators.faults.wires import BadWire, Frame, Sent

TICK_S = 0.002
SNAPSHOT_EVERY_S = 900.0
SNAPSHOT_CODES = tuple(
    code for code in (0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0B, 0x0C, 0x24) if code in METERS
)
WALL = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Books:
    """What a gateway would have stored of one machine."""

    exceptions: list[Kept] = field(default_factory=list)
    last_code: int | None = None
    gaps: list[Gap] = field(default_factory=list)
    readings: int = 0
    wrong_readings: list[tuple[float, int, int]] = field(default_factory=list)
    "(moment, code, value) the machine never told."
    snapshots: int = 0
    unread: int = 0
    identities: set[str] = field(default_factory=set)
    downs: list[float] = field(default_factory=list)
    ups: list[float] = field(default_factory=list)
    bad_replies: int = 0
    misses: int = 0
    contested: int = 0


class VirtualLine:
    """``run(until)``; then look at ``books`` and at each machine's own book."""

    def __init__(self, machines: Sequence[WiredEgm], wire: BadWire, rules: LineRules, *, seed: int) -> None:
        self.now = 0.0
        self.machines = tuple(machines)
        self.wire = wire
        self.books: Mapping[int, Books] = {address: Books() for address in sorted({one.address for one in machines})}
        self._serials = {one.address: {twin.machine.serial for twin in machines} for one in machines}
        self._dice = random.Random(seed)
        self._rules = rules
        self.host = Host(
            tuple(self.books), rules, now=0.0, start=Start.UNCLEAN, last_exceptions=dict.fromkeys(self.books)
        )
        self.frames = 0
        self.longest_quiet_s = 0.0
        self._last_frame_at = 0.0
        self._coming: list[tuple[float, int, Sent]] = []
        self._sent = 0
        self._storing_until = 0.0
        self._features = dict.fromkeys(self.books, b"")
        self._up: set[int] = set()
        self._accepted: set[int] = set()
        self._snapshot_at = dict.fromkeys(self.books, inf)
        self._babble_at = wire.next_change(0.0) if wire.babbles_every_s else inf
        self._heard_host_at = 0.0
        self._tick_at = 5.0

    def run(self, until: float) -> None:
        """Everything that happens up to then."""
        while True:
            host_at = max(self.host.due(), self._storing_until)
            coming_at = self._coming[0][0] if self._coming else inf
            life_at = min(one.due_at for one in self.machines)
            at = min(host_at, coming_at, life_at, self._tick_at, self._babble_at, min(self._snapshot_at.values()))
            if at >= until:
                self.now = until
                return
            self.now = max(self.now, at)
            if coming_at <= at:
                self._hear()
            elif life_at <= at:
                for one in self.machines:
                    if one.due_at <= self.now:
                        one.play(self.now)
            elif self._babble_at <= at:
                self._babble()
            elif self._tick_at <= at:
                self._tick_machines()
            elif host_at <= at:
                self._drive()
            else:
                self._ask_meters()

    # the gateway ----------------------------------------------------------------------------------------------------

    def _drive(self) -> None:
        host = self.host
        if host.awaiting:
            self._store(host.no_reply(self.now))
            return
        turn = host.next_turn(self.now)
        self._store(host.take_events())
        if turn is None:
            return
        self.frames += 1
        self.longest_quiet_s = max(self.longest_quiet_s, self.now - self._last_frame_at)
        self._last_frame_at = self.now
        host.sent(self.now + len(turn.data) * CHAR_S)
        # The rest follows the first character after the gap in which parity is switched.
        frame = [
            Sent(self.now + (place + 1) * CHAR_S + (0.0015 if place else 0.0), value, place == 0)
            for place, value in enumerate(turn.data)
        ]
        is_bad = self.wire.is_bad(self.now)
        if is_bad and self.wire.echoes:
            self._to_host([char._replace(wakeup=False) for char in frame], spoil=False)
        for at, value, wakeup in self.wire.to_machine(self._dice, frame) if is_bad else frame:
            self._heard_host_at = at
            for one in self.machines:
                answer = one.receive(value, wakeup, at)
                if answer is not None:
                    self._answered(one, answer, at + max(one.answer_delay_s, 0.001))
        self._tick_at = self._heard_host_at + 5.0

    def _hear(self) -> None:
        self.now += self._dice.random() * TICK_S
        chars = []
        while self._coming and self._coming[0][0] <= self.now:
            char = heapq.heappop(self._coming)[2]
            chars.append(Char(char.value, char.wakeup, self.now))
        self._store(self.host.receive(chars, self.now))

    def _store(self, events: Sequence[SasEvent]) -> None:
        for event in events:
            self._note(event)
        if events:
            # Nothing leaves before the commit.
            self._storing_until = self.now + self._dice.uniform(0.0005, 0.015)

    def _note(self, event: SasEvent) -> None:
        address: int = getattr(event, "address", 0)
        if address not in self.books:
            return
        books = self.books[address]
        if isinstance(event, ExceptionSeen):
            repeat = event.doubtful and books.last_code is not None
            books.exceptions.append(Kept(event.code, repeat, f"{self.now:.3f}"))
            books.last_code = event.code
        elif isinstance(event, Gap):
            books.gaps.append(event)
        elif isinstance(event, LinkUp):
            books.ups.append(self.now)
            self._up.add(address)
            self.host.begin(address, Identify())
        elif isinstance(event, LinkDown):
            books.downs.append(self.now)
            self._up.discard(address)
            self._snapshot_at[address] = inf
        elif isinstance(event, Finished):
            self._finished(address, event, books)
        elif isinstance(event, BadReply):
            books.bad_replies += 1
        elif isinstance(event, Missed):
            books.misses += 1
        elif isinstance(event, Contested):
            books.contested += 1

    def _finished(self, address: int, event: Finished, books: Books) -> None:
        outcome = event.outcome
        if isinstance(outcome, Identified):
            if outcome.serial:
                books.identities.add(outcome.serial)
            self._features[address] = outcome.features
            if outcome.polls_fast:
                self.host.set_poll_interval(address, 0.040 if self._rules.poll_interval_s < 0.2 else 0.2)
        elif isinstance(outcome, MetersRead):
            books.snapshots += 1
            books.unread += len(outcome.unread)
            told = [one.book.meters_told for one in self.machines if one.address == address]
            for reading in outcome.readings:
                books.readings += 1
                if not any(reading.value in known.get(reading.code, ()) for known in told):
                    books.wrong_readings.append((self.now, reading.code, reading.value))
            return
        if address in self._up:
            self.host.accept(address)
            self._snapshot_at[address] = self.now

    def _ask_meters(self) -> None:
        for address, at in self._snapshot_at.items():
            if at <= self.now:
                self._snapshot_at[address] = self.now + SNAPSHOT_EVERY_S
                self.host.begin(address, ReadMeters(SNAPSHOT_CODES, (0,), features=self._features[address]))

    # the wire and the machines --------------------------------------------------------------------------------------

    def _answered(self, one: WiredEgm, answer: tuple[bytes, bool], at: float) -> None:
        data, wakeup = answer
        self._to_host([Sent(at + (place + 1) * CHAR_S, value, wakeup) for place, value in enumerate(data)])

    def _to_host(self, frame: Frame, *, spoil: bool = True) -> None:
        if spoil and self.wire.is_bad(self.now):
            frame = self.wire.to_host(self._dice, frame)
        for char in frame:
            self._sent += 1
            heapq.heappush(self._coming, (char.at, self._sent, char))

    def _babble(self) -> None:
        if self.wire.is_bad(self.now):
            self._to_host([Sent(self.now, self._dice.randrange(256), False)], spoil=False)
            self._babble_at = self.now + self.wire.babbles_every_s
        else:
            self._babble_at = self.wire.next_change(self.now)

    def _tick_machines(self) -> None:
        """Nobody has spoken for five seconds: machines declare their link down and chirp."""
        self._tick_at = self.now + 0.2
        for one in self.machines:
            chirp = one.tick(self.now)
            if chirp is not None:
                self._answered(one, chirp, self.now)


def given(one: WiredEgm) -> list[Given]:
    """The machine's answers in their order, as its book has them."""
    return [Given(told.serial, told.code, told.acknowledged) for told in one.book.told]
