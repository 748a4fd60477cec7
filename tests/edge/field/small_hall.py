"""A hall in one process: real books, the field's rooms over memory lines, simulated machines, and a clock of our own.

Time is virtual and goes on in steps of the tick; commits are real. Between two steps everything that is being written is
waited for, unless the books are held: then time goes on and the disk does not.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from edge.board import Board
from edge.field.commands.dispatch import CommandKey, Dispatch
from edge.field.desk import Desk
from edge.field.found import Found
from edge.field.pollers.hearing import Habits, Hearing
from edge.field.pollers.sas import TICK_S, SasPoller, Wire
from edge.field.pollers.supervisor import Supervisor, not_open
from edge.rules.gaming_day import GamingDays
from edge.store.markers import mark_clean
from protocols.errors import LineLost
from protocols.line.line import Line
from protocols.line.memory import MemoryLine, MemoryWire
from protocols.line.tap import TapRecord
from protocols.sas.host import Host, Start
from protocols.sas.rules import LineRules
from simulators.egm.dice import Dice
from simulators.egm.machine import Habits as Liveliness
from simulators.egm.persona import Persona
from simulators.egm.wired import WiredEgm
from sync import inbox
from sync.db import Database, Transaction
from tests.edge.field.books import NIGHT, Books, open_books, settings_for

CODES = (0x00, 0x01, 0x05)
STILL = Liveliness(games_per_minute=0, events_per_minute=0)
ANSWER_S = 0.003


@dataclass
class Machine:
    """A simulated machine and its end of the wire."""

    egm: WiredEgm
    end: MemoryLine
    plugged: bool = True
    "False: switched off at the wall, says nothing."

    @property
    def acknowledged(self) -> list[int]:
        """Codes the host has told to have, in order."""
        return [entry.code for entry in self.egm.book.entries if entry.acknowledged_at is not None]

    @property
    def answered(self) -> list[int]:
        return [entry.code for entry in self.egm.book.entries if entry.answered]


class Wires:
    """The cables of the hall and what hangs on them; they outlive every gateway."""

    def __init__(
        self, places: Mapping[str, Sequence[int]], now: float, personas: Mapping[int, Persona] | None = None
    ) -> None:
        self._personas = personas or {}
        self.wires = {name: MemoryWire(name) for name in places}
        self.machines: dict[int, Machine] = {}
        for name, assets in places.items():
            for address, asset in enumerate(assets, 1):
                self.machines[asset] = Machine(self.new_egm(asset, address, now), self.wires[name].egm())
        self._answers: list[tuple[float, int, MemoryLine, bytes, bool]] = []
        self._order = 0

    def new_egm(self, asset: int, address: int, now: float, serial: str | None = None) -> WiredEgm:
        """A machine fresh from its maker."""
        persona = self._personas.get(asset, Persona())
        serial = f"SN{asset:04d}" if serial is None else serial
        return WiredEgm(
            asset, address, persona, Dice(asset), serial=serial, now=now, wall=NIGHT, habits=STILL
        )  # fmt: skip

    def replace(self, asset: int, serial: str, now: float) -> WiredEgm:
        """Another cabinet stands in this place from now on; returns the one that was carried away."""
        machine = self.machines[asset]
        before, machine.egm = machine.egm, self.new_egm(asset, machine.egm.address, now, serial)
        return before

    def live(self, now: float) -> None:
        """Machines hear what has arrived and answer 3 ms after the last character of what they heard."""
        for machine in self.machines.values():
            if self.wires[machine.end.name].is_cut:
                continue
            chars = machine.end.drain(now)
            if not machine.plugged:
                continue
            for char in chars:
                self._say(machine, machine.egm.receive(char.value, char.wakeup, char.at), char.at + ANSWER_S)
            if now >= machine.egm.due_at:
                machine.egm.play(now)
            self._say(machine, machine.egm.tick(now), now)
        while self._answers and self._answers[0][0] <= now:
            at, _, end, data, wakeup = heapq.heappop(self._answers)
            if not self.wires[end.name].is_cut:
                end.send(data, wakeup=wakeup, now=at)

    def _say(self, machine: Machine, answer: tuple[bytes, bool] | None, at: float) -> None:
        if answer is not None:
            self._order += 1
            heapq.heappush(self._answers, (at, self._order, machine.end, *answer))

    def opener(self, name: str) -> Callable[[float], Line]:
        def open_it(_now: float) -> Line:
            if self.wires[name].is_cut:
                raise LineLost(f"Line {name}: the wire is cut.", line=name)
            return self.wires[name].new_host()

        return open_it


@dataclass
class SmallHall:
    """The field's rooms as `edge.field.app` joins them, without a process around them."""

    books: Books
    wires: Wires
    board: Board
    desk: Desk
    hearing: Hearing
    poller: SasPoller
    supervisor: Supervisor
    dispatch: Dispatch
    frames: list[tuple[float, str, str]] = field(default_factory=list)
    "Every frame the host sent: moment, line, hex."
    held: bool = False
    _looked_at: float = float("-inf")
    _refreshed_at: float = float("-inf")

    @property
    def now(self) -> float:
        return self.books.clock.now

    def machine(self, asset: int) -> Machine:
        return self.wires.machines[asset]

    def wire(self, name: str) -> Wire:
        return next(wire for wire in self.supervisor.wires if wire.name == name)

    def sent(self, line: str, since: float = 0.0) -> list[str]:
        return [data for at, name, data in self.frames if name == line and at >= since]

    def happens(self, asset: int, what: str) -> None:
        """``open_door``, ``close_door``, ``bill`` ... at a machine, now."""
        self.machine(asset).egm.do(what, self.now)

    async def go(self, for_s: float, until: Callable[[], bool] | None = None) -> float:
        """Let time pass; returns how much did. With ``until`` it must become true in that time."""
        began = self.now
        end = began + for_s
        while self.now < end:
            self.wires.live(self.now)
            if self.now - self._looked_at >= 0.05:
                self._looked_at = self.now
                self.supervisor.look(self.now)
            self.poller.tick(self.now)
            if self.now - self._refreshed_at >= 1.0:
                self._refreshed_at = self.now
                self.hearing.ask_due(self.now)
                self.dispatch.expire()
            await self.settle()
            if until is not None and until():
                return self.now - began
            self.books.clock.advance(TICK_S)
        if until is not None:
            raise AssertionError(f"not within {for_s} s; the log: {self.books.kinds()[-12:]}; sent {self.frames[-8:]}")
        return for_s

    async def settle(self) -> None:
        """What is being written comes to its end, where it may."""
        while not self.held and (self.books.writer.waiting or any(wire.undurable for wire in self.supervisor.wires)):
            self.books.journal.hurry()
            await asyncio.sleep(0.0002)
        if self.held:
            await asyncio.sleep(0)

    async def hold(self) -> None:
        """From now on the disk does not answer."""
        await self.settle()
        self.held = True
        self.books.hold()

    def let_go(self) -> None:
        self.held = False
        self.books.let_go()

    async def up(self, *assets: int) -> None:
        """Until these machines are identified and read, and nothing more is asked of them."""
        await self.go(20, lambda: all(self.hearing.seats[a].up and self.desk.depth(a) == 0 for a in assets))

    async def stop(self, within_s: float = 1.2) -> list[str]:
        """The orderly stop of the field; returns the lines that came to their end, which get a marker."""
        self.hearing.stop()
        wires = [wire for wire in self.supervisor.wires if wire.open]
        for wire in wires:
            wire.host.stop(self.now)
            self.poller.touch(wire)
        end = self.now + within_s
        while self.now < end and not all(wire.ended or wire.host.cannot_stop_clean for wire in wires):
            self.wires.live(self.now)
            self.poller.tick(self.now)
            await self.settle()
            self.books.clock.advance(TICK_S)
        clean = [wire.name for wire in wires if wire.ended]

        def mark(tx: Transaction) -> None:
            for name in clean:
                mark_clean(tx, name)

        if not self.held:
            await self.books.journal.write(mark)
        return clean


