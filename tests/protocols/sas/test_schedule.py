"""Whose turn it is: whoever has waited longest, spread over the interval from the start."""

from __future__ import annotations

import pytest

from protocols.sas.link import Link
from protocols.sas.schedule import Schedule
from protocols.sas.turn import RESYNC, Turn


def links(count: int) -> list[Link]:
    return [Link(address, Turn(address, bytes((0x80 | address,)), True), 0.2, ()) for address in range(1, count + 1)]


def test_80_is_for_nobody_and_nobody_answers():
    assert (RESYNC.address, RESYNC.data, RESYNC.expects_reply) == (None, b"\x80", False)


def test_first_polls_of_a_line_are_spread_over_the_interval():
    machines = links(4)
    Schedule(machines, first_poll_at=10.0)
    assert [link.next_at for link in machines] == pytest.approx([10.0, 10.05, 10.1, 10.15])


def test_the_one_who_has_waited_longest_is_first():
    machines = links(3)
    schedule = Schedule(machines, first_poll_at=0.0)
    order = []
    now = 0.0
    for _ in range(6):
        link = schedule.next_link()
        order.append(link.address)
        now = max(now, link.next_at)
        link.next_at = now + link.interval_s
    assert order == [1, 2, 3, 1, 2, 3]


def test_a_faster_machine_does_not_starve_a_slower_one():
    fast, slow = links(2)
    fast.interval_s = 0.04
    schedule = Schedule([fast, slow], first_poll_at=0.0)
    now, polls = 0.0, {1: 0, 2: 0}
    while now < 10.0:
        link = schedule.next_link()
        now = max(now + 0.03, link.next_at)  # the line is nearly full: an answer takes 30 ms
        polls[link.address] += 1
        link.next_at = now + link.interval_s
    assert polls[2] >= 40
    assert polls[1] >= 150
