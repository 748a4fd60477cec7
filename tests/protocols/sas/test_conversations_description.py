"""What a machine offers: which questions are asked, in which order and bound, and what is not told stays untold."""

from __future__ import annotations

from protocols.sas import denominated
from protocols.sas.catalog import identity
from protocols.sas.conversations.base import NoAnswer
from protocols.sas.conversations.description import Describe, Described, GameDescribed
from tests.support.interview import DAMAGED, NACK, SILENT, dialogue, interview

FEATURES = bytes.fromhex("008801000000")
"Extended meters and denominations."


def configuration(values):
    return {
        "game": values["game"], "game_id": "AT", "additional_id": "000", "denomination": 1, "max_bet": 255,
        "progressive_group": 0, "game_options": 0, "paytable_id": f"P{values['game']:05d}", "base_percentage": "9250",
    }  # fmt: skip


def extended(values):
    return {
        "game": values["game"], "max_bet": 500, "progressive_group": 3, "progressive_levels": bytes.fromhex("05000080"),
        "game_name": "LUCKY ", "paytable_name": "LUCKY 92", "wager_categories": 2, "denominations": (1, 4),
    }  # fmt: skip


def preamble(values):
    denomination, base, _ = denominated.read_request(values)
    return denominated.reply_values(base, 1, denomination, {"games": (denomination,)})


A_MACHINE = {
    0x55: {"game": 2},
    0x56: {"games": (1, 2)},
    0xB1: {"denomination": 1},
    0xB2: {"denominations": (1, 4)},
    0xB3: {"denomination": 1},
    0xB5: extended,
    0xA4: {"game": 0, "limit": 400},
    0x7E: {"date": "12312025", "time": "235958"},
    0xB7: {"control_flags": 1, "asset_number": 4711, "location": "A-12 "},
    0x53: configuration,
    0xB0: preamble,
    0x1F: SILENT,
}


def test_a_machine_says_what_it_offers():
    asked, described = interview(Describe(2, FEATURES, version="603"), A_MACHINE)
    assert [poll.code for poll, _ in asked] == [
        0x55, 0x56, 0xB1, 0xB2, 0xB3, 0xB5, 0xA4, 0x7E, 0xB7, 0x53, 0xB5, 0x53, 0xB5, 0xB0, 0xB0,
    ]  # fmt: skip
    assert isinstance(described, Described)
    assert (described.selected_game, described.enabled_games) == (2, (1, 2))
    assert (described.denomination_code, described.denominations, described.token_denomination) == (1, (1, 4), 1)
    assert described.cash_out_limit == 400
    assert described.clock == ("12312025", "235958")
    assert (described.asset_number, described.location, described.may_set) == (4711, "A-12", (True, False))
    assert described.enabled_by_denomination == ((1, (1,)), (4, (4,)))
    assert described.games[1] == GameDescribed(
        number=2,
        game_id="AT",
        additional_id="000",
        denomination_code=1,
        paytable="P00002",
        base_percentage="9250",
        max_bet=500,
        progressive_group=3,
        progressive_levels=(1, 3, 32),
        name="LUCKY",
        paytable_name="LUCKY 92",
        wager_categories=2,
        denominations=(1, 4),
    )
    assert described.machine.max_bet == 500
    assert described.machine.game_id is None, "53 of game 0 would be 1F again"
    assert (described.unsupported, described.damaged, described.games_left_out) == (frozenset(), frozenset(), 0)


def test_describing_writes_nothing_and_takes_nothing():
    asked, _ = interview(Describe(2, FEATURES, version="603"), A_MACHINE)
    assert not any(poll.consumes for poll, _ in asked)
    assert [values for poll, values in asked if poll.code == 0xB7] == [{"asset_number": 0, "location": ""}]


def test_machine_numbers_are_asked_for_from_6_03_on_or_when_wanted():
    for told, asks in (("602", False), ("603", True), ("604", True), (None, False), ("6.3", False)):
        asked, _ = interview(Describe(0, version=told), A_MACHINE)
        assert any(poll.code == 0xB7 for poll, _ in asked) is asks
    asked, _ = interview(Describe(0, version="602", numbers=True), A_MACHINE)
    assert any(poll.code == 0xB7 for poll, _ in asked)


