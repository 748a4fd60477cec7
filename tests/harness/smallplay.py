"""A hall of simulated machines and the real field alone, without front and central: for faults of the box under it.

The judge lays each machine's own book beside the gateway's log, and nothing in between.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from simulators.evidence import gateway_facts, machine_facts
from simulators.reconcile import Verdict, reconcile
from tests.harness.asking import ask_field, ask_hall
from tests.harness.gateway import Gateway
from tests.harness.processes import REPOSITORY, Process, python, wait_until


class SmallPlay:
    """Everything below ``directory``; ``prepare`` is called once its directories are there, before the field starts."""

    def __init__(
        self,
        directory: Path,
        *,
        seed: int,
        scenario: str = "crash",
        environment: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        meters_every_s: int = 3,
    ) -> None:
        self.directory = directory
        self.control = directory / "hall.sock"
        self.tables = directory / "floor.toml"
        self.hall = Process(
            "hall",
            python(
                "-m", "simulators", "hall", scenario, "--seed", str(seed), "--control", str(self.control),
                "--gateway-config", str(self.tables), "--book", str(directory / "hall.book"),
            ),
            directory / "hall.log",
        )  # fmt: skip
        self.gateway = Gateway(directory / "gateway", "", meters_every_s=meters_every_s)
        self.field = Process("field", (), directory / "field.log")
        self._environment = dict(environment or {})
        self._prefix = prefix

    @property
    def database(self) -> Path:
        return self.gateway.state / "hall.db"

    def open(self, prepare: Callable[[Path], None] = lambda _state: None) -> None:
        """Machines first, then the disk, then the field."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.hall.start()
        wait_until("the hall is open", lambda: self.tables.exists() and self.control.exists(), within_s=20)
        self.gateway.tables = self.tables.read_text(encoding="utf-8")
        self.gateway.write()
        prepare(self.gateway.state)
        field = self.gateway.process("field", self.directory)
        field.command = [*self._prefix, *field.command]
        field.environment = {**field.environment, **self._environment}
        self.field = field
        self.field.start()

    def close(self) -> int:
        """Exit code of the field."""
        code = self.field.stop()
        self.hall.stop()
        return code

    # what they say --------------------------------------------------------------------------------------------------

    def ask_hall(self, **asked: Any) -> dict[str, Any]:
        """One question to the hall."""
        return ask_hall(self.control, **asked)

    def figures(self) -> dict[str, Any]:
        """The field's own figures, over the seam. Raises OSError while it is away."""
        return ask_field(self.gateway.run_directory)

    def polls(self) -> int:
        """Polls sent so far; -1 while the field is away."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            return int(self.figures()["polls"])
        return -1

    def wait_for_polls(self, within_s: float = 20.0) -> float:
        """Until every line has spoken: the field polls and has stored a machine's meters."""
        return wait_until("machines are read", lambda: self.count("hall.egm.meters.snapshot.v1") > 0, within_s=within_s)

    def moves(self, for_s: float = 0.3) -> bool:
        """Are polls being sent?"""
        before = self.polls()
        time.sleep(for_s)
        return self.polls() > before >= 0

    # what is in the books -------------------------------------------------------------------------------------------

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Of the log, oldest first."""
        try:
            with contextlib.closing(
                sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5)
            ) as connection:
                rows = connection.execute("SELECT body FROM log ORDER BY position").fetchall()
        except sqlite3.Error:
            return []
        events = [json.loads(body) for (body,) in rows]
        return [event for event in events if event["type"].startswith(kind)]

    def count(self, kind: str) -> int:
        """How many of a kind are stored."""
        return len(self.events(kind))

    def verdict(self, *, final: bool) -> Verdict:
        """Machines' own books against the log."""
        machines = machine_facts(self.ask_hall(op="book"))
        log = gateway_facts(self.database)
        return reconcile(machines, log, log, final=final)

    def settle(self, within_s: float = 25.0) -> Verdict:
        """Machines stop; everything on its way arrives, the meters are read once more; then it is judged."""
        self.ask_hall(op="freeze")
        with contextlib.suppress(TimeoutError):
            wait_until("settled", lambda: not faults_of(self.verdict(final=False)), within_s=within_s, every_s=0.5)
        return self.verdict(final=True)


def faults_of(verdict: Verdict) -> list[str]:
    """All that is wrong, and all that has not come to its end, in words; empty: every book says the same.

    A meter that is read only beside an event (bills) and was not read since is no fault: nothing of it was acknowledged.
    """
    faults = list(verdict.log_faults)
    for one in verdict.machines:
        wrong = {name: getattr(one, name)[:5] for name in ("lost", "doubled", "invented", "altered", "moved")}
        late = [row for row in one.meters if row.state != "equal" and row.stored is not None]
        wrong["meters"] = [row._asdict() for row in late][:3]
        wrong["unsettled"] = [what for what in one.unsettled if "meters" not in what]
        faults += [f"machine {one.asset}: {name} {what}" for name, what in wrong.items() if what]
    return faults + [f"not settled: {what}" for what in verdict.unsettled]


def compiled(name: str, directory: Path) -> Path:
    """A library of this directory, for LD_PRELOAD. Raises CalledProcessError, FileNotFoundError without a compiler."""
    library = directory / f"{name}.so"
    source = REPOSITORY / "tests" / "harness" / f"{name}.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library
