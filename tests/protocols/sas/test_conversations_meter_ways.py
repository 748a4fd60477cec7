"""How meters are got out of difficult machines: denominations, games, wrong answers, ways that fail, and a quiet moment."""

from __future__ import annotations

import pytest

from protocols.errors import BadField
from protocols.sas import denominated
from protocols.sas.catalog.meter_codes import METERS, MeterValue
from protocols.sas.conversations.base import NoAnswer, Unsupported
from protocols.sas.conversations.meter_polls import OF_GAME
from protocols.sas.conversations.meters import KEY, MeterReading, MetersRead, ReadMeters, Way
from tests.support.interview import BUSY, DAMAGED, NACK, SILENT, dialogue, interview

WITH_ALL = bytes.fromhex("008801000000")
"Extended meters and denominations."
WITHOUT_DENOMINATIONS = bytes.fromhex("000801000000")
INFO = {
    "game_id": "AT", "additional_id": "000", "denomination": 1, "max_bet": 255, "progressive_group": 0,
    "game_options": 0, "paytable_id": "P12345", "base_percentage": "9250",
}  # fmt: skip


class Machine:
    """Two denominations, three games: a meter of game g in denomination d is 10000 g + 1000 d + its code."""

    denominations = (1, 4)

    def __init__(self, *, size: int = 5, in_b0: tuple[int, ...] = (0x6F, 0xAF, 0x2F, 0x11)) -> None:
        self.size = size
        self.in_b0 = in_b0

    def extended(self, values, denomination=0):
        meters = tuple(
            MeterValue(code, self.size, 10_000 * values["game"] + 1000 * denomination + code)
            for code in values["meters"]
        )
        return {"game": values["game"], "meters": meters}

    def selected(self, values, denomination=0):
        meters = tuple(MeterValue(code, METERS[code].min_size, 1000 * denomination + code) for code in values["meters"])
        return {"game": values["game"], "meters": meters}

    def coin_in(self, values, denomination=0):
        del values
        return {"coin_in": 1000 * denomination}

    def preamble(self, values):
        try:
            denomination, base, inner = denominated.read_request(values)
        except BadField as error:
            return denominated.error_values(values["denomination"], error.error)
        if base.code not in self.in_b0:
            return denominated.error_values(denomination, denominated.NOT_AWARE)
        if denomination not in self.denominations:
            return denominated.error_values(denomination, denominated.NO_DENOMINATION)
        told = {0x6F: self.extended, 0xAF: self.extended, 0x2F: self.selected, 0x11: self.coin_in}
        return denominated.reply_values(base, 1, denomination, told[base.code](inner, denomination))

    def all(self) -> dict:
        return {0x6F: self.extended, 0xAF: self.extended, 0x2F: self.selected, 0xB0: self.preamble, 0x1F: INFO}


# denominations ------------------------------------------------------------------------------------------------------


def test_meters_of_a_denomination_byte_for_byte():
    # Coin in 12 credits, games played 1, whole machine and denomination 04 (0.25); 6F and its twin alternate inside B0 too.
    keys = "05 00 00 00 01 00 02 00 0C 00"
    told = "05 00 01 01 00 00 02 00 12 01 00 01 00 02 00 01 00 0C 00 01 00"
    read = dialogue(
        ReadMeters((0x00,), denominations=(4,), features=WITH_ALL),
        (f"01 6F 0C 00 00 {keys}", f"01 6F 17 00 00 {told}"),
        ("01 B0 07 04 AF 04 00 00 00 00", "01 B0 0A 04 AF 07 00 00 00 00 02 00 03"),
        (f"01 6F 0C 00 00 {keys}", f"01 6F 17 00 00 {told}"),
    )
    assert isinstance(read, MetersRead)
    assert read.readings == (MeterReading(0, None, 0x00, 2, 12), MeterReading(0, 4, 0x00, 2, 3))
    assert read.coherent


def test_only_meters_of_games_are_asked_of_a_denomination_or_a_game():
    asked, read = interview(
        ReadMeters((0x00, 0x0B, 0x40), games=(0, 2), denominations=(1,), features=WITH_ALL), Machine().all()
    )
    assert isinstance(read, MetersRead)
    assert [(one.game, one.denomination_code, one.code, one.value) for one in read.readings] == [
        (0, None, 0x00, 0), (0, None, 0x0B, 11), (0, None, 0x40, 64), (0, 1, 0x00, 1000), (2, None, 0x00, 20_000),
        (2, 1, 0x00, 21_000),
    ]  # fmt: skip
    assert read.unsupported == ((2, 0x0B), (2, 0x40))
    assert read.unsupported_by_denomination == ((0, 1, 0x0B), (0, 1, 0x40), (2, 1, 0x0B), (2, 1, 0x40))
    for poll, values in asked:
        if poll.code in (0x6F, 0xAF) and values["game"]:
            assert set(values["meters"]) <= OF_GAME


