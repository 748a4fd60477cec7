"""A wire in virtual time between one Host and machines, with everything that goes wrong on wires.

Frames of the host may be lost or damaged on the way to each machine; answers may be lost, damaged, cut or late.
Between the host and its store stands a commit that takes time, and a crash takes what was not stored. Seeded: a seed
is a run.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from protocols.line.line import CHAR_S, Char
from protocols.sas.egm import EgmPort
from protocols.sas.events import ExceptionSeen, Gap, SasEvent
from protocols.sas.host import Host, Start
from protocols.sas.rules import LineRules


@dataclass
class Weather:
    """How bad the wire is: chances per frame."""

    host_lost: float = 0.0
    answer_lost: float = 0.0
    answer_damaged: float = 0.0
    "Some bytes of an answer changed, or its end missing."
    one_byte_answers_damaged: bool = False
    "Also answers of one byte; nothing can detect that but asking twice."
    answer_late: float = 0.0
    late_s: tuple[float, float] = (0.03, 0.12)
    commit_s: tuple[float, float] = (0.0, 0.02)


CALM = Weather()


@dataclass
class Stored:
    """What the store of one machine holds: (code, doubtful), in order; and where a gap was told."""

    exceptions: list[tuple[int, bool]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def last(self) -> int | None:
        return self.exceptions[-1][0] if self.exceptions else None


class Wire:
    """Host, store and machines on one line. ``run`` until a moment; acts may be planned at moments."""

    def __init__(
        self,
        ports: Sequence[EgmPort],
        addresses: Sequence[int],
        *,
        rules: LineRules,
        weather: Weather,
        seed: int,
        start: Start = Start.UNCLEAN,
    ) -> None:
        self.dice = random.Random(seed)
        self.now = 1000.0
        self.weather = weather
        self.rules = rules
        self.ports = list(ports)
        self.addresses = tuple(addresses)
        self.stored = {address: Stored() for address in addresses}
        self.told: list[tuple[float, SasEvent]] = []
        self.frames: list[tuple[float, str]] = []
        self.host: Host | None = None
        self._plans: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._commits: list[list[SasEvent]] = []
        "Handed to the store, not on disk yet, in order."
        self._run = 0
        self._last_wrong = -1
        self.start_host(start)

    # the gateway ----------------------------------------------------------------------------------------------------

    def start_host(self, start: Start) -> None:
        self._run += 1
        last = {address: stored.last for address, stored in self.stored.items()}
        self.host = Host(self.addresses, self.rules, now=self.now, start=start, last_exceptions=last)

    def crash(self) -> None:
        """SIGKILL: of what was handed to the store a prefix may just have reached the disk."""
        for events in self._commits[: self.dice.randint(0, len(self._commits))]:
            self._write(events)
        self._commits.clear()
        self._run += 1
        self.host = None

    def at(self, moment: float, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._plans, (moment, self._count, act))

    def _take(self, events: Sequence[SasEvent]) -> None:
        if not events:
            return
        self.told.extend((self.now, event) for event in events)
        self._commits.append(list(events))
        run = self._run
        self.at(self.now + self.dice.uniform(*self.weather.commit_s), lambda: self._commit(run))

    def _commit(self, run: int) -> None:
        if run == self._run and self._commits:
            self._write(self._commits.pop(0))

    def _write(self, events: Sequence[SasEvent]) -> None:
        for event in events:
            if isinstance(event, ExceptionSeen):
                self.stored[event.address].exceptions.append((event.code, event.doubtful))
            elif isinstance(event, Gap):
                self.stored[event.address].gaps.append(event)

    def _drive_host(self) -> None:
        host = self.host
        assert host is not None
        if host.awaiting:
            self._take(host.no_reply(self.now))
            return
        turn = host.next_turn(self.now)
        self._take(host.take_events())
        if turn is None:
            return
        ends_at = self.now + len(turn.data) * CHAR_S
        self.frames.append((self.now, turn.data.hex(" ")))
        host.sent(ends_at)
        for port in self.ports:
            if self.dice.random() >= self.weather.host_lost:
                for index, value in enumerate(turn.data):
                    moment = self.now + (index + 1) * CHAR_S
                    self.at(moment, lambda p=port, v=value, w=index == 0: self._to_machine(p, v, w))  # type: ignore[misc]

    # the machines ---------------------------------------------------------------------------------------------------

    def _to_machine(self, port: EgmPort, value: int, wakeup: bool) -> None:
        self._from_machine(port.receive(value, wakeup, self.now))

    def _from_machine(self, said: tuple[bytes, bool] | None) -> None:
        if said is None:
            return
        data, wakeup = said
        dice, weather = self.dice, self.weather
        delay_s = dice.uniform(0.001, 0.019)
        if not wakeup:
            if dice.random() < weather.answer_lost:
                return
            if dice.random() < weather.answer_late:
                delay_s = dice.uniform(*weather.late_s)
            if dice.random() < weather.answer_damaged and (len(data) > 1 or weather.one_byte_answers_damaged):
                data = self._damaged(data)
        for index, value in enumerate(data):
            self.at(
                self.now + delay_s + (index + 1) * CHAR_S,
                lambda v=value, w=wakeup and index == 0: self._to_host(v, w),  # type: ignore[misc]
            )

    def _damaged(self, data: bytes) -> bytes:
        if len(data) > 1 and self.dice.random() < 0.3:
            return data[: self.dice.randrange(1, len(data))]
        if len(data) == 1:
            # Never the same wrong byte twice in a row: that this passes is the rate stated in host.py, not a finding.
            wrong = self.dice.choice([value for value in range(256) if value not in (data[0], self._last_wrong)])
            self._last_wrong = wrong
            return bytes((wrong,))
        damaged = bytearray(data)
        for _ in range(self.dice.randint(1, 3)):
            damaged[self.dice.randrange(len(damaged))] ^= self.dice.randint(1, 255)
        return bytes(damaged)

    def _to_host(self, value: int, wakeup: bool) -> None:
        if self.host is not None:
            self._take(self.host.receive([Char(value, wakeup, self.now)], self.now))

    # time -----------------------------------------------------------------------------------------------------------

    def run(self, until: float) -> None:
        """Let time pass. The host is driven as the poller does: no turn while something is not stored."""
        tick_at = self.now
        while True:
            moment = min(tick_at, until)
            if self._plans:
                moment = min(moment, self._plans[0][0])
            host = self.host
            if host is not None and (host.awaiting or not self._commits):
                moment = min(moment, max(host.due(), self.now))
            if moment >= until and not (self._plans and self._plans[0][0] < until):
                self.now = until
                return
            self.now = max(self.now, moment)
            if self._plans and self._plans[0][0] <= self.now:
                heapq.heappop(self._plans)[2]()
            elif host is not None and (host.awaiting or not self._commits) and host.due() <= self.now:
                self._drive_host()
            if self.now >= tick_at:
                for port in self.ports:
                    self._from_machine(port.tick(self.now))
                tick_at = self.now + 0.05
