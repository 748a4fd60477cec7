"""The tick over all SAS lines: drain what came, feed the hosts, record, send what is due and allowed.

One tick every 2 ms for all lines instead of a coroutine per line: waking up is what costs, not Python. The
tick decides nothing. What must hold is the gate: while anything heard on a line is not on disk, no frame leaves on that
line, because the next frame, whatever it is and to whom, acknowledges the last answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.field.pollers.lateness import Lateness
from edge.field.pollers.wheel import Wheel
from protocols.errors import LineBusy, LineLost
from protocols.line.line import Line
from protocols.sas.events import SasEvent
from protocols.sas.host import Host

TICK_S = 0.002
"""Longest time a character waits unread while an answer is due; a reply stamp is up to this much late."""

SOON_S = 0.0005

IDLE_S = 0.05
"""Longest sleep when no answer is due: chirps and strays are drained this often."""


class Recorder(Protocol):
    """Takes what a line heard. Calls ``durable(wire)`` once everything handed over in one call is on disk."""

    def heard(self, wire: Wire, events: Sequence[SasEvent], now: float) -> None: ...

    def hurry(self) -> None: ...

    def lost(self, wire: Wire, error: LineLost, now: float) -> None: ...


@dataclass(slots=True, eq=False)
class Wire:
    """A line, its host, and what stands between the last answer and the next frame."""

    name: str
    line: Line
    host: Host
    undurable: int = 0
    "How many records of this line are not on disk yet. Above 0 nothing leaves."
    blocked: bool = False
    "A frame is due and waits for the commit."
    due_at: float = float("inf")
    fd: int = -1
    open: bool = False
    polls: int = 0
    last_cycle_at: float = 0.0
    "When the last turn of this line came to its end; the watchdog's proof that it moves."
    silence_reason: str = "unclean_stop"
    "Why the next silence of this line begins."
    silent: bool = False
    "On purpose, since the last SilenceBegan: a line that is opened again goes on being so."
    chatter: int = 0
    "Bytes nobody asked for since the last record of them."
    chatter_at: float = 0.0

    @property
    def ended(self) -> bool:
        """The line has come to its clean end: all stored, and the 80 that acknowledges it has left."""
        return self.undurable == 0 and self.host.may_stop()


class SasPoller:
    """Owns the tick. ``run()`` until cancelled; wires come and go by ``add`` and ``drop``."""

    def __init__(self, recorder: Recorder, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._recorder = recorder
        self._monotonic = monotonic
        self._epoll = select.epoll()
        self._by_fd: dict[int, Wire] = {}
        self._memory: list[Wire] = []
        self._wheel: Wheel[Wire] = Wheel()
        self._awaiting = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next_at = float("inf")
        self.lateness = Lateness()
        self.longest_tick_s = 0.0
        self.ticks = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wake_at(self._monotonic())

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._loop = None
        self._epoll.close()

    # wires ----------------------------------------------------------------------------------------------------------

    def add(self, wire: Wire, now: float) -> None:
        """A line that can send joins the tick."""
        wire.open = True
        if wire.host.awaiting:
            self._awaiting += 1
        wire.fd = wire.line.fileno()
        if wire.fd >= 0:
            self._by_fd[wire.fd] = wire
            self._epoll.register(wire.fd, select.EPOLLIN)
        else:
            self._memory.append(wire)
        self._put_back(wire, now)
        self._wake_at(now)

    def drop(self, wire: Wire) -> None:
        """A line that was lost leaves the tick; its host stays with the wire."""
        if not wire.open:
            return
        wire.open = False
        wire.due_at = float("inf")
        if wire.fd >= 0:
            self._by_fd.pop(wire.fd, None)
            with contextlib.suppress(OSError):
                self._epoll.unregister(wire.fd)
        else:
            self._memory.remove(wire)
        wire.fd = -1

    def durable(self, wire: Wire) -> None:
        """One record of this line is on disk; when it was the last, the line may go on."""
        wire.undurable -= 1
        if wire.undurable == 0 and wire.blocked:
            wire.blocked = False
            if wire.open:
                self._send(wire, self._monotonic())

    def touch(self, wire: Wire) -> None:
        """Something changed for this host from outside (a conversation began, a stop, a release)."""
        if wire.open and not wire.blocked:
            now = self._monotonic()
            self._put_back(wire, now)
            self._wake_at(wire.due_at)

    # the tick -------------------------------------------------------------------------------------------------------

    def _wake_at(self, at: float) -> None:
        if self._loop is None or at >= self._next_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._next_at = at
        now = self._monotonic()
        self._timer = self._loop.call_later(max(0.0, at - now), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._next_at = float("inf")
        began = self._monotonic()
        self.tick(began)
        ended = self._monotonic()
        if ended - began > self.longest_tick_s:
            self.longest_tick_s = ended - began
        first = self._wheel.first()
        # While an answer is due we look every 2 ms; otherwise at the next moment due, and for chirps now and then.
        self._wake_at(max(ended, min(first, began + (TICK_S if self._awaiting > 0 else IDLE_S)), began + TICK_S))

    def tick(self, now: float) -> None:
        """Drain every line that has characters, then serve every line that is due."""
        self.ticks += 1
        for fd, _mask in self._epoll.poll(0):
            wire = self._by_fd.get(fd)
            if wire is not None:
                self._drain(wire, now)
        for wire in tuple(self._memory):
            self._drain(wire, now)
        while due := self._wheel.take(now):
            for wire in due:
                # What was done for another meanwhile may have moved it: its own moment decides.
                if wire.due_at <= now and wire.open:
                    self._serve(wire, now)

    def _drain(self, wire: Wire, now: float) -> None:
        try:
            chars = wire.line.drain(now)
        except LineLost as error:
            self._lost(wire, error, now)
            return
        if not chars:
            return
        host = wire.host
        awaited = host.awaiting
        events = host.receive(chars, now)
        if awaited and not host.awaiting:
            self._awaiting -= 1
            wire.last_cycle_at = now
        if events:
            self._recorder.heard(wire, events, now)
        if not wire.blocked:
            self._put_back(wire, now)

    def _serve(self, wire: Wire, now: float) -> None:
        service_at = wire.line.service_at()
        if service_at is not None and service_at <= now:
            self._service(wire)
            if not wire.open:
                return
            service_at = wire.line.service_at()
        if service_at is not None:
            # The rest of a frame waits for its gap; until it has left nothing else may. Never due in this same tick.
            self._wheel.put(max(service_at, now + SOON_S), wire)
            return
        host = wire.host
        if host.awaiting:
            events = host.no_reply(now)
            if not host.awaiting:
                self._awaiting -= 1
                wire.last_cycle_at = now
            if events:
                self._recorder.heard(wire, events, now)
            self._put_back(wire, now)
            return
        if wire.undurable:
            wire.blocked = True
            self._recorder.hurry()
            return
        self._send(wire, now)

    def _send(self, wire: Wire, now: float) -> None:
        host = wire.host
        due_at = wire.due_at
        if host.awaiting:
            self._put_back(wire, now)
            return
        turn = host.next_turn(now)
        if turn is None:
            wire.last_cycle_at = now
            events = host.take_events()
            if events:
                self._recorder.heard(wire, events, now)
            self._put_back(wire, now)
            return
        try:
            ends_at = wire.line.send(turn.data, wakeup=True, now=now)
        except LineBusy as busy:
            self._lost(wire, LineLost(str(busy), line=wire.name), now)
            return
        except LineLost as error:
            self._lost(wire, error, now)
            return
        # The moment of the write, not of the tick: what lines before this one took counts.
        self.lateness.note(max(0.0, self._monotonic() - due_at))
        wire.polls += 1
        host.sent(ends_at)
        if host.awaiting:
            self._awaiting += 1
        service_at = wire.line.service_at()
        if service_at is not None and self._loop is not None:
            self._loop.call_later(max(0.0, service_at - self._monotonic()), self._service, wire)
        self._put_back(wire, now)

    def _service(self, wire: Wire) -> None:
        """The exact timer of the wake-up gap: write the rest of the frame, later turn the parity back."""
        if not wire.open:
            return
        now = self._monotonic()
        try:
            wire.line.service(now)
        except LineLost as error:
            self._lost(wire, error, now)
            return
        service_at = wire.line.service_at()
        if service_at is not None and self._loop is not None:
            self._loop.call_later(max(0.0, service_at - self._monotonic()), self._service, wire)

    def _put_back(self, wire: Wire, now: float) -> None:
        due_at = wire.host.due()
        if due_at == wire.due_at and due_at > now:
            return
        self._wheel.put(due_at, wire)

    def _lost(self, wire: Wire, error: LineLost, now: float) -> None:
        if wire.host.awaiting:
            self._awaiting -= 1
        self.drop(wire)
        self._recorder.lost(wire, error, now)
