"""Three tries of the identical poll, before anything else; then silence, or a gap that is told."""

from __future__ import annotations

import pytest

from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.base import NoAnswer, Refused
from protocols.sas.conversations.control import Control, Done
from protocols.sas.conversations.state import ReadLastBill
from protocols.sas.events import (
    BadReply,
    ExceptionSeen,
    Finished,
    Gap,
    LinkDown,
    LinkUp,
    Missed,
    SilenceBegan,
    SilenceEnded,
    Stray,
)
from protocols.sas.link import LinkState
from protocols.sas.rules import LineRules
from tests.support.playbook import Playbook, with_crc

CREDITS = with_crc("01 1A 00 00 14 51")
DISABLE = "01 01 51 08"


def test_after_three_unanswered_polls_the_line_falls_silent_and_the_link_is_down():
    talk = Playbook().idle_until_up()
    for tries in (1, 2, 3):
        talk.expect_send("81").silence().expect_event(Missed(address=1, tries=tries))
    last_frame_at = talk.wire[-1][0]
    assert talk.expect(SilenceBegan).until == pytest.approx(last_frame_at + 5.3)
    talk.expect_nothing_sent(for_s=5.0)  # the machine declares its link down and keeps what it had
    talk.expect_send("80")
    talk.expect(SilenceEnded)
    down = talk.expect(LinkDown)
    assert (down.address, down.misses) == (1, 3)
    assert talk.now - last_frame_at > 5.0


def test_a_poll_answered_at_the_second_try_is_as_good_as_one():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").silence().expect_event(Missed(address=1, tries=1))
    assert talk.host.stats(1).state is LinkState.SHAKY
    talk.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11))
    assert talk.host.stats(1).state is LinkState.UP
    talk.expect_send("80").expect_no_event()


def test_repeats_after_silence_are_a_poll_interval_apart_and_those_after_damage_come_at_once():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").silence().expect_send("81")
    assert talk.wire[-1][0] - talk.wire[-2][0] == pytest.approx(0.200, abs=0.01)
    talk.answer("11 00 13").quiet().expect_send("81")
    assert talk.wire[-1][0] - talk.wire[-2][0] < 0.080


def test_a_machine_that_stays_away_is_tried_in_rounds_and_its_link_goes_down_once():
    talk = Playbook()
    for _ in range(3):
        talk.expect_send("80", within_s=6.0)
        for _ in range(3):
            talk.expect_send("81").silence()
        talk.expect_nothing_sent(for_s=5.0)
    talk.expect_send("80")
    assert [down.last_heard_at for down in talk.told(LinkDown)] == [None]
    assert talk.told(Missed) == [], "that a missing machine does not answer is no news"


def test_a_machine_that_comes_back_is_up_after_three_answers():
    talk = Playbook()
    talk.expect_send("80")
    for _ in range(3):
        talk.expect_send("81").silence()
    for _ in range(3):
        talk.expect_send("80", within_s=6.0).expect_send("81").answer("00")
    assert len(talk.told(LinkDown)) == 1
    assert len(talk.told(LinkUp)) == 1


def test_a_damaged_reply_is_asked_for_again_by_the_identical_poll_and_nothing_between():
    talk = Playbook().idle_until_up()
    talk.host.begin(1, Control(long_poll(0x01)))
    talk.expect_send(DISABLE).answer("02").quiet()
    talk.expect_event(BadReply(address=1, slug="bad-echo", data=b"\x02"))
    talk.expect_send(DISABLE).answer("01").quiet()
    talk.expect_event(Finished(address=1, token=1, outcome=Done()))


def test_a_general_poll_answered_with_a_wrong_check_sum_event_frame_three_times_ends_in_silence():
    talk = Playbook().idle_until_up()
    for _ in range(3):
        talk.expect_send("81").answer("01 FF 11 14 A5")  # 14 A4 would be right
        assert talk.expect(BadReply).slug == "bad-crc"
    assert talk.expect(Gap).reason == "answer-in-doubt"
    talk.expect(SilenceBegan)


def test_three_times_nack_is_a_refusal_and_the_line_goes_on():
    talk = Playbook().idle_until_up()
    talk.host.begin(1, Control(long_poll(0x01)))
    for _ in range(3):
        talk.expect_send(DISABLE).answer("81").quiet()
    talk.expect_event(Finished(address=1, token=1, outcome=Refused()))
    talk.expect_send("80").expect_send("81")