def test_a_denomination_the_machine_does_not_have_is_unsupported():
    _, read = interview(ReadMeters((0x00, 0x01), denominations=(1, 7), features=WITH_ALL), Machine().all())
    assert isinstance(read, MetersRead)
    assert [one.denomination_code for one in read.readings] == [None, None, 1, 1]
    assert read.unsupported_by_denomination == ((0, 7, 0x00), (0, 7, 0x01))


def test_where_the_features_deny_it_or_the_machine_ignores_it_there_are_no_denominations():
    asked, read = interview(ReadMeters((0x00,), denominations=(1,), features=WITHOUT_DENOMINATIONS), Machine().all())
    assert not any(poll.code == 0xB0 for poll, _ in asked)
    assert isinstance(read, MetersRead)
    assert read.unsupported_by_denomination == ((0, 1, 0x00),)
    asked, read = interview(
        ReadMeters((0x00,), denominations=(1, 4), features=WITH_ALL), {**Machine().all(), 0xB0: SILENT}
    )
    assert [poll.code for poll, _ in asked].count(0xB0) == 3
    assert isinstance(read, MetersRead)
    assert read.unsupported_by_denomination == ((0, 1, 0x00), (0, 4, 0x00))
    assert read.readings == (MeterReading(0, None, 0x00, 5, 0),)


@pytest.mark.parametrize(("in_b0", "value", "size"), [((0x2F,), 4000, 4), ((0x11,), 4000, 4), ((0x6F, 0xAF), 4000, 5)])
def test_inside_b0_the_ways_are_tried_from_the_best_too(in_b0, value, size):
    machine = Machine(in_b0=in_b0)
    _, read = interview(ReadMeters((0x00,), denominations=(4,), features=WITH_ALL), machine.all())
    assert isinstance(read, MetersRead)
    assert read.readings[1] == MeterReading(0, 4, 0x00, size, value)


def test_inside_b0_2f_is_not_asked_for_a_game():
    machine = Machine(in_b0=(0x2F,))
    _, read = interview(ReadMeters((0x00,), games=(3,), denominations=(4,), features=WITH_ALL), machine.all())
    assert isinstance(read, MetersRead)
    assert read.readings == (MeterReading(3, None, 0x00, 5, 30_000),)
    assert read.unsupported_by_denomination == ((3, 4, 0x00),)


def test_an_answer_inside_b0_that_makes_no_sense_is_unread():
    def nonsense(values):
        return {**values, "data": bytes.fromhex("99")}

    _, read = interview(ReadMeters((0x00,), denominations=(4,), features=WITH_ALL), {**Machine().all(), 0xB0: nonsense})
    assert isinstance(read, MetersRead)
    assert read.unread_by_denomination == ((0, 4, 0x00),)
    assert not read.coherent


# codes answered wrong -----------------------------------------------------------------------------------------------


def test_codes_to_be_avoided_are_asked_in_no_list_and_never_guessed():
    wrong = frozenset(range(0x28, 0x2E))
    codes = (0x00, 0x28, 0x2D, 0x0B)
    asked, read = interview(ReadMeters(codes, features=WITH_ALL, avoid=wrong), Machine().all())
    assert not any(wrong.intersection(values["meters"]) for poll, values in asked if "meters" in values)
    assert isinstance(read, MetersRead)
    assert read.unread == ((0, 0x28), (0, 0x2D))
    assert [one.code for one in read.readings] == [0x00, 0x0B]
    assert not read.coherent


def test_a_code_to_be_avoided_in_2f_is_read_by_6f_and_by_its_own_poll_where_it_has_one():
    _, read = interview(ReadMeters((0x00, 0x28), features=WITH_ALL, avoid_in_2f={0x28}), Machine().all())
    assert isinstance(read, MetersRead)
    assert read.unread == ()
    machine = {**Machine().all(), 0x10: {"cancelled_credits": 77}}
    asked, read = interview(ReadMeters((0x00, 0x04, 0x28), features=bytes(6), avoid_in_2f={0x04, 0x28}), machine)
    assert {poll.code for poll, _ in asked} == {0x2F, 0x10}
    assert isinstance(read, MetersRead)
    assert read.readings[1] == MeterReading(0, None, 0x04, 4, 77)
    assert read.unread == ((0, 0x28),)


# ways ---------------------------------------------------------------------------------------------------------------


def test_the_way_that_worked_is_given_back_and_no_other_is_tried_before_it():
    old = {0x2F: Machine().selected, 0x1F: INFO}
    _, first = interview(ReadMeters(KEY), old)
    assert isinstance(first, MetersRead)
    assert first.way == Way("selected")
    asked, again = interview(ReadMeters(KEY, known_way=first.way), old)
    assert [poll.code for poll, _ in asked] == [0x2F]
    assert again == first


