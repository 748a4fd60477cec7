"""The stage with eyes for journeys: what central holds, what the board shows, a command over HTTP."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from simulators.central.commands import make
from sync.commands import Command, encode
from tests.harness.gateway import Gateway
from tests.harness.processes import python, wait_until
from tests.harness.stage import Stage

LEFT, RIGHT = 100_401, 100_402
GAMES_PLAYED = 0x05
FLOOR = f"""
[hall]
seed = 7
games_per_minute = 0
events_per_minute = 0
poll_ms = 40

[[line]]
name = "L01"
[[line.egm]]
asset = {LEFT}
location = "1"
[[line]]
name = "L02"
[[line.egm]]
asset = {RIGHT}
location = "2"
"""


@dataclass(slots=True)
class House(Stage):
    """Two machines, field, front, one central that pulls. ``beside``: further tables of the gateway's configuration.

    Where there is a compiler, the field believes its clock as on a box with a time server.
    """

    beside: str = ""

    def open(self) -> None:
        """As the stage does, without a broker, and patient with a loaded box: a late answer is not what is tested."""
        self.logs.mkdir(parents=True, exist_ok=True)
        tables = self.directory / "floor.toml"
        self._start(
            "hall",
            python(
                "-m", "simulators", "hall", self.scenario, "--control", str(self.control),
                "--gateway-config", str(tables), "--book", str(self.directory / "hall.book"),
            ),
        )  # fmt: skip
        self.wait("the hall is open", lambda: tables.exists() and self.control.exists())
        patient = tables.read_text(encoding="utf-8").replace("poll_ms", "reply_within_ms = 250\npoll_ms")
        self.gateway = Gateway(
            self.directory / "gateway",
            patient + self.beside,
            broker_port=self.broker_port if self.with_mqtt else None,
            meters_every_s=self.meters_every_s,
        )
        if shutil.which("gcc") is not None:
            self.gateway.clock_library = self._compile("trusted_clock")
        self.gateway.write()
        if self.with_mqtt:
            self._start_broker()
        for part in ("field", "front"):
            self.processes[part] = self.gateway.process(part, self.logs)
            self.processes[part].start()
        self._start_centrals()

    def wait_for_machines(self, *assets: int) -> None:
        """Both are identified and their meters are at central: what comes now comes from the test."""
        wanted = set(assets or (LEFT, RIGHT))

        def there() -> bool:
            read = {event["data"]["asset"] for event in self.at_central("hall.egm.meters.snapshot")}
            return wanted <= read

        wait_until("the machines are known at central", there, within_s=40)

    # what is where

    def at_central(self, kind: str = "", *, asset: int | None = None) -> list[dict[str, Any]]:
        """Central's book, in order of the log; kinds that begin so, of this machine."""
        if not self.books("central").exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{self.books('central')}?mode=ro", uri=True, timeout=5)) as db:
            try:
                rows = db.execute("SELECT body FROM record ORDER BY epoch, sequence").fetchall()
            except sqlite3.OperationalError:  # its tables are about to be made
                return []
        events = [json.loads(body) for (body,) in rows]
        return [
            event
            for event in events
            if event["type"].startswith(kind) and (asset is None or event["subject"] == f"egm/{asset}")
        ]

    def wait_at_central(self, kind: str, count: int = 1, *, asset: int | None = None, within_s: float = 20.0) -> float:
        """Until so many events of a kind are there; seconds it took."""
        return wait_until(
            f"{count} {kind} at central",
            lambda: len(self.at_central(kind, asset=asset)) >= count,
            within_s=within_s,
        )

    def faults(self) -> list[tuple[Any, ...]]:
        """What central found wrong with the log: gaps, doubles, order, hashes."""
        with contextlib.closing(sqlite3.connect(f"file:{self.books('central')}?mode=ro", uri=True)) as db:
            return db.execute("SELECT kind, sequence, text FROM finding WHERE is_fault = 1").fetchall()

    def ask_books(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The gateway's own tables, as a stranger reads them."""
        path = self.gateway.state / "hall.db"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
            return db.execute(sql, parameters).fetchall()

    @property
    def streamid(self) -> str:
        return str(self.ask_books("SELECT stream_id FROM epochs ORDER BY epoch DESC LIMIT 1")[0][0])

    def do(self, asset: int, what: str, number: int | None = None) -> None:
        """Something happens at a machine."""
        self.ask_hall(op="do", asset=asset, what=what, number=number)

    def meter(self, asset: int, code: int) -> int:
        """What the machine itself counts."""
        (machine,) = self.ask_hall(op="meters", asset=asset)["machines"]
        return int(machine["meters"][str(code)])

    def can_be_played(self, asset: int) -> bool:
        """Press the button once: does the machine play?"""
        before = self.meter(asset, GAMES_PLAYED)
        self.do(asset, "games", 1)
        return self.meter(asset, GAMES_PLAYED) == before + 1

    # HTTP

    def ask(self, path: str, *, key: str | None = None, method: str = "GET", body: bytes | None = None) -> Answer:
        """One request with central's key, or another (empty: none)."""
        key = self.gateway.central_key if key is None else key
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        request = urllib.request.Request(self.gateway.url + path, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def order(self, kind: str, asset: int = LEFT, **more: Any) -> Command:
        """A command of central, not sent yet."""
        body = more.pop("body", {"asset": asset})
        return make(
            kind, body, central="central-1", gateway=self.gateway.gateway_id,
            streamid=more.pop("streamid", self.streamid), **more,
        )  # fmt: skip

    def send(self, command: Command | bytes, *, key: str | None = None) -> Answer:
        raw = command if isinstance(command, bytes) else encode(command)
        return self.ask("/api/v1/commands", method="POST", body=raw, key=key)

    def endings(self, command: Command) -> list[dict[str, Any]]:
        """How a command ended, by central's book."""
        return [e for e in self.at_central("hall.command.") if e["data"]["command_id"] == command.command_id]

    def wait(self, what: str, ready: Callable[[], bool], within_s: float = 20.0) -> float:
        return wait_until(what, ready, within_s=within_s)


class Answer:
    """Status, headers and body of an HTTP answer."""

    def __init__(self, status: int, headers: Message, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def slug(self) -> str:
        """The code of a problem."""
        return str(self.json["type"]).rsplit("/", 1)[-1].rsplit(":", 1)[-1]


@contextlib.contextmanager
def open_house(
    directory: Path, floor: str = FLOOR, *, with_mqtt: bool = False, meters_every_s: int = 900
) -> Iterator[House]:
    """The whole house below this directory, its machines up; taken down at the end."""
    file = directory / "floor.toml"
    file.write_text(floor, encoding="utf-8")
    house = House(directory / "stage", str(file), with_mqtt=with_mqtt, meters_every_s=meters_every_s)
    try:
        house.open()
        house.wait_for_machines()
        yield house
    finally:
        house.close()