def test_a_poll_whose_answer_cannot_be_consumed_is_given_up_with_80_and_without_silence():
    talk = Playbook().idle_until_up()
    talk.host.begin(1, Control(long_poll(0x01)))
    for _ in range(3):
        talk.expect_send(DISABLE).silence()
    talk.expect_send("80").expect_send("81").answer("00")
    talk.expect_send("80").expect_send("01 1F")  # is the poll unknown, or the machine deaf?
    talk.silence()
    for _ in range(2):
        talk.expect_send("01 1F").silence()
    talk.expect_send("80").expect_send("81").answer("00").expect_send("80")
    for _ in range(3):
        talk.expect_send("01 54").silence()
    assert talk.told(Finished) == [Finished(address=1, token=1, outcome=NoAnswer())]
    assert talk.told(SilenceBegan) == []


def test_busy_lets_other_polls_pass_and_is_asked_again_later():
    talk = Playbook().idle_until_up()
    talk.host.begin(1, Control(long_poll(0x01)))
    talk.expect_send(DISABLE).answer("01 00")
    talk.expect_send("80").expect_send("81").answer("00")
    while (frame := talk.next_frame()) in ("80", "81"):
        if frame == "81":
            talk.answer("00")
    assert frame == "01 01 51 08"
    assert talk.wire[-1][0] - talk.wire[0][0] > 0.5
    talk.answer("01").quiet()
    talk.expect_event(Finished(address=1, token=1, outcome=Done()))


def test_a_machine_that_is_busy_for_ever_ends_the_conversation():
    talk = Playbook(rules=LineRules(busy_tries=3)).idle_until_up()
    talk.host.begin(1, Control(long_poll(0x01)))
    while not talk.events:
        frame = talk.next_frame()
        if frame == "81":
            talk.answer("00")
        elif frame != "80":
            talk.answer("01 00")
    talk.expect_event(Finished(address=1, token=1, outcome=Refused()))
    assert talk.host.stats(1).busy == 3


def test_conversations_end_when_the_machine_is_gone():
    talk = Playbook().idle_until_up()
    talk.expect_send("81")
    talk.host.begin(1, Control(long_poll(0x01)))
    talk.silence()
    for _ in range(2):
        talk.expect_send("81").silence()
    talk.expect_nothing_sent(for_s=5.0).expect_send("80")
    assert talk.told(Finished) == [Finished(address=1, token=1, outcome=NoAnswer())]


def test_a_conversation_waits_for_a_machine_that_is_away_but_not_for_ever():
    talk = Playbook()
    talk.host.begin(1, Control(long_poll(0x01)))
    while not talk.told(Finished):
        talk.next_frame()
        if talk.host.awaiting:
            talk.silence()
    assert all(frame in ("80", "81") for _, frame in talk.wire)
    assert talk.now - 1000.0 < 45.0


# a line of many machines ------------------------------------------------------------------------------------------


def test_the_others_of_a_shared_line_wait_for_the_silence_and_then_are_served_between_rounds():
    talk = Playbook([1, 2]).idle_until_up()
    began = talk.now
    while talk.now - began < 60.0:
        frame = talk.next_frame()
        if frame == "81":
            talk.answer("00")
        elif frame == "82":
            talk.silence()
    downs = talk.told(LinkDown)
    assert [down.address for down in downs] == [2], "for machine 1 the silence is ours, not its link loss"
    rounds = [at for at, frame in talk.wire if frame == "82" and at > began]
    assert len(rounds) == 9, "rounds of three tries: at once, again after the silence, then every 30 s"
    assert rounds[3] - rounds[0] < 7.0
    assert rounds[6] - rounds[3] > 30.0
    served = [at for at, frame in talk.wire if frame == "81" and at > began]
    assert len(served) > 40 / 0.2


def test_no_gap_is_told_of_the_others_after_a_silence_because_their_last_replies_were_stored_and_acknowledged():
    talk = Playbook([1, 2]).idle_until_up()
    while not talk.told(SilenceEnded):
        frame = talk.next_frame()
        if frame == "81":
            talk.answer("00")
        elif frame == "82":
            talk.silence()
    assert talk.told(Gap) == []


