"""Handpay, last bill, hopper, selection, cards, reels: byte for byte, and every way they may end (sas-core 4.2, 5.5)."""

from __future__ import annotations

import pytest

from protocols.sas.conversations.base import NoAnswer, Refused, Unsupported
from protocols.sas.conversations.handpay import HandpayRead, ReadHandpay
from protocols.sas.conversations.state import (
    BillRead,
    Card,
    CardsRead,
    HopperRead,
    ReadCards,
    ReadHopper,
    ReadLastBill,
    ReadReels,
    ReadSelection,
    ReelsRead,
    SelectionRead,
)
from tests.support.interview import BUSY, DAMAGED, SILENT, dialogue

NOT_THERE = (("01 1F", SILENT), ("01 54", SILENT))
INFO = "01 1F 41 54 30 30 30 01 FF 00 00 00 50 31 32 33 34 35 39 32 35 30"
ASKS_INFO = "01 1F"

# handpay ------------------------------------------------------------------------------------------------------------

ZEROS = " 00" * 10


@pytest.mark.parametrize(
    ("level", "unit", "kind"),
    [
        ("00", "credits", "jackpot"),
        ("01", "cents", "progressive"),
        ("20", "cents", "progressive"),
        ("21", "credits", "other"),
        ("40", "credits", "jackpot"),
        ("80", "credits", "cancelled_credits"),
    ],
)
def test_the_level_of_a_handpay_says_what_its_amount_counts(level, unit, kind):
    told = f"01 1B 05 {level} 00 01 23 45 67 00 12 01" + ZEROS
    read = dialogue(ReadHandpay(), ("01 1B", told))
    assert read == HandpayRead(
        empty=False,
        progressive_group=5,
        level=int(level, 16),
        amount=1_234_567,
        unit=unit,
        partial_pay=12,
        reset_id=1,
    )
    assert read.kind == kind


def test_a_machine_of_6_03_tells_what_the_session_won_and_paid():
    told = "01 1B 00 80 00 00 00 25 00 00 00 00 00 00 00 30 00 00 00 00 05 00"
    read = dialogue(ReadHandpay(), ("01 1B", told))
    assert isinstance(read, HandpayRead)
    assert (read.amount, read.session_win, read.session_pay) == (2500, 3000, 500)


def test_all_zero_means_that_there_is_no_handpay():
    read = dialogue(ReadHandpay(), ("01 1B", "01 1B" + " 00" * 20))
    assert isinstance(read, HandpayRead)
    assert read.empty


def test_a_handpay_of_zero_credits_is_still_one():
    read = dialogue(ReadHandpay(), ("01 1B", "01 1B 00 80" + " 00" * 18))
    assert isinstance(read, HandpayRead)
    assert not read.empty


def test_a_handpay_is_asked_for_once_however_it_ends():
    told = "01 1B 00 80 00 00 00 25 00 00 00 00" + ZEROS
    assert dialogue(ReadHandpay(), ("01 1B", told), suspect=True).ok, "a second answer might be another handpay"
    assert dialogue(ReadHandpay(), ("01 1B", DAMAGED)) == NoAnswer()
    assert dialogue(ReadHandpay(), ("01 1B", BUSY)) == Refused()
    assert dialogue(ReadHandpay(), ("01 1B", SILENT), *NOT_THERE) == NoAnswer()
    assert dialogue(ReadHandpay(), ("01 1B", SILENT), (ASKS_INFO, INFO)) == Unsupported()


def test_a_handpay_goes_before_what_can_wait_and_its_answer_is_protected():
    talk = ReadHandpay()
    question = talk.next_poll()
    assert talk.urgent
    assert question is not None
    assert question.poll.consumes


# bills --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("00", 1), ("01", 2), ("09", 250), ("10", 500), ("12", 2000), ("23", 1_000_000),
        # numbered in binary, which packed BCD cannot mean otherwise (QUIRKS X3)
        ("0A", 500), ("0F", 10_000),
        ("24", None), ("1A", None), ("FF", None),
    ],
)  # fmt: skip
def test_the_last_bill_by_its_code(code, value):
    read = dialogue(ReadLastBill(), ("01 48", f"01 48 39 {code} 00 00 00 07"))
    assert read == BillRead(country=39, code=int(code, 16), value=value, count=7)


def test_before_the_first_bill_there_is_no_value():
    read = dialogue(ReadLastBill(), ("01 48", "01 48 00 00 00 00 00 00"))
    assert read == BillRead(country=0, code=0, value=None, count=0)


def test_an_older_machine_ignores_the_question_for_the_last_bill():
    assert dialogue(ReadLastBill(), ("01 48", SILENT), (ASKS_INFO, INFO)) == Unsupported()
    assert dialogue(ReadLastBill(), ("01 48", SILENT), *NOT_THERE) == NoAnswer()
    assert dialogue(ReadLastBill(), ("01 48", DAMAGED)) == NoAnswer()
    assert dialogue(ReadLastBill(), ("01 48", BUSY)) == Refused()


