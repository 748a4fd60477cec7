"""A check that has never failed proves nothing: plant a bug in a copy of the tree, run the check for it there, expect red.

Each bug is a small replacement of text that must be found exactly once; it cannot be on in a release because it exists
only in the copy. ``python -m tests.harness.planted`` tells for each bug what the check reported.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.powercut import PLANTED as POWERCUT
from tests.harness.processes import REPOSITORY

TREES = ("edge", "protocols", "sync", "simulators", "tests")


@dataclass(frozen=True, slots=True)
class Bug:
    """``before`` stands once in ``file`` and becomes ``after``."""

    name: str
    file: str
    before: str
    after: str
    check: tuple[str, ...]
    "Module and arguments of the check that must say no; it takes --seed and prints its report as JSON in the last line."


CRASH = ("tests.harness.crash", "--rounds", "40", "--json")
TOGETHER = '        log.flush(conn.executemany)\n        conn.execute("COMMIT")\n        return outcomes\n'

BUGS = (
    Bug(
        "acknowledge before commit",
        "edge/field/pollers/sas.py",
        "        if wire.undurable:\n",
        "        if False and wire.undurable:\n",
        CRASH,
    ),
    Bug(
        "80 at once after a restart",
        "edge/field/app.py",
        "            clean = line.name in self.registry.clean_lines\n",
        "            clean = True\n",
        CRASH,
    ),
    Bug(
        "cursor moved by PUBACK",
        "sync/mqtt.py",
        "        await client.publish(self.topics.log, batch.payload, qos=1, properties=properties_of(BATCH_TYPE, beside))\n",
        "        await client.publish(self.topics.log, batch.payload, qos=1, properties=properties_of(BATCH_TYPE, beside))\n"
        "        self._ack = batch.through\n"
        "        self._ack_came.set()\n",
        CRASH,
    ),
    Bug(
        "synchronous=NORMAL",
        "sync/db.py",
        '                "synchronous": 2,',
        '                "synchronous": 1,',
        POWERCUT,
    ),
    Bug(
        "told durable before the commit",
        "sync/writer.py",
        TOGETHER,
        "        log.flush(conn.executemany)\n        self._head = log.head\n        self._deliver(outcomes)\n"
        '        conn.execute("COMMIT")\n        return []\n',
        POWERCUT,
    ),
    Bug(
        "a lost tail is not noticed",
        "edge/field/comparing.py",
        "if mark.sequence > here.last:",
        "if mark.sequence > here.last + 10**9:",
        (*POWERCUT, "--lies"),
    ),
    Bug(
        "a fact and its record in two transactions",
        "sync/writer.py",
        TOGETHER,
        '        conn.execute("COMMIT")\n        conn.execute("BEGIN IMMEDIATE")\n        log.flush(conn.executemany)\n'
        '        conn.execute("COMMIT")\n        return outcomes\n',
        POWERCUT,
    ),
)


def copy_with(bug: Bug, directory: Path) -> Path:
    """A copy of the sources with the bug in it. Raises ValueError when its place is not found exactly once."""
    for tree in TREES:
        shutil.copytree(REPOSITORY / tree, directory / tree, ignore=shutil.ignore_patterns("__pycache__"))
    path = directory / bug.file
    text = path.read_text(encoding="utf-8")
    if text.count(bug.before) != 1:
        raise ValueError(f"{bug.name}: its place stands {text.count(bug.before)} times in {bug.file}")
    path.write_text(text.replace(bug.before, bug.after), encoding="utf-8")
    return directory


def try_bug(bug: Bug, seed: int) -> dict[str, object]:
    """Run its check with the bug; ``caught`` when it said no."""
    with tempfile.TemporaryDirectory(prefix="hall-edge-planted-") as scratch:
        tree = copy_with(bug, Path(scratch) / "tree")
        done = subprocess.run(
            [sys.executable, "-m", *bug.check, "--seed", str(seed)],
            cwd=tree, capture_output=True, text=True, check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(tree), "HOME": scratch,
                 "TMPDIR": scratch},
        )  # fmt: skip
    lines = done.stdout.strip().splitlines()
    report: dict[str, Any] = json.loads(lines[-1]) if lines else {"ok": False, "wrong": [done.stderr[-1000:]]}
    return {
        "bug": bug.name,
        "caught": done.returncode == 1 and bool(lines),
        "tried": report.get("rounds") or report.get("images"),
        "wrong": report.get("wrong", [])[:4],
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", help="part of a bug's name")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    results = [try_bug(bug, asked.seed) for bug in BUGS if not asked.only or asked.only in bug.name]
    for result in results:
        line = f"{result['bug']}: caught {result['caught']} in {result['tried']}; {result['wrong']}"
        print(json.dumps(result) if asked.json else line)
    return 0 if results and all(result["caught"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
