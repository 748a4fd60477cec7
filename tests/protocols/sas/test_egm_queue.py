"""Exceptions that wait in a machine: their order, what an overflow costs, and the book that must balance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.sas.catalog.exception_codes import EXCEPTIONS, PRIORITY_ORDER
from protocols.sas.egm_queue import OVERFLOW, QUEUE_MAX, Entry, ExceptionQueue
from tests.support.port import Cable

DOOR, TICKET, HANDPAY, CASH_OUT = 0x11, 0x67, 0x51, 0x66


def drained(queue):
    """Everything that is reported, in order."""
    told = []
    while (entry := queue.first()) is not None:
        told.append(entry.code)
        assert queue.remove(entry)
    return told


def filled(count, **settings):
    """A queue with that many doors, numbered from 0; and what it drops."""
    dropped = []
    queue = ExceptionQueue(**settings)
    queue.on_dropped = lambda code, serial: dropped.append((code, serial))
    for serial in range(count):
        queue.add(DOOR, serial)
    return queue, dropped


# the queue ----------------------------------------------------------------------------------------------------------


def test_a_machine_remembers_twenty_exceptions_at_the_least():
    assert QUEUE_MAX >= 20


def test_what_happened_first_is_told_first():
    queue = ExceptionQueue()
    for serial, code in enumerate((0x11, 0x12, 0x7E, 0x11)):
        queue.add(code, serial)
    assert drained(queue) == [0x11, 0x12, 0x7E, 0x11]


def test_a_ticket_goes_before_everything_that_waits():
    queue = ExceptionQueue()
    queue.add(DOOR, 1)
    queue.add(TICKET, 2)
    assert drained(queue) == [TICKET, DOOR]


def test_priority_exceptions_go_by_rank_and_those_of_a_rank_by_age():
    queue = ExceptionQueue()
    order = [code for code in PRIORITY_ORDER if EXCEPTIONS[code].klass == "P"]
    for serial, code in enumerate(reversed(order)):
        queue.add(code, serial)
    queue.add(order[0], 100)
    assert [entry.code for entry in queue] == [order[0], *order]
    assert queue.first() == Entry(order[0], len(order) - 1)
    assert drained(queue) == [order[0], *order]


def test_a_handpay_is_queued_until_its_function_is_configured():
    for also, told in ((frozenset(), [DOOR, HANDPAY]), (frozenset({HANDPAY}), [HANDPAY, DOOR])):
        queue = ExceptionQueue(also_priority=also)
        queue.add(DOOR, 1)
        queue.add(HANDPAY, 2)
        assert drained(queue) == told


def test_a_code_that_no_table_knows_is_told_in_its_turn():
    queue = ExceptionQueue()
    queue.add(DOOR, 1)
    queue.add(0x63, 2)
    assert drained(queue) == [DOOR, 0x63]


# overflow -----------------------------------------------------------------------------------------------------------


def test_the_last_that_fits_costs_nothing_and_the_next_costs_the_oldest():
    queue, dropped = filled(QUEUE_MAX)
    assert dropped == []
    assert OVERFLOW not in drained(queue)
    queue, dropped = filled(QUEUE_MAX + 1)
    assert dropped == [(DOOR, 0)]
    assert drained(queue) == [OVERFLOW, *[DOOR] * QUEUE_MAX]


def test_many_lost_are_told_by_one_70():
    queue, dropped = filled(QUEUE_MAX + 10)
    assert [serial for _, serial in dropped] == list(range(10))
    assert drained(queue).count(OVERFLOW) == 1


def test_once_70_was_acknowledged_the_next_loss_is_told_by_another():
    queue, _ = filled(QUEUE_MAX + 1)
    assert queue.remove(queue.first())
    queue.add(DOOR, 100)
    assert queue.first() == Entry(OVERFLOW, -1)


def test_the_urgent_ones_have_a_limit_too_and_70_is_never_what_makes_room():
    queue, dropped = filled(0, limit=3)
    for serial in range(6):
        queue.add(TICKET, serial)
    assert [serial for _, serial in dropped] == [0, 1, 2]
    assert list(queue) == [Entry(TICKET, 3), Entry(TICKET, 4), Entry(TICKET, 5), Entry(OVERFLOW, -1)]


def test_the_owner_may_number_the_70_of_an_overflow_and_then_it_is_acknowledged_like_any_other():
    cable = Cable(queue_max=2)
    cable.port.queue.on_overflow = lambda: 100
    for serial in range(3):
        cable.port.raise_exception(DOOR, serial)
    assert [cable.send("81"), cable.send("80")] == ["70", None]
    assert (cable.acknowledged, cable.dropped) == ([(OVERFLOW, 100)], [(DOOR, 0)])


def test_an_urgent_one_finds_room_beside_a_waiting_70_however_small_the_machine():
    queue, _ = filled(2, limit=1)
    queue.add(TICKET, 2)
    assert drained(queue) == [TICKET, OVERFLOW, DOOR]


def test_acknowledged_after_it_was_lost_it_is_not_acknowledged_twice():
    queue, dropped = filled(3, limit=3)
    told = queue.first()
    queue.add(DOOR, 3)
    assert dropped == [(told.code, told.serial)]
    assert not queue.remove(told)


def test_what_is_given_up_is_reported_as_lost_once():
    queue, dropped = filled(1)
    told = queue.first()
    queue.give_up(told)
    queue.give_up(told)
    assert dropped == [(DOOR, 0)]
    assert len(queue) == 0


def test_cleared_with_the_memory_nothing_is_left():
    queue, _ = filled(QUEUE_MAX + 1)
    queue.clear()
    assert (len(queue), queue.first(), list(queue)) == (0, None, [])


ACTS = st.lists(
    st.one_of(
        st.sampled_from([DOOR, TICKET, HANDPAY, CASH_OUT, 0x56, 0x63]).map(lambda code: ("raise", code)),
        st.just(("tell", 0)),
    ),
    max_size=200,
)


@given(ACTS, st.integers(1, 30))
def test_the_book_of_a_queue_balances_whatever_happens(acts, limit):
    raised, told, dropped = [], [], []
    queue = ExceptionQueue(limit)
    queue.on_dropped = lambda code, serial: dropped.append((code, serial))
    for serial, (act, code) in enumerate(acts):
        if act == "raise":
            queue.add(code, serial)
            raised.append((code, serial))
        elif (entry := queue.first()) is not None:
            assert queue.remove(entry)
            told.append(entry[:2])
        assert len(queue) <= 2 * limit + 1
        assert len(list(queue)) == len(queue)
    waiting = [entry[:2] for entry in queue]
    made = [one for one in told + waiting if one[1] < 0]
    assert set(made) <= {(OVERFLOW, -1)}
    assert sorted([one for one in told + waiting if one[1] >= 0] + dropped) == sorted(raised)
    assert bool(dropped) == bool(made), "a loss is told, and only a loss"


# through the port ---------------------------------------------------------------------------------------------------


def test_a_night_of_exceptions_is_told_one_by_one_and_acknowledged_by_80():
    cable = Cable()
    for serial in range(20):
        cable.port.raise_exception(DOOR + serial % 2, serial)
    for serial in range(20):
        assert cable.send("81") == f"{DOOR + serial % 2:02X}"
        cable.send("80")
        assert cable.acknowledged[-1] == (DOOR + serial % 2, serial)
    assert cable.send("81") == "00"
    assert cable.answered == cable.acknowledged
    assert cable.dropped == []


def test_70_is_told_first_and_is_nobodys_number():
    cable = Cable(queue_max=20)
    for serial in range(22):
        cable.port.raise_exception(DOOR, serial)
    assert cable.send("81") == "70"
    cable.send("80")
    assert cable.acknowledged == [], "the machine made it itself; no number of the owner's stands behind it"
    assert cable.dropped == [(DOOR, 0), (DOOR, 1)]
    assert cable.send("81") == "11"
    cable.send("80")
    assert cable.acknowledged == [(DOOR, 2)]


def test_a_ticket_that_comes_while_a_door_is_being_told_waits_for_its_acknowledgement():
    cable = Cable()
    cable.port.raise_exception(DOOR, 1)
    assert cable.send("81") == "11"
    cable.port.raise_exception(TICKET, 2)
    assert cable.send("81") == "11", "a repeat is the same bytes"
    cable.send("80")
    assert (cable.acknowledged, cable.send("81")) == ([(DOOR, 1)], "67")


def test_an_exception_lost_by_overflow_while_it_was_told_is_dropped_and_not_acknowledged():
    cable = Cable(queue_max=1)
    cable.port.raise_exception(DOOR, 1)
    assert cable.send("81") == "11"
    cable.port.raise_exception(CASH_OUT, 2)
    cable.send("80")
    assert (cable.acknowledged, cable.dropped) == ([], [(DOOR, 1)])


@pytest.mark.parametrize("told", ["answered", "acknowledged", "dropped"])
def test_a_port_without_anybody_who_keeps_a_book_works_all_the_same(told):
    cable = Cable(queue_max=1)
    setattr(cable.port, f"on_{told}", None)
    cable.port.raise_exception(DOOR, 1)
    cable.port.raise_exception(DOOR, 2)
    assert [cable.send(frame) for frame in ("81", "80", "81", "81", "80", "81")] == ["70", None, "11", "11", None, "00"]
