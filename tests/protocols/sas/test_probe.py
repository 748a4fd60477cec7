"""A probe asks all that consumes nothing, each machine in its own way, and says what it does not have."""

import pytest

from protocols.sas.catalog.index import BY_CODE
from protocols.sas.catalog.meter_codes import MeterValue
from protocols.sas.conversations.base import NoAnswer
from protocols.sas.conversations.probe import ASKED, GAMES_MAX, Probe, Probed
from protocols.sas.longpoll import Kind
from tests.support.interview import DAMAGED, NACK, SILENT, interview

INFO = {
    "game_id": "AT", "additional_id": "000", "denomination": 1, "max_bet": 5, "progressive_group": 0,
    "game_options": 0, "paytable_id": "P12345", "base_percentage": "9250",
}  # fmt: skip


def extended(values):
    return {"game": values["game"], "meters": tuple(MeterValue(code, 5, code) for code in values["meters"])}


def of_game(values):
    return {"game": values["game"], **INFO}


PLAIN = {
    0x54: {"version": "602", "serial": "XA-1234"},
    0x1F: INFO,
    0x51: {"games": 2},
    0x53: of_game,
    0x6F: extended,
    0xAF: extended,
}


def test_nothing_that_it_asks_is_consumed_set_or_switched():
    asked, outcome = interview(Probe(), PLAIN)
    assert isinstance(outcome, Probed)
    polls = {poll.code for poll, _ in asked}
    assert 0x1B not in polls  # handpay information: its acknowledgement deletes the record
    assert 0x09 not in polls  # of type M, but it enables a game
    assert 0x0E not in polls  # a machine in real-time mode is left in it
    assert all(poll.kind in (Kind.R, Kind.M) and poll.reply and not poll.consumes for poll, _ in asked)


def test_every_read_poll_of_the_catalogue_is_asked_or_stands_for_meters_that_come_by_list():
    left = {
        code
        for code, poll in BY_CODE.items()
        if poll.kind in (Kind.R, Kind.M) and poll.reply and not poll.consumes and poll not in ASKED
    }
    assert {0x2F, 0x6F, 0xAF} <= left
    assert all(BY_CODE[code].meters for code in left - {0x2F, 0x6F, 0xAF})


def test_it_tells_what_was_said_and_what_was_not():
    _, outcome = interview(Probe(), PLAIN)
    assert outcome.values(0x54) == {"version": "602", "serial": "XA-1234"}
    assert outcome.values(0x53, 2)["game"] == 2
    assert (0x4F, None) in outcome.unsupported
    assert (0xB5, 0) in outcome.unsupported
    assert (0xB5, 1) not in outcome.unsupported  # silent for the machine: not asked for each game
    assert {(one.code, one.size) for one in outcome.meters.readings} >= {(0x00, 5), (0x05, 5)}


def test_games_are_asked_for_up_to_a_limit_and_the_rest_is_counted():
    asked, outcome = interview(Probe(), {**PLAIN, 0x51: {"games": GAMES_MAX + 7}})
    games = [values["game"] for poll, values in asked if poll.code == 0x53]
    assert games == list(range(GAMES_MAX + 1))
    assert outcome.games_left_out == 7


def test_an_old_machine_gives_its_meters_one_by_one():
    _, outcome = interview(Probe(), {0x54: PLAIN[0x54], 0x11: {"coin_in": 7}, 0x15: {"games_played": 3}})
    assert [(one.code, one.value) for one in outcome.meters.readings] == [(0x00, 7), (0x05, 3)]


def test_refusals_and_damage_are_told_apart_from_silence():
    _, outcome = interview(Probe(), {**PLAIN, 0xA0: NACK, 0x48: [DAMAGED, DAMAGED]})
    assert outcome.refused == ((0xA0, 0),)
    assert outcome.unread == ((0x48, None),)


def test_an_answer_damaged_once_is_asked_for_again():
    _, outcome = interview(Probe(), {**PLAIN, 0x55: [DAMAGED, {"game": 2}]})
    assert outcome.values(0x55) == {"game": 2}
    assert outcome.unread == ()


@pytest.mark.parametrize("says", [SILENT, DAMAGED])
def test_a_machine_that_says_nothing_at_all_gives_no_answer(says):
    _, outcome = interview(Probe(), dict.fromkeys(BY_CODE, says))
    assert outcome == NoAnswer()
