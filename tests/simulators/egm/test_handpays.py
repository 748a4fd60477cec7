"""Sums an attendant must pay, as the wire is told of them (sas-core 5.5): queued records, and the older live state."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from simulators.egm import personas
from simulators.egm.handpays import RECORDS_MAX, Handpay, Handpays
from simulators.egm.persona import Persona
from tests.simulators.egm.talking import Talk, a_talk, checked

QUEUED = replace(Persona(), handpays="queued")
NONE = "01 1B" + " 00" * 20


def with_money(persona: Persona = QUEUED) -> Talk:
    talk = a_talk(persona)
    talk.send("80")
    talk.egm.do("bill", talk.now, 100)
    assert talk.drain() == [0x4C]
    return talk


def record(level: int, amount: int, group: int = 0) -> str:
    digits = f"{amount:010d}"
    return checked(f"01 1B {group:02X} {level:02X} {digits} 00 00 00" + " 00" * 10).hex(" ")


def test_a_handpay_is_told_before_everything_that_waits_and_its_record_read_by_1b() -> None:
    talk = with_money()
    talk.egm.do("open_drop_door", talk.now)
    talk.egm.do("close_drop_door", talk.now)
    talk.egm.do("jackpot", talk.now, 5_000)
    assert talk.send("81") == "51"
    assert talk.send("01 1B") == record(0x00, 5_000)
    assert talk.drain() == [0x13, 0x14]


def test_51_comes_again_every_15_seconds_until_the_record_was_read_and_the_answer_acknowledged() -> None:
    talk = with_money()
    talk.egm.do("jackpot", talk.now, 5_000)
    heard = talk.live(61.0, attendant=False)
    assert [code for _, code in heard] == [0x51] * 5, "once, and four times more in a minute"
    gaps = [after - before for (before, _), (after, _) in pairwise(heard)]
    assert gaps == pytest.approx([15.0] * 4, abs=0.5)
    talk.send("01 1B")
    assert talk.send("01 1B") == record(0x00, 5_000), "not acknowledged: once more"
    assert talk.live(31.0, attendant=False) == []


def test_a_51_that_nobody_fetched_is_not_raised_beside_itself() -> None:
    talk = with_money()
    talk.egm.do("jackpot", talk.now, 5_000)
    for _ in range(40):
        talk.now += 2.0
        talk.egm.play(talk.now)
        talk.send("82")
    assert [entry.code for entry in talk.egm.port.queue].count(0x51) == 1


@pytest.mark.parametrize("first", ["read", "paid"])
def test_52_comes_when_the_record_was_read_and_paid_whichever_was_first(first: str) -> None:
    talk = with_money()
    talk.egm.do("jackpot", talk.now, 5_000)
    assert talk.drain() == [0x51]
    for step in ("read", "paid") if first == "read" else ("paid", "read"):
        assert talk.drain() == []
        if step == "read":
            talk.send("01 1B")
            talk.send("80")
        else:
            talk.egm.do("reset_handpay", talk.now)
    assert talk.drain() == [0x52]
    assert talk.send("01 1B") == checked(NONE).hex(" ")


def test_what_was_paid_and_not_read_stands_in_a_row_and_the_next_is_told_after_52() -> None:
    talk = with_money()
    for win in (5_000, 6_000):
        talk.egm.do("jackpot", talk.now, win)
        talk.egm.do("reset_handpay", talk.now)
    assert talk.drain() == [0x51]
    assert talk.send("01 1B") == record(0x00, 5_000)
    assert talk.drain() == [0x52, 0x51]
    assert talk.send("01 1B") == record(0x00, 6_000)
    assert talk.drain() == [0x52]


def test_five_records_outlive_the_power_and_a_sixth_does_not_come_up() -> None:
    talk = with_money()
    for win in range(RECORDS_MAX):
        talk.egm.do("jackpot", talk.now, 5_000 + win)
        talk.egm.do("reset_handpay", talk.now)
    assert not talk.egm.machine.may_play
    talk.egm.do("power_cycle", talk.now)
    told = []
    for _ in range(RECORDS_MAX):
        talk.drain()
        told.append(talk.send("01 1B"))
        talk.send("80")
    assert told == [record(0x00, 5_000 + win) for win in range(RECORDS_MAX)]
    assert talk.egm.machine.may_play


@pytest.mark.parametrize(
    ("act", "number", "told"),
    [
        ("jackpot", 5_000, record(0x40, 5_000)),  # top award of this model, in credits
        ("progressive", 5_000, record(0x01, 25_000, 0x01)),  # level 1 of group 1, in cents: 5,000 credits of 0.05
        ("cash_out", None, record(0x80, 2_000)),  # cancelled credits: 100.00 is 2,000 credits
    ],
)
def test_the_level_says_what_it_is_and_what_the_amount_counts(act: str, number: int | None, told: str) -> None:
    nickels = personas.from_table(
        "nickels",
        {
            "credit": "0.05",
            "denomination_code": 2,
            "handpays": "queued",
            "top_award_level": 0x40,
            "progressive_group": 1,
        },
    )
    talk = with_money(nickels)
    talk.egm.do(act, talk.now, number)
    talk.drain()
    assert talk.send("01 1B") == told


def test_a_progressive_win_is_booked_as_one() -> None:
    talk = with_money()
    talk.egm.do("progressive", talk.now, 5_000)
    talk.egm.do("reset_handpay", talk.now)
    bank = talk.egm.machine.bank
    assert [bank.value(code) for code in (0x02, 0x1F, 0x20, 0x22, 0x23)] == [5_000, 0, 5_000, 5_000, 5_000]


def test_the_player_may_think_better_of_it() -> None:
    talk = with_money()
    talk.egm.do("cash_out", talk.now)
    assert talk.drain() == [0x51, 0x66]
    talk.egm.do("cancel_handpay", talk.now)
    assert talk.drain() == [0x55]
    assert talk.egm.machine.bank.credits == 10_000
    assert talk.send("01 1B") == checked(NONE).hex(" ")


def test_in_the_older_mode_51_is_told_once_in_its_turn_and_1b_shows_what_is_so_now() -> None:
    talk = with_money(Persona())
    talk.egm.do("open_drop_door", talk.now)
    talk.egm.do("close_drop_door", talk.now)
    talk.egm.do("jackpot", talk.now, 5_000)
    assert [code for _, code in talk.live(61.0, attendant=False)] == [0x13, 0x14, 0x51]
    assert talk.send("01 1B") == record(0x00, 5_000)
    talk.egm.do("reset_handpay", talk.now)
    assert talk.drain() == [0x52]
    assert talk.send("01 1B") == checked(NONE).hex(" ")


class Attendants(RuleBasedStateMachine):
    """Any order of wins, keys, readings, reminders and second thoughts; told is what went to the queue."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[int] = []
        self.handpays = Handpays(queued=True, say=self.told.append, waits=lambda _: False)
        self.locked = self.cancelled = 0

    @rule(credits_won=st.integers(1, 10**6))
    def win(self, credits_won: int) -> None:
        if self.handpays.pending is None and not self.handpays.is_full:
            self.handpays.lock(Handpay("jackpot", credits_won, 0, credits_won))
            self.locked += 1

    @rule()
    def key(self) -> None:
        if self.handpays.pending is not None:
            self.handpays.reset()

    @rule()
    def second_thoughts(self) -> None:
        if self.handpays.pending is not None:
            self.handpays.cancel()
            self.cancelled += 1

    @rule()
    def question(self) -> None:
        handpay = self.handpays.shown()
        assert (handpay is None) == (self.locked == self.told.count(0x52) + self.cancelled)

    @rule()
    def acknowledgement(self) -> None:
        self.handpays.acknowledged()

    @rule()
    def time(self) -> None:
        before = len(self.told)
        self.handpays.remind()
        assert self.told[before:] == ([0x51] if self.handpays.wants_reading else [])

    @invariant()
    def every_52_is_of_a_handpay_that_was_told_before(self) -> None:
        assert self.told.count(0x52) + self.told.count(0x55) <= self.locked
        assert self.told.count(0x51) >= self.told.count(0x52)


Attendants.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAttendants = Attendants.TestCase
