"""Conversations held over a wire in virtual time, through host and port, with simulated machines of many models."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from math import inf
from typing import Any

import pytest

from protocols.sas.conversations.base import Conversation, NoAnswer, Unsupported
from protocols.sas.conversations.changes import CollectMeters, CollectStatus, NumbersSet, SetMachineNumbers
from protocols.sas.conversations.control import Done
from protocols.sas.conversations.description import Describe, Described
from protocols.sas.conversations.handpay import HandpayRead, ReadHandpay
from protocols.sas.conversations.identity import Identified, Identify
from protocols.sas.conversations.meters import KEY, MetersRead, ReadMeters
from protocols.sas.conversations.orders import EnableGame, configure_bills
from protocols.sas.conversations.state import BillRead, ReadHopper, ReadLastBill, ReadReels, ReadSelection, ReelsRead
from protocols.sas.events import Finished, Outcome
from protocols.sas.rules import LineRules
from simulators.egm.dice import Dice
from simulators.egm.machine import Habits
from simulators.egm.personas import load
from simulators.egm.wired import WiredEgm
from tests.support.wire import CALM, Weather, Wire

BASIS = (
    0x05,
    0x06,
    0x07,
    0x00,
    0x01,
    0x1C,
    0x1D,
    0x0B,
    0x0C,
    0x02,
    0x03,
    0x04,
    0x24,
    0x25,
    0x26,
    0x3E,
    0x40,
    0x43,
    0x47,
)
"As an operator asks for, without tickets and transfers."
MODELS = (
    "plain", "slow", "sas5", "nine_byte", "smallest_meters", "repeats_by_command", "repeats_by_frame", "nack_on_bad_crc",
    "silent_on_bad_crc", "two_denominations", "multi_game",
)  # fmt: skip


class Hall:
    """One machine on a wire. Nobody plays unless told."""

    def __init__(self, persona: str, *, weather: Weather = CALM, seed: int = 1, games_per_minute: float = 0.0) -> None:
        self.egm = WiredEgm(
            17, 1, load(persona), Dice(seed), serial="XA-1234", now=1000.0, wall=datetime(2026, 3, 1, 12, tzinfo=UTC),
            habits=Habits(games_per_minute=games_per_minute, events_per_minute=0.0),
        )  # fmt: skip
        if not games_per_minute:
            self.egm.freeze(1000.0)
        ports: Any = [self.egm]
        self.wire = Wire(ports, (1,), rules=LineRules(), weather=weather, seed=seed)
        self.run(8.0)

    def run(self, seconds: float) -> None:
        until = self.wire.now + seconds
        while self.wire.now < until:
            self.wire.run(min(until, self.wire.now + 0.25))
            if self.egm.due_at < inf and self.egm.due_at <= self.wire.now:
                self.egm.play(self.wire.now)

    def talk(self, talk: Conversation, within_s: float = 120.0) -> Outcome:
        host = self.wire.host
        assert host is not None
        token = host.begin(1, talk)
        began = len(self.wire.told)
        until = self.wire.now + within_s
        while self.wire.now < until:
            self.run(0.25)
            for _, event in self.wire.told[began:]:
                if isinstance(event, Finished) and event.token == token:
                    return event.outcome
        raise AssertionError(f"{talk} goes on after {within_s} s")

    def asked(self, command: str) -> int:
        return sum(frame.startswith(f"01 {command}") for _, frame in self.wire.frames)

    def features(self) -> bytes:
        identified = self.talk(Identify())
        assert isinstance(identified, Identified)
        return identified.features

    def command_bytes(self) -> list[str]:
        return [frame[:5] for _, frame in self.wire.frames]


def read_all(hall: Hall, **more: Any) -> MetersRead:
    read = hall.talk(ReadMeters(BASIS, features=hall.features(), **more))
    assert isinstance(read, MetersRead)
    return read


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_identified_described_and_read_and_its_meters_are_its_own(model):
    hall = Hall(model)
    hall.egm.machine.insert_bill(10)
    hall.egm.machine.play(3, hall.wire.now)
    identified = hall.talk(Identify())
    assert isinstance(identified, Identified)
    assert identified.serial == "XA-1234"
    described = hall.talk(Describe(identified.games or 0, identified.features, version=identified.version))
    assert isinstance(described, Described)
    assert described.damaged == frozenset()
    read = hall.talk(ReadMeters(BASIS, features=identified.features))
    assert isinstance(read, MetersRead)
    assert read.coherent
    assert read.unread == ()
    bank = hall.egm.machine.bank
    for one in read.readings:
        assert one.value == bank.value(one.code) % 100**one.size
    assert {one.code for one in read.readings} >= set(KEY)
    runs = [list(same) for _, same in groupby(hall.command_bytes())]
    assert max(len(run) for run in runs if run[0] != "80") <= 3, "the same command follows itself as a repeat only"


def test_a_5_x_machine_has_no_feature_list_and_is_read_by_2f():
    hall = Hall("sas5")
    identified = hall.talk(Identify())
    assert isinstance(identified, Identified)
    assert (identified.version, identified.features) == ("500", b"")
    assert 0xA0 in identified.unsupported
    first = hall.talk(ReadMeters(BASIS))
    assert isinstance(first, MetersRead)
    assert first.way is not None
    assert first.way.use == "selected"
    before = hall.asked("6f")
    again = hall.talk(ReadMeters(BASIS, known_way=first.way))
    assert isinstance(again, MetersRead)
    assert again.readings == first.readings
    assert hall.asked("6f") == before, "what worked once is known"
    assert hall.talk(ReadLastBill()) == Unsupported()
    assert hall.talk(ReadSelection()).ok
    reels = hall.talk(ReadReels())
    assert isinstance(reels, ReelsRead)
    assert len(reels.stops) == 5
    hopper = hall.talk(ReadHopper())
    assert hopper.ok


@pytest.mark.parametrize(("model", "sizes"), [("nine_byte", {9}), ("smallest_meters", {4})])
def test_widths_are_the_frame_s(model, sizes):
    read = read_all(Hall(model))
    assert {one.size for one in read.readings if one.code not in (0x25, 0x26)} == sizes


def test_meters_that_are_about_to_wrap_are_read_as_they_are():
    hall = Hall("smallest_meters")
    read = read_all(hall)
    assert {one.code: one.value for one in read.readings}[0x00] == hall.egm.machine.bank.value(0x00) >= 99_999_000


def test_two_denominations_are_read_each_and_add_up_to_the_whole():
    hall = Hall("two_denominations")
    hall.egm.machine.insert_bill(20)
    hall.egm.machine.play(4, hall.wire.now)
    codes = (0x00, 0x01, 0x05)
    read = hall.talk(ReadMeters(codes, denominations=(1, 2, 5), features=hall.features()))
    assert isinstance(read, MetersRead)
    assert read.coherent
    told = {(one.denomination_code, one.code): one.value for one in read.readings}
    assert told[None, 0x05] == told[1, 0x05] + told[2, 0x05] == 4
    assert read.unsupported_by_denomination == ((0, 5, 0x00), (0, 5, 0x01), (0, 5, 0x05))


def test_games_of_a_machine_are_described_and_read_each():
    hall = Hall("multi_game")
    hall.egm.machine.insert_bill(20)
    hall.egm.machine.play(5, hall.wire.now)
    identified = hall.talk(Identify())
    assert isinstance(identified, Identified)
    assert identified.games == 4
    described = hall.talk(Describe(4, identified.features, version=identified.version))
    assert isinstance(described, Described)
    assert [game.paytable for game in described.games] == ["SIM301", "SIM302", "SIM303", "SIM304"]
    assert described.games[3].max_bet == 300, "53 alone ends at 255"
    assert described.asset_number == 17
    read = hall.talk(ReadMeters((0x00, 0x05, 0x0B), games=(0, 1, 2, 3, 4), features=identified.features))
    assert isinstance(read, MetersRead)
    games = {one.game: one.value for one in read.readings if one.code == 0x05}
    assert games[0] == sum(games[game] for game in (1, 2, 3, 4)) == 5
    assert hall.talk(EnableGame(2, enabled=False)) == Done()
    described = hall.talk(Describe(4, identified.features))
    assert isinstance(described, Described)
    assert described.enabled_games == (1, 3, 4)


def test_a_machine_that_is_played_all_the_time_is_caught_in_a_quiet_moment():
    hall = Hall("plain", games_per_minute=12.0)
    hall.egm.machine.insert_bill(100)
    read = read_all(hall)
    assert read.coherent
    played = hall.egm.machine.bank
    told = {one.code: one.value for one in read.readings}
    assert told[0x05] == told[0x06] + told[0x07], "games won and lost belong to the games played"
    assert told[0x05] <= played.value(0x05)


@pytest.mark.parametrize("model", ["plain", "repeats_by_command", "repeats_by_frame"])
def test_on_a_bad_line_nothing_wrong_is_read(model):
    """What cannot be read is unread; what is read is the machine's (rule 31)."""
    weather = Weather(host_lost=0.05, answer_lost=0.05, answer_damaged=0.2, answer_late=0.03)
    read_at_all = 0
    for seed in range(6):
        hall = Hall(model, weather=weather, seed=seed)
        hall.egm.machine.insert_bill(10)
        read = hall.talk(ReadMeters(BASIS), within_s=600.0)
        if not isinstance(read, MetersRead):
            assert read == NoAnswer()
            continue
        read_at_all += len(read.readings)
        for one in read.readings:
            assert one.value == hall.egm.machine.bank.value(one.code) % 100**one.size
    assert read_at_all >= 3 * len(BASIS), "half of what was asked for, on a line that damages one answer in five"


