"""What machines answer becomes hall words: amounts with their unit and worth, and nothing that was not said (EVT-06)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from edge.field.found import DescriptionFound, HandpayFound, PollsFound
from edge.field.translate import answers
from edge.field.translate.descriptions import description
from edge.field.translate.features import features_in_words
from edge.field.translate.sas import denomination
from edge.hall.events import Fact, check
from edge.hall.requests import ReadHopper, ReadLastBill, ReadSelection
from protocols.sas.conversations.base import NoAnswer, Refused, Unsupported
from protocols.sas.conversations.changes import CollectStatus
from protocols.sas.conversations.description import Described, GameDescribed
from protocols.sas.conversations.handpay import HandpayRead
from protocols.sas.conversations.state import BillRead, HopperRead, SelectionRead
from protocols.sas.events import Outcome

NIGHT = datetime(2026, 11, 23, 0, 11, 7, tzinfo=UTC)
CAUSE = "5e1f0c8a94d2477bb0a36e21c97d5f08:7"


def read(level: int, amount: int, **more: Any) -> HandpayRead:
    unit = "cents" if 1 <= level <= 0x20 else "credits"
    members = {"progressive_group": 0, "partial_pay": 0, "reset_id": 0, **more}
    return HandpayRead(False, level=level, amount=amount, unit=unit, **members)  # type: ignore[arg-type]  # by name


def handpay(outcome: Outcome, *, code: int | None = 0x01, currency: str = "EUR") -> HandpayFound | None:
    return answers.handpay(17, outcome, worth=denomination(code, currency), currency=currency, time=NIGHT)


def told(found: HandpayFound | None) -> dict[str, Any]:
    """The event's data, held against the catalogue."""
    assert found is not None
    data = {"asset": 17, "because": CAUSE, **found.told}
    check(Fact("hall.egm.handpay.recorded.v1", "egm/17", NIGHT, data))
    return data


@pytest.mark.parametrize(
    ("level", "kind", "unit"),
    [(0x00, "jackpot", "credits"), (0x01, "progressive", "cents"), (0x20, "progressive", "cents"),
     (0x40, "jackpot", "credits"), (0x80, "cancelled_credits", "credits"), (0x21, "other", "credits")],
)  # fmt: skip
def test_the_level_says_what_kind_it_is_and_what_the_amount_counts(level: int, kind: str, unit: str) -> None:
    """sas-core 5.5: 01 to 20 are progressive levels in cents; 00, 40 and 80 count credits."""
    data = told(handpay(read(level, 250)))
    assert (data["kind"], data["unit"], data["level"]) == (kind, unit, level)
    assert (data["denomination"] is None) == (unit == "cents"), "credits come with what one of them is worth"


@pytest.mark.parametrize(
    ("level", "amount", "code", "currency", "minor"),
    [
        (0x00, 250, 0x02, "EUR", 1250),  # credits of five cents
        (0x00, 251, 0x1B, "EUR", None),  # credits of half a cent: 125.5 cents
        (0x00, 250, 0x1B, "EUR", 125),
        (0x00, 250, None, "EUR", None),  # the machine does not say what a credit is worth
        (0x01, 250, None, "EUR", 250),  # cents are cents, whatever a credit is worth
        (0x01, 250, 0x01, "JPY", None),  # two and a half yen
        (0x01, 300, 0x01, "JPY", 3),
        (0x01, 250, 0x01, "KWD", 2500),  # a thousand fils to the dinar
    ],
)
def test_its_worth_is_exact_or_not_said(
    level: int, amount: int, code: int | None, currency: str, minor: int | None
) -> None:
    data = told(handpay(read(level, amount), code=code, currency=currency))
    assert (data["amount"], data["minor"], data["currency"]) == (amount, minor, currency)


def test_what_was_paid_before_and_how_it_may_be_reset_is_told_as_the_machine_said_it() -> None:
    data = told(handpay(read(0, 100, partial_pay=40, reset_id=1, progressive_group=3, session_win=9, session_pay=8)))
    assert (data["partial_pay"], data["reset_id"], data["progressive_group"]) == (40, 1, 3)
    assert (data["session_win"], data["session_pay"]) == (9, 8)


def test_no_record_no_knowledge_and_no_answer_are_three_things() -> None:
    empty = HandpayRead(True, progressive_group=0, level=0, amount=0, unit="credits", partial_pay=0, reset_id=0)
    assert handpay(empty) == HandpayFound(17, NIGHT, None)
    assert handpay(Unsupported()) == HandpayFound(17, NIGHT, None, why="unsupported")
    assert handpay(NoAnswer()) is None
    assert handpay(Refused()) is None


def test_a_bill_of_an_unknown_code_has_no_value_and_keeps_its_code() -> None:
    fact, polls = answers.answer(ReadLastBill(17, CAUSE), BillRead(39, 0x77, None, 3), NIGHT)
    assert fact is not None
    check(fact)
    assert (fact.data["value"], fact.data["code"], fact.data["count"]) == (None, 0x77, 3)
    assert polls == PollsFound(17, answered=(0x48,))


