"""The desk: what is asked of a machine waits its turn, and nothing on it is lost, doubled or overtaken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge.field.desk import QUEUE_MAX, CommandRef, Desk, DeskFull, Slip
from edge.hall.requests import Disable, Enable, Identify, ReadHandpay, ReadLastBill, ReadMeters

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


def test_the_meters_of_an_event_name_it_also_where_a_regular_reading_waited() -> None:
    desk = Desk()
    desk.put(Slip(ReadMeters(17, (0x00,), reason="interval")))
    desk.put(Slip(ReadMeters(17, (0x00, 0x44), reason="event", because="s:1")))
    desk.put(Slip(ReadMeters(17, (0x0B,), reason="event", because="s:2")))
    taken = desk.take(17)
    assert taken is not None
    assert taken.request == ReadMeters(17, (0x00, 0x44, 0x0B), reason="event", because="s:1")


def test_mtr_07_each_reason_has_a_reading_of_its_own_and_one_alone() -> None:
    desk = Desk()
    for reason, because in (("drop", "s:1"), ("access", "s:2"), ("drop", "s:3"), ("day_end", None), ("interval", None)):
        desk.put(Slip(ReadMeters(17, (0x00,), reason=reason, because=because)))  # type: ignore[arg-type] # words of a table
    taken = []
    while (slip := desk.take(17)) is not None:
        assert isinstance(slip.request, ReadMeters)
        taken.append((slip.request.reason, slip.request.because))
        desk.finish(17)
    assert taken == [("drop", "s:1"), ("access", "s:2"), ("day_end", None)], "the regular one is served by the first"


def test_the_first_meters_of_a_link_are_a_reading_of_their_own_and_so_are_the_games() -> None:
    desk = Desk()
    assert desk.put(Slip(ReadMeters(17, (0x00,), reason="link_up")))
    assert desk.put(Slip(ReadMeters(17, (0x00,), games=(1, 2), reason="link_up")))
    assert desk.put(Slip(ReadMeters(17, (0x00,), reason="event", because="s:1")))
    assert not desk.put(Slip(ReadMeters(17, (0x00,), reason="link_up")))
    assert desk.put(Slip(ReadMeters(17, (0x00,), reason="event", because="s:2", before_change=True))), "a machine waits"


def test_what_a_machine_waits_for_does_not_wait_for_a_reading_to_end() -> None:
    desk = Desk()
    desk.put(Slip(ReadMeters(17, (0x00,))))
    assert desk.take(17) is not None
    desk.put(Slip(ReadHandpay(17)))
    assert desk.take(17) is None, "the reading goes on"
    assert desk.take(17, urgent=True) == Slip(ReadHandpay(17))
    assert desk.asks(17, ReadHandpay)
    assert desk.depth(17) == 2
    assert desk.finish(17, urgent=True) == Slip(ReadHandpay(17))
    assert not desk.asks(17, ReadHandpay)


def test_of_two_bills_the_last_one_is_asked_for_and_named() -> None:
    desk = Desk()
    desk.put(Slip(ReadLastBill(17, "s:1")))
    assert not desk.put(Slip(ReadLastBill(17, "s:2")))
    assert desk.take(17) == Slip(ReadLastBill(17, "s:2"))


def test_what_may_not_begin_yet_is_passed_over_and_keeps_its_place() -> None:
    """Commands wait until it is known who a machine is (COM-10); the gateway's own questions do not wait for them."""
    desk = Desk()
    desk.put(ordered(1))
    desk.put(Slip(Identify(17)))
    assert desk.take(17, lambda slip: slip.command is None) == Slip(Identify(17))
    desk.finish(17)
    assert desk.take(17) == ordered(1)


def test_of_another_machine_is_not_asked_what_the_one_before_was_to_be_asked() -> None:
    desk = Desk()
    desk.put(Slip(ReadMeters(17, (0x00,), reason="event", because="s:1")))
    desk.put(ordered(1))
    desk.put(Slip(ReadHandpay(17)))
    desk.forget_own(17)
    assert desk.take(17, urgent=True) is None
    assert desk.take(17) == ordered(1), "commands are for whoever stands there"
    desk.forget_own(404)


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
