"""``python -m tests.harness.month``: central was away for a month (UP-1); what it costs the disk, and how it drains.

The books are filled as fast as they will go (`monthbooks`), then the real field and front work on a copy of them while a
central that pulls and one at a broker fetch it all, and machines of a small hall raise alarms. Required: both centrals'
books equal the log, record by record with the chain; alarms do not wait for the backlog; memory stays flat.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from edge.health.room import days_words
from simulators.central.books import chain_next, chain_start
from tests.harness.evidence import Figures, add
from tests.harness.monthbooks import Plan, copy_books, filled
from tests.harness.processes import wait_until
from tests.harness.stage import Stage, seconds

CENTRALS = {"central": "pull", "central-mqtt": "mqtt"}
FRONT_MAX_MIB, FIELD_MAX_MIB = 140.0, 80.0
MONTH_MAX_BYTES = 8 << 30
"""On disk after 30 days of 100 machines."""
LIVE_WITHIN_S = 1.0
ALARM_EVERY_S = 0.5
ALARMS_MIN = 6
"""A small backlog may be gone before the lines are polled: so many are raised even so."""
LIVE_HALL = "[hall]\nmachines = 8\ngames_per_minute = 2\nevents_per_minute = 0\npoll_ms = 200\n"


class Month:
    """One run over filled books."""

    def __init__(self, directory: Path, books: Path, seed: int) -> None:
        scenario = directory / "live.toml"
        scenario.write_text(LIVE_HALL, encoding="utf-8")
        self.stage = Stage(directory, str(scenario), seed=seed, meters_every_s=900)
        copy_books(books, directory / "gateway" / "state")
        self.rss: dict[str, list[float]] = {"field": [], "front": []}
        self.alarms = 0
        self.alarm_at = 0.0

    def run(self, backlog: int, for_s: float) -> dict[str, Any]:
        """Figures of the drain; the stage is closed afterwards by the caller."""
        stage = self.stage
        opened = time.monotonic()
        stage.open()
        polls_after_s: float | None = None
        while True:
            now = time.monotonic()
            here = {name: self.at(name) for name in CENTRALS}
            if any(here.values()):
                self.sample()
            if polls_after_s is None and stage.polls():
                polls_after_s = round(now - opened, 1)
            if polls_after_s is not None:
                self.alarm(now)
            if self.alarms >= ALARMS_MIN and all(sequence >= backlog for sequence in here.values()):
                break
            if now - opened > for_s:
                raise TimeoutError(f"not drained within {for_s:g} s: {here} of {backlog}")
            time.sleep(0.2)
        until = time.time()
        stage.ask_hall(op="freeze")
        wait_until("both centrals have all", self.settled, within_s=120, every_s=0.5)
        drained = {way: self.drain_s(name, backlog) for name, way in CENTRALS.items()}
        return {
            "polls_after_s": polls_after_s,
            "drain_s": {way: round(s, 1) for way, s in drained.items()},
            "records_per_s": {way: round(backlog / max(s, 0.1)) for way, s in drained.items()},
            "rss_first_mib": {part: round(kept[0], 1) for part, kept in self.rss.items()},
            "rss_peak_mib": {part: round(max(kept), 1) for part, kept in self.rss.items()},
            "alarms": self.alarms,
            "settled_at": self.head(),
            **self.live(until),
        }

    def drain_s(self, central: str, backlog: int) -> float:
        """From the first record at this central to the last of the backlog, by the moments of its own commits."""
        with reading(self.stage.books(central)) as conn:
            asked = "SELECT arrived_at FROM record WHERE sequence IN (1, ?) ORDER BY epoch, streamid, sequence"
            first, last = (datetime.fromisoformat(row[0]) for row in conn.execute(asked, (backlog,)).fetchall())
        return (last - first).total_seconds()

    def at(self, central: str) -> int:
        """The last record that this central has; 0: none, or no books yet."""
        with contextlib.suppress(sqlite3.Error), reading(self.stage.books(central)) as conn:
            row = conn.execute("SELECT sequence FROM record ORDER BY epoch DESC, streamid DESC, sequence DESC LIMIT 1")
            return int((row.fetchone() or (0,))[0])
        return 0

    def head(self) -> int:
        with reading(self.stage.gateway.state / "hall.db") as conn:
            return int(conn.execute("SELECT max(position) FROM log").fetchone()[0])

    def settled(self) -> bool:
        head = self.head()
        return all(self.at(name) == head for name in CENTRALS)

    def sample(self) -> None:
        for part, kept in self.rss.items():
            child = self.stage.processes[part].child
            assert child is not None
            status = Path(f"/proc/{child.pid}/status").read_text(encoding="ascii")
            kept.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)

    def alarm(self, now: float) -> None:
        """A door of one machine after the other, twice a second: what must not wait behind the backlog."""
        if now < self.alarm_at:
            return
        self.alarm_at = now + ALARM_EVERY_S
        machines = [machine["asset"] for machine in self.stage.ask_hall(op="counts")["machines"]]
        what = ("open_door", "close_door")[self.alarms // len(machines) % 2]
        self.stage.ask_hall(op="do", asset=machines[self.alarms % len(machines)], what=what)
        self.alarms += 1

    def live(self, until: float) -> dict[str, Any]:
        """Delay of each live copy of a record made while the backlog drained, from the first batch over the broker on."""
        delays: list[float] = []
        with reading(self.stage.books("central-mqtt")) as conn:
            first = conn.execute("SELECT min(arrived_at) FROM record").fetchone()[0]
            since = datetime.fromisoformat(first).timestamp()
            for arrived_at, body in conn.execute("SELECT arrived_at, body FROM live"):
                made = datetime.fromisoformat(json.loads(body)["recordedat"]).timestamp()
                if since <= made <= until:
                    delays.append(datetime.fromisoformat(arrived_at).timestamp() - made)
        delays.sort()
        return {
            "live_copies": len(delays),
            "live_p50_ms": round(delays[len(delays) // 2] * 1000) if delays else None,
            "live_worst_ms": round(delays[-1] * 1000) if delays else None,
        }


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads; closed afterwards. Raises sqlite3.Error."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as conn:
        yield conn


def differences(log: Path, books: Path, through: int) -> list[str]:
    """What is not the same in central's books and in the log: sequence, bytes, chain; at most five sentences.

    ``through``: the least that central must have; what the field wrote after central was stopped is no difference.
    The chain is reckoned anew from the bytes that central has, by central's own code.
    """
    found: list[str] = []
    with reading(log) as ours, reading(books) as theirs:
        first, streamid = ours.execute("SELECT first_position, stream_id FROM epochs ORDER BY epoch").fetchone()
        chain = chain_start(streamid)
        mine = ours.execute("SELECT position - ? + 1, body, chain FROM log ORDER BY position", (first,))
        central = theirs.execute(
            "SELECT sequence, body, chain, streamid FROM record ORDER BY epoch, streamid, sequence"
        )
        for sequence, body, stored in mine:
            row = central.fetchone()
            if row is None and sequence > through:
                break
            if row is None:
                return [*found, f"central ends before record {sequence}"]
            chain = chain_next(chain, row[0], row[1])
            if (sequence, body, stored, streamid) != row or chain != stored:
                found.append(f"record {sequence} of the log differs from {row[0]} of central")
                if len(found) == 5:
                    return found
        if central.fetchone() is not None:
            found.append("central has records that are not in the log")
        faults = theirs.execute("SELECT kind, sequence, text FROM finding WHERE is_fault = 1 LIMIT 5").fetchall()
    return [*found, *(f"central found {kind} at {sequence}: {text}" for kind, sequence, text in faults)]


def run(plan: Plan, keep: Path | None, for_s: float) -> dict[str, Any]:
    """All of it. ``keep``: where the filled books stay for another run; None: they go with the rest."""
    base = Path(tempfile.mkdtemp(prefix="hall-edge-month-", dir="/var/tmp"))
    books = keep if keep is not None else base / "filled"
    figures = filled(books, plan)
    per_day = figures["bytes"] / plan.days
    report: dict[str, Any] = {
        "plan": figures["plan"],
        "filled_in_s": figures["took_s"],
        "used_again": figures["used_again"],
        "backlog": figures["records"],
        "mib_on_disk": round(figures["bytes"] / (1 << 20), 1),
        "mib_by_day": [round(size / (1 << 20), 1) for size in figures["bytes_by_day"]],
        "mib_a_day": round(per_day / (1 << 20), 1),
        "days_left": days_words(figures["days_left"]),
    }
    stage_directory = base / "play"
    stage_directory.mkdir()
    month = Month(stage_directory, books, plan.seed)
    try:
        report |= month.run(figures["records"], for_s)
    finally:
        exits = month.stage.close()
    compared = time.monotonic()
    log = month.stage.gateway.state / "hall.db"
    report["differences"] = {
        CENTRALS[name]: differences(log, month.stage.books(name), report["settled_at"]) for name in CENTRALS
    }
    report["compared_in_s"] = round(time.monotonic() - compared, 1)
    report["exits"] = {name: code for name, code in exits.items() if code}
    report["misses"] = misses(report, per_day * 30 * 100 / plan.machines)
    report["ok"] = not report["misses"]
    if report["ok"]:
        shutil.rmtree(base)
    else:
        report["directory"] = str(base)
    return report


def misses(report: dict[str, Any], month_bytes: float) -> list[str]:
    """What does not hold, in sentences. ``month_bytes``: on disk by 30 days of 100 machines, at this run's rate."""
    front, field = report["rss_peak_mib"]["front"], report["rss_peak_mib"]["field"]
    worst = report["live_worst_ms"]
    wrong = [f"{way}: {text}" for way, found in report["differences"].items() for text in found]
    wrong += [f"{name} ended with {code}" for name, code in report["exits"].items()]
    if month_bytes > MONTH_MAX_BYTES:
        wrong.append(f"a month of 100 machines takes {month_bytes / (1 << 30):.1f} GiB")
    if front > FRONT_MAX_MIB or field > FIELD_MAX_MIB:
        wrong.append(f"memory at the peak: front {front} MiB, field {field} MiB")
    if worst is None:
        wrong.append("no live copy was made while the backlog drained")
    elif worst > LIVE_WITHIN_S * 1000:
        wrong.append(f"a live copy took {worst} ms")
    return wrong


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--days", type=int, default=30, help="days that nobody fetched anything (30)")
    parser.add_argument(
        "--machines", type=int, default=100, help="an exception a minute, 17 meters a quarter each (100)"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--keep", type=Path, help="directory in which the filled books stay, and from which they are used again"
    )
    parser.add_argument(
        "--for", dest="for_s", type=seconds, default=4 * 3600.0, help="give up when not drained by then (4h)"
    )
    parser.add_argument("--evidence", action="store_true", help="add the figures to docs/evidence.json")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    if asked.days < 1 or asked.machines < 1:
        parser.error("--days and --machines are above 0")
    began = time.monotonic()
    report = run(Plan(asked.days, asked.machines, asked.seed), asked.keep, asked.for_s)
    took_s = round(time.monotonic() - began)
    if asked.evidence:
        bad = 0 if report["ok"] else 1
        command = f"./dev month --days {asked.days} --machines {asked.machines}"
        add(Figures("UP-1", "month", 1, bad, asked.seed, asked.seed if bad else None, took_s, command))
    if asked.json:
        print(json.dumps(report | {"took_s": took_s}))
    else:
        for name, value in report.items():
            print(f"{name:16} {value}")
        print(f"{'took_s':16} {took_s}")
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