# money that waits ---------------------------------------------------------------------------------------------------


def test_a_handpay_is_asked_for_once_and_gone_when_an_attendant_has_paid_it():
    hall = Hall("multi_game")
    hall.egm.machine.insert_bill(10)
    hall.egm.machine.win_jackpot(5000, hall.wire.now)
    read = hall.talk(ReadHandpay())
    assert isinstance(read, HandpayRead)
    assert (read.amount, read.unit, read.kind, read.empty) == (5000, "credits", "jackpot", False)
    assert hall.asked("1b") == 1
    hall.egm.machine.reset_handpay()
    again = hall.talk(ReadHandpay())
    assert isinstance(again, HandpayRead)
    assert again.empty


def test_a_progressive_handpay_is_told_in_cents():
    hall = Hall("multi_game")
    hall.egm.machine.insert_bill(10)
    hall.egm.machine.win_jackpot(5000, hall.wire.now, 3)
    read = hall.talk(ReadHandpay())
    assert isinstance(read, HandpayRead)
    assert (read.amount, read.unit, read.kind, read.level) == (5000, "cents", "progressive", 3)


def test_without_a_handpay_the_record_is_empty():
    read = Hall("plain").talk(ReadHandpay())
    assert isinstance(read, HandpayRead)
    assert read.empty


def test_the_last_bill_and_the_bills_a_machine_takes():
    hall = Hall("plain")
    hall.egm.machine.insert_bill(50)
    read = hall.talk(ReadLastBill())
    assert isinstance(read, BillRead)
    assert (read.code, read.value, read.count) == (0x06, 50, 1)
    assert hall.talk(configure_bills((5, 10))) == Done()
    hall.egm.machine.insert_bill(50)
    assert hall.talk(ReadLastBill()) == read, "it was given back"


def test_a_machine_with_nothing_to_change_says_so_and_takes_its_number():
    hall = Hall("multi_game")
    assert hall.talk(CollectMeters(0x00)) == CollectStatus(0x80)
    assert hall.talk(SetMachineNumbers(location="A-12")) == NumbersSet(17, "A-12", written=True)
