"""What is given up while room is short, and what never is."""

from __future__ import annotations

import pytest

from edge.clock import ManualClock
from edge.hall.events import KINDS
from edge.health.shedding import MONEY_COMMANDS, Shedding
from tests.edge.field.books import NIGHT

PLAY, DOOR = "hall.egm.game.started.v1", "hall.egm.door.opened.v1"


def test_while_room_is_short_one_a_minute_of_mere_play_is_written_and_the_others_are_counted() -> None:
    clock = ManualClock(NIGHT)
    shedding = Shedding(clock.monotonic)
    assert not any(shedding.gives_up(PLAY, "egm/17") for _ in range(5))
    shedding.level = "short"
    assert [shedding.gives_up(PLAY, "egm/17") for _ in range(3)] == [False, True, True]
    assert not shedding.gives_up(PLAY, "egm/18"), "each machine has its own minute"
    clock.advance(60)
    assert not shedding.gives_up(PLAY, "egm/17")
    assert (shedding.take_count(), shedding.take_count()) == (2, 0)


@pytest.mark.parametrize("level", ["short", "critical", "full"])
def test_nothing_of_money_doors_or_faults_is_given_up_at_any_level(level: str) -> None:
    shedding = Shedding(ManualClock(NIGHT).monotonic)
    shedding.level = level  # type: ignore[assignment]  # one of the levels
    kept = [name for name, kind in KINDS.items() if kind.klass in ("money", "door", "fault", "ticket", "cashless")
            and kind.priority in ("alarm", "high")]  # fmt: skip
    assert DOOR in KINDS
    assert len(kept) > 10
    assert not any(shedding.gives_up(name, "egm/17") for name in kept for _ in range(2))


def test_captures_stop_at_low_and_commands_of_money_at_critical() -> None:
    shedding = Shedding(ManualClock(NIGHT).monotonic)
    allowed = []
    for level in ("ok", "low", "short", "critical", "full"):
        shedding.level = level  # type: ignore[assignment]  # one of the levels
        allowed.append(shedding.captures_allowed)
        assert not shedding.refuses("egm.enable"), "no command of ours moves money yet"
    assert allowed == [True, False, False, False, False]
    assert frozenset() == MONEY_COMMANDS
