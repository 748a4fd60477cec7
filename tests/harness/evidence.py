"""What the long runs have shown so far: one file, ``docs/evidence.json``, to which every harness adds its figures.

A run adds to the sums of its row and method; nothing is ever taken away. The page for people is made from it and from the
names of the tests: ``python -m tests.architecture.evidence > docs/evidence.md``.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from tests.harness.processes import REPOSITORY

FILE = REPOSITORY / "docs" / "evidence.json"
SEEDS_KEPT = 12


class Figures(NamedTuple):
    """One run."""

    row: str
    "Id of the fault, such as PW-1."
    method: str
    runs: int
    violations: int
    seed: int
    first_bad_seed: int | None
    took_s: int
    command: str


def add(figures: Figures, file: Path = FILE) -> None:
    """Add to the sums, with the file locked; other harnesses may add at the same time."""
    with (file.with_suffix(".lock")).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sums: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        row = sums.setdefault(
            f"{figures.row} {figures.method}",
            {"command": figures.command, "runs": 0, "violations": 0, "took_s": 0, "seeds": [], "first_bad_seed": None},
        )
        row["runs"] += figures.runs
        row["violations"] += figures.violations
        row["took_s"] += figures.took_s
        row["seeds"] = [*row["seeds"], figures.seed][-SEEDS_KEPT:]
        row["first_bad_seed"] = row["first_bad_seed"] if row["first_bad_seed"] is not None else figures.first_bad_seed
        text = json.dumps(dict(sorted(sums.items())), indent=1) + "\n"
        draft = file.with_suffix(".new")
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, file)
    file.with_suffix(".lock").unlink(missing_ok=True)
