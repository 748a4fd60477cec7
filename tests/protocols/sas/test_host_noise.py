"""Noise, strays, real-time event frames: answers that are none, and answers that must come twice (COM-14)."""

from __future__ import annotations

import random

import pytest

from protocols.line.line import Char
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.control import Control, Done
from protocols.sas.conversations.handpay import ReadHandpay
from protocols.sas.events import BadReply, Chirp, Echo, ExceptionSeen, Finished, Gap, LinkDown, SilenceBegan, Stray
from protocols.sas.host import Start
from protocols.sas.rules import LineRules
from tests.support.playbook import Playbook, with_crc

CREDITS = with_crc("01 1A 00 00 14 51")
RTE_OFF = "01 0E 00 CC C0"
DOOR_OPENED_FRAME = "01 FF 11 14 A4"


def noisy(**more) -> Playbook:
    """A line on which a reply was damaged a moment ago."""
    talk = Playbook(**more).idle_until_up()
    talk.expect_send("81").answer("11 13").quiet()
    assert talk.expect(BadReply).slug == "bad-length"
    talk.expect_send("81").answer("00").expect_send("81").answer("00").expect_send("80")
    # What the damaged answer told is not known: had the repeat been damaged too, it would have acknowledged it.
    assert [gap.reason for gap in talk.told(Gap)] == ["answer-in-doubt"]
    return talk.expect_no_event()


def test_on_a_noisy_line_an_exception_is_reported_when_the_machine_has_said_it_twice():
    talk = noisy()
    talk.expect_send("81").answer("11").expect_no_event()
    talk.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11))
    talk.expect_send("80")


def test_the_confirming_poll_follows_at_once():
    talk = noisy()
    talk.expect_send("81").answer("11")
    assert talk.due_in_s < 0.01


def test_on_a_noisy_line_two_different_answers_are_asked_a_third_time():
    talk = noisy()
    talk.expect_send("81").answer("11").expect_send("81").answer("13")
    talk.expect_event(BadReply(address=1, slug="unconfirmed", data=b"\x11\x13"))
    talk.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11))


def test_three_different_answers_are_none_and_the_line_falls_silent():
    talk = noisy()
    for code in ("11", "13", "15"):
        talk.expect_send("81").answer(code)
    assert talk.told(ExceptionSeen) == []
    assert len(talk.told(SilenceBegan)) == 1


def test_no_activity_is_confirmed_too_because_a_damaged_exception_may_look_like_it():
    talk = noisy()
    talk.expect_send("81").answer("00").expect_send("81").answer("11").expect_send("81").answer("11")
    assert talk.told(ExceptionSeen) == [ExceptionSeen(address=1, code=0x11)]


def test_after_so_many_polls_without_an_error_the_line_is_trusted_again():
    talk = noisy(rules=LineRules(noisy_polls=10))
    polls = 0
    while True:
        talk.expect_send("81").answer("00")
        polls += 1
        assert polls <= 10
        frame = talk.next_frame()
        if frame == "80" and polls > 4:
            talk.expect_send("81").answer("00")
            if talk.next_frame() == "80":
                break
        elif frame == "81":
            talk.answer("00").expect_send("80")
    talk.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11))


def test_a_line_may_be_set_to_confirm_always_or_never():
    always = Playbook(rules=LineRules(confirm="always"))
    always.expect_send("80").expect_send("81").answer("11").expect_no_event()
    always.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11))
    never = Playbook(rules=LineRules(confirm="never")).idle_until_up()
    never.expect_send("81").answer("11 13").quiet().expect_send("81").answer("11")
    assert len(never.told(ExceptionSeen)) == 1


def test_a_code_no_machine_should_say_must_come_twice_on_any_line():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("05").expect_no_event()
    talk.expect_send("81").answer("05").expect_event(ExceptionSeen(address=1, code=0x05))


def test_the_late_ack_of_a_machine_is_not_its_exception():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("01").quiet()  # 01 is the ACK of address 1, and no exception
    talk.expect_send("81").answer("00").expect_send("81").answer("00")
    assert talk.told(ExceptionSeen) == []


def test_an_exception_whose_code_is_the_machine_s_own_address_waits_for_the_gap():
    talk = Playbook([0x11]).idle_until_up()
    talk.expect_send("91").answer("11").expect_no_event()
    talk.quiet().expect_event(ExceptionSeen(address=0x11, code=0x11))


