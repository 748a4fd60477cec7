"""Opens the lines, finds out when they can send, and opens again what was lost, for ever and with growing pauses.

A line lost in a run goes on where it was: its host keeps the unanswered poll and decides, when the line is back,
whether to repeat it or to fall silent first (rule 11). A port that sends and hears nothing for long is closed and opened
now and then: some stop receiving when a machine is switched off, and only that cures them (sas-core 9.4, 10.28).
"""

from __future__ import annotations

import heapq
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
from protocols.errors import LineError, LineLost, LineUnfit
from protocols.line.line import Facts, Line, LineStats
from protocols.line.tap import Tap, TapRecord
from protocols.sas.events import SilenceBegan

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0
"""An adapter that is plugged in again is the same line again within 5 s, its own start included."""
UNFIT_PAUSE_S = 10.0
"""Held by another program, no mark and space, a server that is too slow: only a person changes that."""

PROVEN_S = 5.0
PROVEN_FRAMES = 8
"""A line that was open for so long, or has sent so much and heard anything, was no flicker: its next loss is a new one. What
is heard alone proves nothing: a machine chirps also into a port that cannot send."""

MIND_S = 1.0
"""So often each open line is looked at for floods, late gaps and deafness."""
MIND_TURNS = 20
"""The lines of a hall take turns in that second: all at once would hold their polls up."""

DEAF_AFTER_S = 120.0
DEAF_LONGEST_S = 900.0
"""The pause between two such openings doubles up to this; a hall that is off for the night stays quiet."""

MARK_S = 10.0
"""A mark of trouble stays on the line for so long after it was last seen."""


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
    place: int
    look_at: float = 0.0
    "The next look at it; an entry of the heap with another moment is void."
    line: Line | None = None
    try_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    was_open: bool = False
    lost_since: datetime | None = None
    told: bool = False
    reopened: int = 0
    opened_at: float = 0.0
    proven: bool = True
    """Since it was opened it has talked with a machine, or stood for `PROVEN_S`. After such a line was lost its return is told at
    once; after one that was not, only when it has proved itself, so a port that flickers is told twice and no more."""
    mind_at: float = 0.0
    frames: int = 0
    "Sent when it was opened."
    sent: int = 0
    received: int = 0
    thrown_away: int = 0
    gaps_missed: int = 0
    "As the counters stood when they were last looked at."
    deaf_after_s: float = 0.0
    deaf_for_s: float = 0.0
    "How long it may send without hearing anything until it is opened anew; grows."
    deaf_since: float | None = None
    deaf_reopens: int = 0
    mark: str | None = None
    mark_until: float = 0.0


