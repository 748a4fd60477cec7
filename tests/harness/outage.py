"""``python -m tests.harness.outage``: the link is cut while events pile up; afterwards they drain in order, memory flat.

Machines raise events as fast as the wires carry them. Broker and centrals are away until so many records wait; then they
come back, and while the backlog drains over pull and over MQTT, copies of new alarms must be at central within a second.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from simulators.central.store import CentralStore
from simulators.evidence import central_facts, gateway_facts, machine_facts
from simulators.reconcile import reconcile
from tests.harness.processes import wait_until
from tests.harness.stage import Stage, seconds

LIVE_WITHIN_S = 1.0
GROWTH_MAX_MIB = 20.0
"""What the front may take more at the peak of the drain than before it: pages and batches under way, never the backlog."""
AWAY = ("broker", "central", "central-mqtt")


class Outage:
    """One run."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.samples: dict[str, list[float]] = {"field": [], "front": []}
        self.alarms = 0

    def head(self) -> int:
        database = self.stage.gateway.state / "hall.db"
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5) as connection:
            return int(connection.execute("SELECT coalesce(max(position), 0) FROM log").fetchone()[0])

    def at(self, central: str) -> int:
        try:
            with sqlite3.connect(f"file:{self.stage.books(central)}?mode=ro", uri=True, timeout=5) as connection:
                return int(connection.execute("SELECT coalesce(max(sequence), 0) FROM record").fetchone()[0])
        except sqlite3.Error:
            return 0

    def sample(self) -> None:
        for part, kept in self.samples.items():
            child = self.stage.processes[part].child
            assert child is not None
            status = Path(f"/proc/{child.pid}/status").read_text()
            kept.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)

    def run(self, events: int, for_s: float) -> dict[str, Any]:
        stage = self.stage
        stage.open()
        stage.wait_for_polls(60)
        wait_until("central has heard of it", lambda: self.at("central") > 20, within_s=30)
        for name in AWAY:
            stage.processes[name].kill()
        began = time.monotonic()
        wait_until(f"{events} records wait", lambda: self.head() >= events, within_s=for_s, every_s=0.5)
        piled_s = time.monotonic() - began
        for _ in range(10):
            self.sample()
            time.sleep(0.1)
        before = {part: max(kept) for part, kept in self.samples.items()}
        backlog = self.head()
        stage.ask_hall(op="freeze")
        returned_at = time.time()
        back = time.monotonic()
        for name in AWAY:
            stage.processes[name].start()
        drained: dict[str, float] = {}
        while len(drained) < 2:
            self.sample()
            self._one_alarm()
            for central in ("central", "central-mqtt"):
                if central not in drained and self.at(central) >= backlog:
                    drained[central] = time.monotonic() - back
            if time.monotonic() - back > 300:
                raise TimeoutError(f"not drained: {self.at('central')} and {self.at('central-mqtt')} of {backlog}")
            time.sleep(0.1)
        drained_at = time.time()
        return {
            "backlog": backlog,
            "piled_up_s": round(piled_s, 1),
            "drain_s": {name: round(s, 1) for name, s in drained.items()},
            "events_per_s": {name: round(backlog / s) for name, s in drained.items()},
            "rss_before_mib": {part: round(v, 1) for part, v in before.items()},
            "rss_peak_mib": {part: round(max(kept), 1) for part, kept in self.samples.items()},
            **self._live(returned_at, drained_at),
            **self._judge(),
            "ok": False,
        }

    def _one_alarm(self) -> None:
        """A door somewhere: what must not wait behind the backlog."""
        self.alarms += 1
        machines = [machine["asset"] for machine in self.stage.ask_hall(op="counts")["machines"]]
        what = ("open_door", "close_door")[self.alarms // len(machines) % 2]
        self.stage.ask_hall(op="do", asset=machines[self.alarms % len(machines)], what=what)

    def _live(self, since: float, until: float) -> dict[str, Any]:
        """Delay of each live copy of an event made while the backlog drained, once the uplink was there again."""
        delays: list[float] = []
        with sqlite3.connect(f"file:{self.stage.books('central-mqtt')}?mode=ro", uri=True) as connection:
            first = None
            for arrived_at, body in connection.execute("SELECT arrived_at, body FROM live ORDER BY arrived_at"):
                made = datetime.fromisoformat(json.loads(body)["recordedat"]).timestamp()
                arrived = (
                    arrived_at if isinstance(arrived_at, float) else datetime.fromisoformat(arrived_at).timestamp()
                )
                if arrived < since:
                    continue
                first = arrived if first is None else first
                if first <= made <= until:
                    delays.append(arrived - made)
        delays.sort()
        return {
            "live_copies": len(delays),
            "live_p50_ms": round(delays[len(delays) // 2] * 1000) if delays else None,
            "live_worst_ms": round(delays[-1] * 1000) if delays else None,
        }

    def _judge(self) -> dict[str, Any]:
        stage = self.stage
        deadline = time.monotonic() + 90
        while True:
            machines = machine_facts(stage.ask_hall(op="book"))
            log = gateway_facts(stage.gateway.state / "hall.db")
            found = {}
            for central in ("central", "central-mqtt"):
                with CentralStore(stage.books(central), read_only=True) as store:
                    found[central] = reconcile(machines, central_facts(store), log)
            if all(v.settled for v in found.values()) or time.monotonic() > deadline:
                break
            time.sleep(1.0)
        return {
            "books_agree": all(verdict.ok and verdict.settled for verdict in found.values()),
            "raised": found["central"].total("raised"),
            "at_central": {name: verdict.total("at_central") for name, verdict in found.items()},
            "unsettled": {name: v.unsettled for name, v in found.items()},
            "faults": [f for v in found.values() for f in v.log_faults[:5]],
        }


def run(events: int, for_s: float, seed: int) -> dict[str, Any]:
    directory = Path(tempfile.mkdtemp(prefix="hall-edge-outage-"))
    stage = Stage(directory, "flood", seed=seed, meters_every_s=60)
    outage = Outage(stage)
    try:
        report = outage.run(events, for_s)
    finally:
        exits = stage.close()
    growth = report["rss_peak_mib"]["front"] - report["rss_before_mib"]["front"]
    report["front_growth_mib"] = round(growth, 1)
    report["ok"] = bool(
        report["books_agree"]
        and growth <= GROWTH_MAX_MIB
        and report["live_worst_ms"] is not None
        and report["live_worst_ms"] <= LIVE_WITHIN_S * 1000
        and not any(exits.values())
    )
    if report["ok"]:
        shutil.rmtree(directory)
    else:
        report["directory"] = str(directory)
    return report


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--events", type=int, default=100_000, help="records that pile up before the link is back")
    parser.add_argument("--for", dest="for_s", type=seconds, default=1200.0, help="give up when they have not by then")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    report = run(asked.events, asked.for_s, asked.seed)
    if asked.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:18} {value}")
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