# strays -------------------------------------------------------------------------------------------------------------


def test_bytes_nobody_asked_for_are_told_once_a_second_and_bounded():
    talk = Playbook().idle_until_up()
    talk.answer("55" * 100, after_s=0.001)
    stray = talk.expect(Stray)
    assert stray.count == 100
    assert stray.data == b"\x55" * 64
    talk.answer("AA" * 10, after_s=0.001).expect_no_event()
    talk.answer("AA", after_s=1.0).expect_event(Stray(b"\xaa" * 11, 11))


def test_nothing_leaves_into_a_babbling_line_and_its_links_go_down():
    talk = Playbook().idle_until_up()
    for _ in range(600):
        talk.answer("55", after_s=0.010)
        if talk.now >= talk.host.due():
            assert talk.host.next_turn(talk.now) is None
            talk.events.extend(talk.host.take_events())
    assert [event.address for event in talk.told(LinkDown)] == [1]
    assert len(talk.told(Stray)) <= 7
    talk.events.clear()
    talk.expect_send("80")


def test_garbage_instead_of_an_answer_is_bounded_and_ends():
    talk = Playbook().idle_until_up().expect_send("81")
    chars = [Char(0x55, False, talk.now)] * 5000
    talk.events.extend(talk.host.receive(chars, talk.now))
    assert not talk.host.awaiting, "300 bytes are no answer, whatever follows"
    bad = talk.told(BadReply)
    assert len(bad) == 1
    assert len(bad[0].data) <= 64


def test_a_trickle_of_garbage_does_not_keep_a_poll_open_for_ever():
    talk = Playbook().idle_until_up().expect_send("81")
    began = talk.now
    while talk.host.awaiting:
        talk.answer("55", after_s=0.015)
        assert talk.now - began < 6.0


def test_a_chirp_while_polling_says_that_the_machine_hears_no_host():
    talk = Playbook().idle_until_up().expect_send("81")
    talk.answer("01", wakeup=True).expect_event(Chirp(address=1))
    assert talk.host.awaiting, "a chirp is no answer"


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_the_host_neither_raises_nor_sends_two_equal_frames_but_repeats(seed):
    dice = random.Random(seed)
    talk = Playbook([1, 2], start=dice.choice((Start.CLEAN, Start.UNCLEAN)))
    for _ in range(400):
        frame = talk.next_frame()
        assert frame is not None
        for _ in range(dice.choice((0, 1, 1, 2, 5))):
            data = dice.randbytes(dice.choice((1, 1, 1, 2, 8, 40)))
            talk.answer(data.hex(), after_s=dice.uniform(0.0, 0.05), wakeup=dice.random() < 0.1)
        if talk.host.awaiting:
            talk.quiet()
        talk.events.extend(talk.host.take_events())
    talk.events.clear()


# real-time events left on by a previous host ------------------------------------------------------------------------


def test_a_real_time_event_frame_is_an_exception_and_the_mode_is_switched_off():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer(DOOR_OPENED_FRAME).expect_event(ExceptionSeen(address=1, code=0x11))
    talk.expect_send("80").expect_send(RTE_OFF).answer("01").quiet()
    talk.expect_send("80").expect_send("81").answer("00").expect_no_event()


def test_an_event_frame_in_place_of_a_long_poll_s_answer_means_the_poll_was_not_executed_and_it_is_sent_again():
    talk = Playbook().idle_until_up()
    talk.host.begin(1, Control(long_poll(0x01)))
    talk.expect_send("01 01 51 08").answer(DOOR_OPENED_FRAME).expect_event(ExceptionSeen(address=1, code=0x11))
    talk.expect_send("80").expect_send("81").answer("00")
    talk.expect_send("80").expect_send(RTE_OFF).answer("01").quiet()
    talk.expect_send("80").expect_send("81").answer("00")
    talk.expect_send("80").expect_send("01 01 51 08").answer("01").quiet()
    talk.expect_event(Finished(address=1, token=1, outcome=Done()))


def test_an_event_frame_may_say_that_nothing_happened():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("01 FF 00 1C A5").expect_no_event()
    talk.expect_send("80").expect_send(RTE_OFF)


