"""Machines on a memory wire and a driver (host or scan) at its end, in virtual time; the clock jumps from event to event."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from protocols.line.line import Line
from protocols.line.memory import MemoryLine, MemoryWire
from protocols.line.tap import Tap, TapRecord
from protocols.sas.driving import Driver, step
from protocols.sas.egm import Sending
from protocols.sas.events import SasEvent

TICK_S = 0.05


class Machine(Protocol):
    """An EgmPort, or a machine with one."""

    def receive(self, value: int, wakeup: bool, now: float) -> Sending | None: ...

    def tick(self, now: float) -> Sending | None: ...


class BenchLine:
    """``run(driver)`` until it says so. ``damage``: what becomes of the bytes a machine sends."""

    def __init__(self, ports: Iterable[Machine], *, delay_s: float = 0.003, now: float = 1000.0) -> None:
        self.now = now
        self.wire = MemoryWire("bench")
        self.line: Line = self.wire.host
        self.ports: list[tuple[Machine, MemoryLine]] = [(port, self.wire.egm()) for port in ports]
        self.delay_s = delay_s
        self.events: list[SasEvent] = []
        self.tell: Callable[[Sequence[SasEvent]], None] = self.events.extend
        self.sent: list[bytes] = []
        self.damage: Callable[[bytes], bytes] = lambda data: data
        self._acts: list[tuple[float, int, Callable[[], object]]] = []
        self._late: list[tuple[float, int, MemoryLine, Sending]] = []
        self._order = 0
        self._tick_at = now

    def tap(self, sink: Callable[[TapRecord], None]) -> None:
        self.line = Tap(self.line, sink)

    def at(self, moment: float, act: Callable[[], object]) -> None:
        """Something happens then."""
        self._order += 1
        heapq.heappush(self._acts, (moment, self._order, act))

    def run(self, driver: Driver, *, until: Callable[[], bool], for_s: float = 600.0) -> None:
        end = self.now + for_s
        look_at = self.now
        while not until():
            assert self.now < end, "it never ends"
            moments = [look_at, self._tick_at, *(moment[0] for moment in self._late[:1])]
            moments += [at for _, line in self.ports if (at := line.next_arrival()) is not None]
            moments += [moment[0] for moment in self._acts[:1]]
            self.now = max(self.now, min(moments))
            while self._acts and self._acts[0][0] <= self.now:
                heapq.heappop(self._acts)[2]()
            self._machines()
            if self.now >= look_at:
                look_at = self._step(driver)

    def _step(self, driver: Driver) -> float:
        frames = self.line.stats.frames_sent
        at = step(self.line, driver, self.now, self.tell)
        assert at >= self.now
        if self.line.stats.frames_sent != frames:
            self.sent.append(getattr(driver, "_turn").data)  # noqa: B009 - what left last, of a host or a scan
        return max(at, self.now + 0.0002)

    def _machines(self) -> None:
        for port, line in self.ports:
            for char in line.drain(self.now):
                if char.wakeup:
                    self._late = [one for one in self._late if one[2] is not line]
                    heapq.heapify(self._late)
                if (answer := port.receive(char.value, char.wakeup, char.at)) is not None:
                    self._say(line, answer, char.at + self.delay_s)
        if self.now >= self._tick_at:
            self._tick_at = self.now + TICK_S
            for port, line in self.ports:
                if (chirp := port.tick(self.now)) is not None:
                    self._say(line, chirp, self.now)
        while self._late and self._late[0][0] <= self.now:
            _, _, line, (data, wakeup) = heapq.heappop(self._late)
            if data := self.damage(data):
                line.send(data, wakeup=wakeup, now=self.now)

    def _say(self, line: MemoryLine, answer: Sending, at: float) -> None:
        self._order += 1
        heapq.heappush(self._late, (at, self._order, line, answer))


def told(events: Sequence[SasEvent], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]
