"""Starts, stops, lost lines and held ones: what may have been acknowledged, and what may come again."""

from __future__ import annotations

from math import inf

import pytest

from protocols.errors import BadRequest
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.base import NoAnswer
from protocols.sas.conversations.control import Control
from protocols.sas.events import Chirp, ExceptionSeen, Finished, LinkDown, Missed, SilenceBegan, SilenceEnded
from protocols.sas.host import Start
from protocols.sas.rules import LineRules
from tests.support.playbook import Playbook, with_crc

CREDITS = with_crc("01 1A 00 00 14 51")


def unclean(**more) -> Playbook:
    talk = Playbook(start=Start.UNCLEAN, **more)
    talk.expect_nothing_sent(for_s=5.29).expect_event(SilenceBegan(until=1005.3))
    talk.expect_send("80").expect_event(SilenceEnded())
    return talk


def test_after_an_unclean_stop_the_line_is_silent_until_machines_have_declared_their_link_down():
    talk = Playbook(start=Start.UNCLEAN)
    talk.expect_nothing_sent(for_s=5.29)
    talk.expect_send("80").expect_send("81")


def test_while_it_is_silent_a_chirp_is_heard_and_told_with_restraint():
    talk = Playbook(start=Start.UNCLEAN).expect_nothing_sent(for_s=5.0)
    talk.expect(SilenceBegan)
    talk.answer("01", after_s=0.05, wakeup=True).expect_event(Chirp(address=1))
    talk.answer("01", after_s=0.2, wakeup=True).expect_no_event()


def test_a_chirp_is_known_by_its_address_where_the_ninth_bit_is_not_seen():
    talk = Playbook(start=Start.UNCLEAN).expect_nothing_sent(for_s=5.0)
    talk.events.clear()
    talk.answer("01", after_s=0.05, wakeup=False).expect_event(Chirp(address=1))


def test_a_chirp_of_an_address_nobody_enrolled_is_told_too():
    talk = Playbook(start=Start.UNCLEAN).expect_nothing_sent(for_s=5.0)
    talk.events.clear()
    talk.answer("07", after_s=0.05, wakeup=True).expect_event(Chirp(address=7))


def test_the_first_exception_after_an_unclean_stop_is_doubtful_and_the_second_is_not():
    talk = unclean()
    talk.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11, doubtful=True))
    talk.expect_send("80").expect_send("01 1A").answer(CREDITS)
    talk.expect_send("80").expect_send("81").answer("11")
    assert talk.told(ExceptionSeen) == [ExceptionSeen(address=1, code=0x11, doubtful=False)]


def test_an_empty_queue_after_an_unclean_stop_ends_the_doubt():
    talk = unclean()
    talk.expect_send("81").answer("00").expect_send("80").expect_send("81").answer("11")
    talk.expect_event(ExceptionSeen(address=1, code=0x11, doubtful=False))


def test_who_knows_what_was_stored_last_doubts_only_that():
    talk = unclean(last_exceptions={1: 0x12})
    talk.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11, doubtful=False))
    talk.expect_send("80").expect_send("01 1A").answer(CREDITS).expect_send("80").expect_send("81").answer("12")
    assert talk.told(ExceptionSeen) == [ExceptionSeen(address=1, code=0x12, doubtful=False)]


def test_a_priority_exception_that_overtakes_leaves_the_doubt_about_the_one_in_the_queue():
    talk = unclean(last_exceptions={1: 0x12})
    talk.expect_send("81").answer("70").expect_event(ExceptionSeen(address=1, code=0x70, doubtful=False))
    talk.expect_send("80").expect_send("01 1A").answer(CREDITS).expect_send("80").expect_send("81").answer("12")
    assert talk.told(ExceptionSeen) == [ExceptionSeen(address=1, code=0x12, doubtful=True)]


def test_where_nothing_was_ever_stored_nothing_is_doubtful():
    talk = unclean(last_exceptions={1: None})
    talk.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11, doubtful=False))


def test_after_a_clean_stop_nothing_is_doubtful():
    talk = Playbook().expect_send("80").expect_send("81").answer("11")
    talk.expect_event(ExceptionSeen(address=1, code=0x11, doubtful=False))


# in the run ---------------------------------------------------------------------------------------------------------