def test_an_old_machine_with_one_game_and_no_b_polls_is_described_by_what_it_tells():
    described = dialogue(
        Describe(0),
        ("01 55", SILENT),
        ("01 56", SILENT),
        ("01 B1", SILENT),
        ("01 B2", SILENT),
        ("01 B3", SILENT),
        ("01 B5 00 00", SILENT),
        ("01 A4 00 00", "01 A4 00 00 04 00"),
        ("01 7E", SILENT),
        ("01 A4 00 00", "01 A4 00 00 04 00"),
    )
    assert isinstance(described, Described)
    assert described.unsupported == {0x55, 0x56, 0xB1, 0xB2, 0xB3, 0xB5, 0x7E}
    assert described.cash_out_limit == 400
    assert (described.selected_game, described.enabled_games, described.denominations) == (None, None, None)
    assert described.machine == GameDescribed(0)
    assert described.games == ()


def test_b5_may_end_after_its_progressive_levels():
    """NCOMPASS accepts a reply that ends there (sas-core 5.3); length 00 is no answer (QUIRKS Q2)."""
    short = {"max_bet": 90, "progressive_group": 0, "progressive_levels": bytes(4)}
    machine = {**A_MACHINE, 0xB5: lambda values: {"game": values["game"], **short}}
    _, described = interview(Describe(1), machine)
    assert isinstance(described, Described)
    assert (described.games[0].max_bet, described.games[0].progressive_levels) == (90, ())
    assert (described.games[0].name, described.games[0].wager_categories) == (None, None)
    _, described = interview(Describe(1), {**A_MACHINE, 0xB5: DAMAGED})
    assert isinstance(described, Described)
    assert described.damaged == {0xB5}
    assert described.games[0].paytable == "P00001", "53 tells what B5 does not"
    assert described.games[0].max_bet == 255


def test_an_answer_about_another_game_is_not_taken_for_this_one():
    machine = {**A_MACHINE, 0x53: configuration({"game": 1})}
    _, described = interview(Describe(3), machine)
    assert isinstance(described, Described)
    assert [game.paytable for game in described.games] == ["P00001", None, None]
    assert described.damaged == {0x53}


def test_games_beyond_the_bound_are_counted_and_not_asked_for():
    asked, described = interview(Describe(40, games_most=3), A_MACHINE)
    assert [values["game"] for poll, values in asked if poll.code == 0x53] == [1, 2, 3]
    assert isinstance(described, Described)
    assert len(described.games) == 3
    assert described.games_left_out == 37


def test_a_poll_that_three_games_in_a_row_do_not_answer_is_not_asked_of_the_others():
    asked, described = interview(Describe(30), {**A_MACHINE, 0x53: SILENT})
    assert [values["game"] for poll, values in asked if poll.code == 0x53] == [1, 2, 3]
    assert isinstance(described, Described)
    assert described.unsupported == {0x53}
    assert described.games[29].max_bet == 500


def test_denominations_are_asked_for_only_where_the_machine_declares_them():
    asked, _ = interview(Describe(0, bytes.fromhex("000801000000")), A_MACHINE)
    assert not any(poll.code == 0xB0 for poll, _ in asked)
    refuses = {**A_MACHINE, 0xB0: lambda values: denominated.error_values(values["denomination"], 0x05)}
    _, described = interview(Describe(0, FEATURES), refuses)
    assert isinstance(described, Described)
    assert described.enabled_by_denomination == ()


def test_a_no_to_a_read_is_not_an_answer():
    _, described = interview(Describe(1), {**A_MACHINE, 0xA4: NACK})
    assert isinstance(described, Described)
    assert described.unsupported == {0xA4}
    assert described.cash_out_limit is None


def test_a_machine_that_tells_nothing_is_not_described():
    assert interview(Describe(2, FEATURES), {})[1] == NoAnswer()
    assert interview(Describe(2, FEATURES), dict.fromkeys(A_MACHINE, DAMAGED))[1] == NoAnswer()


def test_a_machine_that_goes_away_on_the_way_is_not_said_to_lack_the_rest():
    _, described = interview(Describe(2), {0x55: [{"game": 1}, SILENT]})
    assert isinstance(described, Described)
    assert described.unsupported == frozenset()
    assert described.damaged == {0x56, 0xB1, 0xB2, 0xB3, 0xB5, 0xA4, 0x7E, 0x53}
    assert identity.SELECTED_GAME.code == 0x55
