"""``./dev fuzz``: random, damaged and hostile input into every door of the project, for a given time.

A case is a target and a number, nothing else: the same two give the same input on any machine. Broken is: an error that the
door does not document, a single input that costs more than 100 ms of processor time, a private buffer beyond its limit.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from tests.harness.fuzztargets import TARGETS, Target
from tests.harness.stage import seconds

CASE_MAX_S = 0.100
"""Processor time, not the clock's: others may be at work on this machine."""
HANGS_AFTER_S = 5.0
"""Of processor time in one case: it is interrupted, and is a failure."""
ROUND = 20
"""Cases of one target before the next has its turn."""
FAILURES_MAX = 5
"""Of one target; then it has made its point and the others get the time."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One case that broke something."""

    target: str
    number: int
    what: str

    @property
    def again(self) -> str:
        """The one command that repeats it."""
        return f"./dev fuzz --target {self.target} --case {self.number}"


@dataclass(slots=True)
class Fuzz:
    """One run over some targets."""

    targets: Sequence[Target]
    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    "Inputs that ended in a documented error: a target where all or none do is not fuzzed well."
    slowest_ms: dict[str, float] = field(default_factory=dict)
    fullest: dict[str, float] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def run(self, seed: int, for_s: float) -> float:
        """Round and round until the time is over; returns how long it took."""
        # The garbage of whatever ran in this process before is not the door's: only its own counts against its 100 ms.
        gc.collect()
        gc.freeze()
        began = time.monotonic()
        dice = random.Random(seed)
        while time.monotonic() - began < for_s:
            for target in self.targets:
                if sum(failure.target == target.name for failure in self.failures) >= FAILURES_MAX:
                    continue
                for _ in range(ROUND):
                    self.case(target, dice.getrandbits(63))
        return time.monotonic() - began

    def case(self, target: Target, number: int) -> str | None:
        """One input. Returns what broke, or None."""
        dice = random.Random(f"{target.name} {number}")
        self.counts[target.name] += 1
        began = time.thread_time()
        broke: str | None = None
        try:
            with _interrupted():
                full = target.run(dice)
        except target.expected:
            self.refused[target.name] += 1
            full = 0.0
        except Exception:  # noqa: BLE001 - whatever else comes out of a door is what is looked for
            full = 0.0
            broke = traceback.format_exc()
        took_s = time.thread_time() - began
        self.slowest_ms[target.name] = max(self.slowest_ms.get(target.name, 0.0), took_s * 1000)
        self.fullest[target.name] = max(self.fullest.get(target.name, 0.0), full)
        if broke is None and took_s > CASE_MAX_S:
            broke = f"{took_s * 1000:.0f} ms of processor time; {CASE_MAX_S * 1000:.0f} are allowed"
        if broke is None and full > 1.0:
            broke = f"a buffer holds {full:.2f} of what it may"
        if broke is not None:
            self.failures.append(Failure(target.name, number, broke))
        return broke

    def report(self, took_s: float) -> dict[str, Any]:
        """Figures for people and machines; ``ok`` only if nothing broke."""
        return {
            "ok": not self.failures,
            "took_s": round(took_s, 1),
            "cases": sum(self.counts.values()),
            "cases_per_s": round(sum(self.counts.values()) / took_s) if took_s else 0,
            "targets": {
                name: {
                    "cases": count,
                    "refused": self.refused[name],
                    "slowest_ms": round(self.slowest_ms[name], 1),
                    "fullest": round(self.fullest[name], 2),
                }
                for name, count in self.counts.items()
            },
            "failures": [{"again": one.again, "what": one.what.strip().splitlines()[-1]} for one in self.failures],
        }


@contextmanager
def _interrupted() -> Iterator[None]:
    """What runs too long meets a TimeoutError. Processor time, so that it may stand beside other timers."""
    before = signal.signal(signal.SIGVTALRM, _hangs)
    signal.setitimer(signal.ITIMER_VIRTUAL, HANGS_AFTER_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)


def _hangs(signum: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"no end after {HANGS_AFTER_S:g} s of processor time")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=(__doc__ or "").split("\n\n")[0])
    names = [target.name for target in TARGETS]
    parser.add_argument("--for", dest="for_s", type=seconds, default=60.0, help="so long: 60s, 20m")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--target", action="append", choices=names, help="only this one; may be given more than once")
    parser.add_argument("--case", type=int, help="this one case of the one --target, with all it says")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args(argv)
    chosen = [target for target in TARGETS if not asked.target or target.name in asked.target]
    fuzz = Fuzz(chosen)
    if asked.case is not None:
        if len(chosen) != 1:
            parser.error("--case needs exactly one --target")
        broke = fuzz.case(chosen[0], asked.case)
        print(broke or "nothing broke")
        return 1 if broke else 0
    report = fuzz.report(fuzz.run(asked.seed, asked.for_s))
    for failure in fuzz.failures[:1]:
        print(f"{failure.what}\nagain: {failure.again}", file=sys.stderr)
    if asked.json:
        print(json.dumps(report))
    else:
        for name, figures in report["targets"].items():
            print(f"{name:18} {' '.join(f'{key} {value}' for key, value in figures.items())}")
        print(f"{report['cases']} cases, {report['cases_per_s']} a second, {len(report['failures'])} broke something")
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
