"""Faults of real ports (reliability SR-2, SR-9, SR-10, SR-16): poller, supervisor and books over pseudo-terminals.

Machines sit on the masters and hear wake-up bits by the parity the port stands in. Time is virtual, the ports are real.
"""

from __future__ import annotations

import os
import pty
from collections.abc import Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from edge.clock import ManualClock
from edge.field.pollers.sas import TICK_S
from protocols.line.line import CHAR_S, Line, LineSettings, LineStats
from simulators.egm.dice import Dice
from simulators.egm.persona import Persona
from simulators.egm.wired import WiredEgm
from tests.edge.field.books import NIGHT, open_books, settings_for
from tests.edge.field.small_hall import STILL, Machine, SmallHall, Wires, a_hall
from tests.protocols.line.ptys import CountingTty, PtyCable

PLUMBING = LineSettings(allow_no_parity=True)
LINES = {"A": [17], "B": [18]}


class PtyWires(Wires):
    """The cables of a hall as serial ports with stable names, one machine each."""

    def __init__(self, places: Mapping[str, Sequence[int]], directory: Path, clock: ManualClock) -> None:
        super().__init__({}, clock.monotonic())
        self.clock = clock
        self.wires = {name: PtyCable(name, directory) for name in places}
        self.stats = {name: LineStats() for name in places}
        self.opened = dict.fromkeys(places, 0)
        for name, (asset,) in places.items():
            egm = WiredEgm(
                asset,
                1,
                Persona(),
                Dice(asset),
                serial=f"SN{asset:04d}",
                now=clock.monotonic(),
                wall=NIGHT,
                habits=STILL,
            )
            self.machines[asset] = Machine(egm, self.wires[name])

    def opener(self, name: str) -> Callable[[float], Line]:
        cable = self.wires[name]

        def open_it(now: float) -> Line:
            self.opened[name] += 1
            line = CountingTty(
                str(cable.path),
                name=name,
                settings=PLUMBING,
                now=now,
                stats=self.stats[name],
                clock=self.clock.monotonic,
            )
            cable.is_deaf = False
            line.cable = cable
            cable.written = 0
            return line

        return open_it

    def close(self) -> None:
        for cable in self.wires.values():
            cable.unplug()


@asynccontextmanager
async def a_pty_hall(directory: Path, places: Mapping[str, Sequence[int]] = LINES):
    egms = [{"asset": asset, "line": name, "address": 1} for name, (asset,) in places.items()]
    async with open_books(settings_for(directory, egms)) as books:
        wires = PtyWires(places, directory / "dev", books.clock)
        hall = a_hall(books, wires)
        try:
            await hall.up(*wires.machines)
            yield hall
        finally:
            hall.let_go()
            await hall.settle()
            hall.supervisor.close()
            hall.poller.close()
            wires.close()


def told(hall: SmallHall, line: str) -> list[str]:
    """Lost and restored of one line, in order."""
    return [
        event["type"].split(".")[2]
        for event in hall.books.events("hall.line")
        if event["subject"] == f"line/{line}" and event["type"].split(".")[2] in ("lost", "restored")
    ]


def doors(hall: SmallHall, asset: int) -> int:
    return sum(event["subject"] == f"egm/{asset}" for event in hall.books.events("hall.egm.door.opened"))


async def test_sr_2_an_adapter_pulled_out_is_the_same_line_again_under_another_device_within_5_s(
    tmp_path: Path,
) -> None:
    async with a_pty_hall(tmp_path) as hall:
        cable = hall.wires.wires["A"]
        before = cable.device
        hall.happens(17, "open_door")
        await hall.go(1, lambda: hall.machine(17).answered == [0x11])  # and the answer is pulled out with the adapter
        cable.unplug()
        pulled_at = hall.now
        await hall.go(0.004)
        assert not hall.wire("A").open, "at once, not at a time-out"
        assert hall.board.lines["A"].state == "lost"
        await hall.go(3)
        assert len(hall.sent("B", pulled_at)) > 3 / 0.04 * 0.9, "other lines are untouched"

        taken = pty.openpty()  # the number it had belongs to somebody else now
        cable.plug()
        assert cable.device != before
        plugged_at = hall.now
        await hall.go(5, lambda: hall.sent("A", plugged_at) != [])
        assert hall.now - plugged_at < 5
        assert hall.sent("A", plugged_at)[0] == "81", "the poll that was unanswered, again: nothing is acknowledged"
        await hall.go(3, lambda: hall.machine(17).acknowledged == [0x11])
        await hall.go(1)
        assert doors(hall, 17) == 1
        assert hall.machine(17).egm.port.link_downs == 0
        assert (told(hall, "A"), told(hall, "B")) == (["lost", "restored"], [])
        assert hall.board.lines["A"].reopened == 1
        facts = hall.supervisor.facts("A")
        assert facts["device"] == Path(cable.device).name
        assert "no machine hears a wake-up bit" in facts["warning"]
        for fd in taken:
            os.close(fd)


