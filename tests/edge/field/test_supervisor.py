"""Who opens lines: how often, how long it waits, what it tells, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.field.pollers.supervisor import LONGEST_PAUSE_S, PROVEN_S, UNFIT_PAUSE_S
from protocols.errors import LineLost, LineUnfit
from protocols.line.line import Line
from tests.edge.field.small_hall import SmallHall, opened

SINGLE = {"A": [17], "B": [18]}


class Door:
    """Opens line A, or does not; the moments of all tries are kept."""

    def __init__(self, hall: SmallHall) -> None:
        self.error: LineLost | LineUnfit | None = None
        self.tries: list[float] = []
        self._open: Callable[[float], Line] = hall.wires.opener("A")
        hall.supervisor.add(hall.wire("A"), self, [17])

    def __call__(self, now: float) -> Line:
        self.tries.append(now)
        if self.error is not None:
            raise self.error
        return self._open(now)

    @property
    def pauses(self) -> list[float]:
        return [after - before for before, after in zip(self.tries, self.tries[1:], strict=False)]


def told(hall: SmallHall) -> list[str]:
    kinds = [event["type"].removeprefix("hall.line.").removesuffix(".v1") for event in hall.books.events("hall.line")]
    return [kind for kind in kinds if kind in ("lost", "restored")]


@pytest.mark.parametrize(("error", "longest_s"), [(LineLost, LONGEST_PAUSE_S), (LineUnfit, UNFIT_PAUSE_S)])
async def test_a_line_that_cannot_be_opened_is_tried_for_ever_with_pauses_that_grow_and_told_once(
    tmp_path: Path, error: type[LineLost | LineUnfit], longest_s: float
) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        door = Door(hall)
        door.error = error("Line A: no.", line="A")
        await hall.go(60)
        assert door.pauses[0] < 0.3
        assert max(door.pauses) == pytest.approx(longest_s, abs=0.1)
        assert door.pauses == sorted(door.pauses)[: len(door.pauses)] or max(door.pauses) - door.pauses[-1] < 0.1
        assert told(hall) == ["lost"]
        assert hall.board.lines["A"].error == "Line A: no."
        assert hall.hearing.seats[18].up, "line B does not wait for line A"

        door.error = None
        await hall.go(longest_s + 0.1, lambda: hall.wire("A").open)
        assert told(hall) == ["lost", "restored"]
        assert hall.board.lines["A"].reopened == 0, "it was never open before"


async def test_a_line_that_opens_and_is_lost_at_once_again_and_again_fills_neither_log_nor_time(tmp_path: Path) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        await hall.up(17, 18)
        door = Door(hall)
        hall.supervisor.line_lost(hall.wire("A"), LineLost("Line A: gone.", line="A"), hall.now)
        hall.poller.drop(hall.wire("A"))
        began = hall.now
        while hall.now - began < 30:
            await hall.go(0.05)
            if hall.wire("A").open:
                hall.poller.drop(hall.wire("A"))
                hall.supervisor.line_lost(hall.wire("A"), LineLost("Line A: gone.", line="A"), hall.now)
        assert len(door.tries) <= 20
        assert told(hall) == ["lost", "restored", "lost"]


async def test_a_line_that_stood_for_5_s_is_a_line_even_if_nobody_answered_and_its_next_loss_is_a_new_one(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        hall.machine(17).plugged = False
        door = Door(hall)
        await hall.go(PROVEN_S + 1)
        hall.wires.wires["A"].cut()
        await hall.go(0.2)
        assert told(hall) == ["lost"]
        hall.wires.wires["A"].mend()
        await hall.go(1, lambda: hall.wire("A").open)
        assert told(hall) == ["lost", "restored"]
        assert door.pauses[-1] < PROVEN_S + 3


async def test_facts_are_of_an_open_port_only(tmp_path: Path) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        assert hall.supervisor.facts("A") == {}
        with pytest.raises(KeyError):
            hall.supervisor.facts("Z")
        await hall.up(17, 18)
        assert hall.supervisor.facts("A") == {}, "memory has no port"


async def test_a_line_of_memory_is_never_opened_anew_for_deafness(tmp_path: Path) -> None:
    async with opened(tmp_path, SINGLE) as hall:
        hall.machine(17).plugged = False
        hall.supervisor.add(hall.wire("A"), hall.wires.opener("A"), [17], deaf_after_s=2.0)
        await hall.go(30)
        assert hall.board.lines["A"].reopened == 0