def test_an_exception_whose_acknowledgement_is_not_proven_before_a_silence_may_come_again_and_is_doubtful():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11))
    talk.expect_send("80")  # may be lost: nobody answers it
    for _ in range(3):
        talk.expect_send("01 1A").silence()
    talk.expect_send("80")
    for _ in range(3):
        talk.expect_send("81").silence()
    talk.events.clear()
    talk.expect_send("80", within_s=6.0).expect_send("81").answer("11")
    assert talk.told(ExceptionSeen) == [ExceptionSeen(address=1, code=0x11, doubtful=True)]


def test_an_exception_proven_acknowledged_before_a_silence_is_not_doubted_when_it_comes_after_it():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11))
    talk.expect_send("80").expect_send("01 1A").answer(CREDITS).expect_send("80")
    for _ in range(3):
        talk.expect_send("81").silence()
    talk.expect_send("80", within_s=6.0).expect_send("81").answer("11")
    assert talk.told(ExceptionSeen) == [ExceptionSeen(address=1, code=0x11, doubtful=False)]


def test_a_line_that_comes_back_in_time_goes_on_with_the_poll_that_was_unanswered():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").wait(2.0)
    assert talk.host.line_reopened(talk.now) == []
    talk.expect_send("81").answer("00").expect_send("80")


def test_a_line_that_comes_back_with_nothing_outstanding_begins_with_80_because_the_last_one_may_not_have_left():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11))
    talk.expect_send("80").wait(1.0)
    assert talk.host.line_reopened(talk.now) == ()
    talk.expect_send("80").expect_send("01 1A")


def test_a_line_that_comes_back_after_5_s_with_a_poll_unanswered_keeps_the_silence():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").wait(5.1)
    assert talk.host.line_reopened(talk.now) == [SilenceBegan(until=talk.now + 5.3)]
    talk.expect_nothing_sent(for_s=5.29).expect_send("80")


def test_a_line_that_comes_back_after_the_third_try_keeps_the_silence():
    talk = Playbook().idle_until_up()
    for _ in range(2):
        talk.expect_send("81").silence()
    talk.expect_send("81").wait(0.5)
    assert [type(event) for event in talk.host.line_reopened(talk.now)] == [SilenceBegan]


def test_a_frame_the_line_refused_counts_as_sent():
    talk = Playbook().idle_until_up()
    talk.now = talk.host.due()
    turn = talk.host.next_turn(talk.now)
    assert turn is not None
    assert turn.data.hex() == "81"
    talk.wait(0.5)  # Line.send raised; sent() was never called
    talk.host.line_reopened(talk.now)
    talk.expect_send("81").answer("00").expect_send("80")


# held ---------------------------------------------------------------------------------------------------------------


def test_nothing_leaves_while_the_line_is_held():
    talk = Playbook().idle_until_up()
    talk.host.hold()
    assert talk.host.due() == inf
    assert talk.host.next_turn(talk.now + 60.0) is None


def test_an_answer_that_is_out_when_the_line_is_held_is_still_heard_or_missed():
    talk = Playbook().idle_until_up().expect_send("81")
    talk.host.hold()
    assert talk.host.due() < inf
    talk.answer("11").expect_event(ExceptionSeen(address=1, code=0x11))
    assert talk.host.due() == inf


def test_after_a_short_hold_the_line_goes_on_where_it_was():
    talk = Playbook().idle_until_up()
    talk.host.hold()
    talk.wait(2.0)
    talk.host.release(talk.now)
    talk.expect_send("81")


def test_after_a_long_hold_80_comes_first_and_the_last_exception_is_doubted():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11))
    talk.host.hold()
    talk.wait(3600.0)
    talk.host.release(talk.now)
    talk.expect_send("80").expect_send("81").answer("11")
    assert talk.told(ExceptionSeen) == [ExceptionSeen(address=1, code=0x11, doubtful=True)]


def test_a_poll_unanswered_when_the_line_is_held_is_not_acknowledged_by_80_before_its_machine_has_surely_dropped_its_link():
    talk = Playbook().idle_until_up().expect_send("81").silence()
    talk.host.hold()
    talk.wait(4.8)
    talk.host.release(talk.now)
    talk.expect_send("81")


def test_a_poll_unanswered_when_the_line_is_held_for_long_is_dropped_and_80_leads():
    talk = Playbook().idle_until_up().expect_send("81").silence()
    talk.host.hold()
    talk.wait(6.0)
    talk.host.release(talk.now)
    talk.expect_send("80").expect_send("81")