class Supervisor:
    """One per field; ``look(now)`` is called every 50 ms."""

    def __init__(self, poller: SasPoller, hearing: Hearing, journal: Journal, board: Board, clock: Clock) -> None:
        self._poller = poller
        self._hearing = hearing
        self._journal = journal
        self._board = board
        self._clock = clock
        self._openings: dict[str, _Opening] = {}
        self._looks: list[tuple[float, int, _Opening]] = []
        self._order = 0
        self._sinks: dict[str, Callable[[TapRecord], None]] = {}
        hearing.losses = self

    def add(
        self,
        wire: Wire,
        open_line: Callable[[float], Line],
        assets: Sequence[int],
        *,
        deaf_after_s: float = DEAF_AFTER_S,
    ) -> None:
        """A line to be kept open. ``deaf_after_s``: sent for so long and heard nothing, it is opened anew; 0: never.
        A second of the same name takes the place of the first."""
        if before := self._openings.get(wire.name):
            before.look_at = float("inf")
        opening = _Opening(
            wire, open_line, tuple(assets), len(self._openings), deaf_after_s=deaf_after_s, deaf_for_s=deaf_after_s
        )
        self._openings[wire.name] = opening
        self._look_at(opening, opening.try_at)

    @property
    def wires(self) -> Sequence[Wire]:
        return [opening.wire for opening in self._openings.values()]

    def facts(self, name: str) -> Facts:
        """What the port of a line could be told and what not; ``warning`` is for people. Empty while it is not open.
        Raises KeyError for an unknown line."""
        opening = self._openings[name]
        return opening.wire.line.facts if opening.wire.open else {}

    def look(self, now: float) -> None:
        """Open what is due, let the tick have what has become ready, and mind what is open. Costs nothing for lines that are
        not due to be looked at."""
        looks = self._looks
        due: list[_Opening] = []
        while looks and looks[0][0] <= now:
            at, _, opening = heapq.heappop(looks)
            if opening.look_at == at:
                due.append(opening)
        for opening in due:
            self._look(opening, now)
            if opening.wire.open and opening.proven:
                self._look_at(opening, opening.mind_at)
            elif opening.wire.open or opening.line is not None:
                self._look_at(opening, now)
            else:
                self._look_at(opening, opening.try_at)

    def _look_at(self, opening: _Opening, at: float) -> None:
        opening.look_at = at
        self._order += 1
        heapq.heappush(self._looks, (at, self._order, opening))

    def _look(self, opening: _Opening, now: float) -> None:
        if opening.wire.open:
            self._mind(opening, now)
            return
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
        opening.reopened += opening.was_open
        state = "silent" if wire.silent else "up"
        self._board.update_line(
            wire.name,
            state=state,
            error=None,
            since=stamp(self._clock.wall()),
            reopened=opening.reopened,
            port=dict(line.facts),
        )
        if opening.was_open:
            events = wire.host.line_reopened(now)
            if any(isinstance(event, SilenceBegan) for event in events):
                wire.silence_reason = "reopened"
            if events:
                self._hearing.heard(wire, events, now)
        opening.was_open = True
        if opening.proven:
            self._tell_restored(opening)
        self._begin_to_mind(opening, line, now)
        opening.line = None
        self._poller.add(wire, now)

    def _not_now(self, opening: _Opening, error: LineError, now: float) -> None:
        if opening.line is not None:
            opening.line.close()
            opening.line = None
        self._pause(opening, now, UNFIT_PAUSE_S if isinstance(error, LineUnfit) else LONGEST_PAUSE_S)
        self._tell_lost(opening, error)

    def line_lost(self, wire: Wire, error: LineLost, now: float) -> None:
        """The tick found a line dead and has let go of it."""
        opening = self._openings[wire.name]
        wire.line.close()
        opening.line = None
        # A port that opens and fails at once, again and again, must neither be opened without pause nor told each time.
        self._pause(opening, now, LONGEST_PAUSE_S)
        self._look_at(opening, opening.try_at)
        self._tell_lost(opening, error)

    def _pause(self, opening: _Opening, now: float, longest_s: float) -> None:
        opening.try_at = now + opening.pause_s
        opening.pause_s = min(longest_s, opening.pause_s * 2)

    # lines that are open ---------------------------------------------------------------------------------------------

    def _begin_to_mind(self, opening: _Opening, line: Line, now: float) -> None:
        stats = line.stats
        stats.deaf_reopens = opening.deaf_reopens
        opening.opened_at, opening.mind_at = now, now + MIND_S * (opening.place % MIND_TURNS + 1) / MIND_TURNS
        opening.proven = False
        opening.deaf_since = opening.mark = None
        opening.frames, opening.sent, opening.received = stats.frames_sent, stats.chars_sent, stats.chars_received
        opening.thrown_away, opening.gaps_missed = stats.thrown_away, stats.gaps_missed

    def _mind(self, opening: _Opening, now: float) -> None:
        stats = opening.wire.line.stats
        heard = stats.chars_received != opening.received
        talks = heard and stats.frames_sent - opening.frames >= PROVEN_FRAMES
        if not opening.proven and (talks or now - opening.opened_at >= PROVEN_S):
            opening.proven = True
            opening.pause_s = FIRST_PAUSE_S
            self._tell_restored(opening)
        if now < opening.mind_at:
            return
        opening.mind_at = now + MIND_S
        self._mark(opening, stats, now)
        if heard:
            opening.received, opening.sent = stats.chars_received, stats.chars_sent
            opening.deaf_since = None
            opening.deaf_for_s = opening.deaf_after_s
        elif stats.chars_sent != opening.sent:
            opening.sent = stats.chars_sent
            if opening.deaf_since is None:
                opening.deaf_since = now
        if opening.deaf_since is not None and now - opening.deaf_since >= opening.deaf_for_s > 0:
            self._open_anew(opening, now)

    def _open_anew(self, opening: _Opening, now: float) -> None:
        wire = opening.wire
        if wire.fd < 0 or wire.host.awaiting or wire.undurable or wire.line.service_at() is not None:
            return  # memory has no port; and nothing that is under way is cut off: the next look is a second away
        self._poller.drop(wire)
        wire.line.close()
        opening.deaf_reopens += 1
        opening.deaf_for_s = min(DEAF_LONGEST_S, opening.deaf_for_s * 2)
        opening.try_at = now

    def _mark(self, opening: _Opening, stats: LineStats, now: float) -> None:
        """What is wrong with a line that works after a fashion stands beside it; no event, for it may be told each second."""
        mark = None
        if stats.thrown_away != opening.thrown_away:
            mark = f"more comes than a wire can carry: {stats.thrown_away} characters thrown away"
        elif stats.gaps_missed != opening.gaps_missed:
            mark = f"{stats.gaps_missed} frames had over 5 ms after their first byte, machines may drop such frames"
        opening.thrown_away, opening.gaps_missed = stats.thrown_away, stats.gaps_missed
        if mark is None and (opening.mark is None or now < opening.mark_until):
            return
        if mark is not None:
            opening.mark_until = now + MARK_S
        if mark != opening.mark:
            opening.mark = mark
            self._board.update_line(opening.wire.name, error=mark)

    # what is told ----------------------------------------------------------------------------------------------------

    def _tell_restored(self, opening: _Opening) -> None:
        if not opening.told:
            return
        opening.told = False
        name = opening.wire.name
        since = stamp(opening.lost_since) if opening.lost_since else None
        data: dict[str, Json] = {"line": name, "lost_since": since}
        self._note(Fact("hall.line.restored.v1", f"line/{name}", self._clock.wall(), data))

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
