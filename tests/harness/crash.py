"""``./dev crash``: kill without warning whatever runs, again and again, and see that nothing is lost, doubled or altered.

Field, front, broker and both centrals are killed by SIGKILL, each alone and together, while machines play on single and
shared lines, over pull and over MQTT, on a disk that is slow now and then. Afterwards every book is laid beside every
other: what each machine knows it raised, what stands in its meters, what the log holds, what both centrals have.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from simulators.central.store import CentralStore
from simulators.evidence import central_facts, gateway_facts, machine_facts
from simulators.reconcile import Verdict, reconcile
from tests.harness.commands import Orders
from tests.harness.processes import wait_until
from tests.harness.stage import Stage, seconds

VICTIMS = ("field", "front", "broker", "central", "central-mqtt")
SLOW_MS = (0, 0, 40, 150)
SETTLE_WITHIN_S = 120.0


class Crash:
    """One run: ``rounds`` kills on one stage."""

    def __init__(self, stage: Stage, seed: int, *, quiet: bool) -> None:
        self.stage = stage
        self.dice = random.Random(seed)
        self.quiet = quiet
        self.kills: Counter[str] = Counter()
        self.orders: Orders | None = None
        self.rounds = 0

    def say(self, text: str) -> None:
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def play(self, rounds: int, until: float) -> None:
        """Kill at random moments until the rounds or the time are over."""
        stage, dice = self.stage, self.dice
        self.orders = Orders(stage.gateway)
        stage.wait_for_polls()
        while self.rounds < rounds and time.monotonic() < until:
            self.rounds += 1
            stage.slow_disk.write_text(f"{dice.choice(SLOW_MS)}\n")
            # Now and then before the lines have spoken at all: a crash in the silence after a crash.
            time.sleep(dice.uniform(0.2, 1.5) if dice.random() < 0.3 else dice.uniform(1.5, 8.0))
            if dice.random() < 0.4:
                self._command()
            victims = self._choose()
            for name in victims:
                stage.processes[name].kill()
                self.kills[name] += 1
            time.sleep(dice.choice((0.0, 0.05, 0.5, 1.5)))
            for name in victims:
                stage.processes[name].start()
            self.say(f"round {self.rounds}: {' '.join(victims)}")
            self._nothing_died_alone()

    def _choose(self) -> list[str]:
        if self.dice.random() < 0.15:
            return [name for name in VICTIMS if self.dice.random() < 0.7] or ["field"]
        return [self.dice.choices(VICTIMS, weights=(6, 3, 2, 1, 1))[0]]

    def _command(self) -> None:
        assert self.orders is not None
        streamid = self._streamid()
        if streamid is None:
            return
        asset = self.dice.choice(self.stage.ask_hall(op="counts")["machines"])["asset"]
        self.orders.send(self.dice.choice(("read-meters", "enable", "set-clock")), asset, streamid)

    def _streamid(self) -> str | None:
        database = self.stage.gateway.state / "hall.db"
        try:
            with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=2) as connection:
                row = connection.execute("SELECT stream_id FROM epochs ORDER BY epoch DESC LIMIT 1").fetchone()
        except sqlite3.Error:
            return None
        return None if row is None else str(row[0])

    def _nothing_died_alone(self) -> None:
        for name, process in self.stage.processes.items():
            if not process.alive:
                raise RuntimeError(f"{name} died by itself:\n{process.tail(30)}")

    # the end --------------------------------------------------------------------------------------------------------

    def settle(self) -> dict[str, Verdict]:
        """Machines stop, everything on its way arrives, the meters are read once more; then the books are judged."""
        stage = self.stage
        stage.slow_disk.write_text("0\n")
        stage.wait_for_polls(60)
        stage.ask_hall(op="freeze")
        assert self.orders is not None
        deadline = time.monotonic() + SETTLE_WITHIN_S
        verdicts: dict[str, Verdict] = {}
        while time.monotonic() < deadline:
            time.sleep(1.0)
            self.orders.ask_again()
            verdicts = self._verdicts(final=False)
            if (
                verdicts
                and not self.orders.open
                and all(v.settled for v in verdicts.values())
                and not self._open_orders()
            ):
                break
        return self._verdicts(final=True)

    def _open_orders(self) -> list[str]:
        assert self.orders is not None
        endings = self.orders.endings(self.stage.books("central"))
        return [command_id for command_id, times in endings.items() if times != 1]

    def _verdicts(self, *, final: bool) -> dict[str, Verdict]:
        machines = machine_facts(self.stage.ask_hall(op="book"))
        log = gateway_facts(self.stage.gateway.state / "hall.db")
        found: dict[str, Verdict] = {}
        for central in ("central", "central-mqtt"):
            with CentralStore(self.stage.books(central), read_only=True) as store:
                found[central] = reconcile(machines, central_facts(store), log, final=final)
        return found

    def report(self, verdicts: dict[str, Verdict]) -> dict[str, Any]:
        """What the run showed; ``ok`` only if all of it held."""
        field_kills = self.kills["field"]
        wrong: list[str] = []
        for central, verdict in verdicts.items():
            if not verdict.settled:
                wrong.append(f"{central}: not settled: {verdict.unsettled}")
            if not verdict.ok:
                wrong += [f"{central}: {fault}" for fault in verdict.log_faults[:10]]
            for machine in verdict.machines:
                if machine.faults:
                    wrong.append(
                        f"{central}: machine {machine.asset}: lost {machine.lost[:5]} doubled {machine.doubled[:5]} "
                        f"invented {machine.invented[:5]} altered {machine.altered[:5]} moved {machine.moved[:5]} meters "
                        f"{[m._asdict() for m in machine.meters if m.state in ('altered', 'differs')][:3]}"
                    )
                if len(machine.repeated) > field_kills:
                    wrong.append(
                        f"{central}: machine {machine.asset}: {len(machine.repeated)} repeats in {field_kills} kills"
                    )
        wrong += [f"command {command_id} has not exactly one ending" for command_id in self._open_orders()]
        first = next(iter(verdicts.values()))
        assert self.orders is not None
        return {
            "ok": not wrong,
            "rounds": self.rounds,
            "kills": dict(self.kills),
            "raised": first.total("raised"),
            "acknowledged": first.total("acknowledged"),
            "stored": first.total("stored"),
            "at_central": {name: verdict.total("at_central") for name, verdict in verdicts.items()},
            **{name: first.total(name) for name in ("lost", "doubled", "invented", "altered", "moved")},
            "maybe_repeat": [
                f"machine {machine.asset}: {place}" for machine in first.machines for place in machine.repeated
            ],
            "flagged_but_new": first.total("flagged") - first.total("repeated"),
            "meters_compared": sum(len(machine.meters) for machine in first.machines),
            "commands": {
                "admitted": len(self.orders.admitted), "refused": dict(self.orders.refused), "open": len(self.orders.open)
            },
            "wrong": wrong[:40],
        }  # fmt: skip


def run(rounds: int, for_s: float, seed: int, *, quiet: bool = False, keep: Path | None = None) -> dict[str, Any]:
    """Play, settle, judge. The directory is kept when something was wrong, and named in the report."""
    directory = keep or Path(tempfile.mkdtemp(prefix="hall-edge-crash-"))
    directory.mkdir(parents=True, exist_ok=True)
    stage = Stage(directory, "crash", seed=seed, slow_disk_possible=True, meters_every_s=10)
    crash = Crash(stage, seed, quiet=quiet)
    began = time.monotonic()
    try:
        stage.open()
        wait_until("the front answers", lambda: stage.books("central").exists(), within_s=30)
        crash.play(rounds, began + for_s)
        report = crash.report(crash.settle())
    finally:
        exits = stage.close()
    report |= {"seed": seed, "took_s": round(time.monotonic() - began), "exits": exits}
    if report["ok"] and keep is None:
        shutil.rmtree(directory)
    else:
        report["directory"] = str(directory)
    return report


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev crash", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--for", dest="for_s", type=seconds, default=3600.0, help="at most so long: 60s, 20m")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--keep", type=Path, help="directory for everything, kept afterwards")
    asked = parser.parse_args(argv)
    report = run(asked.rounds, asked.for_s, asked.seed, keep=asked.keep)
    if asked.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:16} {value}")
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