def test_a_machine_known_to_have_no_twin_is_not_asked_by_it():
    machine = {0x6F: Machine().extended, 0x1F: INFO}
    many = tuple(METERS)[:30]
    _, first = interview(ReadMeters(many, features=WITH_ALL), machine)
    assert isinstance(first, MetersRead)
    assert first.way == Way("extended", twin=False)
    asked, _ = interview(ReadMeters(many, known_way=first.way), machine)
    assert {poll.code for poll, _ in asked} == {0x6F}


def test_a_way_that_once_worked_is_not_left_because_of_a_bad_moment():
    many = tuple(METERS)[:30]
    bad_moment = {**Machine().all(), 0xAF: DAMAGED, 0x6F: [Machine().extended, DAMAGED]}
    asked, read = interview(ReadMeters(many, features=WITH_ALL), bad_moment)
    assert isinstance(read, MetersRead)
    assert read.way == Way("extended")
    assert asked[-1][0].code in (0x6F, 0xAF), "the last look at the key meters still goes the best way"


@pytest.mark.parametrize("fails", [SILENT, NACK, DAMAGED])
def test_three_failures_and_the_next_way_is_taken(fails):
    machine = {**Machine().all(), 0x6F: fails, 0xAF: fails}
    asked, read = interview(ReadMeters(KEY), machine)
    commands = [poll.code for poll, _ in asked if poll.code in (0x6F, 0xAF)]
    assert len(commands) == (6 if fails == DAMAGED else 3), "damage is asked for twice each time"
    assert isinstance(read, MetersRead)
    assert read.way is not None
    assert read.way.use == "selected"
    assert len(read.readings) == len(KEY)
    assert read.unread == (), "what was damaged one way was read another"


def test_a_code_that_silences_a_whole_list_costs_only_itself():
    def stumbles(values):
        return SILENT if 0x17 in values["meters"] else Machine().extended(values)

    machine = {**Machine().all(), 0x6F: stumbles, 0xAF: stumbles, 0x2F: SILENT}
    codes = tuple(range(0x08, 0x20))
    asked, read = interview(ReadMeters(codes, features=WITH_ALL), machine)
    assert isinstance(read, MetersRead)
    assert read.unsupported == ((0, 0x17),)
    assert len(read.readings) == len(codes) - 1
    assert len(asked) < 30


def test_a_meter_6f_does_not_answer_is_read_by_2f_with_the_size_of_the_table():
    def stumbles(values):
        return SILENT if 0x0D in values["meters"] else Machine(size=9).extended(values)

    machine = {**Machine().all(), 0x6F: stumbles, 0xAF: stumbles}
    _, read = interview(ReadMeters((0x00, 0x0D, 0x17), features=WITH_ALL), machine)
    assert isinstance(read, MetersRead)
    sizes = {one.code: (one.size, one.declared_size) for one in read.readings}
    assert sizes == {0x00: (9, 4), 0x0D: (5, 5), 0x17: (9, 4)}


def test_a_machine_that_goes_away_in_the_middle_has_the_rest_unread_and_nothing_unsupported():
    machine = {0x6F: [Machine().extended, SILENT], 0x1F: SILENT}
    asked, read = interview(ReadMeters(tuple(METERS)[:40], features=WITH_ALL), machine)
    assert isinstance(read, MetersRead)
    assert read.unsupported == ()
    assert len(read.readings) + len(read.unread) == 40
    assert not read.coherent
    assert len(asked) < 10, "nobody talks on to a machine that is not there"


def test_a_busy_machine_is_left_alone():
    asked, read = interview(ReadMeters(KEY, features=WITH_ALL), {**Machine().all(), 0x6F: BUSY})
    assert read == NoAnswer()
    assert [poll.code for poll, _ in asked] == [0x6F]


def test_a_machine_that_is_there_and_silent_to_every_poll_for_meters_has_none():
    assert interview(ReadMeters(KEY), {0x1F: INFO})[1] == Unsupported()
    assert interview(ReadMeters(KEY), {})[1] == NoAnswer()


# single polls -------------------------------------------------------------------------------------------------------


def test_poll_18_has_two_bytes_for_each_of_its_meters():
    read = dialogue(ReadMeters((0x26,), use="single"), ("01 18", "01 18 00 12 00 34"))
    assert isinstance(read, MetersRead)
    assert read.readings == (MeterReading(0, None, 0x26, 2, 34),)


