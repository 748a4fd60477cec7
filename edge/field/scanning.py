"""A line lent for a moment: to a scan, which asks all its addresses, or to a probe of one machine that sits there.

A scan of a line that is polled takes the host's place in the tick, between two polls: the host is held, everything it told is
on disk, and no poll of it is out. What the scan's first frame acknowledges is stored therefore; if its acknowledgement is not
heard, the host says of the next exception that it may be a repeat. Enrolled machines stay in step, for each frame of a scan
is an address byte; a scan that listens first lets them declare their link down, which keeps what they have.

A line without enrolled machines is not polled: it is opened for the scan, and closed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from edge.field.pollers.sas import SasPoller, Wire
from edge.field.pollers.supervisor import Supervisor
from protocols.errors import BadRequest, LineLost
from protocols.line.line import Line
from protocols.sas.conversations.base import Answer, Conversation, NoAnswer, Outcome, Poll
from protocols.sas.conversations.probe import Probe, Probed
from protocols.sas.driving import step
from protocols.sas.events import SasEvent
from protocols.sas.host import Host
from protocols.sas.rules import LineRules
from protocols.sas.scan import Scan
from protocols.sas.scanned import Scanned
from protocols.sas.turn import Turn

REST_WITHIN_S = 12.0
"""A line with a missing machine is silent for 5.3 s at a time; between its silences it rests."""
SCAN_WITHIN_S = 100.0
PROBE_WITHIN_S = 180.0
READY_WITHIN_S = 5.0
LOOK_S = 0.02

Opener = Callable[[float], Line]


class UnknownLine(Exception):
    """No such line here, or no such machine on it."""

    slug = "not-found"

    def __init__(self, text: str, **facts: object) -> None:
        super().__init__(text)
        self.facts = facts


class NotNow(Exception):
    """The line cannot be lent at this moment; nothing was sent."""

    slug = "not-now"

    def __init__(self, text: str, line: str) -> None:
        super().__init__(text)
        self.facts = {"line": line}


class Silent(Exception):
    """The machine does not answer."""

    slug = "no-answer"

    def __init__(self, text: str, line: str, address: int) -> None:
        super().__init__(text)
        self.facts = {"line": line, "address": address}


class Scanning:
    """One per field. ``openers``: how to open the lines that have no machines, by name."""

    def __init__(
        self,
        poller: SasPoller,
        supervisor: Supervisor,
        *,
        openers: Mapping[str, Opener] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.openers: Mapping[str, Opener] = openers or {}
        self._poller = poller
        self._supervisor = supervisor
        self._monotonic = monotonic
        self._lent: set[str] = set()

    async def scan(self, line: str, *, listen: bool | None, general_polls: bool, up_to: int) -> Scanned:
        """Ask addresses 1 to ``up_to``. listen None: only where nobody is enrolled. Raises UnknownLine, NotNow, LineError."""
        wire = self._wire(line)
        if wire is None and line not in self.openers:
            raise UnknownLine(f"There is no SAS line {line} here.", line=line)
        if line in self._lent:
            raise NotNow(f"Line {line} is being scanned already.", line)
        self._lent.add(line)
        try:
            if wire is None:
                return await self._scan_unused(line, self.openers[line], listen is not False, general_polls, up_to)
            return await self._scan_polled(wire, listen=bool(listen), general_polls=general_polls, up_to=up_to)
        finally:
            self._lent.discard(line)

    async def probe(self, line: str, address: int) -> Probed:
        """All that a machine says of itself, beside its polls. Raises UnknownLine, NotNow, Silent."""
        wire = self._wire(line)
        if wire is None:
            raise UnknownLine(f"There is no machine on line {line} here.", line=line)
        if line in self._lent:
            raise NotNow(f"Line {line} is being scanned; ask again when that is over.", line)
        talk = _Watched(Probe())
        try:
            wire.host.begin(address, talk)
        except BadRequest as error:
            raise NotNow(str(error), line) from None
        self._poller.touch(wire)
        try:
            async with asyncio.timeout(PROBE_WITHIN_S):
                outcome = await talk.ended
        except TimeoutError:
            outcome = NoAnswer()
        if not isinstance(outcome, Probed):
            raise Silent(f"The machine at address {address} of line {line} does not answer.", line, address)
        return outcome

    def _wire(self, line: str) -> Wire | None:
        return next((wire for wire in self._supervisor.wires if wire.name == line), None)

    async def _scan_polled(self, wire: Wire, *, listen: bool, general_polls: bool, up_to: int) -> Scanned:
        until = self._monotonic() + REST_WITHIN_S
        while not _may_be_lent(wire):
            if self._monotonic() > until or not wire.open:
                why = "has no moment of rest" if wire.open else "is not open"
                raise NotNow(f"Line {wire.name} {why}; nothing was sent.", wire.name)
            await asyncio.sleep(LOOK_S / 10)
        now = self._monotonic()
        scan = Scan(LineRules(), now=now, listen=listen, general_polls=general_polls, addresses=range(1, up_to + 1))
        lent = _Lent(wire, scan, now)
        self._poller.touch(wire)
        until = now + SCAN_WITHIN_S
        while not lent.is_over:
            if not wire.open or self._monotonic() > until:
                lent.give_back(self._monotonic())
                self._poller.touch(wire)
                break
            await asyncio.sleep(LOOK_S)
        return scan.result

    async def _scan_unused(self, name: str, open_it: Opener, listen: bool, general_polls: bool, up_to: int) -> Scanned:
        line = open_it(self._monotonic())
        try:
            until = self._monotonic() + READY_WITHIN_S
            while not line.ready(self._monotonic()):
                if self._monotonic() > until:
                    raise LineLost(f"Line {name} did not become ready in time.", line=name)
                await asyncio.sleep(LOOK_S)
            now = self._monotonic()
            scan = Scan(LineRules(), now=now, listen=listen, general_polls=general_polls, addresses=range(1, up_to + 1))
            while not scan.ended:
                at = step(line, scan, self._monotonic(), _nothing)
                await asyncio.sleep(max(0.0, at - self._monotonic()))
            return scan.result
        finally:
            line.close()


def _may_be_lent(wire: Wire) -> bool:
    return wire.open and wire.undurable == 0 and not wire.blocked and not wire.host.awaiting and wire.host.rests


class _Lent:
    """Stands in the host's place in the tick while a scan has the line; all else is still asked of the host itself."""

    def __init__(self, wire: Wire, scan: Scan, now: float) -> None:
        self._wire = wire
        self._scan = scan
        self._host = wire.host
        self._is_held = False
        "Somebody else holds the line beside us, and releases it."
        self._stops = False
        self.is_over = False
        self._host.hold()
        # The tick and the rounds ask a host for what is below or for what the host has; the type is the host's.
        wire.host = cast("Host", self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    @property
    def awaiting(self) -> bool:
        return self._scan.awaiting

    @property
    def rests(self) -> bool:
        return False

    @property
    def cannot_stop_clean(self) -> bool:
        return self._scan.is_quiet

    def due(self) -> float:
        return self._scan.due()

    def take_events(self) -> Sequence[SasEvent]:
        return ()

    def next_turn(self, now: float) -> Turn | None:
        turn = self._scan.next_turn(now)
        if turn is None and self._scan.ended:
            self.give_back(now)
        return turn

    def sent(self, ends_at: float) -> None:
        self._scan.sent(ends_at)

    def receive(self, chars: Sequence[Any], now: float) -> Sequence[SasEvent]:
        return self._scan.receive(chars, now)

    def no_reply(self, now: float) -> Sequence[SasEvent]:
        return self._scan.no_reply(now)

    def hold(self) -> None:
        self._is_held = True

    def release(self, now: float) -> None:
        self._is_held = False

    def stop(self, now: float) -> None:
        self._stops = True
        self._scan.stop(now)

    def may_stop(self) -> bool:
        return False

    def line_reopened(self, now: float) -> Sequence[SasEvent]:
        self.give_back(now)
        return self._host.line_reopened(now)

    def give_back(self, now: float) -> None:
        """The host has its line again."""
        if self.is_over:
            return
        self.is_over = True
        if not self._scan.ended:
            self._scan.line_reopened(now)
        self._wire.host = self._host
        if not self._is_held:
            self._host.release(now)
        if self._stops:
            self._host.stop(now)


class _Watched:
    """A conversation whose end somebody waits for."""

    def __init__(self, inner: Conversation) -> None:
        self.urgent = False
        self.ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._inner = inner

    def next_poll(self) -> Poll | None:
        return self._inner.next_poll()

    def heard(self, answer: Answer) -> None:
        self._inner.heard(answer)
        if self._inner.outcome is not None:
            self._end(self._inner.outcome)

    def abandon(self) -> Outcome:
        outcome = self._inner.abandon()
        self._end(outcome)
        return outcome

    @property
    def outcome(self) -> Outcome | None:
        return self._inner.outcome

    def _end(self, outcome: Outcome) -> None:
        if not self.ended.done():
            self.ended.set_result(outcome)


def _nothing(_: Sequence[SasEvent]) -> None:
    return
