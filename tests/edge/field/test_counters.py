"""COM-14: every link detects damage and counts it by kind; the counters of each machine and line stand on the board."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.field.rounds import Rounds
from edge.health.watchdog import Notify, Pillars, Watchdog
from simulators.egm.persona import Persona
from simulators.egm.wired import WiredEgm
from tests.edge.field.small_hall import SmallHall, opened


def rounds_of(hall: SmallHall) -> Rounds:
    pillars = Pillars()
    return Rounds(
        clock=hall.books.clock, board=hall.board, writer=hall.books.writer, poller=hall.poller, hearing=hall.hearing,
        supervisor=hall.supervisor, dispatch=hall.dispatch, watchdog=Watchdog(Notify(), pillars), pillars=pillars,
        record=lambda _found: None, subject="gateway/hg-07",
    )  # fmt: skip


def show(rounds: Rounds) -> None:
    """What a second of rounds shows: machines in slices, one at each look."""
    rounds.refresh()
    for _ in range(20):
        rounds.look()


def spoil(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """The next so many frames of a machine lose one bit of their check sum on the way."""
    receive, left = WiredEgm.receive, [times]

    def spoiled(egm: WiredEgm, value: int, wakeup: bool, now: float) -> tuple[bytes, bool] | None:
        answer = receive(egm, value, wakeup, now)
        if answer is None or len(answer[0]) < 4 or not left[0]:
            return answer
        left[0] -= 1
        return answer[0][:-1] + bytes([answer[0][-1] ^ 0x04]), answer[1]

    monkeypatch.setattr(WiredEgm, "receive", spoiled)


async def test_com_14_each_kind_of_trouble_is_counted_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, {"A": [17], "B": [18]}) as hall:
        await hall.up(17, 18)
        rounds = rounds_of(hall)
        show(rounds)
        machine, before = hall.machine(17), hall.board.egms[17]
        unanswered = hall.board.egms[18].misses  # what it does not know it is silent to
        counted = (before.bad_crc, before.busy, before.nacks, before.misses)
        spoil(monkeypatch, 2)
        hall.happens(17, "open_door")
        await hall.up(17)
        await hall.go(2)
        show(rounds)
        assert hall.board.egms[17].bad_crc == counted[0] + 2
        assert hall.board.egms[17].bad_replies == hall.board.egms[17].bad_crc + hall.board.egms[17].bad_other

        machine.egm.answers.busy_polls.add(0x6F)
        hall.happens(17, "close_door")
        hall.happens(17, "open_door")
        await hall.go(1, lambda: hall.wire("A").host.stats(1).busy > counted[1])
        machine.egm.answers.busy_polls.clear()
        machine.egm.answers.refused_polls.add(0xAF)
        machine.egm.answers.refused_polls.add(0x6F)
        hall.happens(17, "close_door")
        hall.happens(17, "open_door")
        await hall.go(5, lambda: hall.wire("A").host.stats(1).nacks > counted[2])
        machine.egm.answers.refused_polls.clear()
        machine.plugged = False
        await hall.go(0.2)
        machine.plugged = True
        await hall.go(1)
        machine.end.send(b"\xaa", wakeup=False, now=hall.now)
        await hall.go(1.5)
        show(rounds)
        now = hall.board.egms[17]
        assert now.busy > counted[1]
        assert now.nacks > counted[2]
        assert now.misses > counted[3]
        assert hall.board.lines["A"].stray_bytes >= 1
        other = hall.board.egms[18]
        assert (other.bad_crc, other.busy, other.nacks, other.misses) == (0, 0, 0, unanswered), (
            "of each machine by itself"
        )


async def test_how_far_a_machine_has_come_and_what_it_does_not_know_stands_beside_its_counters(tmp_path: Path) -> None:
    persona = Persona(unsupported_polls=frozenset({0xA4}))
    async with opened(tmp_path, {"A": [17]}, personas={17: persona}) as hall:
        rounds = rounds_of(hall)
        show(rounds)
        assert (hall.board.egms[17].stage, hall.board.egms[17].identity) == ("down", "unknown")
        await hall.up(17)
        show(rounds)
        state = hall.board.egms[17]
        assert (state.stage, state.identity) == ("ready", "right")
        assert 0xA4 in state.unsupported_polls, "this machine has no cash-out limit to tell"
