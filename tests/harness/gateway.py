"""A gateway in a directory of its own: configuration, keys, and the two processes, for harnesses and demos."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.access import new_key
from tests.harness.processes import Process, free_port, python

CENTRAL_SCOPES = ("status:read", "events:read", "events:ack", "commands:write", "egms:read", "lines:read")
PERSON_SCOPES = ("status:read", "events:read", "egms:read", "lines:read", "trace:read", "metrics:read")


@dataclass(slots=True)
class Gateway:
    """Writes ``config.toml`` and starts field and front from it. All sockets on loopback, all files below ``directory``."""

    directory: Path
    tables: str
    "The [[line]] and [[egm]] tables."
    hall_id: str = "7"
    gateway_id: str = "hg-07"
    broker_port: int | None = None
    meters_every_s: int = 15
    ack_timeout_s: int = 5
    time_zone: str = "Europe/Sofia"
    web_port: int = field(default_factory=free_port)
    access_key: str = field(default_factory=lambda: secrets.token_hex(16))
    central_key: str = ""
    person_key: str = ""
    command_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    preload: Path | None = None
    "A library for the field alone (a slow disk)."
    clock_library: Path | None = None
    "A library that lets the field believe its clock, where the box has no time server."

    @property
    def config(self) -> Path:
        return self.directory / "config.toml"

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def anchor(self) -> Path:
        return self.directory / "anchor"

    @property
    def run_directory(self) -> Path:
        return self.directory / "run"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def environment(self) -> dict[str, str]:
        return {"HALL_EDGE__ACCESS_KEY": self.access_key}

    def write(self) -> None:
        """Make the directories and the configuration."""
        for path in (self.directory, self.state, self.run_directory):
            path.mkdir(parents=True, exist_ok=True)
        central = new_key("central", self.access_key.encode())
        person = new_key("person", self.access_key.encode())
        self.central_key, self.person_key = central.text, person.text
        public = self.command_key.public_key().public_bytes_raw().hex()
        mqtt = ""
        if self.broker_port is not None:
            mqtt = (
                f'[mqtt]\nhost = "127.0.0.1"\nport = {self.broker_port}\nconsumer = "central-mqtt"\n'
                f"ack_timeout_s = {self.ack_timeout_s}\n\n"
                '[[consumer]]\nname = "central-mqtt"\nrequired = true\n\n'
            )
        text = (
            f'[hall]\nid = "{self.hall_id}"\nname = "Hall {self.hall_id}"\ntime_zone = "{self.time_zone}"\n\n'
            f'[gateway]\nid = "{self.gateway_id}"\nrun_directory = "{self.run_directory}"\n'
            # Harnesses kill the field more often than a box crashes, and look for what its commands do.
            "guarded_after_starts = 0\n\n"
            f'[store]\ndirectory = "{self.state}"\nanchor = "{self.anchor}"\n\n'
            f"[polling]\nmeters_every_s = {self.meters_every_s}\n"
            "credits_per_hour = 1_000_000_000\ncents_per_hour = 1_000_000_000\ngames_per_hour = 100_000_000\n\n"
            f'[web]\nlisten = ["127.0.0.1:{self.web_port}"]\n\n'
            '[[consumer]]\nname = "central-1"\nrequired = true\n\n'
            f"{mqtt}"
            f'[[key]]\nid = "central"\nhmac = "{central.hmac}"\nscopes = {_toml(CENTRAL_SCOPES)}\n\n'
            f'[[key]]\nid = "person"\nhmac = "{person.hmac}"\nscopes = {_toml(PERSON_SCOPES)}\n\n'
            f'[[commands.key]]\nkey_id = "central-key-1"\ned25519 = "{public}"\n\n'
            f"{self.tables}\n"
        )
        self.config.write_text(text, encoding="utf-8")
        for name, value in (("central.key", self.central_key), ("person.key", self.person_key)):
            path = self.directory / name
            path.write_text(value + "\n", encoding="utf-8")
            os.chmod(path, 0o600)
        (self.directory / "command.key").write_text(self.command_key.private_bytes_raw().hex() + "\n", encoding="utf-8")

    def process(self, part: str, logs: Path, slow_disk: Path | None = None) -> Process:
        """``field`` or ``front``, not started yet."""
        environment = dict(self.environment)
        if part == "field" and self.preload is not None and slow_disk is not None:
            environment |= {"LD_PRELOAD": str(self.preload), "SLOW_DISK_FILE": str(slow_disk)}
        elif part == "field" and self.clock_library is not None:
            environment |= {"LD_PRELOAD": str(self.clock_library)}
        command = python("-m", "edge", part, "--config", str(self.config))
        return Process(part, command, logs / f"{part}.log", environment)


def _toml(words: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
