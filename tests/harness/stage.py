"""A whole play on loopback: machines, gateway, broker, centrals; each a process of its own, each may be killed alone.

Used by demo, crash and soak. The stage only starts and stops; what must hold is judged from the books.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness.asking import ask_field, ask_hall
from tests.harness.gateway import Gateway
from tests.harness.processes import REPOSITORY, Process, free_port, listens, python, wait_until


@dataclass(slots=True)
class Stage:
    """Everything below ``directory``. ``scenario``: a floor of the simulators, by name or file."""

    directory: Path
    scenario: str
    seed: int = 7
    with_mqtt: bool = True
    meters_every_s: int = 15
    slow_disk_possible: bool = False
    processes: dict[str, Process] = field(default_factory=dict)
    gateway: Gateway = field(init=False)
    broker_port: int = field(default_factory=free_port)

    @property
    def control(self) -> Path:
        return self.directory / "hall.sock"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def slow_disk(self) -> Path:
        return self.directory / "slow-disk-ms"

    def books(self, central: str) -> Path:
        return self.directory / f"{central}.books"

    def open(self) -> None:
        """Start all of it, in the order in which a hall is opened in the morning: machines first."""
        self.logs.mkdir(parents=True, exist_ok=True)
        tables = self.directory / "floor.toml"
        self._start(
            "hall",
            python(
                "-m", "simulators", "hall", self.scenario, "--seed", str(self.seed),
                "--control", str(self.control), "--gateway-config", str(tables),
                "--book", str(self.directory / "hall.book"),
            ),
        )  # fmt: skip
        wait_until("the hall is open", lambda: tables.exists() and self.control.exists(), within_s=20)
        self.gateway = Gateway(
            self.directory / "gateway",
            tables.read_text(encoding="utf-8"),
            broker_port=self.broker_port if self.with_mqtt else None,
            meters_every_s=self.meters_every_s,
        )
        if self.slow_disk_possible:
            self.gateway.preload = self._compile_slow_disk()
            self.slow_disk.write_text("0\n")
        self.gateway.write()
        if self.with_mqtt:
            self._start_broker()
        for part in ("field", "front"):
            process = self.gateway.process(part, self.logs, self.slow_disk)
            self.processes[part] = process
            process.start()
        self._start_centrals()

    def _start(self, name: str, command: Sequence[str]) -> None:
        process = Process(name, command, self.logs / f"{name}.log")
        self.processes[name] = process
        process.start()

    def _start_broker(self) -> None:
        # No persistence: what the broker acknowledged and then forgot must cost nothing but repeats.
        config = self.directory / "mosquitto.conf"
        config.write_text(
            f"listener {self.broker_port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "max_queued_messages 100000\n"
        )
        self._start("broker", ["/usr/sbin/mosquitto", "-c", str(config)])
        wait_until("the broker listens", lambda: listens(self.broker_port), within_s=10)

    def _start_centrals(self) -> None:
        common = ["--hall", self.gateway.hall_id, "--gateway", self.gateway.gateway_id]
        self._start(
            "central",
            python(
                "-m", "simulators", "central", "--pull", self.gateway.url, "--consumer", "central-1",
                "--key-file", str(self.gateway.directory / "central.key"), "--books", str(self.books("central")),
                "--wait", "5", *common,
            ),
        )  # fmt: skip
        if self.with_mqtt:
            self._start(
                "central-mqtt",
                python(
                    "-m", "simulators", "central", "--mqtt", f"127.0.0.1:{self.broker_port}",
                    "--consumer", "central-mqtt", "--books", str(self.books("central-mqtt")), *common,
                ),
            )  # fmt: skip

    def _compile_slow_disk(self) -> Path:
        return self._compile("slow_disk")

    def _compile(self, name: str) -> Path:
        library = self.directory / f"{name}.so"
        source = REPOSITORY / "tests" / "harness" / f"{name}.c"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
        return library

    def close(self) -> dict[str, int]:
        """Stop what lives, the people's side first; returns the exit codes."""
        order = ["central", "central-mqtt", "front", "field", "broker", "hall"]
        return {name: self.processes[name].stop() for name in order if name in self.processes}

    # what the hall knows --------------------------------------------------------------------------------------------

    def ask_hall(self, **asked: Any) -> dict[str, Any]:
        """One question to the running hall."""
        return ask_hall(self.control, **asked)

    def ask_field(self) -> dict[str, Any]:
        """The field's own figures, over the seam. Raises OSError while it is away."""
        return ask_field(self.gateway.run_directory)

    def polls(self) -> bool:
        """Is the field there and has it polled?"""
        try:
            return int(self.ask_field()["polls"]) > 0
        except (OSError, ValueError, KeyError):
            return False

    def wait_for_polls(self, within_s: float = 30.0) -> float:
        return wait_until("the field polls", self.polls, within_s=within_s)


def seconds(text: str) -> float:
    """``60s``, ``5m``, ``2h`` or a bare number of seconds."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    return float(text[:-1]) * units[text[-1]] if text[-1] in units else float(text)


def sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