def test_on_a_loop_a_chirp_of_another_in_the_silence_is_a_gap_of_the_silent_machine():
    talk = Playbook([1, 2], rules=LineRules(loop=True)).idle_until_up()
    while not talk.told(SilenceBegan):
        frame = talk.next_frame()
        if frame == "81":
            talk.answer("00")
        elif frame == "82":
            talk.silence()
    talk.events.clear()
    talk.answer("02", after_s=4.98, wakeup=True)
    assert talk.told(Gap) == []
    talk.answer("01", after_s=0.01, wakeup=True)
    gap = talk.told(Gap)[0]
    assert (gap.address, gap.reason) == (2, "chirp-may-have-acknowledged")


def test_a_line_set_to_go_on_tells_a_gap_and_polls_the_silent_machine_once_a_second():
    talk = Playbook([1, 2], rules=LineRules(after_three_tries="go_on")).idle_until_up()
    while not (gaps := talk.told(Gap)):
        frame = talk.next_frame()
        if frame == "81":
            talk.answer("00")
        elif frame == "82":
            talk.silence()
    assert (gaps[0].address, gaps[0].reason) == (2, "went-on-without-answer")
    assert gaps[0].until - gaps[0].since == pytest.approx(0.45, abs=0.05)
    began = talk.now
    while talk.now - began < 10.0:
        frame = talk.next_frame()
        if frame == "81":
            talk.answer("00")
        elif frame == "82":
            talk.silence()
    assert 8 <= sum(frame == "82" for at, frame in talk.wire if at > began) <= 11
    assert sum(frame == "81" for at, frame in talk.wire if at > began) > 40
    down = talk.told(LinkDown)
    assert [event.address for event in down] == [2]
    assert down[0].misses >= 10
    assert talk.told(SilenceBegan) == []
    while not (gaps := talk.told(Gap)):
        if talk.next_frame() != "80":
            talk.answer("00")
    assert gaps[0].reason == "still-without-answer"
    assert gaps[0].until - gaps[0].since > 10.0


# late answers -------------------------------------------------------------------------------------------------------


def test_an_answer_that_comes_after_its_time_is_a_stray_and_the_poll_is_repeated():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").silence().expect_event(Missed(address=1, tries=1))
    talk.answer("11", after_s=0.020)
    talk.expect_event(Stray(b"\x11", 1))
    # The line counts as noisy now: what the machine says must come twice.
    talk.expect_send("81").answer("11").expect_no_event().expect_send("81").answer("11")
    talk.expect_event(ExceptionSeen(address=1, code=0x11))


def test_an_answer_to_an_earlier_try_that_follows_the_good_one_is_not_taken_for_the_next_poll_s():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").silence()
    talk.expect_send("81").answer("11")
    talk.events.clear()
    talk.answer("11", after_s=0.015)
    assert talk.told(ExceptionSeen) == []
    talk.expect_send("80").expect_send("01 1A")


def test_a_long_poll_takes_no_other_poll_s_answer():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("11").expect_send("80").expect_send("01 1A")
    talk.events.clear()
    talk.answer(with_crc("01 10 00 00 14 51"))
    assert talk.expect(BadReply).slug == "bad-echo"
    talk.expect_send("01 1A").answer(with_crc("02 1A 00 00 14 51"))
    assert talk.expect(BadReply).slug == "bad-echo"
    talk.expect_send("01 1A").answer(CREDITS).expect_no_event()


def test_a_reply_may_come_byte_by_byte():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("11").expect_send("80").expect_send("01 1A")
    talk.events.clear()
    talk.trickle(CREDITS).expect_no_event()
    talk.expect_send("80").expect_send("81")


def test_a_reply_that_stops_short_is_bad_and_repeated():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("11").expect_send("80").expect_send("01 1A")
    talk.events.clear()
    talk.answer("01 1A 00").quiet()
    assert talk.expect(BadReply).slug == "bad-length"
    talk.expect_send("01 1A")


def test_damage_that_a_machine_answers_with_silence_at_the_third_try_is_damage_and_not_ignorance():
    talk = Playbook().idle_until_up()
    talk.host.begin(1, ReadLastBill())
    talk.expect_send("01 48").answer("01 48 37 04 00 00 00 01 00 00").expect_send("01 48")
    talk.answer("01 48 37 04 00 00 00 01 00 00").expect_send("01 48").silence()
    assert talk.told(Finished) == [Finished(address=1, token=1, outcome=NoAnswer())]
