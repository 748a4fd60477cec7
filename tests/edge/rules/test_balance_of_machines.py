"""The self-audit held against simulated machines: their own money is one witness of how meters move (MTR-09 to MTR-11).

Meters are read off the machine itself between two of its acts, or over a wire in virtual time while it is played.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from fractions import Fraction
from math import inf
from typing import Any

import pytest

from edge.hall.meters import Reading
from edge.rules.balance import (
    BILL_VALUES,
    GAME_TOTALS,
    BalanceRules,
    Base,
    End,
    Identity,
    Step,
    base_of,
    bills_identity,
    credits_identity,
    games_identity,
    judge,
)
from edge.rules.meters import modulus
from protocols.sas.conversations.meters import MetersRead, ReadMeters
from protocols.sas.events import Finished
from protocols.sas.rules import LineRules
from simulators.egm.bank import Bank
from simulators.egm.dice import Dice
from simulators.egm.game import GameRules
from simulators.egm.machine import BadAct, Habits, Machine
from simulators.egm.persona import Persona, Title
from simulators.egm.personas import load
from simulators.egm.wired import WiredEgm
from tests.support.wire import CALM, Wire

MORNING = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HOPPER = Persona(hopper_coins=100_000, cash_out_limit=40_000)
GAMES = Persona(games=3, titles=(Title("One"), Title("Two", max_bet=50), Title("Three", max_bet=5)))
NICKELS = Persona(denomination_code=0x02, credit=Fraction(1, 20), meters_at_start={0x00: 99_999_000, 0x0B: 99_999_900})
ACTS = ("bill", "bill", "cash_out", "reset_handpay", "cancel_handpay", "jackpot", "progressive", "games")


def played(persona: Persona, seed: int, *, games_per_minute: float = 20.0) -> Machine:
    return Machine(
        persona, Dice(seed), now=0.0, wall=MORNING, habits=Habits(games_per_minute=games_per_minute, cash_out=0.05),
        game_rules=GameRules(top=0.005, hit=0.3), report=lambda _code, _data: None,
    )  # fmt: skip


def seen(bank: Bank, games: int, worth: Fraction) -> End:
    """All that the machine shows, of itself and of each game, at one moment."""
    readings = {(0, code): Reading(0, None, code, value, bank.width(code)) for code, value in bank.everything().items()}
    for game in range(1, games + 1):
        for code in GAME_TOTALS:
            value = (bank.of(code, game) or 0) % modulus(bank.width(code))
            readings[game, code] = Reading(game, None, code, value, bank.width(code))
    lacking = frozenset(code for code in BILL_VALUES if (0, code) not in readings)
    return End(1, worth, True, readings, unsupported=lacking)


class Auditor:
    """Holds every identity from snapshot to snapshot; growth by the arithmetic of a single wrap."""

    def __init__(self, persona: Persona, rules: BalanceRules) -> None:
        self.games = persona.games if persona.games > 1 else 0
        self.worth = persona.credit * 100
        self.rules = rules
        self.before: End | None = None
        self.judged = 0

    def look(self, bank: Bank) -> list[tuple[Identity, Step]]:
        """Those that do not hold."""
        now, before = seen(bank, self.games, self.worth), self.before
        self.before = now
        if before is None:
            return []
        growth = {
            key: (one.value - before.readings[key].value) % modulus(one.width) for key, one in now.readings.items()
        }
        wrong = []
        for identity in (
            credits_identity(self.rules),
            bills_identity(self.worth, 100, without=now.unsupported),
            *(games_identity(code, self.games) for code in (GAME_TOTALS if self.games else ())),
        ):
            base: Base = base_of(identity, before)
            step = judge(identity, base, now, growth)
            assert isinstance(step, Step), step
            self.judged += 1
            if step.residual:
                wrong.append((identity, step))
        return wrong


@pytest.mark.parametrize("cancelled", ["parts", "total"])
@pytest.mark.parametrize("persona", [Persona(), HOPPER, GAMES, NICKELS], ids=("plain", "hopper", "games", "nickels"))
def test_a_machine_in_thousands_of_random_games_bills_cash_outs_and_handpays_always_balances_mtr_10(persona, cancelled):
    machine, dice, now = played(persona, 5), Dice(11), 0.0
    auditor = Auditor(persona, BalanceRules(cancelled=cancelled))
    for _ in range(3_000):
        now += dice.around(6.0)
        machine.run(now)
        if dice.happens(0.3):
            what = ACTS[dice.below(len(ACTS))]
            number = {"bill": (5, 10, 20, 50, 100, 200, 500)[dice.below(7)], "games": 3}.get(what)
            try:
                machine.do(what, now, number)
            except BadAct:
                assert what != "games"
        assert auditor.look(machine.bank) == []
    bank = machine.bank
    assert auditor.judged > 5_000
    assert bank.value(0x05) > 3_000
    moved = [0x00, 0x01, 0x02, 0x0B, *([0x09] if persona is HOPPER else [0x03])]
    assert all(bank.value(code) - persona.meters_at_start.get(code, 0) > 0 for code in moved), "all of it happened"


def test_a_machine_whose_games_hold_less_than_the_cabinet_is_found_out_by_the_bet_mtr_09():
    machine = played(GAMES, 2, games_per_minute=0.0)
    auditor = Auditor(GAMES, BalanceRules())
    auditor.look(machine.bank)
    machine.insert_bill(5)
    machine.bank.wager(7)
    machine.bank.end_game(0)
    machine.bank._cells[1, machine.bank.denomination][0x00] -= 7  # a game's own meter that forgot the bet
    ((identity, step),) = auditor.look(machine.bank)
    assert (identity.rule, identity.stated.code, step.stated, step.summed) == ("games", 0x00, 7, 0)


@pytest.mark.parametrize(
    ("lost", "sign"), [(0x0B, +1), (0x01, +1), (0x00, -1), (0x03, -1)], ids=lambda value: f"{value:02X}"
)
def test_one_dropped_update_of_any_meter_is_the_residual_to_the_credit_mtr_10(lost, sign, monkeypatch):
    machine = played(Persona(), 9, games_per_minute=0.0)
    auditor, bank = Auditor(Persona(), BalanceRules()), machine.bank
    machine.insert_bill(100)
    auditor.look(bank)
    add, dropped = bank._add, []

    def forgetful(code: int, amount: int) -> None:
        if code == lost and not dropped:
            dropped.append(amount)
        else:
            add(code, amount)

    monkeypatch.setattr(bank, "_add", forgetful)
    machine.insert_bill(20)
    bank.wager(40)
    bank.end_game(90)
    bank.cancel_credits()
    wrong = {identity.rule: step.residual for identity, step in auditor.look(bank)}
    assert wrong["credits"] == sign * dropped[0]
    assert wrong.get("bills") == (-dropped[0] if lost == 0x0B else None), "of 1 cent each"
    machine.insert_bill(50)
    assert auditor.look(bank) == []


class OnTheWire:
    """One machine on a wire, played and fed all the while."""

    def __init__(self, persona: str, seed: int) -> None:
        self.egm = WiredEgm(
            17, 1, load(persona), Dice(seed), serial="XA-1234", now=1000.0, wall=MORNING,
            habits=Habits(games_per_minute=90.0, events_per_minute=0.0, cash_out=0.02),
        )  # fmt: skip
        self.dice = Dice(seed + 1)
        ports: Any = [self.egm]
        self.wire = Wire(ports, (1,), rules=LineRules(), weather=CALM, seed=seed)

    def run(self, seconds: float) -> None:
        until = self.wire.now + seconds
        while self.wire.now < until:
            # The machine lives between any two frames, not in steps of the reader's.
            self.wire.run(min(until, self.wire.now + 0.01))
            if self.egm.due_at < inf and self.egm.due_at <= self.wire.now:
                self.egm.play(self.wire.now)
            if self.dice.happens(0.006):
                with suppress(BadAct):
                    self.egm.do("bill", self.wire.now, 5)

    def read(self, codes: tuple[int, ...]) -> MetersRead:
        host = self.wire.host
        assert host is not None
        token, began = host.begin(1, ReadMeters(codes)), len(self.wire.told)
        while True:
            self.run(0.1)
            for _, event in self.wire.told[began:]:
                if isinstance(event, Finished) and event.token == token:
                    assert isinstance(event.outcome, MetersRead)
                    return event.outcome


def _by_code(read: MetersRead) -> Mapping[tuple[int, int], Reading]:
    return {(one.game, one.code): Reading(one.game, None, one.code, one.value, one.size) for one in read.readings}


@pytest.mark.parametrize("persona", ["plain", "slow", "nine_byte"])
def test_what_is_read_while_the_machine_is_played_is_of_one_moment_or_says_that_it_is_not_mtr_17(persona):
    identity = credits_identity()
    codes = (*range(0x1C, 0x28), 0x3E, 0x40, 0x42, 0x47, *(term.code for term in identity.terms), 0x0C)
    hall, before, torn = OnTheWire(persona, 3), None, 0
    coherent, again = [], []
    hall.run(8.0)
    for _ in range(60):
        hall.run(2.0)
        read = hall.read(codes)
        again.append(read.rounds > 1)
        coherent.append(read.coherent)
        readings = _by_code(read)
        end = End(1, Fraction(1), True, readings)
        if before is not None:
            growth = {key: one.value - before.readings[key].value for key, one in readings.items()}
            step = judge(identity, base_of(identity, before), end, growth)
            assert isinstance(step, Step)
            assert step.residual == 0 or not read.coherent
            torn += step.residual != 0
        if read.coherent:
            before = end
    assert sum(coherent) > 10
    assert any(again), "it was played during a reading, which was made again"
    assert torn, "and where no quiet moment came, one that does not balance said so"
