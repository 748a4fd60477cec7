"""The desk: what is asked of a machine waits its turn, and nothing on it is lost, doubled or overtaken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge.field.desk import QUEUE_MAX, CommandRef, Desk, DeskFull, Slip
from edge.hall.requests import Disable, Enable, Identify, ReadMeters

NIGHT = datetime(2026, 11, 23, 0, 11, 7, tzinfo=UTC)


def ordered(number: int, *, asset: int = 17, expires_at: datetime | None = None) -> Slip:
    return Slip(Enable(asset), CommandRef("central-1", f"c-{number}", "egm.enable"), expires_at)


def test_a_machine_is_asked_one_thing_at_a_time_in_the_order_of_arrival() -> None:
    desk = Desk()
    desk.put(ordered(1))
    desk.put(ordered(2))

    assert desk.take(17) == ordered(1)
    assert desk.take(17) is None, "the first has no outcome yet"
    assert desk.depth(17) == 2
    assert desk.finish(17) == ordered(1)
    assert desk.take(17) == ordered(2)


def test_machines_do_not_wait_for_each_other() -> None:
    desk = Desk()
    desk.put(ordered(1, asset=17))
    desk.put(ordered(2, asset=18))
    assert desk.take(17) is not None
    assert desk.take(18) == ordered(2, asset=18)


def test_a_reading_of_our_own_that_has_not_begun_serves_the_next_occasion_too() -> None:
    desk = Desk()
    assert desk.put(Slip(ReadMeters(17, (0x00,), reason="interval")))
    assert not desk.put(Slip(ReadMeters(17, (0x00,), reason="event", because="s:1")))
    assert desk.put(Slip(Identify(17))), "another question is not the same"

    desk.take(17)
    assert desk.put(Slip(ReadMeters(17, (0x00,), reason="event", because="s:2"))), "what has begun may be too early"


def test_a_command_is_never_merged_with_another() -> None:
    desk = Desk()
    assert desk.put(ordered(1))
    assert desk.put(ordered(2))
    assert desk.depth(17) == 2


def test_who_a_machine_is_comes_before_everything_that_waits() -> None:
    desk = Desk()
    desk.put(Slip(ReadMeters(17, (0x00,))))
    desk.put(Slip(Identify(17)), first=True)
    assert desk.take(17) == Slip(Identify(17))


def test_a_full_desk_refuses_and_drops_nothing() -> None:
    desk = Desk()
    for number in range(QUEUE_MAX):
        desk.put(ordered(number))
    with pytest.raises(DeskFull, match="17") as refused:
        desk.put(ordered(99))
    assert refused.value.slug == "desk-full"
    assert desk.depth(17) == QUEUE_MAX
    assert desk.take(17) == ordered(0)
    desk.put(ordered(99))  # the one under way is no longer in the queue


def test_what_was_never_sent_is_the_next_again() -> None:
    desk = Desk()
    desk.put(ordered(1))
    desk.put(ordered(2))
    desk.take(17)
    desk.put_back(17)
    assert desk.take(17) == ordered(1)


def test_what_waited_too_long_is_withdrawn_at_its_very_instant() -> None:
    desk = Desk()
    desk.put(ordered(1, expires_at=NIGHT + timedelta(microseconds=1)))
    desk.put(ordered(2, expires_at=NIGHT))
    desk.put(Slip(Disable(17)))
    assert list(desk.withdraw_expired(NIGHT)) == [ordered(2, expires_at=NIGHT)]
    assert desk.depth(17) == 2


def test_what_is_under_way_may_have_been_heard_and_is_not_withdrawn() -> None:
    desk = Desk()
    desk.put(ordered(1, expires_at=NIGHT))
    desk.take(17)
    assert list(desk.withdraw_expired(NIGHT + timedelta(days=1))) == []
    assert desk.depth(17) == 1


def test_a_machine_nobody_asked_anything_of_has_an_empty_desk() -> None:
    desk = Desk()
    assert desk.take(404) is None
    assert desk.finish(404) is None
    assert desk.depth(404) == 0
    desk.put_back(404)