def a_hall(
    books: Books, wires: Wires, *, rules: LineRules | None = None, keys: Iterable[CommandKey] = (), every_s: float = 900.0
) -> SmallHall:
    """Join the rooms over these books and cables."""
    rules = rules or LineRules(poll_interval_s=0.04, greet=True)
    clock, board, desk = books.clock, Board(), Desk()
    zone = ZoneInfo("Europe/Sofia")
    polling = books.settings.polling
    habits = Habits(
        "EUR", CODES, every_s, per_game=polling.per_game, game_codes=tuple(polling.game_meters),
        days=GamingDays.of("Europe/Sofia", "06:00"), day_end_within_s=float(polling.day_end_within_s),
        hall_time=lambda: clock.wall().astimezone(zone),
    )  # fmt: skip
    hearing = Hearing(books.journal, board, desk, clock, habits)
    poller = SasPoller(hearing, monotonic=clock.monotonic)
    hearing.poller = poller
    supervisor = Supervisor(poller, hearing, books.journal, board, clock)

    def record(found: list[Found]) -> None:
        books.journal.record(found, lambda _written, _error: None)

    dispatch = Dispatch(
        gateway="hg-07", hearing=hearing, desk=desk, write=books.journal.write, record=record, clock=clock,
        keys={key.key_id: key for key in keys}, snapshot_codes=CODES, hall_time=habits.hall_time,
        read_within_s=float(polling.read_within_s),
    )  # fmt: skip
    hall = SmallHall(books, wires, board, desk, hearing, poller, supervisor, dispatch)
    for name in wires.wires:
        here = [egm for egm in books.registry.egms if egm.line == name]
        if not here:
            continue
        start = Start.CLEAN if name in books.registry.clean_lines else Start.UNCLEAN
        last = {egm.address: books.registry.last_exceptions.get(egm.asset) for egm in here}
        host = Host([egm.address for egm in here], rules, now=clock.now, start=start, last_exceptions=last)
        wire = Wire(name, not_open(name), host)
        board.update_line(name)
        for egm in here:
            hearing.seat(
                egm, wire,
                handpay_open=egm.asset in books.registry.handpays_open,
                unsupported_polls=books.registry.unsupported_polls.get(egm.asset, ()),
                meters_read=books.registry.meters_read.get(egm.asset, ()),
            )  # fmt: skip
            board.add_egm(egm.asset, review=books.registry.reviews_open.get(egm.asset, 0))
        supervisor.add(wire, wires.opener(name), [egm.asset for egm in here])
        supervisor.trace(name, lambda record, name=name: _note(hall, name, record))  # type: ignore[misc]
    with_reader = Database(books.path).open_reader()
    dispatch.resume(inbox.open_commands(with_reader))
    with_reader.close()
    return hall


