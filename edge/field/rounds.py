"""What the field does again and again beside the tick: open lines, refresh the board, expire commands, beat for systemd."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Generic, TypeVar

from edge.board import Board
from edge.clock import Clock, stamp
from edge.field.commands.dispatch import Dispatch
from edge.field.pollers.hearing import Hearing
from edge.field.pollers.sas import SasPoller
from edge.field.pollers.supervisor import Supervisor
from edge.hall.events import Fact
from edge.hall.shapes import Json
from edge.health.watchdog import Pillars, Watchdog
from sync.writer import Writer

T = TypeVar("T")

LOOK_S = 0.05
FLUSH_S = 0.1
REFRESH_S = 1.0
SHOWN_AT_ONCE = 16
"""Machines, and lines, shown anew at each look: all of a hall of 320 in every second, of a larger one less often. A thousand
at once would hold their polls up for milliseconds, and in every second would cost as much as a fifth of all polls."""
LINE_LIMIT_S = 12.0
"""A line's turn, the longest silence after three lost tries included, comes to its end within this."""
WRITER_LIMIT_S = 20.0
"""On a very slow disk an fsync takes 5 s, and a commit that checkpoints has three; longer than this is a stuck disk."""


class Rounds:
    """The regular work of the field. ``stopping`` ends what could begin something new."""

    def __init__(
        self,
        *,
        clock: Clock,
        board: Board,
        writer: Writer,
        poller: SasPoller,
        hearing: Hearing,
        supervisor: Supervisor,
        dispatch: Dispatch,
        watchdog: Watchdog,
        pillars: Pillars,
        record: Callable[[list[Fact]], None],
        subject: str,
    ) -> None:
        self._clock = clock
        self._board = board
        self._writer = writer
        self._poller = poller
        self._hearing = hearing
        self._supervisor = supervisor
        self._dispatch = dispatch
        self._watchdog = watchdog
        self._pillars = pillars
        self._record = record
        self._subject = subject
        self._commits_seen = 0
        self._quality = clock.quality()
        self._lateness_at = poller.lateness.mark()
        self.stopping = False
        self._seats = _Turns(hearing.seats.values)
        self._wires = _Turns(lambda: supervisor.wires)
        now = clock.monotonic()
        pillars.add("writer", WRITER_LIMIT_S, now)
        for wire in supervisor.wires:
            pillars.add(f"line {wire.name}", LINE_LIMIT_S, now)

    def tasks(self, loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[None]]:
        """Start them; a round that raises ends its task, and with it the field."""
        return [
            loop.create_task(_every(LOOK_S, self.look), name="look"),
            loop.create_task(_every(FLUSH_S, self.flush), name="flush"),
            loop.create_task(_every(REFRESH_S, self.refresh), name="refresh"),
        ]

    def look(self) -> None:
        """Lines that are due to be opened, or have become ready; and some of the machines and lines are shown anew."""
        now = self._clock.monotonic()
        if not self.stopping:
            self._supervisor.look(now)
        self._show_machines(now)
        self._show_lines(now)

    def flush(self) -> None:
        """Changes of the board go out."""
        self._board.flush(self._clock.monotonic())

    def refresh(self) -> None:
        """Once a second."""
        now = self._clock.monotonic()
        if not self.stopping:
            self._hearing.ask_due(now)
            self._dispatch.expire()
        self._show()
        self._note_clock_quality()
        self._note_clock_step()
        self._beat(now)

    def _show_machines(self, now: float) -> None:
        wall = self._clock.wall()
        for seat in self._seats.some(now):
            stats = seat.wire.host.stats(seat.egm.address)
            heard = stats.last_heard_at
            self._board.update_egm(
                seat.egm.asset,
                polls=stats.polls,
                answers=stats.answers,
                misses=stats.misses,
                bad_replies=stats.bad_crc + stats.bad_other,
                bad_crc=stats.bad_crc,
                bad_other=stats.bad_other,
                busy=stats.busy,
                nacks=stats.nacks,
                stage=seat.stage.value,
                identity=seat.identity,
                unsupported_polls=sorted(seat.unsupported_polls),
                last_heard_at=None if heard is None else stamp(wall - timedelta(seconds=now - heard)),
            )

    def _show_lines(self, now: float) -> None:
        for wire in self._wires.some(now):
            self._board.update_line(wire.name, polls=wire.polls)
            # A line that is away is being opened again by look(); a blocked one waits for the writer, which is watched; one
            # that is held for want of room is held on purpose.
            if not wire.open or wire.blocked or wire.host.held or now - wire.last_cycle_at < LINE_LIMIT_S:
                self._pillars.moved(f"line {wire.name}", now)

    def _show(self) -> None:
        # Of the last second: a bad start must not colour the whole night.
        figures = self._poller.lateness.figures(self._lateness_at)
        self._lateness_at = self._poller.lateness.mark()
        self._board.update_gateway(
            commits=self._writer.commits,
            waiting=self._writer.waiting,
            clock=self._clock.quality(),
            late_ms_p99=figures["lateness_p99_us"] // 1000,
        )

    def _note_clock_quality(self) -> None:
        quality = self._clock.quality()
        if quality == self._quality:
            return
        data: dict[str, Json] = {"clock": quality, "before": self._quality}
        self._quality = quality
        self._record([Fact("hall.gateway.clock.quality.v1", self._subject, self._clock.wall(), data)])

    def _note_clock_step(self) -> None:
        step = self._clock.step()
        if step is None:
            return
        self._hearing.clock_stepped()
        offset = (step.days * 86_400 + step.seconds) * 1000 + step.microseconds // 1000
        data: dict[str, Json] = {"offset_ms": offset, "clock": self._clock.quality()}
        self._record([Fact("hall.gateway.clock.stepped.v1", self._subject, self._clock.wall(), data)])

    def _beat(self, now: float) -> None:
        if self._writer.waiting == 0 or self._writer.commits != self._commits_seen:
            self._pillars.moved("writer", now)
        self._commits_seen = self._writer.commits
        up = sum(seat.up for seat in self._hearing.seats.values())
        status = f"{up} of {len(self._hearing.seats)} machines on line · {self._writer.waiting} facts waiting"
        self._watchdog.beat(now, status)


class _Turns(Generic[T]):
    """Goes through all of them again and again, a few at a time, and begins anew at most once in every `REFRESH_S`."""

    def __init__(self, everything: Callable[[], Iterable[T]]) -> None:
        self._everything = everything
        self._left: list[T] = []
        self._begins_at = float("-inf")

    def some(self, now: float) -> Sequence[T]:
        if not self._left:
            if now < self._begins_at:
                return ()
            self._begins_at = now + REFRESH_S
            self._left = list(self._everything())
        some, self._left = self._left[:SHOWN_AT_ONCE], self._left[SHOWN_AT_ONCE:]
        return some


async def _every(seconds: float, work: Callable[[], None]) -> None:
    while True:
        work()
        await asyncio.sleep(seconds)
