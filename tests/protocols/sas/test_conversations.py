"""Identity and control: what is asked, in which order, and every way it may end. The machine answers in real frames."""

from __future__ import annotations

import pytest

from protocols.errors import BadField
from protocols.sas.catalog import control, identity
from protocols.sas.conversations.base import Answer, NoAnswer, Refused, Unsupported
from protocols.sas.conversations.control import Control, Done, NotTaken, SetClock
from protocols.sas.conversations.identity import Identified, Identify
from tests.support.interview import ACK, DAMAGED, NACK, SILENT, interview

INFO = {
    "game_id": "AT", "additional_id": "000", "denomination": 1, "max_bet": 255, "progressive_group": 0,
    "game_options": 0, "paytable_id": "P12345", "base_percentage": "9250",
}  # fmt: skip
A_MACHINE = {
    0x0E: ACK,
    0x54: {"version": "602", "serial": "XA-1234  "},
    0x1F: INFO,
    0xA0: {"game": 0, "features": bytes.fromhex("000809000000")},
    0x51: {"games": 3},
}


def test_a_machine_says_who_it_is():
    _, outcome = interview(Identify(), A_MACHINE)
    assert outcome == Identified(
        version="602",
        serial="XA-1234",
        game_id="AT",
        additional_id="000",
        denomination_code=1,
        paytable="P12345",
        max_bet=255,
        features=bytes.fromhex("000809000000"),
        games=3,
        unsupported=frozenset(),
        base_percentage="9250",
        progressive_group=0,
    )
    assert outcome.polls_fast
    assert outcome.has_extended_meters


def test_real_time_events_are_switched_off_before_anything_is_asked_unless_wanted():
    asked, _ = interview(Identify(), A_MACHINE)
    assert [poll.code for poll, _ in asked] == [0x0E, 0x54, 0x1F, 0xA0, 0x51]
    assert asked[0][1] == {"enable": 0}
    asked, _ = interview(Identify(real_time_events_off=False), A_MACHINE)
    assert [poll.code for poll, _ in asked] == [0x54, 0x1F, 0xA0, 0x51]


def test_identity_asks_nothing_whose_answer_is_consumed():
    asked, _ = interview(Identify(), A_MACHINE)
    assert not any(poll.consumes for poll, _ in asked)


def test_what_an_older_machine_is_silent_to_is_unsupported_and_its_features_are_off():
    older = {code: A_MACHINE[code] for code in (0x0E, 0x54, 0x1F)}
    _, outcome = interview(Identify(), older)
    assert isinstance(outcome, Identified)
    assert outcome.unsupported == {0xA0, 0x51}
    assert outcome.features == b""
    assert not outcome.polls_fast
    assert not outcome.has_extended_meters
    assert outcome.games is None


def test_a_damaged_answer_is_asked_for_again_at_the_end_and_not_taken_for_unsupported():
    asked, outcome = interview(Identify(), {**A_MACHINE, 0x1F: [DAMAGED, INFO]})
    assert isinstance(outcome, Identified)
    assert outcome.game_id == "AT"
    assert [poll.code for poll, _ in asked] == [0x0E, 0x54, 0x1F, 0xA0, 0x51, 0x1F]
    _, outcome = interview(Identify(), {**A_MACHINE, 0x1F: DAMAGED})
    assert isinstance(outcome, Identified)
    assert (outcome.game_id, outcome.damaged, outcome.unsupported) == (None, {0x1F}, frozenset())


def test_a_machine_that_is_silent_to_everything_has_no_identity():
    _, outcome = interview(Identify(), {})
    assert outcome == NoAnswer()


def test_a_machine_that_falls_silent_on_the_way_is_not_said_to_lack_what_it_was_asked_last():
    left = {0x0E: ACK, 0x54: [A_MACHINE[0x54], SILENT]}
    asked, outcome = interview(Identify(), left)
    assert [poll.code for poll, _ in asked] == [0x0E, 0x54, 0x1F, 0xA0, 0x51, 0x54], "is it still there?"
    assert isinstance(outcome, Identified)
    assert outcome.unsupported == frozenset()
    assert outcome.damaged == {0x1F, 0xA0, 0x51}


