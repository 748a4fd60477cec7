"""Questions that consume their answer are written down before they are sent; handpays are opened, told and closed once."""

from edge.hall.devices import Identity
from edge.store.descriptions import description_of, forget_description, note_description, note_polls, unsupported_polls
from edge.store.handpays import (
    begin_handpay,
    close_handpay,
    give_record,
    give_up_record,
    handpays,
    open_handpay,
    same_record,
    without_record,
)
from edge.store.questions import answer_question, ask_question, open_questions
from edge.store.strangers import forget_stranger, note_stranger, stranger_at

JACKPOT = {"level": 0, "amount": 4000, "partial_pay": 0}


def test_a_question_stands_until_its_answer_is_stored(hall):
    ask_question(hall, 17, "handpay", "s:4")
    hall.later(20)
    ask_question(hall, 17, "handpay", "s:9")
    (question,) = open_questions(hall, 17)
    assert (question.kind, question.because) == ("handpay", "s:4"), "the one that is open answers both"
    assert open_questions(hall, 18) == []
    assert answer_question(hall, 17, "handpay")
    assert open_questions(hall, 17) == []
    assert not answer_question(hall, 17, "handpay")


def test_an_exception_repeated_every_fifteen_seconds_opens_one_handpay(hall):
    first = begin_handpay(hall, 17, "s:4")
    assert begin_handpay(hall, 17, "s:5") == first
    assert begin_handpay(hall, 18, "s:6") != first
    give_record(hall, first.handpay, JACKPOT, "s:7")
    assert begin_handpay(hall, 17, "s:8").record == JACKPOT


def test_after_its_reset_the_next_of_the_same_amount_is_another_handpay(hall):
    first = begin_handpay(hall, 17, "s:4")
    give_record(hall, first.handpay, JACKPOT, "s:5")
    assert same_record(open_handpay(hall, 17), JACKPOT)
    close_handpay(hall, first.handpay, "reset")
    assert open_handpay(hall, 17) is None
    second = begin_handpay(hall, 17, "s:9")
    assert not same_record(second, JACKPOT)
    assert [one.pending_id for one in handpays(hall, 17)] == ["s:9", "s:4"]


def test_a_handpay_that_was_closed_before_it_was_read_still_waits_for_its_amount(hall):
    first = begin_handpay(hall, 17, "s:4")
    close_handpay(hall, first.handpay, "reset")
    assert without_record(hall, 17).handpay == first.handpay
    give_up_record(hall, first.handpay)
    assert without_record(hall, 17) is None


def test_who_stands_in_a_place_instead_is_news_once(hall):
    assert note_stranger(hall, 17, "serial", Identity(serial="SN-2"), held=True)
    assert not note_stranger(hall, 17, "serial", Identity(serial="SN-2", games=3), held=True)
    assert note_stranger(hall, 17, "serial", Identity(serial="SN-3"), held=True)
    assert stranger_at(hall, 17).told == Identity(serial="SN-3")
    forget_stranger(hall, 17)
    assert stranger_at(hall, 17) is None


def test_a_description_is_news_when_it_differs(hall):
    assert note_description(hall, 17, {"game_count": 3}) == (True, None)
    assert note_description(hall, 17, {"game_count": 3}) == (False, {"game_count": 3})
    assert note_description(hall, 17, {"game_count": 4}) == (True, {"game_count": 3})
    forget_description(hall, 17)
    assert description_of(hall, 17) is None


def test_polls_a_machine_does_not_know_are_kept_until_it_answers_them(hall):
    note_polls(hall, 17, silent=[0x48, 0x51])
    note_polls(hall, 17, answered=[0x51, 0x54], silent=[0x48])
    assert unsupported_polls(hall, 17) == (0x48,)
    forget_description(hall, 17)
    assert unsupported_polls(hall, 17) == ()