def test_meters_of_a_game_in_an_old_machine_come_by_52_and_2d():
    read = dialogue(
        ReadMeters((0x00, 0x05, 0x03, 0x06), games=(12,), use="single"),
        ("01 1C", SILENT),
        ("01 0F", "01 0F" + " 00" * 12 + " 00 00 00 00" + " 00" * 4 + " 00 00 00 09"),
        ("01 1A", "01 1A 00 00 00 05"),
        ("01 52 00 12", "01 52 00 12 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00 07"),
        ("01 2D 00 12", "01 2D 00 12 00 00 00 44"),
        ("01 0F", "01 0F" + " 00" * 12 + " 00 00 00 00" + " 00" * 4 + " 00 00 00 09"),
        ("01 1A", "01 1A 00 00 00 05"),
    )
    assert isinstance(read, MetersRead)
    assert [(one.game, one.code, one.value) for one in read.readings] == [
        (12, 0x00, 100),
        (12, 0x05, 7),
        (12, 0x03, 44),
    ]
    assert read.unsupported == ((12, 0x06),)
    assert read.coherent


def test_an_answer_of_52_about_another_game_is_not_taken():
    machine = {0x52: {"game": 1, "coin_in": 5, "coin_out": 0, "jackpot": 0, "games_played": 1}, 0x1F: INFO}
    _, read = interview(ReadMeters((0x00, 0x05), games=(2,), use="single"), machine)
    assert read == NoAnswer()


def test_bills_of_an_old_machine_come_in_a_group_and_one_by_one():
    machine = {
        0x1E: {"bills_1": 1, "bills_5": 5, "bills_10": 10, "bills_20": 20, "bills_50": 50, "bills_100": 100},
        0x3A: {METERS[0x48].slug: 200},
        0x1F: INFO,
    }
    asked, read = interview(ReadMeters((0x40, 0x42, 0x47, 0x48), use="single"), machine)
    assert isinstance(read, MetersRead)
    assert [one.value for one in read.readings] == [1, 5, 100, 200]
    assert [poll.code for poll, _ in asked].count(0x1E) == 1


# one moment ---------------------------------------------------------------------------------------------------------


class Played:
    """A machine on which a game ends just before the polls with these numbers."""

    def __init__(self, *games_at: int) -> None:
        self.games_at = games_at
        self.polls = 0
        self.games = 0

    def extended(self, values):
        self.polls += 1
        self.games += self.polls in self.games_at
        meters = tuple(MeterValue(code, 4, self.games + 100 * code) for code in values["meters"])
        return {"game": 0, "meters": meters}

    def all(self) -> dict:
        return {0x6F: self.extended, 0xAF: self.extended, 0x1F: INFO}


def test_a_game_during_the_reading_has_all_read_again_until_a_quiet_moment():
    many = tuple(METERS)[:30]
    machine = Played(2)
    _, read = interview(ReadMeters(many, features=WITH_ALL), machine.all())
    assert isinstance(read, MetersRead)
    assert read.coherent
    assert read.rounds == 2
    assert all(one.value == 1 + 100 * one.code for one in read.readings), "none of them from before the game"


def test_a_machine_that_is_never_quiet_is_read_three_times_and_the_readings_say_so():
    many = tuple(METERS)[:30]
    _, read = interview(ReadMeters(many, features=WITH_ALL), Played(*range(1, 100)).all())
    assert isinstance(read, MetersRead)
    assert not read.coherent
    assert read.rounds == 3
    assert len(read.readings) == 30


def test_a_bill_between_two_lists_is_noticed_though_no_game_was_played():
    class Fed(Played):
        def extended(self, values):
            told = super().extended(values)
            meters = tuple(one if one.code == 0x0C else one._replace(value=one.code) for one in told["meters"])
            return {**told, "meters": meters}

    _, read = interview(ReadMeters(tuple(METERS)[:30], features=WITH_ALL), Fed(2).all())
    assert isinstance(read, MetersRead)
    assert (read.coherent, read.rounds) == (True, 2)


def test_what_the_machine_does_not_have_is_not_asked_for_again_in_the_next_round():
    def lacks(values):
        told = machine.extended(values)
        meters = tuple(MeterValue(one.code, 0, None) if one.code == 0x17 else one for one in told["meters"])
        return {**told, "meters": meters}

    machine = Played(2)
    asked, read = interview(ReadMeters(tuple(METERS)[:30], features=WITH_ALL), {0x6F: lacks, 0xAF: lacks, 0x1F: INFO})
    assert isinstance(read, MetersRead)
    assert read.unsupported == ((0, 0x17),)
    assert sum(0x17 in values["meters"] for _, values in asked) == 1


def test_meters_of_games_alone_are_bracketed_by_the_key_meters_of_the_machine():
    asked, read = interview(ReadMeters((0x00, 0x05), games=(1, 2), features=WITH_ALL), Machine().all())
    assert [values["game"] for _, values in asked] == [0, 1, 2, 0]
    assert asked[0][1]["meters"] == asked[-1][1]["meters"] == KEY
    assert isinstance(read, MetersRead)
    assert read.coherent
