"""``./dev sweep``: one conversation of the books is killed at each system call that touches the disk (PW-2, PW-6).

The calls of a run that is not disturbed are counted first; then it is run again and again, and killed as it makes the
n-th of them: exhaustive (``--all``) or at so many points by chance. Two beginnings: a box that has never started, with
its migrations, and one that was killed before. After each kill the field's own cold start opens what is left, twice, and it
is judged by what had been acknowledged. With ``--field N`` also the real field, at so many points, among them what it
sends to its machines: afterwards each machine's own book is laid beside the log.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.harness.booksjudge import Bench, Image, Truth, readable_truth
from tests.harness.evidence import Figures, add
from tests.harness.processes import REPOSITORY, python, wait_until
from tests.harness.smallplay import SmallPlay, faults_of

CALLS = ("fdatasync", "fsync", "pwrite64", "ftruncate", "unlink", "rename")
FIELD_CALLS = {"sendto": 400, "write": 300, "pwrite64": 400, "fdatasync": 60, "pread64": 200, "rename": 2}
"Of the real field, with the highest number that a few seconds of it reach."
STEPS = 40
BEGINNINGS = ("first start", "killed before")
LIVES = 8
"Points of the real field on one hall; then its books are judged, and all is made anew."


class Point(NamedTuple):
    """Where it is killed: at the ``nth`` such call that any one thread makes."""

    beginning: str
    call: str
    nth: int


def missing() -> str | None:
    """What this machine lacks for it; None: nothing."""
    return None if shutil.which("strace") else "strace is missing"


def strace(log: Path, calls: Sequence[str], *inject: str) -> list[str]:
    """The command up to the program that is traced."""
    return ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(calls)}",
            *(word for rule in inject for word in ("-e", f"inject={rule}"))]  # fmt: skip


# the books alone --------------------------------------------------------------------------------------------------


class Conversation:
    """The same facts each time, on a directory that is as it was each time."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.bench = Bench(directory)
        self.seed = seed
        self.log = directory / "calls"
        self.kept = directory / "kept"

    def prepare(self) -> None:
        """A box in use: killed in the middle of its first day, with records that are in the WAL only."""
        self.begin("first start")
        self.talk("fdatasync:signal=SIGKILL:when=25")
        shutil.copytree(self.bench.mnt / "state", self.kept)

    def begin(self, beginning: str) -> None:
        """Lay the state directory as it is then."""
        state = self.bench.mnt / "state"
        shutil.rmtree(state, ignore_errors=True)
        if beginning == BEGINNINGS[1]:
            shutil.copytree(self.kept, state)

    def talk(self, *inject: str) -> tuple[int, tuple[int, str] | None]:
        """Run it. Returns its exit code, and the last acknowledgement that the world has heard."""
        done = subprocess.run(
            [*strace(self.log, CALLS, *inject), *python("-m", "tests.harness.busybooks",
             str(self.bench.directory / "config.toml"), "--for", "60", "--steps", str(STEPS), "--seed", str(self.seed))],
            cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=90,
        )  # fmt: skip
        marks = re.findall(r"^(\d+) ([0-9a-f]{64})$", done.stdout, re.MULTILINE)
        return done.returncode, (int(marks[-1][0]), marks[-1][1]) if marks else None

    def points(self) -> list[Point]:
        """Every call of both beginnings. Each thread of the traced program has its own count."""
        found: list[Point] = []
        for beginning in BEGINNINGS:
            self.begin(beginning)
            code, _ = self.talk()
            if code:
                raise RuntimeError(f"the conversation fails undisturbed: {code}")
            counts = Counter(re.findall(r"^(\d+) +(\w+)\(", self.log.read_text(), re.MULTILINE))
            for call in CALLS:
                most = max((count for (_, name), count in counts.items() if name == call), default=0)
                found += (Point(beginning, call, nth) for nth in range(1, most + 1))
        return found

    def kill_at(self, point: Point) -> tuple[str, list[str]]:
        """``killed``, or ``ended`` when this run made fewer such calls; and what is wrong."""
        self.begin(point.beginning)
        code, acknowledged = self.talk(f"{point.call}:signal=SIGKILL:when={point.nth}")
        if code not in (0, -signal.SIGKILL, 128 + signal.SIGKILL):
            return "failed", [f"exit code {code}"]
        how = "killed" if code else "ended"
        state = self.bench.mnt / "state"
        if not state.exists():
            return how, [] if acknowledged is None else ["there is no state directory"]
        return how, self.bench.judge_here(Image(point.nth, 0, how, b"", acknowledged), self._truth(state))

    def _truth(self, state: Path) -> Truth:
        """What lies there. A chain value that was acknowledged vouches for all records up to it."""
        copy = self.bench.directory / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(state, copy)
        return readable_truth(copy / "hall.db")


