"""Commands sent into the play by HTTP, and a list of what was admitted: each must end as exactly one event at central."""

from __future__ import annotations

import http.client
import json
import sqlite3
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from simulators.central.commands import make
from sync.commands import encode
from tests.harness.gateway import Gateway

ENDINGS = ("hall.command.done.v1", "hall.command.failed.v1", "hall.command.expired.v1")


@dataclass(slots=True)
class Orders:
    """What central sent. ``admitted``: ids the gateway said yes to; ``open``: no answer came, asked again later."""

    gateway: Gateway
    central: str = "central-1"
    admitted: set[str] = field(default_factory=set)
    open: dict[str, bytes] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)

    def send(self, kind: str, asset: int, streamid: str, valid_s: float = 120.0) -> None:
        """One new command; no answer is no answer: the same bytes are sent again by ``ask_again``."""
        command = make(
            kind,
            {"asset": asset},
            central=self.central,
            gateway=self.gateway.gateway_id,
            streamid=streamid,
            valid_s=valid_s,
        )
        self._post(command.command_id, encode(command))

    def ask_again(self) -> None:
        """Repeat what was not answered; the same id and bytes, so at most one effect."""
        for command_id, raw in list(self.open.items()):
            self._post(command_id, raw)

    def _post(self, command_id: str, raw: bytes) -> None:
        request = urllib.request.Request(
            f"{self.gateway.url}/api/v1/commands",
            data=raw,
            headers={"Authorization": f"Bearer {self.gateway.central_key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            told = json.loads(error.read() or b"{}")
            if error.code >= 500:
                self.open[command_id] = raw
                return
            self.refused[str(told.get("type", error.code))] += 1
            self.open.pop(command_id, None)
            return
        except (OSError, http.client.HTTPException):
            self.open[command_id] = raw
            return
        self.open.pop(command_id, None)
        self.admitted.add(command_id)

    def endings(self, books: Path) -> dict[str, int]:
        """How often each admitted command has ended, by central's books."""
        ends: Counter[str] = Counter()
        with sqlite3.connect(f"file:{books}?mode=ro", uri=True) as connection:
            for (body,) in connection.execute("SELECT body FROM record"):
                event = json.loads(body)
                if event["type"] in ENDINGS:
                    ends[event["data"]["command_id"]] += 1
        return {command_id: ends[command_id] for command_id in self.admitted}
