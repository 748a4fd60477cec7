"""Meters in as few polls as the machine allows, by the best way it knows; what it does not have is said, never 0."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import BadRequest
from protocols.sas.catalog.meter_codes import METERS, MeterValue
from protocols.sas.conversations.base import NoAnswer, Refused
from protocols.sas.conversations.meters import KEY, MeterReading, MetersRead, ReadMeters
from tests.support.interview import BUSY, DAMAGED, NACK, SILENT, interview

WITH_EXTENDED = bytes.fromhex("000809000000")
WITHOUT_EXTENDED = bytes.fromhex("000000000000")


INFO = {
    "game_id": "AT", "additional_id": "000", "denomination": 1, "max_bet": 255, "progressive_group": 0,
    "game_options": 0, "paytable_id": "P12345", "base_percentage": "9250",
}  # fmt: skip
"Every machine answers 1F."


class Cabinet:
    """A machine with these meters, each read in so many bytes; it counts a game with every poll if it is played."""

    def __init__(self, values: dict[int, int], *, size: int = 9, played: bool = False) -> None:
        self.values = dict(values)
        self.size = size
        self.played = played

    def _count(self) -> None:
        if self.played:
            self.values[0x05] += 1
            self.values[0x00] += 100

    def extended(self, values):
        self._count()
        meters = tuple(
            MeterValue(code, self.size, self.values[code]) if code in self.values else MeterValue(code, 0, None)
            for code in values["meters"]
        )
        return {"game": values["game"], "meters": meters}

    def selected(self, values):
        self._count()
        meters = tuple(
            MeterValue(code, METERS[code].min_size, self.values[code])
            for code in values["meters"]
            if code in self.values
        )
        return {"game": values["game"], "meters": meters}

    def modern(self) -> dict:
        return {0x6F: self.extended, 0xAF: self.extended, 0x2F: self.selected, 0x1F: INFO}


MANY = tuple(code for code in METERS if code <= 0x30)
A_FEW = (0x00, 0x01, 0x02, 0x05)


def cabinet(codes=MANY, **more) -> Cabinet:
    return Cabinet({code: 1000 + code for code in codes}, **more)


def test_twelve_meters_come_in_one_extended_poll_and_belong_together():
    codes = MANY[:12]
    asked, outcome = interview(ReadMeters(codes, features=WITH_EXTENDED), cabinet().modern())
    assert [poll.code for poll, _ in asked] == [0x6F]
    assert outcome == MetersRead(
        readings=tuple(MeterReading(0, None, code, 9, 1000 + code) for code in codes),
        unsupported=(),
        unread=(),
        coherent=True,
    )


def test_the_size_is_the_frame_s_and_a_value_may_have_18_digits():
    big = Cabinet({0x00: 123_456_789_012_345_678})
    _, outcome = interview(ReadMeters((0x00,), features=WITH_EXTENDED), big.modern())
    assert isinstance(outcome, MetersRead)
    assert outcome.readings == (MeterReading(0, None, 0x00, 9, 123_456_789_012_345_678),)


def test_long_lists_alternate_6f_and_its_twin_so_that_no_command_byte_follows_itself():
    asked, outcome = interview(ReadMeters(MANY, features=WITH_EXTENDED), cabinet().modern())
    commands = [poll.code for poll, _ in asked]
    assert commands == [0x6F, 0xAF, 0x6F, 0xAF, 0x6F, 0xAF][: len(commands)]
    assert isinstance(outcome, MetersRead)
    assert [reading.code for reading in outcome.readings] == list(MANY)
    assert outcome.coherent


def test_a_machine_without_the_twin_is_asked_by_6f_alone():
    machine = {0x6F: cabinet().extended}
    asked, outcome = interview(ReadMeters(MANY, features=WITH_EXTENDED), machine)
    commands = [poll.code for poll, _ in asked]
    assert commands.count(0xAF) == 1
    assert isinstance(outcome, MetersRead)
    assert len(outcome.readings) == len(MANY)


def test_readings_of_several_polls_belong_together_if_no_game_was_played_between():
    still, played = cabinet(), cabinet(played=True)
    _, outcome = interview(ReadMeters(MANY, features=WITH_EXTENDED), still.modern())
    assert isinstance(outcome, MetersRead)
    assert outcome.coherent
    _, outcome = interview(ReadMeters(MANY, features=WITH_EXTENDED), played.modern())
    assert isinstance(outcome, MetersRead)
    assert not outcome.coherent
    assert len(outcome.readings) == len(MANY), "they are still readings"


def test_games_played_is_read_as_witness_even_if_nobody_asked_for_it_and_not_told():
    codes = tuple(code for code in MANY if code != 0x05)
    asked, outcome = interview(ReadMeters(codes, features=WITH_EXTENDED), cabinet().modern())
    assert asked[0][1]["meters"][:5] == KEY
    assert asked[-1][1]["meters"] == KEY
    assert isinstance(outcome, MetersRead)
    assert [reading.code for reading in outcome.readings] == list(codes)
    assert outcome.coherent


def test_without_games_played_nobody_claims_that_several_polls_belong_together():
    machine = cabinet([code for code in MANY if code != 0x05]).modern()
    _, outcome = interview(ReadMeters(MANY, features=WITH_EXTENDED), machine)
    assert isinstance(outcome, MetersRead)
    assert not outcome.coherent
    assert outcome.unsupported == ((0, 0x05),)


def test_size_00_is_unsupported_and_never_0():
    machine = Cabinet({0x00: 0, 0x05: 7}).modern()
    _, outcome = interview(ReadMeters((0x00, 0x01, 0x05), features=WITH_EXTENDED), machine)
    assert isinstance(outcome, MetersRead)
    assert outcome.readings == (MeterReading(0, None, 0x00, 9, 0), MeterReading(0, None, 0x05, 9, 7))
    assert outcome.unsupported == ((0, 0x01),)


def test_a_machine_whose_features_deny_extended_meters_is_asked_by_2f_and_what_it_leaves_out_is_unsupported():
    machine = Cabinet({0x00: 5, 0x05: 7, 0x0D: 12_345}).modern()
    asked, outcome = interview(ReadMeters((0x00, 0x01, 0x05, 0x0D), features=WITHOUT_EXTENDED), machine)
    assert {poll.code for poll, _ in asked} == {0x2F}
    assert isinstance(outcome, MetersRead)
    assert outcome.readings[-1] == MeterReading(0, None, 0x0D, 5, 12_345), "tickets have 5 bytes by table"
    assert outcome.unsupported == ((0, 0x01),)


def test_where_features_are_not_known_the_ways_are_tried_from_the_best():
    old = {0x2F: cabinet().selected, 0x1F: INFO}
    asked, outcome = interview(ReadMeters(MANY), old)
    commands = [poll.code for poll, _ in asked]
    assert commands[:4] == [0x6F, 0xAF, 0x6F, 0x1F], "three failures, and is it there at all?"
    assert set(commands[4:]) == {0x2F}
    assert isinstance(outcome, MetersRead)
    assert len(outcome.readings) == len(MANY)
    oldest = {
        0x1C: {
            "coin_in": 1, "coin_out": 2, "drop": 3, "jackpot": 4, "games_played": 5, "games_won": 6,
            "slot_door_opened": 7, "power_reset": 8,
        },
        0x1F: INFO,
        0x10: {"cancelled_credits": 9},
        0x15: {"games_played": 5},
    }  # fmt: skip
    asked, outcome = interview(ReadMeters((*A_FEW, 0x04, 0x07, 0x80)), oldest)
    assert isinstance(outcome, MetersRead)
    assert [(reading.code, reading.value, reading.size) for reading in outcome.readings] == [
        (0x00, 1, 4),
        (0x01, 2, 4),
        (0x02, 4, 4),
        (0x05, 5, 4),
        (0x04, 9, 4),
    ]
    assert outcome.unsupported == ((0, 0x07), (0, 0x80))
    assert outcome.coherent


def test_a_group_poll_the_machine_does_not_know_is_replaced_by_single_polls():
    machine = {0x11: {"coin_in": 1}, 0x12: {"coin_out": 2}, 0x15: {"games_played": 3}, 0x1F: INFO}
    _, outcome = interview(ReadMeters((0x00, 0x01), use="single"), machine)
    assert isinstance(outcome, MetersRead)
    assert [reading.value for reading in outcome.readings] == [1, 2]


def test_a_list_the_machine_stumbles_over_is_asked_code_by_code():
    def picky(values):
        return SILENT if 0x30 in values["meters"] else full.extended(values)

    full = cabinet()
    machine = {0x6F: picky, 0xAF: picky, 0x2F: SILENT, 0x10: {"cancelled_credits": 4}, 0x1F: INFO}
    codes = (*MANY[:12], 0x04, 0x30)
    _, outcome = interview(ReadMeters(codes, features=WITH_EXTENDED), machine)
    assert isinstance(outcome, MetersRead)
    assert (0, 0x30) in outcome.unsupported
    assert 0x04 in [reading.code for reading in outcome.readings]


def test_an_answer_to_another_list_is_an_old_answer_repeated_and_is_asked_for_again():
    right = cabinet()
    old = right.extended({"game": 0, "meters": (0x20, 0x21)})
    machine = {0x6F: [old, right.extended], 0xAF: right.extended}
    asked, outcome = interview(ReadMeters(MANY[:12], features=WITH_EXTENDED), machine)
    assert [poll.code for poll, _ in asked] == [0x6F, 0xAF]
    assert isinstance(outcome, MetersRead)
    assert len(outcome.readings) == 12


def test_what_stays_damaged_is_unread_and_not_unsupported():
    machine = {0x6F: DAMAGED, 0xAF: DAMAGED}
    _, outcome = interview(ReadMeters(A_FEW, features=WITH_EXTENDED), machine)
    assert outcome == NoAnswer(), "nothing was read at all"
    full = cabinet()
    machine = {0x6F: full.extended, 0xAF: DAMAGED}
    _, outcome = interview(ReadMeters(MANY[:20], features=WITH_EXTENDED), machine)
    assert isinstance(outcome, MetersRead)
    assert outcome.unsupported == ()
    assert set(outcome.unread) == set()  # asked again by 6F
    machine = {0x6F: [full.extended, DAMAGED], 0xAF: DAMAGED}
    _, outcome = interview(ReadMeters(MANY[:20], features=WITH_EXTENDED), machine)
    assert isinstance(outcome, MetersRead)
    first_list = tuple(dict.fromkeys((*KEY, *MANY[:20])))[:12]
    assert set(outcome.unread) == {(0, code) for code in MANY[:20] if code not in first_list}
    assert outcome.unsupported == ()
    assert not outcome.coherent


def test_a_machine_that_answers_nothing_has_no_meters_and_one_that_says_no_refuses():
    assert interview(ReadMeters(A_FEW), {})[1] == NoAnswer()
    assert interview(ReadMeters(A_FEW, use="extended"), {0x6F: NACK, 0xAF: NACK})[1] == Refused()


def test_meters_of_a_game_are_asked_by_game_and_the_whole_machine_is_another_one():
    full = cabinet()
    asked, outcome = interview(ReadMeters(A_FEW, games=(0, 1, 2), features=WITH_EXTENDED), full.modern())
    assert [values["game"] for _, values in asked] == [0, 1, 2, 0]
    assert isinstance(outcome, MetersRead)
    assert [(reading.game, reading.code) for reading in outcome.readings] == [(g, c) for g in (0, 1, 2) for c in A_FEW]


# a noisy line -------------------------------------------------------------------------------------------------------


def test_on_a_noisy_line_a_meter_counts_when_two_reads_agree():
    wrong = {"game": 0, "meters": (MeterValue(0x00, 4, 999), MeterValue(0x05, 4, 7))}
    right = {"game": 0, "meters": (MeterValue(0x00, 4, 100), MeterValue(0x05, 4, 7))}
    asked, outcome = interview(
        ReadMeters((0x00, 0x05), use="selected"), {0x2F: [wrong, right, right]}, suspect=lambda number: True
    )
    assert len(asked) == 3
    assert isinstance(outcome, MetersRead)
    assert [reading.value for reading in outcome.readings] == [100, 7]
    assert outcome.coherent
    assert outcome.confirmed is True, "the second and the third read agree"


def test_on_a_noisy_line_a_meter_that_never_says_the_same_twice_is_unread():
    full = Cabinet({0x00: 0, 0x05: 0, 0x02: 9}, played=True)
    _, outcome = interview(
        ReadMeters((0x00, 0x02, 0x05), features=WITH_EXTENDED), full.modern(), suspect=lambda number: True
    )
    assert isinstance(outcome, MetersRead)
    assert [(reading.code, reading.value) for reading in outcome.readings] == [(0x02, 9)]
    assert outcome.unread == ((0, 0x00), (0, 0x05))
    assert not outcome.coherent
    assert outcome.confirmed is True, "of the one that is left two reads said the same"


def test_a_reading_in_which_one_poll_was_not_asked_twice_is_not_confirmed():
    full = Cabinet(dict.fromkeys(MANY, 7))
    talks = [
        interview(ReadMeters(MANY, features=WITH_EXTENDED), full.modern(), suspect=lambda number, at=at: number in at)
        for at in ((), (1,), range(1, 100))
    ]
    assert [outcome.confirmed for _, outcome in talks] == [None, None, True]
    assert len(talks[0][0]) + 1 == len(talks[1][0])
    assert {len(outcome.readings) for _, outcome in talks} == {len(MANY)}


def test_on_a_good_line_one_read_is_enough():
    asked, outcome = interview(ReadMeters(A_FEW, features=WITH_EXTENDED), cabinet().modern())
    assert len(asked) == 1
    assert isinstance(outcome, MetersRead)
    assert outcome.confirmed is None


# requests and everything --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("codes", "games"), [((), (0,)), ((0x3A,), (0,)), ((0x00,), ()), ((0x1FF,), (0,))])
def test_meters_outside_the_catalogue_and_empty_requests_are_refused(codes, games):
    with pytest.raises(BadRequest):
        ReadMeters(codes, games)


ALL_CODES = sorted(METERS)


@given(
    codes=st.lists(st.sampled_from(ALL_CODES), min_size=1, max_size=60),
    has=st.sets(st.sampled_from(ALL_CODES)),
    use=st.sampled_from(["auto", "extended", "selected", "single"]),
    ways=st.sets(st.sampled_from([0x6F, 0xAF, 0x2F])),
    broken=st.dictionaries(st.sampled_from([0x6F, 0xAF, 0x2F]), st.sampled_from([DAMAGED, NACK, SILENT, BUSY])),
)
def test_whatever_a_machine_has_each_meter_is_read_unsupported_or_unread_and_a_value_is_the_machine_s(
    codes, has, use, ways, broken
):
    values = {code: 10 + code for code in has}
    machine = {code: says for code, says in Cabinet(values).modern().items() if code in ways} | broken
    _, outcome = interview(ReadMeters(codes, use=use), machine)
    if not isinstance(outcome, MetersRead):
        return
    read = [(reading.game, reading.code) for reading in outcome.readings]
    told = sorted([*read, *outcome.unsupported, *outcome.unread])
    assert told == sorted({(0, code) for code in codes})
    assert all(reading.value == values[reading.code] for reading in outcome.readings)