def test_an_event_frame_carries_its_data():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("01 FF 4F 37 04 00 00 01 23 76 9D")
    talk.expect_event(ExceptionSeen(address=1, code=0x4F, data=bytes.fromhex("370400000123")))


def test_a_machine_that_does_not_know_the_switch_is_not_asked_for_ever():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer(DOOR_OPENED_FRAME)
    talk.events.clear()
    for _ in range(40):
        frame = talk.next_frame()
        if frame == "81":
            talk.answer("00")
        elif frame == "01 1a":
            talk.answer(CREDITS)
        elif frame != "80":
            talk.silence()
    assert sum(frame.startswith("01 0e") for _, frame in talk.wire) == 3


# echo, late answers, doubt ------------------------------------------------------------------------------------------


def test_a_line_that_gives_back_what_is_sent_is_told_and_its_echo_is_no_exception():
    talk = Playbook().idle_until_up()
    for _ in range(talk.rules.echo_after):
        talk.expect_send("81").answer("81 00")
        if talk.host.awaiting:
            talk.quiet()
    assert talk.told(Echo) == [Echo(poll=b"\x81")]
    # The last of them is understood, and asked for again because the line has had errors.
    talk.expect_send("81").answer("81 00").expect_send("80")
    talk.expect_send("81").answer("81").answer("11", after_s=0.004).expect_send("81").answer("81 11")
    assert talk.told(ExceptionSeen) == [ExceptionSeen(address=1, code=0x11)]


def test_a_lone_81_of_machine_1_is_its_exception_where_nothing_else_echoes():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("81").expect_no_event()
    talk.quiet().expect_event(ExceptionSeen(address=1, code=0x81))


def test_an_echo_alone_is_silence_and_not_an_exception():
    talk = Playbook().idle_until_up()
    for _ in range(talk.rules.echo_after):
        talk.expect_send("81").answer("81 00")
        if talk.host.awaiting:
            talk.quiet()
    talk.expect_send("81").answer("81 00").expect_send("80")
    talk.expect_send("81").answer("81")
    misses = talk.host.stats(1).misses
    talk.quiet()
    assert talk.host.stats(1).misses == misses + 1
    assert talk.told(ExceptionSeen) == []


def test_an_answer_to_an_earlier_try_that_comes_to_the_next_poll_is_asked_again_and_flagged():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").silence().expect_send("81").answer("11")
    assert talk.told(ExceptionSeen) == [ExceptionSeen(address=1, code=0x11)]
    talk.expect_send("80").expect_send("01 1A").answer(with_crc("01 1A 00 00 00 00")).expect_send("80")
    # The answer to the first try, 0.4 s late.
    talk.expect_send("81").answer("11").expect_send("81").answer("00").expect_send("81").answer("00")
    assert talk.told(ExceptionSeen) == []


def test_a_damaged_answer_and_what_followed_it_are_a_gap_and_further_doubts_come_together():
    talk = Playbook().idle_until_up()
    began = talk.now
    for _ in range(30):
        while talk.next_frame() != "81":
            pass
        talk.answer("11 13").quiet()
        talk.expect_send("81").answer("00").expect_send("81").answer("00")
    gaps = talk.told(Gap)
    assert len(gaps) == 1 + int((gaps[-1].until - gaps[0].until) // 10)
    assert all(gap.reason == "answer-in-doubt" and began <= gap.since < gap.until for gap in gaps)


def test_a_line_may_be_set_to_confirm_every_exception_and_only_those():
    talk = Playbook(rules=LineRules(confirm="exceptions")).idle_until_up()
    talk.expect_send("81").answer("00").expect_send("80")
    talk.expect_send("81").answer("11").expect_no_event()
    talk.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11))


def test_on_a_noisy_line_an_answer_that_is_deleted_by_its_acknowledgement_is_read_twice_before_that():
    talk = noisy()
    record = with_crc("01 1B 00 00 00 00 00 50 00 00 00 00" + " 00" * 10)
    talk.host.begin(1, ReadHandpay())
    while (frame := talk.next_frame()) != "01 1b":
        if talk.host.awaiting:
            talk.answer("00")
    assert frame == "01 1b"
    talk.answer(record).expect_send("01 1B").answer(record)
    (finished,) = talk.told(Finished)
    assert finished.outcome.ok
