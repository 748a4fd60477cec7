"""Guarded mode: after too many starts the field polls and writes on, and changes no machine until it has proved itself.

It ends after ten minutes of running, or at once when a person removes the count (``hallctl store unguard``). A command
that was open when the field died may be what killed it, so it waits as well, and is expired if that takes too long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from edge.board import Board
from edge.clock import Clock
from edge.field import starts
from edge.field.commands.dispatch import CHANGING, Dispatch
from edge.field.safe import why
from edge.field.verdicts import Finding
from sync.commands import Command

LOOK_S = 1.0
PROVED_S = 600.0
"""Of running without a crash."""
log = structlog.get_logger("field")


class Guarded:
    """One per field; counts its start when it is built. ``after``: starts within five minutes that are too many; 0: never."""

    def __init__(
        self,
        directory: Path,
        *,
        after: int,
        dispatch: Dispatch,
        board: Board,
        clock: Clock,
        now: Callable[[], starts.Now] = starts.now_of_boot,
    ) -> None:
        self._directory = directory
        self._dispatch = dispatch
        self._board = board
        self._clock = clock
        self._now = now
        self._until = clock.monotonic() + PROVED_S
        self._waiting: list[Command] = []
        count = starts.note_start(directory, now())
        self.active = 0 < after <= count
        if self.active:
            self._why = why(Finding("guarded-mode", {"starts": count}))
            dispatch.guarded = str(self._why["text"])
            log.error("guarded mode: no machine is changed", **self._why)

    def may_go_on(self, commands: list[Command]) -> list[Command]:
        """Of what was open when the field went: what may be taken up now; the rest waits for the end of guarded mode."""
        if not self.active:
            return commands
        self._waiting = [command for command in commands if command.kind in CHANGING]
        return [command for command in commands if command.kind not in CHANGING]

    async def run(self) -> None:
        """Watch for the end of it; also forgets the count of a field that is well."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Once a second."""
        proved = self._clock.monotonic() >= self._until
        if self.active and (proved or not (self._directory / starts.STARTS).exists()):
            self._lift()
        if proved:
            self._until = float("inf")
            starts.forget_starts(self._directory)
        # Full books say so first; then again we.
        if self.active and self._board.gateway.state == "running":
            self._board.update_gateway(state="guarded", why=self._why)

    def stopped(self) -> None:
        """An orderly stop."""
        starts.take_back(self._directory, self._now())

    def _lift(self) -> None:
        self.active = False
        self._dispatch.guarded = None
        if self._board.gateway.state == "guarded":
            self._board.update_gateway(state="running")
        self._board.update_gateway(why=None)
        waiting, self._waiting = self._waiting, []
        self._dispatch.resume(waiting)
        log.info("guarded mode is over", commands_taken_up=len(waiting))