def _note(hall: SmallHall, name: str, record: TapRecord) -> None:
    if record.direction == ">":
        hall.frames.append((record.at, name, record.data.hex(" ").upper()))


@asynccontextmanager
async def opened(
    directory: Path, places: Mapping[str, Sequence[int]], *, wires: Wires | None = None,
    rules: LineRules | None = None, keys: Iterable[CommandKey] = (), every_s: float = 900.0, later_s: float = 0.0,
    personas: Mapping[int, Persona] | None = None, serials: Mapping[int, str] | None = None,
    polling: Mapping[str, Any] | None = None,
) -> AsyncIterator[SmallHall]:  # fmt: skip
    """A hall with these lines. ``wires`` of an earlier one: the gateway was restarted, the machines were not."""
    egms = [
        {"asset": asset, "line": name, "address": address, "serial": (serials or {}).get(asset)}
        for name, assets in places.items()
        for address, asset in enumerate(assets, 1)
    ]
    async with open_books(settings_for(directory, egms, polling=dict(polling or {}))) as books:
        books.clock.advance(later_s)
        hall = a_hall(
            books, wires or Wires(places, books.clock.now, personas), rules=rules, keys=keys, every_s=every_s
        )
        try:
            yield hall
        finally:
            hall.let_go()
            await hall.settle()
            hall.supervisor.close()
            hall.poller.close()
