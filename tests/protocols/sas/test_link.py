"""One address's link: its table of states, and which exception may be the last one said again."""

from __future__ import annotations

import pytest

from protocols.sas.link import ANY_CODE, NO_CODE, TRANSITIONS, Happening, Link, LinkState
from protocols.sas.turn import Turn


def a_link(proof: tuple[int, ...] = (0x1A, 0x1F)) -> Link:
    return Link(1, Turn(1, b"\x81", True), 0.2, proof)


def test_every_state_knows_what_to_do_with_everything_that_happens():
    assert set(TRANSITIONS) == {(state, happening) for state in LinkState for happening in Happening}


def test_only_three_answers_bring_a_link_up_and_only_giving_up_brings_it_down():
    for (before, happening), after in TRANSITIONS.items():
        if after is LinkState.DOWN and before is not LinkState.DOWN:
            assert happening is Happening.GAVE_UP
        if after is LinkState.UP and before in (LinkState.UNKNOWN, LinkState.DOWN):
            assert happening is Happening.HEARD_THRICE


def test_happened_says_whether_the_state_is_another_one_now():
    link = a_link()
    assert not link.happened(Happening.HEARD)
    assert link.happened(Happening.HEARD_THRICE)
    assert link.state is LinkState.UP
    assert not link.happened(Happening.HEARD_THRICE)


def test_nothing_is_doubted_of_a_link_without_a_past():
    assert a_link().judge(0x11, queued=True) is False


def test_an_exception_not_proven_acknowledged_is_doubted_when_it_comes_again_and_a_proven_one_is_not():
    link = a_link()
    link.judge(0x11, queued=True)
    assert link.judge(0x11, queued=True) is True
    link.proven()
    assert link.judge(0x11, queued=True) is False


def test_a_dropped_link_keeps_the_doubt_although_later_polls_are_answered():
    link = a_link()
    link.judge(0x11, queued=True)
    link.resynchronised()
    link.proven()
    assert link.judge(0x11, queued=True) is True
    link.proven()
    assert link.judge(0x11, queued=True) is False, "at most once"


def test_the_first_queued_exception_ends_the_doubt_and_a_priority_exception_does_not():
    link = a_link()
    link.judge(0x11, queued=True)
    link.resynchronised()
    assert link.judge(0x70, queued=False) is False
    link.proven()
    assert link.judge(0x12, queued=True) is False
    link.proven()
    assert link.judge(0x11, queued=True) is False


def test_two_drops_with_a_priority_exception_between_doubt_both():
    link = a_link()
    link.judge(0x11, queued=True)
    link.resynchronised()
    link.judge(0x70, queued=False)
    link.resynchronised()
    assert link.judge(0x70, queued=False) is True
    link.proven()
    assert link.judge(0x11, queued=True) is True


def test_where_nothing_is_known_of_the_past_the_first_exception_is_doubted_whatever_it_is():
    link = a_link()
    link.doubt.add(ANY_CODE)
    assert link.judge(0x70, queued=False) is True
    link.proven()
    assert link.judge(0x11, queued=True) is False


def test_a_proving_poll_is_changed_after_two_failures_and_given_up_when_each_has_failed_twice():
    link = a_link(proof=(0x1A, 0x1F))
    link.unproven = 0x11
    asked = []
    while link.wants_proof():
        asked.append(link.proof[0])
        link.proof_failed()
    assert asked == [0x1A, 0x1A, 0x1F, 0x1F]
    assert link.unproven == 0x11


def test_a_link_without_an_exception_wants_no_proof():
    link = a_link()
    assert link.unproven == NO_CODE
    assert not link.wants_proof()


@pytest.mark.parametrize("field", ["polls", "answers", "misses", "bad_crc", "bad_other", "busy", "nacks", "exceptions"])
def test_counters_are_told_in_a_snapshot(field):
    link = a_link()
    before = link.stats()
    setattr(link, field, 7)
    assert getattr(before, field) == 0
    assert getattr(link.stats(), field) == 7
