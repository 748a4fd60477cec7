"""Orders with something to check before or to find out after, and what is agreed before a machine changes (sas-core 5.4, 5.8)."""

from __future__ import annotations

import pytest

from protocols.errors import BadField, BadRequest
from protocols.sas.conversations.base import NoAnswer, Refused, Unsupported
from protocols.sas.conversations.changes import (
    CollectMeters,
    CollectStatus,
    NumbersKept,
    NumbersSet,
    SetMachineNumbers,
)
from protocols.sas.conversations.control import Done
from protocols.sas.conversations.orders import (
    EnableGame,
    auto_rebet,
    bill_acceptor,
    configure_bills,
    delay_game,
    maintenance,
    sounds,
)
from tests.support.interview import BUSY, DAMAGED, SILENT, dialogue

NOT_THERE = (("01 1F", SILENT), ("01 54", SILENT))
INFO = "01 1F 41 54 30 30 30 01 FF 00 00 00 50 31 32 33 34 35 39 32 35 30"
ASKS_INFO = "01 1F"
EVERY_BILL = (
    1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10_000, 20_000, 25_000, 50_000, 100_000,
    200_000, 250_000, 500_000, 1_000_000,
)  # fmt: skip


@pytest.mark.parametrize(
    ("order", "leaves"),
    [
        # 01 08 FF FF FF 00 01 is the example of sas-core 5.4
        (configure_bills(EVERY_BILL), "01 08 FF FF FF 00 01"),
        (configure_bills((5, 10, 20, 50, 100)), "01 08 DC 00 00 00 01"),
        (configure_bills((200, 20_000), stays_enabled=False), "01 08 00 01 01 00 00"),
        (configure_bills(()), "01 08 00 00 00 00 01"),
        (bill_acceptor(enabled=True), "01 06"),
        (bill_acceptor(enabled=False), "01 07"),
        (delay_game(258), "01 2E 02 01"),
        (auto_rebet(enabled=True), "01 AA 01"),
        (auto_rebet(enabled=False), "01 AA 00"),
        (maintenance(enter=True), "01 0A"),
        (maintenance(enter=False), "01 0B"),
        (sounds("off"), "01 03"),
        (sounds("on"), "01 04"),
        (sounds("game_off"), "01 05"),
    ],
)
def test_orders_byte_for_byte(order, leaves):
    assert dialogue(order, (leaves, "01")) == Done()


def test_a_bill_the_standard_has_no_bit_for_is_refused_before_anything_leaves():
    with pytest.raises(BadRequest):
        configure_bills((5, 40))
    with pytest.raises(BadField):
        delay_game(65_536)


# games --------------------------------------------------------------------------------------------------------------


def test_a_game_is_enabled_or_disabled():
    # 01 09 00 01 01 is the example of sas-core 5.4
    assert dialogue(EnableGame(1, enabled=True), ("01 09 00 01 01", "01")) == Done()
    assert dialogue(EnableGame(9999, enabled=False), ("01 09 99 99 00", "01")) == Done()
    assert dialogue(EnableGame(1, enabled=True), ("01 09 00 01 01", "81")) == Refused()
    assert dialogue(EnableGame(1, enabled=True), ("01 09 00 01 01", BUSY)) == Refused()


def test_whether_an_order_whose_acknowledgement_was_lost_was_done_stands_in_the_list_of_games():
    lost = ("01 09 00 02 01", SILENT)
    assert dialogue(EnableGame(2, enabled=True), lost, ("01 56", "01 56 05 02 00 01 00 02")) == Done()
    assert dialogue(EnableGame(2, enabled=True), lost, ("01 56", "01 56 03 01 00 01")) == Unsupported()
    damaged = ("01 09 00 02 00", DAMAGED)
    assert dialogue(EnableGame(2, enabled=False), damaged, ("01 56", "01 56 03 01 00 01")) == Done()
    assert dialogue(EnableGame(2, enabled=False), damaged, ("01 56", "01 56 05 02 00 01 00 02")) == NoAnswer()
    assert dialogue(EnableGame(2, enabled=False), damaged, ("01 56", SILENT)) == NoAnswer()


def test_silence_to_order_and_list_is_unsupported_only_if_the_machine_is_there():
    both = (("01 09 00 02 01", SILENT), ("01 56", SILENT))
    assert dialogue(EnableGame(2, enabled=True), *both, (ASKS_INFO, INFO)) == Unsupported()
    assert dialogue(EnableGame(2, enabled=True), *both, *NOT_THERE) == NoAnswer()


@pytest.mark.parametrize(
    ("comes", "outcome"),
    [
        ("01 B0 03 04 09 01", Done()),
        ("01 B0 03 04 09 81", Refused()),
        ("01 B0 04 04 09 01 00", Refused()),  # the poll inside is BUSY
        ("01 B0 03 04 00 05", Refused()),  # no player denomination
        ("01 B0 03 04 00 03", Unsupported()),  # not aware of denominations
        ("01 B0 03 04 00 01", Unsupported()),
    ],
)
def test_a_game_of_one_denomination_is_enabled_inside_b0(comes, outcome):
    order = EnableGame(3, enabled=True, denomination_code=4)
    assert dialogue(order, ("01 B0 05 04 09 00 03 01", comes)) == outcome


def test_an_order_inside_b0_that_was_not_heard_is_looked_up_inside_b0():
    order = EnableGame(3, enabled=True, denomination_code=4)
    lost = ("01 B0 05 04 09 00 03 01", SILENT)
    assert dialogue(order, lost, ("01 B0 02 04 56", "01 B0 06 04 56 03 01 00 03")) == Done()


@pytest.mark.parametrize("game", [0, 10_000, -1])
def test_a_game_outside_its_range_is_refused_before_anything_leaves(game):
    with pytest.raises(BadRequest):
        EnableGame(game, enabled=True)


