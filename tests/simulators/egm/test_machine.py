"""A machine's money adds up after anything that may happen to it, and what happens is reported in order."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from simulators.egm.bank import BILL_METERS, Bank, BillRefused
from simulators.egm.dice import Dice
from simulators.egm.game import GameRules
from simulators.egm.machine import BadAct, Habits, Machine
from simulators.egm.persona import Persona

MORNING = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


ACTS = (
    "open_door", "close_door", "open_drop_door", "close_drop_door", "begin_tilt", "end_tilt", "begin_cashbox",
    "end_cashbox", "power_off", "power_on", "power_cycle", "enable", "disable", "cash_out", "reset_handpay",
    "bill_rejected", "begin_bill_jam", "end_bill_jam",
)  # fmt: skip


def a_machine(
    persona: Persona | None = None, *, seed: int = 7, habits: Habits | None = None
) -> tuple[Machine, list[int]]:
    reported: list[int] = []
    machine = Machine(
        persona or Persona(),
        Dice(seed),
        now=0.0,
        wall=MORNING,
        habits=habits,
        game_rules=GameRules(top=0.02),
        report=lambda code, _: reported.append(code),
    )
    return machine, reported


def money_adds_up(bank: Bank, start: dict[int, int], credit: Fraction) -> None:
    grown = {code: bank.value(code) - start.get(code, 0) for code in range(0x60)}
    assert grown[0x01] == grown[0x1C] + grown[0x1D] + grown[0x1E]
    assert grown[0x02] == grown[0x1F] + grown[0x20] + grown[0x21]
    assert grown[0x22] == sum(grown[code] for code in range(0x1C, 0x22))
    assert grown[0x23] == grown[0x02] + grown[0x03]
    assert grown[0x05] == grown[0x06] + grown[0x07]
    assert grown[0x0B] == sum(grown[code] * value / credit for value, code in BILL_METERS.items() if code < 0x58)
    assert grown[0x24] == grown[0x0B] == grown[0x58]
    # What was paid in and won is either played, cancelled, or still there.
    assert bank.credits == grown[0x0B] + grown[0x01] - grown[0x00] - grown[0x04]
    assert bank.credits >= 0


class AnythingHappens(RuleBasedStateMachine):
    """Players, attendants and faults in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.start = {0x00: 99_999_990, 0x05: 99_999_999, 0x06: 50_000_000, 0x07: 49_999_999}
        persona = Persona(meters_at_start=self.start)
        self.machine, self.reported = a_machine(persona, seed=3)
        self.now = 0.0
        rising = (0, 1, 2, 3, 4, 5, 6, 7, 0x0B, 0x22, 0x23, 0x24)
        self.highest = {code: self.machine.bank.value(code) for code in rising}

    @rule(seconds=st.floats(0.1, 120.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.machine.run(self.now)

    @rule(what=st.sampled_from(ACTS))
    def something_is_done(self, what: str) -> None:
        try:
            self.machine.do(what, self.now)
        except BadAct:
            assert what in ("cash_out", "reset_handpay")

    @rule(value=st.sampled_from([1, 5, 20, 100, 500, 3]))
    def a_bill_goes_in(self, value: int) -> None:
        before = self.machine.bank.credits
        try:
            self.machine.do("bill", self.now, value)
        except BadAct:
            assert self.machine.bank.credits == before

    @rule(games=st.integers(1, 200))
    def many_games(self, games: int) -> None:
        self.machine.do("games", self.now, games)

    @rule()
    def a_jackpot(self) -> None:
        if self.machine.may_play and self.machine.bank.credits:
            self.machine.do("jackpot", self.now, 12_345)
            assert not self.machine.may_play

    @rule()
    def everything_stands_still_and_goes_on(self) -> None:
        self.machine.freeze(self.now)
        shown = self.machine.bank.everything()
        reported = len(self.reported)
        self.now += 300
        self.machine.run(self.now)
        assert self.machine.bank.everything() == shown
        assert len(self.reported) == reported
        self.machine.thaw(self.now)

    @invariant()
    def the_money_adds_up(self) -> None:
        money_adds_up(self.machine.bank, self.start, Fraction(1, 100))

    @invariant()
    def counters_never_fall(self) -> None:
        for code, before in self.highest.items():
            assert self.machine.bank.value(code) >= before
            self.highest[code] = self.machine.bank.value(code)

    @invariant()
    def a_meter_shows_what_fits_its_width(self) -> None:
        bank = self.machine.bank
        for code in bank.codes():
            assert bank.shown(code) == bank.value(code) % 100_000_000
            assert bank.shown(code, 9) == bank.value(code)


AnythingHappens.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestAnythingHappens = AnythingHappens.TestCase


def test_the_same_seed_lives_the_same_life() -> None:
    one, first = a_machine(habits=Habits(events_per_minute=30))
    two, second = a_machine(habits=Habits(events_per_minute=30))
    one.run(1800.0)
    for step in range(1, 1801):
        two.run(float(step))
    assert len(first) > 500
    assert first == second
    assert one.bank.everything() == two.bank.everything()
    other, third = a_machine(seed=8, habits=Habits(events_per_minute=30))
    other.run(1800.0)
    assert third != first


def test_an_evening_has_many_different_exceptions_and_plays_on() -> None:
    machine, reported = a_machine(habits=Habits(games_per_minute=30, events_per_minute=40))
    machine.run(3600.0)
    assert len(set(reported)) > 35
    assert 0.8 * 2400 < len(reported) < 1.6 * 2400
    assert machine.bank.value(0x05) > 500
    assert {0x51, 0x52} <= set(reported)


def test_nothing_happens_by_itself_while_the_queue_is_full() -> None:
    reported: list[int] = []
    fetched = 0
    machine = Machine(
        Persona(), Dice(7), now=0.0, wall=MORNING, habits=Habits(events_per_minute=60, queue_limit=15),
        report=lambda code, _: reported.append(code), waiting=lambda: len(reported) - fetched,
    )  # fmt: skip
    machine.run(600.0)
    assert 15 <= len(reported) <= 20
    fetched = len(reported)
    machine.run(700.0)
    assert len(reported) > 20


def test_as_many_events_as_are_fetched() -> None:
    waiting = 0

    def report(_: int, __: bytes) -> None:
        nonlocal waiting
        waiting += 1

    machine = Machine(
        Persona(), Dice(7), now=0.0, wall=MORNING, habits=Habits(keep_waiting=3), report=report,
        waiting=lambda: waiting,
    )  # fmt: skip
    for _ in range(100):
        machine.top_up()
        assert waiting >= 3
        waiting -= 1


def test_a_jackpot_locks_the_machine_until_an_attendant_paid_and_only_then_moves_its_meters() -> None:
    machine, reported = a_machine()
    machine.do("bill", 0.0, 20)
    machine.do("jackpot", 0.0, 50_000)
    assert reported == [0x4A, 0x51]
    assert machine.bank.value(0x02) == 0
    machine.do("games", 0.0, 5)
    assert machine.bank.value(0x05) == 1
    machine.do("reset_handpay", 1.0)
    assert reported == [0x4A, 0x51, 0x52]
    assert [machine.bank.value(code) for code in (0x02, 0x1F, 0x22, 0x23)] == [50_000] * 4


def test_power_returns_with_18_then_17_then_the_doors_opened_in_the_dark() -> None:
    machine, reported = a_machine()
    machine.do("bill", 0.0, 20)
    machine.do("games", 0.0, 3)
    machine.do("power_off", 0.0)
    machine.do("open_slot_door", 0.0)
    machine.do("close_slot_door", 0.0)
    machine.do("open_card_cage", 0.0)
    machine.run(3600.0)
    assert reported == [0x4A]
    machine.do("power_on", 3600.0)
    assert reported[1:] == [0x18, 0x17, 0x99, 0x98]
    assert machine.bank.value(0x25) == 0
    assert machine.bank.power_resets == 1


def test_a_cleared_memory_says_so_and_starts_at_zero() -> None:
    machine, reported = a_machine()
    machine.do("bill", 0.0, 20)
    machine.do("ram_clear", 0.0)
    assert reported[-3:] == [0x18, 0x17, 0x7A]
    assert all(value == 0 for code, value in machine.bank.everything().items() if code != 0x7F)


def test_a_meter_wraps_at_its_own_width() -> None:
    bank = Bank(Persona(meters_at_start={0x00: 99_999_999}))
    bank.insert_bill(1)
    bank.wager(2)
    assert bank.shown(0x00) == 1
    assert bank.width(0x00) == 4
    assert bank.narrow_width(0x0D) == 5
    wide = Bank(Persona(wide_meters=True, meters_at_start={0x00: 99_999_999}))
    wide.insert_bill(1)
    wide.wager(2)
    assert (wide.width(0x00), wide.shown(0x00), wide.shown(0x00, 4)) == (9, 100_000_001, 1)


def test_a_bill_that_is_no_whole_number_of_credits_is_refused() -> None:
    bank = Bank(Persona(credit=Fraction(2), denomination_code=0x0C))
    with pytest.raises(BillRefused):
        bank.insert_bill(5)
    assert bank.insert_bill(10) == 5
    assert bank.everything()[0x43] == 1


def test_the_host_stops_play_and_lets_it_go_on() -> None:
    machine, _ = a_machine(habits=Habits(games_per_minute=60, events_per_minute=0))
    machine.run(60.0)
    played = machine.bank.value(0x05)
    assert played
    machine.do("disable", 60.0)
    machine.run(65.0)
    finished = machine.bank.value(0x05)
    assert finished <= played + 1
    machine.run(600.0)
    assert machine.bank.value(0x05) == finished
    machine.do("enable", 600.0)
    machine.run(660.0)
    assert machine.bank.value(0x05) > finished