def test_a_hold_does_not_shorten_a_silence():
    talk = Playbook(start=Start.UNCLEAN)
    talk.host.hold()
    talk.wait(1.0)
    talk.host.release(talk.now)
    talk.expect_nothing_sent(for_s=4.29).expect_send("80")


def test_a_slow_disk_between_answer_and_acknowledgement_is_a_hold_like_any_other():
    talk = Playbook().idle_until_up()
    talk.expect_send("81").answer("11").expect_event(ExceptionSeen(address=1, code=0x11))
    talk.wait(6.0)  # the commit took so long; the machine has dropped its link and kept the exception
    talk.expect_send("80").expect_send("81").answer("11")
    assert talk.told(ExceptionSeen) == [ExceptionSeen(address=1, code=0x11, doubtful=True)]


# orderly stops ------------------------------------------------------------------------------------------------------


def test_a_stop_finishes_the_poll_that_is_out_and_acknowledges_it():
    talk = Playbook().idle_until_up().expect_send("81")
    talk.host.stop(talk.now)
    assert not talk.host.may_stop()
    talk.answer("00")
    assert not talk.host.may_stop()
    talk.expect_send("80")
    assert talk.host.may_stop()
    assert talk.host.due() == inf
    talk.expect_nothing_sent(for_s=60.0)


def test_a_stop_proves_the_last_exception_acknowledged_before_it_is_clean():
    talk = Playbook().idle_until_up().expect_send("81")
    talk.host.stop(talk.now)
    talk.answer("11").expect_event(ExceptionSeen(address=1, code=0x11))
    talk.expect_send("80")
    assert not talk.host.may_stop()
    talk.expect_send("01 1A").answer(CREDITS).expect_send("80")
    assert talk.host.may_stop()


def test_a_stop_takes_less_than_2_s_even_with_repeats():
    talk = Playbook().idle_until_up().expect_send("81")
    began = talk.now
    talk.host.stop(talk.now)
    talk.silence().expect_send("81").answer("11")
    talk.expect_send("80").expect_send("01 1A").silence().expect_send("01 1A").silence()
    talk.expect_send("01 1A").answer(CREDITS).expect_send("80")
    assert talk.host.may_stop()
    assert talk.now - began < 2.0


def test_a_stop_after_an_exception_that_came_at_the_third_try_is_not_clean_because_the_machine_may_keep_it():
    talk = Playbook().idle_until_up().expect_send("81")
    talk.host.stop(talk.now)
    talk.silence().expect_send("81").silence().expect_send("81").answer("11")
    talk.expect_send("80").expect_send("01 1A").answer(CREDITS).expect_send("80")
    assert not talk.host.may_stop()
    assert talk.host.cannot_stop_clean


def test_a_stop_in_a_silence_is_not_clean_and_says_so():
    talk = Playbook(start=Start.UNCLEAN).expect_nothing_sent(for_s=1.0)
    talk.host.stop(talk.now)
    assert not talk.host.may_stop()
    assert talk.host.cannot_stop_clean


def test_a_stop_after_an_exception_that_cannot_be_proven_acknowledged_is_not_clean():
    talk = Playbook().idle_until_up().expect_send("81").answer("11")
    talk.host.stop(talk.now)
    talk.expect_send("80")
    for _ in range(3):
        talk.expect_send("01 1A").silence()
    talk.expect_send("80")
    assert not talk.host.may_stop()
    assert talk.host.cannot_stop_clean
    assert talk.host.due() == inf


def test_a_stop_ends_conversations_and_lets_none_begin():
    talk = Playbook().idle_until_up()
    talk.host.begin(1, Control(long_poll(0x01)))
    talk.host.stop(talk.now)
    talk.expect_send("80")
    talk.expect_event(Finished(address=1, token=1, outcome=NoAnswer()))
    with pytest.raises(BadRequest):
        talk.host.begin(1, Control(long_poll(0x01)))


def test_a_silence_of_a_down_machine_does_not_repeat_its_link_down():
    talk = Playbook(rules=LineRules()).expect_send("80")
    for _ in range(2):
        for _ in range(3):
            talk.expect_send("81").silence()
        talk.expect_send("80", within_s=6.0)
    assert len(talk.told(LinkDown)) == 1
    assert talk.told(Missed) == []
