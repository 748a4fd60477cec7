"""``./dev demo``: a simulated hall, both halves of the gateway, a central that pulls, and the live page; no broker needed.

Runs until Ctrl-C (or ``--for``), then stops play, lets everything arrive, and lays the books beside each other: for each
machine what it raised, what was acknowledged, stored and is at central; for each meter the machine's value, the stored
one and central's; and which comparison has not settled.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from simulators.central.store import CentralStore
from simulators.evidence import central_facts, gateway_facts, machine_facts
from simulators.reconcile import Verdict, reconcile
from tests.harness.processes import python
from tests.harness.stage import Stage, seconds

SETTLE_WITHIN_S = 25.0
SHOWN_METERS = {
    0x00: "coin in", 0x01: "coin out", 0x02: "jackpots", 0x05: "games", 0x0B: "bills in", 0x0C: "credits now",
}  # fmt: skip


class Demo:
    """One demonstration on one stage."""

    def __init__(self, stage: Stage, *, as_json: bool) -> None:
        self.stage = stage
        self.as_json = as_json
        self.began = time.monotonic()
        self.first_event_s: float | None = None
        self.stop = False

    def say(self, text: str) -> None:
        print(text, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.stop = True

    def run(self, for_s: float | None) -> None:
        """Show how events flow until the end is asked for."""
        link = self._page_link()
        self.say(f"page      {link}")
        self.say(f"          opens once; again: hallctl --run-directory {self.stage.gateway.run_directory} page-link")
        self.say(
            "machines are asked after 5.3 s of silence: nobody has proven yet that the last host stored all it heard"
        )
        told_at = 0.0
        while not self.stop and (for_s is None or time.monotonic() - self.began < for_s):
            time.sleep(0.2)
            records = self._at_central()
            if self.first_event_s is None and records and self._exceptions_at_central():
                self.first_event_s = time.monotonic() - self.began
                self.say(f"first event of a machine at central after {self.first_event_s:.1f} s")
            if time.monotonic() - told_at >= 5.0:
                told_at = time.monotonic()
                self.say(self._line(records))
            self._all_live()

    def _all_live(self) -> None:
        for name, process in self.stage.processes.items():
            if not process.alive:
                raise RuntimeError(f"{name} ended by itself:\n{process.tail(25)}")

    def _page_link(self) -> str:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            done = subprocess.run(
                python("-m", "edge.cli.main", "--run-directory", str(self.stage.gateway.run_directory), "page-link"),
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                return done.stdout.strip()
            time.sleep(0.3)
        return self.stage.gateway.url

    def _line(self, records: int) -> str:
        counts = self.stage.ask_hall(op="counts")["machines"]
        raised = sum(machine["raised"] for machine in counts)
        acknowledged = sum(machine["acknowledged"] for machine in counts)
        return (
            f"{time.monotonic() - self.began:5.0f} s   exceptions raised {raised}, acknowledged {acknowledged}   "
            f"records at central {records}"
        )

    def _at_central(self) -> int:
        if not self.stage.books("central").exists():
            return 0
        with CentralStore(self.stage.books("central"), read_only=True) as store:
            return sum(1 for _ in store.records())

    def _exceptions_at_central(self) -> bool:
        with CentralStore(self.stage.books("central"), read_only=True) as store:
            return any(machine.exceptions for machine in store.summary().machines.values())

    def settle(self) -> Verdict:
        """Play stops; what is on its way arrives; the regular snapshot brings the last meters."""
        self.say("play stops; waiting until everything has arrived ...")
        self.stage.ask_hall(op="freeze")
        deadline = time.monotonic() + SETTLE_WITHIN_S
        while True:
            verdict = self._verdict()
            if verdict.settled or time.monotonic() > deadline:
                return verdict
            time.sleep(0.5)

    def _verdict(self) -> Verdict:
        machines = machine_facts(self.stage.ask_hall(op="book"))
        log = gateway_facts(self.stage.gateway.state / "hall.db")
        with CentralStore(self.stage.books("central"), read_only=True) as store:
            return reconcile(machines, central_facts(store), log)


def show(verdict: Verdict) -> None:
    """Two tables and what has not settled."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    exceptions = Table("machine", "raised", "acknowledged", "stored", "at central", "", title="Exceptions")
    meters = Table(
        "machine",
        *SHOWN_METERS.values(),
        "all meters",
        title="Meters: machine = stored = central, or the three values",
    )
    for machine in verdict.machines:
        faults = [*machine.lost, *machine.doubled, *machine.invented, *machine.altered, *machine.moved]
        state = "[red]" + "; ".join(faults) if faults else "; ".join(machine.unsettled) or "equal"
        exceptions.add_row(
            *map(str, (machine.asset, machine.raised, machine.acknowledged, machine.stored, machine.at_central)), state
        )
        rows = {row.code: row for row in machine.meters}
        cells = []
        for code in SHOWN_METERS:
            row = rows.get(code)
            if row is None:
                cells.append("-")
            elif row.state == "equal":
                cells.append(f"{row.machine}")
            else:
                cells.append(f"{row.machine} / {row.stored} / {row.central}")
        equal = sum(row.state == "equal" for row in machine.meters)
        meters.add_row(str(machine.asset), *cells, f"{equal} of {len(machine.meters)} equal")
    console.print(exceptions)
    console.print(meters)
    if verdict.settled:
        console.print("Everything has settled: no comparison is open.")
    else:
        open_ones = [*verdict.unsettled, *(f"machine {m.asset}: {u}" for m in verdict.machines for u in m.unsettled)]
        console.print("Not settled yet:\n  " + "\n  ".join(open_ones))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev demo", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--for", dest="for_s", type=seconds, help="end after so long: 60s, 5m; without it: Ctrl-C")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scenario", default="evening", help="a hall of the simulators, by name or file")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args(argv)
    directory = Path(tempfile.mkdtemp(prefix="hall-edge-demo-"))
    stage = Stage(directory, asked.scenario, seed=asked.seed, with_mqtt=False, meters_every_s=10)
    demo = Demo(stage, as_json=asked.json)
    signal.signal(signal.SIGINT, demo.ask_to_stop)
    signal.signal(signal.SIGTERM, demo.ask_to_stop)
    ok = False
    report: dict[str, Any] = {}
    try:
        stage.open()
        demo.run(asked.for_s)
        verdict = demo.settle()
        ok = verdict.ok and verdict.settled and demo.first_event_s is not None
        report = {"ok": ok, "first_event_s": round(demo.first_event_s or 0.0, 1), **verdict.as_json()}
        if not asked.json:
            show(verdict)
    finally:
        exits = stage.close()
    if any(exits.values()):
        ok = False
    if asked.json:
        report.pop("machines", None)
        print(json.dumps({**report, "ok": ok, "exits": exits}))
    elif any(exits.values()):
        print(f"did not stop cleanly: {exits}; logs in {stage.logs}")
    if ok and "HALL_EDGE_KEEP" not in os.environ:
        shutil.rmtree(directory)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