# meters before a change ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("00", "meters_will_be_cleared"),
        ("01", "games_will_change"),
        ("80", "nothing_pending"),
        ("02", "other"),
    ],
)
def test_a_machine_says_what_it_is_about_to_do(status, meaning):
    # 01 B6 01 00 is the example of sas-core 5.8
    told = dialogue(CollectMeters(0x00), ("01 B6 01 00", f"01 B6 01 {status}"))
    assert told == CollectStatus(int(status, 16))
    assert told.meaning == meaning


def test_the_answers_to_a_machine_that_waits():
    assert dialogue(CollectMeters(0x01), ("01 B6 01 01", "01 B6 01 80")).ok
    assert dialogue(CollectMeters(0x80), ("01 B6 01 80", "01 B6 01 80")).ok
    assert CollectMeters(0x01).urgent, "it waits 30 s"
    assert dialogue(CollectMeters(0x01), ("01 B6 01 01", "81")) == Refused()
    assert dialogue(CollectMeters(0x01), ("01 B6 01 01", DAMAGED)) == NoAnswer()
    assert dialogue(CollectMeters(0x01), ("01 B6 01 01", SILENT), (ASKS_INFO, INFO)) == Unsupported()
    with pytest.raises(BadRequest):
        CollectMeters(2)


# number and place ---------------------------------------------------------------------------------------------------

READS = "01 B7 05 00 00 00 00 00"
"Asset number 0 and no place: read only."
HAS_7 = "07 00 00 00"


def test_a_number_is_written_where_the_machine_allows_it_and_read_back():
    # flags 01: number yes, place no
    assert dialogue(
        SetMachineNumbers(asset_number=4711),
        (READS, f"01 B7 06 01 {HAS_7} 00"),
        ("01 1A", "01 1A 00 00 00 00"),
        ("01 B7 05 67 12 00 00 00", "01 B7 06 01 67 12 00 00 00"),
    ) == NumbersSet(4711, "", written=True)


def test_what_the_machine_has_already_is_not_written():
    told = f"01 B7 09 00 {HAS_7} 03 41 2D 31"
    assert dialogue(SetMachineNumbers(asset_number=7, location="A-1"), (READS, told)) == NumbersSet(
        7, "A-1", written=False
    )


def test_what_the_machine_does_not_allow_is_not_written():
    for flags, wanted in (("00", {"asset_number": 8}), ("01", {"location": "B"}), ("02", {"asset_number": 8})):
        kept = dialogue(SetMachineNumbers(**wanted), (READS, f"01 B7 06 {flags} {HAS_7} 00"))
        assert kept == NumbersKept(7, "", "not-allowed")


def test_a_number_is_not_written_while_there_are_credits_but_a_place_may_be():
    has = (READS, f"01 B7 06 03 {HAS_7} 00")
    kept = NumbersKept(7, "", "credits")
    assert dialogue(SetMachineNumbers(asset_number=8), has, ("01 1A", "01 1A 00 00 14 51")) == kept
    assert dialogue(SetMachineNumbers(asset_number=8), has, ("01 1A", SILENT)) == kept
    assert dialogue(
        SetMachineNumbers(asset_number=8, with_credits=True),
        has,
        ("01 B7 05 08 00 00 00 00", "01 B7 06 03 08 00 00 00 00"),
    ) == NumbersSet(8, "", written=True)
    assert dialogue(
        SetMachineNumbers(location="B 2"), has, ("01 B7 08 00 00 00 00 03 42 20 32", f"01 B7 09 03 {HAS_7} 03 42 20 32")
    ) == NumbersSet(7, "B 2", written=True)


def test_a_machine_that_keeps_its_number_all_the_same_says_so():
    assert dialogue(
        SetMachineNumbers(location="B"),
        (READS, f"01 B7 06 02 {HAS_7} 00"),
        ("01 B7 06 00 00 00 00 01 42", f"01 B7 06 02 {HAS_7} 00"),
    ) == NumbersKept(7, "", "not-taken")


@pytest.mark.parametrize("comes", [DAMAGED, SILENT])
def test_a_number_whose_answer_was_lost_is_read(comes):
    lines = [(READS, f"01 B7 06 02 {HAS_7} 00"), ("01 B7 06 00 00 00 00 01 42", comes)]
    if comes is SILENT:
        lines.append((ASKS_INFO, INFO))
    lines.append((READS, f"01 B7 07 02 {HAS_7} 01 42"))
    assert dialogue(SetMachineNumbers(location="B"), *lines) == NumbersSet(7, "B", written=True)


def test_an_answer_without_its_length_byte_is_understood():
    """One maker's machine leaves it out (QUIRKS X9)."""
    told = dialogue(SetMachineNumbers(asset_number=7), (READS, f"01 B7 03 {HAS_7} 00"))
    assert told == NumbersSet(7, "", written=False)


def test_a_machine_before_6_03_does_not_know_its_numbers():
    assert dialogue(SetMachineNumbers(asset_number=7), (READS, SILENT), (ASKS_INFO, INFO)) == Unsupported()
    assert dialogue(SetMachineNumbers(asset_number=7), (READS, SILENT), *NOT_THERE) == NoAnswer()
    assert dialogue(SetMachineNumbers(asset_number=7), (READS, "81")) == Refused()


def test_nothing_to_write_and_what_does_not_fit_is_refused_before_anything_leaves():
    for wanted in ({}, {"asset_number": 0}, {"location": ""}):
        with pytest.raises(BadRequest):
            SetMachineNumbers(**wanted)
    for wanted in ({"asset_number": 2**32}, {"location": "x" * 41}):
        with pytest.raises(BadField):
            SetMachineNumbers(**wanted)