async def test_sr_2_an_adapter_away_for_20_s_is_looked_for_and_then_silence_comes_before_the_first_frame(
    tmp_path: Path,
) -> None:
    async with a_pty_hall(tmp_path) as hall:
        hall.happens(17, "open_door")
        await hall.go(1, lambda: hall.machine(17).answered == [0x11])
        hall.wires.wires["A"].unplug()
        opened = hall.wires.opened["A"]
        await hall.go(20)
        assert 8 <= hall.wires.opened["A"] - opened <= 16, "pauses grow to 2 s"
        hall.wires.wires["A"].plug()
        plugged_at = hall.now
        await hall.go(14, lambda: doors(hall, 17) == 1)
        first_at, _, first = next(frame for frame in hall.frames if frame[1] == "A" and frame[0] >= plugged_at)
        assert first == "80"
        assert first_at - plugged_at > 5
        await hall.go(1, lambda: hall.machine(17).acknowledged == [0x11])
        assert (doors(hall, 17), told(hall, "A")) == (1, ["lost", "restored"])


async def test_sr_16_a_port_that_takes_no_byte_is_dead_in_5_s_does_not_fill_the_books_and_stops_nobody(
    tmp_path: Path,
) -> None:
    async with a_pty_hall(tmp_path) as hall:
        cable = hall.wires.wires["A"]
        cable.block()
        blocked_at = hall.now
        await hall.go(5, lambda: hall.board.lines["A"].state == "lost")
        assert hall.now - blocked_at < 5
        opened = hall.wires.opened["A"]
        await hall.go(20)
        # It opens and fails at its first frame, again and again: told twice, then no more until it has proved itself.
        assert told(hall, "A") == ["lost", "restored", "lost"]
        assert hall.wires.opened["A"] - opened <= 16
        assert len(hall.sent("B", blocked_at)) > 20 / 0.04 * 0.9
        cable.unblock()
        await hall.go(16, lambda: told(hall, "A")[3:] == ["restored"])
        assert hall.board.lines["A"].state in ("up", "silent")


async def test_sr_9_an_endless_stream_costs_the_host_no_more_than_a_wire_could_carry_and_marks_the_line(
    tmp_path: Path,
) -> None:
    """Work is counted, not time: characters that reach the host. A wire brings 1,745 a second."""
    async with a_pty_hall(tmp_path) as hall:
        cable, stats = hall.wires.wires["A"], hall.wires.stats["A"]
        live = hall.wires.live

        def flood(now: float) -> None:
            live(now)
            while cable.pour(bytes(range(1, 256)) * 16):
                pass

        began = hall.now
        received, thrown = stats.chars_received, stats.thrown_away
        hall.wires.live = flood
        await hall.go(10)
        came = stats.chars_received - received
        looked_at = came - (stats.thrown_away - thrown)
        assert came > 20 * 10 / CHAR_S, "it was a flood"
        assert looked_at <= 4096 + 2 * 10 / CHAR_S + 1
        assert "more comes than a wire can carry" in (hall.board.lines["A"].error or "")
        assert len(hall.sent("B", began)) > 10 / 0.04 * 0.9, "the other line keeps its cycle"
        assert doors(hall, 17) == 0
        hall.wires.live = live
        await hall.go(25, lambda: hall.board.lines["A"].error is None)


async def test_sr_10_a_slow_drip_of_one_byte_in_4_s_is_never_an_answer_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    async with a_pty_hall(tmp_path) as hall:
        hall.machine(17).plugged = False
        door = len(hall.books.events("hall.egm.door"))
        for value in (0x01, 0x11, 0x51):
            await hall.go(4)
            # Into the middle of a silence or a pause between polls; what is awaited is asked again, never pieced together.
            while hall.wire("A").host.awaiting:
                await hall.go(TICK_S)
            hall.wires.wires["A"].send(bytes([value]), wakeup=False, now=hall.now)
        await hall.go(1)
        assert len(hall.books.events("hall.egm.door")) == door
        hall.machine(17).plugged = True
        hall.happens(17, "open_door")
        await hall.go(30, lambda: hall.machine(17).acknowledged == [0x11])
        assert doors(hall, 17) == 1


async def test_a_port_that_sends_and_hears_nothing_for_long_is_opened_anew_and_heard_again(tmp_path: Path) -> None:
    """sas-core 9.4 and 10.28: after a machine's power cycle some ports receive nothing until they are opened again."""
    async with a_pty_hall(tmp_path) as hall:
        wire, cable = hall.wire("A"), hall.wires.wires["A"]
        hall.supervisor.close()
        for name, asset in (("A", 17), ("B", 18)):
            hall.supervisor.add(hall.wire(name), hall.wires.opener(name), [asset], deaf_after_s=15.0)
        await hall.go(3)
        cable.is_deaf = True
        deaf_at = hall.now
        await hall.go(14)
        assert hall.wires.stats["A"].deaf_reopens == 0
        await hall.go(10, lambda: hall.wires.stats["A"].deaf_reopens == 1)
        await hall.go(10, lambda: hall.hearing.seats[17].up)
        assert hall.now - deaf_at < 40
        assert told(hall, "A") == [], "nothing was lost with it: a counter, no event"
        assert wire.open
        assert hall.wires.stats["B"].deaf_reopens == 0


async def test_a_machine_that_is_off_is_no_reason_to_open_its_port_again_and_again(tmp_path: Path) -> None:
    async with a_pty_hall(tmp_path) as hall:
        hall.supervisor.close()
        hall.supervisor.add(hall.wire("A"), hall.wires.opener("A"), [17], deaf_after_s=5.0)
        hall.machine(17).plugged = False
        await hall.go(80)
        # at about 5, 10 more, 20 more and 40 more seconds
        assert 2 <= hall.wires.stats["A"].deaf_reopens <= 4
