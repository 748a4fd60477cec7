"""``./dev soak``: a lively hall for minutes or nights, and both halves of the gateway must not grow.

Machines play on single and shared lines; the disk is slow now and then, centrals and broker go and come back, commands come
in. Memory and open files of field and front are read from /proc every few seconds; field and front themselves are never
touched, or there would be nothing to measure. At the end play stops and every book is laid beside every other, as after
crashes.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.harness.commands import Orders
from tests.harness.crash import Crash
from tests.harness.processes import wait_until
from tests.harness.stage import Stage, seconds

PARTS = ("field", "front")
SAMPLE_EVERY_S = 2.0
WARM_UP_MAX_S = 300.0
WARM_UP_SHARE = 1 / 3
"""Of the time, at most `WARM_UP_MAX_S`: caches fill, modules load, the first pages are made."""
GROWTH_MAX = 0.05
"""From the first fifth after warm-up to the last fifth, median against median."""
FILES_MAX = 16
"""So many more open files than ever during warm-up: a central that comes back holds its old and its new connection."""
SLOW_MS = (0, 0, 0, 20, 80)
PASSERS_BY = ("central", "central-mqtt", "broker")


@dataclass(slots=True)
class Samples:
    """What /proc said of one process: moment since the start in s, resident MiB, open files."""

    at_s: list[float] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def take(self, pid: int, at_s: float) -> None:
        """Raises OSError when the process is gone."""
        status = Path(f"/proc/{pid}/status").read_text()
        self.files.append(sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))
        self.mib.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
        self.at_s.append(at_s)

    def judged(self, warm_up_s: float) -> dict[str, Any]:
        """Figures; ``growth`` is None where the run was too short to say."""
        warm = next((place for place, at_s in enumerate(self.at_s) if at_s >= warm_up_s), len(self.at_s))
        after = self.mib[warm:]
        share = max(3, len(after) // 5)
        growth: float | None = None
        if len(after) >= 2 * share:
            growth = median(after[-share:]) / median(after[:share]) - 1
        return {
            "samples": len(self.mib),
            "mib_first": round(self.mib[0], 1) if self.mib else None,
            "mib_after_warm_up": round(median(after[:share]), 1) if after else None,
            "mib_last": round(median(after[-share:]), 1) if after else None,
            "mib_peak": round(max(self.mib), 1) if self.mib else None,
            "growth": None if growth is None else round(growth, 4),
            "files_warm_up_peak": max(self.files[:warm], default=None),
            "files_peak": max(self.files, default=None),
            "files_last": self.files[-1] if self.files else None,
        }


def faults(name: str, figures: dict[str, Any]) -> list[str]:
    """What is wrong with a process's figures, in words."""
    wrong = []
    if figures["growth"] is None:
        wrong.append(f"{name}: too short a run to say whether memory grows")
    elif figures["growth"] >= GROWTH_MAX:
        wrong.append(
            f"{name}: memory grew by {figures['growth']:.1%} after warm-up, "
            f"{figures['mib_after_warm_up']} to {figures['mib_last']} MiB"
        )
    allowed = (figures["files_warm_up_peak"] or 0) + FILES_MAX
    if (figures["files_last"] or 0) > allowed:
        wrong.append(f"{name}: {figures['files_last']} open files at the end, {allowed} are allowed")
    return wrong


class Soak:
    """One run on one stage."""

    def __init__(self, stage: Stage, seed: int, *, quiet: bool) -> None:
        self.stage = stage
        self.dice = random.Random(seed)
        self.judge = Crash(stage, seed, quiet=quiet)
        self.quiet = quiet
        self.samples = {name: Samples() for name in PARTS}
        self.away: str | None = None
        self.disturbed = 0

    def say(self, text: str) -> None:
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def play(self, for_s: float) -> None:
        """Watch, disturb, and see that nothing dies by itself."""
        stage = self.stage
        stage.wait_for_polls(60)
        self.judge.orders = Orders(stage.gateway)
        began = time.monotonic()
        disturb_at, told_at = 15.0, 0.0
        while (at_s := time.monotonic() - began) < for_s:
            for name in PARTS:
                child = stage.processes[name].child
                if child is None or not stage.processes[name].alive:
                    raise RuntimeError(f"{name} died by itself:\n{stage.processes[name].tail(30)}")
                self.samples[name].take(child.pid, at_s)
            if at_s >= disturb_at:
                self._disturb()
                disturb_at = at_s + self.dice.uniform(5.0, 15.0)
            if at_s - told_at >= 30.0:
                told_at = at_s
                figures = ", ".join(f"{name} {self.samples[name].mib[-1]:.1f} MiB" for name in PARTS)
                self.say(f"{at_s:6.0f} s: {figures}")
            time.sleep(SAMPLE_EVERY_S)
        self._come_back()

    def _disturb(self) -> None:
        self.disturbed += 1
        self.stage.slow_disk.write_text(f"{self.dice.choice(SLOW_MS)}\n")
        if self.away is not None:
            self._come_back()
        elif self.dice.random() < 0.5:
            self.away = self.dice.choice(PASSERS_BY)
            self.stage.processes[self.away].kill()
        self.judge._command()

    def _come_back(self) -> None:
        if self.away is not None:
            self.stage.processes[self.away].start()
            self.away = None

    def report(self, for_s: float) -> dict[str, Any]:
        """The books as after crashes, and the figures of both halves; ``ok`` only if all of it holds."""
        books = self.judge.report(self.judge.settle())
        warm_up_s = min(WARM_UP_MAX_S, for_s * WARM_UP_SHARE)
        figures = {name: taken.judged(warm_up_s) for name, taken in self.samples.items()}
        wrong = [*books["wrong"], *(fault for name, told in figures.items() for fault in faults(name, told))]
        told = ("raised", "acknowledged", "stored", "at_central", "lost", "doubled", "invented", "altered", "moved")
        return {
            "ok": not wrong,
            "warm_up_s": round(warm_up_s),
            "disturbed": self.disturbed,
            **figures,
            **{name: books[name] for name in (*told, "meters_compared", "commands")},
            "wrong": wrong,
        }


def run(for_s: float, seed: int, *, quiet: bool = False, keep: Path | None = None) -> dict[str, Any]:
    """Play, measure, settle, judge. The directory is kept when something was wrong, and named in the report."""
    directory = keep or Path(tempfile.mkdtemp(prefix="hall-edge-soak-"))
    directory.mkdir(parents=True, exist_ok=True)
    stage = Stage(directory, "crash", seed=seed, slow_disk_possible=True, meters_every_s=10)
    soak = Soak(stage, seed, quiet=quiet)
    began = time.monotonic()
    try:
        stage.open()
        wait_until("the front answers", lambda: stage.books("central").exists(), within_s=30)
        soak.play(for_s)
        report = soak.report(for_s)
    finally:
        exits = stage.close()
    report |= {"seed": seed, "took_s": round(time.monotonic() - began), "exits": exits}
    if report["ok"] and keep is None:
        shutil.rmtree(directory)
    else:
        report["directory"] = str(directory)
    return report


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev soak", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--for", dest="for_s", type=seconds, default=600.0, help="so long: 3m, 8h")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--keep", type=Path, help="directory for everything, kept afterwards")
    asked = parser.parse_args(argv)
    report = run(asked.for_s, asked.seed, keep=asked.keep)
    if asked.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:16} {value}")
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