def test_on_a_noisy_line_a_bill_is_read_until_two_answers_agree():
    ten, twenty = "01 48 39 03 00 00 00 07", "01 48 39 04 00 00 00 07"
    read = dialogue(ReadLastBill(), ("01 48", ten), ("01 48", twenty), ("01 48", twenty), suspect=True)
    assert isinstance(read, BillRead)
    assert read.value == 20
    quarrel = (("01 48", ten), ("01 48", twenty)) * 2
    assert dialogue(ReadLastBill(), *quarrel, suspect=True) == NoAnswer()
    assert dialogue(ReadLastBill(), ("01 48", ten), ("01 48", DAMAGED), suspect=True) == NoAnswer()


# hopper -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "read", "status"),
    [
        ("01 4F 06 00 32 00 00 12 34", HopperRead(0x00, 50, 1234), "ok"),
        ("01 4F 02 07 00", HopperRead(0x07, 0, None), "empty"),
        ("01 4F 02 04 FF", HopperRead(0x04, None, None), "coin_jam"),
        ("01 4F 02 FF 64", HopperRead(0xFF, 100, None), "other"),
        ("01 4F 02 08 65", HopperRead(0x08, None, None), "other"),
    ],
)
def test_the_hopper_by_its_status(told, read, status):
    heard = dialogue(ReadHopper(), ("01 4F", told))
    assert heard == read
    assert heard.status == status


def test_a_machine_without_a_hopper_is_silent():
    assert dialogue(ReadHopper(), ("01 4F", SILENT), (ASKS_INFO, INFO)) == Unsupported()


# selection ----------------------------------------------------------------------------------------------------------


def test_the_selected_game_and_denomination():
    assert dialogue(ReadSelection(), ("01 55", "01 55 00 12"), ("01 B1", "01 B1 04")) == SelectionRead(12, 4)


def test_game_0_is_the_menu_and_not_unknown():
    read = dialogue(ReadSelection(), ("01 55", "01 55 00 00"), ("01 B1", "01 B1 01"))
    assert read == SelectionRead(0, 1)


def test_a_machine_may_know_one_half_of_its_selection():
    read = dialogue(ReadSelection(), ("01 55", SILENT), ("01 B1", "01 B1 01"))
    assert read == SelectionRead(None, 1, unsupported=frozenset({0x55}))
    read = dialogue(ReadSelection(), ("01 55", "01 55 00 02"), ("01 B1", SILENT), ("01 55", "01 55 00 02"))
    assert read == SelectionRead(2, None, unsupported=frozenset({0xB1}))
    read = dialogue(ReadSelection(), ("01 55", "01 55 00 02"), ("01 B1", SILENT), ("01 55", SILENT))
    assert read == SelectionRead(2, None, damaged=frozenset({0xB1}))


def test_a_machine_silent_to_both_is_asked_whether_it_is_there():
    both = (("01 55", SILENT), ("01 B1", SILENT))
    assert dialogue(ReadSelection(), *both, (ASKS_INFO, INFO)) == Unsupported()
    assert dialogue(ReadSelection(), *both, *NOT_THERE) == NoAnswer()


def test_a_selection_that_stays_damaged_is_no_answer():
    lines = (("01 55", DAMAGED), ("01 B1", DAMAGED)) * 2
    assert dialogue(ReadSelection(), *lines) == NoAnswer()


# cards and reels ----------------------------------------------------------------------------------------------------


def test_a_hand_of_cards_from_left_to_right():
    read = dialogue(ReadCards(), ("01 8E", "01 8E 01 00 18 2C 4D 5E"))
    assert read == CardsRead(
        "final",
        (
            Card(0x00, "spades", "2"),
            Card(0x18, "clubs", "10"),
            Card(0x2C, "hearts", "ace"),
            Card(0x4D, "joker", "joker"),
            Card(0x5E, None, None),
        ),
    )
    dealt = dialogue(ReadCards(), ("01 8E", "01 8E 00 39 3A 3B 38 37"))
    assert isinstance(dealt, CardsRead)
    assert (dealt.hand, [card.rank for card in dealt.cards]) == ("dealt", ["jack", "queen", "king", "10", "9"])


def test_reels_nine_or_five_in_older_machines():
    nine = dialogue(ReadReels(), ("01 8F", "01 8F 00 15 63 FF FF FF FF FF FF"))
    assert nine == ReelsRead((0, 0x15, 0x63, None, None, None, None, None, None))
    assert dialogue(ReadReels(), ("01 8F", "01 8F 01 02 03 04 05")) == ReelsRead((1, 2, 3, 4, 5))
    assert dialogue(ReadReels(), ("01 8F", SILENT), (ASKS_INFO, INFO)) == Unsupported()
    assert dialogue(ReadCards(), ("01 8E", SILENT), (ASKS_INFO, INFO)) == Unsupported()
