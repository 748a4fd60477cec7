"""Opens the lines, finds out when they can send, and opens again what was lost, for ever and with growing pauses.

A line lost in a run goes on where it was: its host keeps the unanswered poll and decides, when the line is back,
whether to repeat it or to fall silent first (rule 11).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from edge.board import Board
from edge.clock import Clock, stamp
from edge.field.found import Found
from edge.field.journal import Journal, Written
from edge.field.pollers.hearing import Hearing
from edge.field.pollers.sas import SasPoller, Wire
from edge.hall.events import Fact
from edge.hall.shapes import Json
from protocols.errors import LineError, LineLost
from protocols.line.line import Line
from protocols.line.tap import Tap, TapRecord
from protocols.sas.events import SilenceBegan

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


class _NotOpen:
    """Stands in a wire while there is no line: nothing can be sent, nothing comes."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fileno(self) -> int:
        return -1

    def send(self, data: bytes, *, wakeup: bool, now: float) -> float:
        raise LineLost(f"Line {self.name} is not open.", line=self.name)

    def drain(self, now: float) -> Sequence[object]:
        return ()

    def close(self) -> None:
        return


@dataclass(slots=True)
class _Opening:
    wire: Wire
    open_line: Callable[[float], Line]
    "Begins to open the line anew; raises LineError."
    assets: tuple[int, ...]
    line: Line | None = None
    try_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    was_open: bool = False
    lost_since: datetime | None = None
    told: bool = False
    reopened: int = 0


class Supervisor:
    """One per field; ``look(now)`` is called every 50 ms."""

    def __init__(self, poller: SasPoller, hearing: Hearing, journal: Journal, board: Board, clock: Clock) -> None:
        self._poller = poller
        self._hearing = hearing
        self._journal = journal
        self._board = board
        self._clock = clock
        self._openings: dict[str, _Opening] = {}
        self._sinks: dict[str, Callable[[TapRecord], None]] = {}
        hearing.losses = self

    def add(self, wire: Wire, open_line: Callable[[float], Line], assets: Sequence[int]) -> None:
        """A line to be kept open."""
        self._openings[wire.name] = _Opening(wire, open_line, tuple(assets))

    @property
    def wires(self) -> Sequence[Wire]:
        return [opening.wire for opening in self._openings.values()]

    def look(self, now: float) -> None:
        """Open what is due, and let the tick have what has become ready."""
        for opening in self._openings.values():
            if opening.wire.open or now < opening.try_at:
                continue
            try:
                if opening.line is None:
                    opening.line = opening.open_line(now)
                if opening.line.ready(now):
                    self._ready(opening, now)
            except LineError as error:
                self._not_now(opening, error, now)

    def _ready(self, opening: _Opening, now: float) -> None:
        wire, line = opening.wire, opening.line
        assert line is not None
        tap = Tap(line, self._sinks.get(wire.name))
        wire.line = tap
        opening.pause_s = FIRST_PAUSE_S
        opening.reopened += opening.was_open
        state = "silent" if wire.silent else "up"
        self._board.update_line(
            wire.name, state=state, error=None, since=stamp(self._clock.wall()), reopened=opening.reopened
        )
        if opening.was_open:
            events = wire.host.line_reopened(now)
            if any(isinstance(event, SilenceBegan) for event in events):
                wire.silence_reason = "reopened"
            if events:
                self._hearing.heard(wire, events, now)
        opening.was_open = True
        if opening.told:
            data: dict[str, Json] = {
                "line": wire.name,
                "lost_since": stamp(opening.lost_since) if opening.lost_since else None,
            }
            self._note(Fact("hall.line.restored.v1", f"line/{wire.name}", self._clock.wall(), data))
            opening.told = False
        opening.line = None
        self._poller.add(wire, now)

    def _not_now(self, opening: _Opening, error: LineError, now: float) -> None:
        if opening.line is not None:
            opening.line.close()
            opening.line = None
        opening.try_at = now + opening.pause_s
        opening.pause_s = min(LONGEST_PAUSE_S, opening.pause_s * 2)
        self._tell_lost(opening, error)

    def line_lost(self, wire: Wire, error: LineLost, now: float) -> None:
        """The tick found a line dead and has let go of it."""
        opening = self._openings[wire.name]
        wire.line.close()
        opening.line = None
        opening.try_at = now + opening.pause_s
        self._tell_lost(opening, error)

    def _tell_lost(self, opening: _Opening, error: LineError) -> None:
        wire = opening.wire
        self._board.update_line(wire.name, state="lost", error=str(error))
        if opening.told:
            return
        # Once per loss: an adapter that stays away is one event, not one a second.
        opening.told = True
        opening.lost_since = self._clock.wall()
        self._board.update_line(wire.name, since=stamp(opening.lost_since))
        data: dict[str, Json] = {"line": wire.name, "error": str(error)[:300], "assets": list(opening.assets)}
        self._note(Fact("hall.line.lost.v1", f"line/{wire.name}", opening.lost_since, data))

    def _note(self, fact: Found) -> None:
        def done(_written: Written | None, _error: Exception | None) -> None:
            return

        self._journal.record([fact], done)

    def trace(self, name: str, sink: Callable[[TapRecord], None] | None) -> None:
        """Copy the traffic of a line to ``sink`` from now on; None ends it. Raises KeyError for an unknown line."""
        opening = self._openings[name]
        if sink is None:
            self._sinks.pop(name, None)
        else:
            self._sinks[name] = sink
        if isinstance(opening.wire.line, Tap):
            opening.wire.line.sink = sink

    def close(self) -> None:
        for opening in self._openings.values():
            self._poller.drop(opening.wire)
            opening.wire.line.close()
            if opening.line is not None:
                opening.line.close()


def not_open(name: str) -> Line:
    """The line of a wire before it is opened for the first time."""
    return _NotOpen(name)  # type: ignore[return-value]  # has what is called while a line is not open