def _share(task: tuple[list[Point], int, float | None]) -> tuple[Counter[str], list[str]]:
    points, seed, until = task
    found: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="hall-edge-sweep-", dir=_memory()) as scratch:
        conversation = Conversation(Path(scratch), seed)
        conversation.prepare()
        for point in points:
            if until is not None and time.monotonic() >= until:
                break
            how, texts = conversation.kill_at(point)
            found["points"] += 1
            found[how] += 1
            wrong += [f"seed {seed}, {point.beginning}, {point.call} {point.nth}: {text}" for text in texts]
    return found, wrong


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def books(count: int | None, seed: int, *, workers: int = 2, until: float | None = None) -> dict[str, Any]:
    """So many points by chance; None: each there is."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hall-edge-sweep-", dir=_memory()) as scratch:
        conversation = Conversation(Path(scratch), seed)
        conversation.prepare()
        there = conversation.points()
    dice = random.Random(seed)
    points = there
    if count is not None and count < len(there):
        # The rare calls first: of hundreds of writes one is like the other, of three renames none is.
        kinds = sorted({(point.beginning, point.call) for point in there})
        certain = [dice.choice([p for p in there if (p.beginning, p.call) == kind]) for kind in kinds][:count]
        points = certain + dice.sample(sorted(set(there) - set(certain)), count - len(certain))
    dice.shuffle(points)
    tasks = [(points[which::workers], seed, until) for which in range(workers)]
    if workers == 1:
        parts = [_share(tasks[0])]
    else:
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            parts = pool.map(_share, tasks)
    found = sum((counted for counted, _ in parts), Counter[str]())
    wrong = [text for _, texts in parts for text in texts]
    return {"ok": not wrong and bool(found["killed"]), "calls": len(there), "points": found["points"],
            "killed": found["killed"], "ended": found["ended"], "seed": seed,
            "took_s": round(time.monotonic() - began), "wrongs": len(wrong), "wrong": wrong[:40]}  # fmt: skip


# the real field ---------------------------------------------------------------------------------------------------


def field(count: int, seed: int, *, until: float | None = None, lives: int = LIVES) -> dict[str, Any]:
    """The real field and a hall of machines; it is killed at so many calls, the sending of a poll among them."""
    dice = random.Random(seed)
    began = time.monotonic()
    found: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    wrong: list[str] = []
    while found["points"] < count and (until is None or time.monotonic() < until):
        with tempfile.TemporaryDirectory(prefix="hall-edge-sweep-") as scratch:
            points = [_field_point(dice) for _ in range(min(lives, count - found["points"]))]
            wrong += [f"seed {seed}, {points}: {text}" for text in _one_hall(Path(scratch), seed, points, found)]
            calls.update(point.call for point in points)
    return {"ok": not wrong and bool(found["killed"]), **found, "by_call": dict(calls), "seed": seed,
            "took_s": round(time.monotonic() - began), "wrongs": len(wrong), "wrong": wrong[:40]}  # fmt: skip


def _field_point(dice: random.Random) -> Point:
    call = dice.choice(list(FIELD_CALLS))
    # Most of what may go wrong lies early, or as often at one place as at another: nobody knows, so both.
    most = FIELD_CALLS[call] if dice.random() < 0.6 else max(2, FIELD_CALLS[call] // 10)
    return Point("field", call, dice.randint(1, most))


def _one_hall(directory: Path, seed: int, points: Sequence[Point], found: Counter[str]) -> list[str]:
    stage = SmallPlay(directory, seed=seed + found["points"], prefix=tuple(_traced(points[0])))
    try:
        stage.open()
        plain = stage.field.command[len(_traced(points[0])) :]
        for number, point in enumerate(points):
            if number:
                stage.field.command = [*_traced(point), *plain]
                stage.field.start()
            found["points"] += 1
            found["killed" if _dies(stage) else "ended"] += 1
        stage.field.command = plain
        stage.field.start()
        wait_until("the field polls", stage.moves, within_s=40)
        stage.wait_for_polls(40)
        verdict = stage.settle()
        for name in ("raised", "acknowledged", "repeated", "lost", "doubled"):
            found[name] += verdict.total(name)
        return faults_of(verdict)
    except (RuntimeError, TimeoutError) as error:
        return [f"{type(error).__name__}: {error}: {stage.field.tail(10)}"]
    finally:
        stage.close()


def _traced(point: Point) -> list[str]:
    return strace(Path("/dev/null"), [point.call], f"{point.call}:signal=SIGKILL:when={point.nth}")


def _dies(stage: SmallPlay, within_s: float = 9.0) -> bool:
    """Was it killed at its point? Otherwise it is killed where it is. Raises RuntimeError: it ended by itself."""
    try:
        wait_until("killed", lambda: not stage.field.alive, within_s=within_s)
    except TimeoutError:
        assert stage.field.child is not None
        # The tracer dies first and lets go of the field, which would live on: its whole session goes at once.
        os.killpg(stage.field.child.pid, signal.SIGKILL)
        stage.field.child.wait()
        return False
    assert stage.field.child is not None
    code = stage.field.child.returncode
    if code not in (-signal.SIGKILL, 128 + signal.SIGKILL):
        raise RuntimeError(f"the field ended with {code}")
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when anything acknowledged was lost, altered or half there."""
    parser = argparse.ArgumentParser(prog="./dev sweep", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=100, help="points of the books, by chance")
    parser.add_argument("--all", action="store_true", help="every call there is")
    parser.add_argument("--field", type=int, default=0, help="points of the real field")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--for", dest="for_s", type=float, help="seconds after which no new point is tried")
    parser.add_argument("--evidence", action="store_true", help="add the figures to docs/evidence.json")
    asked = parser.parse_args(arguments)
    if (lacks := missing()) is not None:
        print(json.dumps({"ok": False, "wrong": [lacks]}))
        return 2
    until = None if asked.for_s is None else time.monotonic() + asked.for_s
    reports: dict[str, dict[str, Any]] = {}
    if asked.all or asked.runs:
        reports["books"] = books(None if asked.all else asked.runs, asked.seed, workers=asked.workers, until=until)
    if asked.field:
        reports["field"] = field(asked.field, asked.seed, until=until)
    ok = bool(reports) and all(report["ok"] for report in reports.values())
    if asked.evidence:
        for row, name in (("PW-6", "books"), ("PW-2", "field")):
            if (report := reports.get(name)) is not None:
                add(Figures(row, f"killed at its system calls ({name})", report["killed"], report["wrongs"], asked.seed,
                            None if report["ok"] else asked.seed, report["took_s"], "./dev sweep"))  # fmt: skip
    print(json.dumps({"ok": ok, **reports}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
