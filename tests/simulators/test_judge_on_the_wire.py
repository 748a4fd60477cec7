"""A tiny gateway is killed at random beside a real machine: the judge clears the honest one and convicts the others.

The three dishonest ones are the mistakes a gateway could make: acknowledge before storing, speak at once after a
restart, forget to flag what may be a repeat.
"""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from simulators.central.books import Record, chain_next, chain_start, summarize
from simulators.egm.dice import Dice
from simulators.egm.machine import Habits
from simulators.egm.persona import Persona
from simulators.egm.wired import WiredEgm
from simulators.evidence import machine_facts
from simulators.reconcile import LogFacts, Verdict, reconcile

ASSET, STREAM = 100417, "5e1f0c8a94d2477bb0a36e21c97d5f08"
LIVELY = Habits(games_per_minute=120, events_per_minute=300, queue_limit=12)


class Killed(Exception):
    """SIGKILL came here."""


@dataclass
class TinyGateway:
    """80, 81, store, 80, 81, store ... with everything between the lines a place to die."""

    egm: WiredEgm
    dice: random.Random
    stores_first: bool = True
    waits_after_a_kill: bool = True
    flags_repeats: bool = True
    now: float = 1000.0
    disk: list[tuple[int, bool]] = field(default_factory=list)
    kills: int = 0
    deadly: float = 0.02
    left: int = 0

    def send(self, value: int) -> int | None:
        self.now += 0.02
        answer = self.egm.receive(value, True, self.now)
        self.egm.play(self.now)
        return None if answer is None else answer[0][0]

    def may_die(self) -> None:
        if self.dice.random() < self.deadly:
            raise Killed

    def run(self, rounds: int) -> None:
        self.left = rounds
        while self.left:
            try:
                self.life()
            except Killed:
                self.kills += 1
                self.silence(self.dice.uniform(0.2, 1.5))  # until systemd has started it again
                if self.waits_after_a_kill:
                    self.silence(5.3)

    def life(self) -> None:
        """One life of the process; raises Killed."""
        is_first = self.kills > 0
        while self.left:
            self.left -= 1
            self.send(0x80)
            code = self.send(0x81)
            self.may_die()
            if not code:
                continue
            if not self.stores_first:
                self.send(0x80)
                self.may_die()
            last = self.disk[-1][0] if self.disk else None
            self.disk.append((code, is_first and self.flags_repeats and code == last))
            is_first = False
            self.may_die()

    def silence(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += 0.05
            self.egm.tick(self.now)
            self.egm.play(self.now)

    def settle(self) -> Verdict:
        """Freeze, fetch everything, and call the judge."""
        self.deadly = 0.0
        self.egm.freeze(self.now)
        self.run(40)
        self.send(0x80)
        records, chain = [], chain_start(STREAM)
        for number, (code, flag) in enumerate(self.disk, 1):
            data = {"asset": ASSET, "sas_exception": code} | ({"maybe_repeat": True} if flag else {})
            event = {"streamid": STREAM, "epoch": "1", "sequence": f"{number:020d}", "type": "t", "data": data}
            body = json.dumps(event).encode()
            chain = chain_next(chain, number, body)
            records.append(Record(STREAM, 1, number, body, chain))
        log = LogFacts({(STREAM, r.sequence): r.body for r in records}, summarize(records))
        book = {"machines": [json.loads(json.dumps(self.egm.as_json(self.now)))]}
        return reconcile(machine_facts(book), log, log, final=True)


def a_gateway(seed: int, **bugs: bool) -> TinyGateway:
    wall = datetime(2026, 11, 23, tzinfo=UTC)
    egm = WiredEgm(ASSET, 1, Persona(), Dice(seed), serial="S", now=1000.0, wall=wall, habits=LIVELY)
    gateway = TinyGateway(egm, random.Random(seed), **bugs)  # type: ignore[arg-type]  # names of its switches
    gateway.run(1500)
    return gateway


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_honest_gateway_is_cleared_after_any_number_of_kills(seed: int) -> None:
    gateway = a_gateway(seed)
    verdict = gateway.settle()
    assert gateway.kills > 10
    assert verdict.ok, verdict.as_json()
    assert verdict.settled
    assert verdict.total("acknowledged") > 200
    assert verdict.total("flagged") <= gateway.kills
    assert verdict.total("dropped") == 0


def convicted(**bugs: bool) -> list[Verdict]:
    return [verdict for seed in range(1, 9) if not (verdict := a_gateway(seed, **bugs).settle()).ok]


def test_who_acknowledges_before_storing_loses_and_is_convicted() -> None:
    verdicts = convicted(stores_first=False)
    assert len(verdicts) == 8
    assert all(verdict.total("lost") for verdict in verdicts)
    assert not any(verdict.total("doubled") or verdict.total("invented") for verdict in verdicts)


def test_who_speaks_at_once_after_a_restart_loses_and_is_convicted() -> None:
    verdicts = convicted(waits_after_a_kill=False)
    assert len(verdicts) == 8
    assert all(verdict.total("lost") for verdict in verdicts)


def test_who_does_not_flag_a_possible_repeat_doubles_and_is_convicted() -> None:
    verdicts = convicted(flags_repeats=False)
    assert len(verdicts) >= 7
    assert all(verdict.total("doubled") for verdict in verdicts)
    assert not any(verdict.total("lost") for verdict in verdicts)
