"""The daily round: 80 and general polls, exceptions and what acknowledges them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from protocols.errors import BadRequest, NotNow
from protocols.sas.events import NOTHING, ExceptionSeen, LinkUp
from protocols.sas.host import Host, Start
from protocols.sas.rules import LineRules
from tests.support.playbook import Playbook, with_crc

CREDITS = with_crc("01 1A 00 00 14 51")
SLOT_DOOR_OPENED, SLOT_DOOR_CLOSED = "11", "12"


def test_after_a_clean_stop_80_leads_and_the_first_poll_follows():
    talk = Playbook()
    talk.expect_nothing_sent(for_s=0.099).expect_send("80").expect_send("81")


def test_on_a_line_of_one_machine_80_and_the_general_poll_alternate_at_half_the_interval():
    talk = Playbook().idle_until_up()
    began = talk.now
    for _ in range(5):
        talk.expect_send("81").answer("00").expect_send("80")
    # Each poll is due its interval and the slack that keeps lines apart (LineRules.phase_slack_s) after the last.
    assert talk.now - began == pytest.approx(5 * 0.202, abs=0.01)
    moments = [at for at, _ in talk.wire[-10:]]
    assert all(0.095 < later - earlier < 0.105 for earlier, later in pairwise(moments))


def test_a_machine_that_declares_it_is_polled_every_40_ms():
    talk = Playbook().idle_until_up()
    talk.host.set_poll_interval(1, 0.040)
    talk.expect_send("81").answer("00").expect_send("80")
    began = talk.now
    for _ in range(5):
        talk.expect_send("81").answer("00").expect_send("80")
    assert talk.now - began == pytest.approx(5 * 0.042, abs=0.005)


def test_an_idle_answer_gives_the_shared_empty_tuple():
    talk = Playbook().idle_until_up()
    talk.expect_send("81")
    from protocols.line.line import Char

    assert talk.host.receive([Char(0x00, False, talk.now)], talk.now) is NOTHING
    talk.expect_send("80").expect_send("81")
    assert talk.host.receive([Char(0x1F, False, talk.now)], talk.now) is NOTHING


def test_the_link_is_up_after_three_valid_answers():
    talk = Playbook()
    for _ in range(3):
        talk.expect_no_event()
        talk.expect_send("80").expect_send("81").answer("00")
    talk.expect_event(LinkUp(address=1)).expect_no_event()


def test_an_exception_is_reported_once_and_proven_acknowledged_before_the_next_general_poll():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer(SLOT_DOOR_OPENED)
    talk.expect_event(ExceptionSeen(address=1, code=0x11))
    talk.expect_send("80").expect_send("01 1A").answer(CREDITS)
    talk.expect_send("80").expect_send("81").answer(SLOT_DOOR_CLOSED)
    talk.expect_event(ExceptionSeen(address=1, code=0x12))


def test_the_same_exception_twice_in_a_row_is_two_exceptions_once_the_first_is_proven_acknowledged():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("4A").expect_event(ExceptionSeen(address=1, code=0x4A))
    talk.expect_send("80").expect_send("01 1A").answer(CREDITS)
    talk.expect_send("80").expect_send("81").answer("4A")
    talk.expect_event(ExceptionSeen(address=1, code=0x4A, doubtful=False))


def test_a_machine_that_ignores_the_proving_poll_is_asked_another_and_in_the_end_none():
    talk = Playbook().idle_until_up()
    asked = []
    for _ in range(7):
        talk.expect_send("81").answer("4A")
        talk.events.clear()
        talk.expect_send("80")
        while (frame := talk.next_frame()) != "81":
            if frame != "80":
                asked.append(frame)
                talk.silence()
        talk.answer("00").expect_send("80")
    assert asked == ["01 1a"] * 6 + ["01 1f"] * 6 + ["01 54"] * 6


def test_where_nothing_proves_it_an_exception_that_comes_again_at_once_is_doubtful():
    talk = Playbook(rules=LineRules(prove=False)).idle_until_up()
    talk.expect_send("81").answer("4A").expect_event(ExceptionSeen(address=1, code=0x4A))
    talk.expect_send("80").expect_send("81").answer("4A")
    talk.expect_event(ExceptionSeen(address=1, code=0x4A, doubtful=True))


def test_an_idle_answer_proves_the_exception_before_it_acknowledged():
    talk = Playbook(rules=LineRules(prove=False)).idle_until_up()
    talk.expect_send("81").answer("4A").expect_event(ExceptionSeen(address=1, code=0x4A))
    talk.expect_send("80").expect_send("81").answer("00")
    talk.expect_send("80").expect_send("81").answer("4A")
    talk.expect_event(ExceptionSeen(address=1, code=0x4A, doubtful=False))


def test_on_a_shared_line_the_polls_of_the_others_acknowledge_and_no_80_is_needed():
    talk = Playbook([1, 2, 3]).idle_until_up()
    sent = []
    for _ in range(9):
        sent.append(talk.next_frame())
        talk.answer("00")
    assert sent == ["81", "82", "83"] * 3 or sorted(sent[:3]) == ["81", "82", "83"]
    assert "80" not in sent
    assert all(a != b for a, b in pairwise(sent))


def test_each_machine_of_a_shared_line_is_polled_at_its_own_pace():
    talk = Playbook([1, 2]).idle_until_up()
    talk.host.set_poll_interval(2, 0.040)
    began = talk.now
    while talk.now - began < 2.0:
        if talk.next_frame() != "80":
            talk.answer("00")
    frames = [frame for at, frame in talk.wire if at > began]
    assert 8 <= frames.count("81") <= 11
    assert 38 <= frames.count("82") <= 51
    assert all(a != b for a, b in pairwise(frames)), "82 needs 80 between when 81 is not due"


def test_with_many_machines_none_waits_5_s():
    talk = Playbook(range(1, 65)).idle_until_up()
    began = talk.now
    while talk.now - began < 20.0:
        if talk.next_frame() != "80":
            talk.answer("00", after_s=0.020)
    for address in (1, 33, 64):
        at = [when for when, frame in talk.wire if frame == f"{0x80 | address:02x}"]
        assert max(b - a for a, b in pairwise(at)) < 5.0


def test_first_polls_of_many_lines_are_spread_by_the_caller():
    host = Host([1], LineRules(), now=0.0, start=Start.CLEAN, first_poll_at=0.173)
    host.next_turn(host.due())
    host.sent(host.due())
    assert host.due() == pytest.approx(0.173)


def test_asking_for_a_turn_while_a_poll_is_out_is_a_mistake_of_the_caller():
    talk = Playbook().idle_until_up().expect_send("81")
    with pytest.raises(NotNow):
        talk.host.next_turn(talk.now)
    talk.answer("00")
    with pytest.raises(NotNow):
        talk.host.no_reply(talk.now)


@pytest.mark.parametrize("addresses", [[], [0], [128], [1, 1]])
def test_addresses_are_1_to_127_each_once(addresses):
    with pytest.raises(BadRequest):
        Host(addresses, LineRules(), now=0.0, start=Start.CLEAN)


@pytest.mark.parametrize(
    "rules",
    [
        {"silence_s": 5.0},
        {"tries": 4},
        {"tries": 0},
        {"poll_interval_s": 0.039},
        {"poll_interval_s": 5.1},
        {"retry_after_s": 1.6},
    ],
)
def test_rules_that_contradict_the_standard_are_refused(rules):
    with pytest.raises(BadRequest):
        LineRules(**rules)