def test_a_hopper_that_does_not_know_how_full_it_is_says_so() -> None:
    fact, _ = answers.answer(ReadHopper(17, None), HopperRead(code=0x04, percent=None, level=None), NIGHT)
    assert fact is not None
    check(fact)
    assert (fact.data["status"], fact.data["percent"], fact.data["coins"]) == ("coin_jam", None, None)


def test_a_selection_of_which_half_is_not_known_tells_the_other_half() -> None:
    outcome = SelectionRead(game=2, denomination_code=None, unsupported=frozenset({0xB1}))
    fact, polls = answers.answer(ReadSelection(17, CAUSE), outcome, NIGHT)
    assert fact is not None
    check(fact)
    assert (fact.data["game"], fact.data["denomination"]) == (2, None)
    assert polls == PollsFound(17, answered=(0x55,), unsupported=(0xB1,))


@pytest.mark.parametrize(
    ("request_", "codes"),
    [(ReadLastBill(17, None), (0x48,)), (ReadHopper(17, None), (0x4F,)), (ReadSelection(17, None), (0x55, 0xB1))],
)
def test_a_poll_the_machine_does_not_know_is_noted_and_one_not_heard_is_not(
    request_: Any, codes: tuple[int, ...]
) -> None:
    assert answers.answer(request_, Unsupported(), NIGHT) == (None, PollsFound(17, unsupported=codes))
    assert answers.answer(request_, NoAnswer(), NIGHT) == (None, None)


@pytest.mark.parametrize(
    ("status", "word"),
    [(0x00, "meters_will_be_cleared"), (0x01, "games_will_change"), (0x80, "nothing_pending"), (0x55, "other")],
)
def test_what_a_machine_is_about_to_do_has_a_word(status: int, word: str) -> None:
    assert answers.meter_change(CollectStatus(status)) == word
    assert answers.meter_change(NoAnswer()) == "no_answer"


# what it offers ------------------------------------------------------------------------------------------------------


def described(**more: Any) -> Described:
    members: dict[str, Any] = {
        "selected_game": 2, "enabled_games": (1, 2), "denomination_code": 1, "denominations": (1, 2),
        "token_denomination": None, "cash_out_limit": 400, "clock": ("11232026", "021107"), "asset_number": None,
        "location": None, "may_set": None, "machine": GameDescribed(0),
        "games": (GameDescribed(1, game_id="HE", max_bet=500, progressive_levels=(1, 9), name="Fruits"), GameDescribed(2)),
        "games_left_out": 0, "enabled_by_denomination": ((1, (1, 2)), (2, (2,))),
        "unsupported": frozenset({0xB3}), "damaged": frozenset(),
    }  # fmt: skip
    return Described(**{**members, **more})


def offered(outcome: Outcome) -> DescriptionFound | None:
    return description(17, outcome, NIGHT, features=bytes.fromhex("00880100"), games=2)


def test_a_description_tells_what_was_told_and_null_for_the_rest() -> None:
    found = offered(described())
    assert found is not None
    check(Fact("hall.egm.described.v1", "egm/17", NIGHT, {"asset": 17, "first": True, **found.told}))
    (game,) = found.told["games"]  # type: ignore[misc]  # a list by the catalogue; of game 2 nothing was told
    assert (game["game"], game["max_bet"], game["levels"], game["paytable"]) == (1, 500, [1, 9], None)
    assert found.told["token_denomination"] is None
    assert found.told["features"] == [
        "extended meters",
        "several denominations",
        "polling every 40 ms",
        "standard validation",
    ]
    assert found.unsupported == (0xB3,)
    assert 0x56 in found.answered
    assert 0xB3 not in found.answered


def test_what_the_player_selects_changes_no_description() -> None:
    first, second = offered(described()), offered(described(selected_game=1, denomination_code=2, clock=None))
    assert first is not None
    assert second is not None
    assert first.told == second.told


def test_a_description_with_a_damaged_answer_is_none_for_it_would_look_like_a_change() -> None:
    assert offered(described(damaged=frozenset({0xB2}))) is None
    assert offered(NoAnswer()) is None


def test_its_own_asset_number_is_told_apart_to_be_compared() -> None:
    found = offered(described(asset_number=99, location="A-17"))
    assert found is not None
    assert found.asset_told == 99
    assert found.told["floor_location"] == "A-17"


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ("", []),  # A0 is not answered: nothing is known
        ("000000000000", ["standard validation"]),
        (
            "C04100000000",
            [
                "ticket redemption",
                "cashless transfers",
                "secure enhanced validation",
                "meters change when a win is won",
            ],
        ),
        ("9020", ["validation extensions", "ticket redemption", "jackpot key-off exception", "standard validation"]),
    ],
)
def test_feature_bytes_in_words(features: str, words: list[str]) -> None:
    """sas-core 5.3; bits 5 and 6 of the first byte are the style of validation: 10 is secure enhanced."""
    assert features_in_words(bytes.fromhex(features)) == words