def test_features_of_another_game_are_an_old_answer_and_asked_for_again():
    old = {"game": 3, "features": bytes(6)}
    _, outcome = interview(Identify(), {**A_MACHINE, 0xA0: [old, A_MACHINE[0xA0]]})
    assert isinstance(outcome, Identified)
    assert outcome.features == bytes.fromhex("000809000000")


def test_while_nobody_knows_who_it_is_nothing_is_taken_from_its_queue():
    assert Identify().urgent


# control ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("poll", [control.SHUTDOWN, control.STARTUP])
def test_an_order_that_is_acknowledged_is_done(poll):
    asked, outcome = interview(Control(poll), {poll.code: ACK})
    assert outcome == Done()
    assert [asked_poll for asked_poll, _ in asked] == [poll]
    assert outcome.ok


def test_an_order_that_is_answered_no_is_refused():
    _, outcome = interview(Control(control.SHUTDOWN), {0x01: NACK})
    assert outcome == Refused()


def test_a_busy_machine_refuses_in_the_end():
    talk = Control(control.SHUTDOWN)
    talk.next_poll()
    talk.heard(Answer(None, "busy"))
    assert talk.outcome == Refused()


def test_silence_to_an_order_is_unsupported_only_if_the_machine_answers_something_else():
    _, outcome = interview(Control(control.SHUTDOWN), {0x1F: INFO})
    assert outcome == Unsupported()
    _, outcome = interview(Control(control.SHUTDOWN), {})
    assert outcome == NoAnswer()


def test_after_a_damaged_acknowledgement_nobody_claims_that_it_was_not_done():
    _, outcome = interview(Control(control.SHUTDOWN), {0x01: DAMAGED})
    assert outcome == NoAnswer()


def test_an_order_that_cannot_be_written_is_refused_before_it_is_sent():
    with pytest.raises(BadField):
        Control(control.REAL_TIME_EVENTS)
    with pytest.raises(BadField):
        Control(control.SHUTDOWN, {"force": 1})
    with pytest.raises(BadField):
        SetClock("13012026", "120000")


def test_an_order_that_is_given_up_has_no_answer():
    talk = Control(control.SHUTDOWN)
    talk.next_poll()
    assert talk.abandon() == NoAnswer()


# clock --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        ({"date": "12312025", "time": "235958"}, Done()),
        ({"date": "12312025", "time": "235959"}, Done()),
        ({"date": "01012026", "time": "000010"}, Done()),
        ({"date": "12312025", "time": "235957"}, NotTaken("12312025", "235957")),
        ({"date": "12302025", "time": "235958"}, NotTaken("12302025", "235958")),
        ({"date": "01012026", "time": "000100"}, NotTaken("01012026", "000100")),
    ],
)
def test_a_clock_is_set_when_the_machine_says_so_itself(says, outcome):
    asked, ended = interview(SetClock("12312025", "235958"), {0x7F: ACK, 0x7E: says})
    assert ended == outcome
    assert [poll.code for poll, _ in asked] == [0x7F, 0x7E]
    assert asked[0][1] == {"date": "12312025", "time": "235958"}


def test_a_clock_whose_acknowledgement_was_lost_is_read_all_the_same():
    _, outcome = interview(SetClock("12312025", "120000"), {0x7E: {"date": "12312025", "time": "120003"}})
    assert outcome == Done()


def test_a_clock_that_is_not_known_not_read_or_refused():
    _, outcome = interview(SetClock("12312025", "120000"), {0x7E: {"date": "01012000", "time": "000003"}})
    assert outcome == Unsupported()
    _, outcome = interview(SetClock("12312025", "120000"), {0x7F: ACK})
    assert outcome == NoAnswer()
    _, outcome = interview(SetClock("12312025", "120000"), {0x7F: NACK})
    assert outcome == Refused()


def test_every_outcome_has_a_word():
    outcomes = [Done(), NotTaken("", ""), Refused(), NoAnswer(), Unsupported()]
    assert [outcome.slug for outcome in outcomes] == ["done", "not-taken", "refused", "no-answer", "unsupported"]
    assert [outcome.ok for outcome in outcomes] == [True, False, False, False, False]
    assert identity.MACHINE_INFO.code == 0x1F
