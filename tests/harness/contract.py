"""Records the examples of the published contract from a real run: machines, gateway, broker, and a central that asks.

    python -m tests.harness.contract

writes docs/contract/examples/ anew; what is computed and not recorded is made by tests.architecture.contract.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt

from simulators.central.commands import make
from simulators.central.mqtt import Broker
from sync.commands import encode
from tests.harness.processes import REPOSITORY, wait_until
from tests.harness.stage import Stage

FOLDER = REPOSITORY / "docs" / "contract" / "examples"
KINDS_MAX = 12
EVENT_MAX = 1500
"Bytes: an example is to be read."
FLOOR = """
[hall]
seed = 7
games_per_minute = 30
events_per_minute = 120
poll_ms = 40

[[line]]
name = "L01"
[[line.egm]]
asset = 100401
location = "1"
"""


class Alone(Stage):
    """The stage without centrals: the one who records is central."""

    def _start_centrals(self) -> None:
        return

    def events(self) -> list[dict[str, Any]]:
        """The log, decoded."""
        with contextlib.closing(sqlite3.connect(f"file:{self.gateway.state / 'hall.db'}?mode=ro", uri=True)) as db:
            return [json.loads(body) for (body,) in db.execute("SELECT body FROM log ORDER BY position")]


@dataclass(slots=True)
class Recorder:
    """Asks, and writes down what comes back."""

    stage: Alone
    written: dict[str, Any] = field(default_factory=dict)

    def ask(self, path: str, body: bytes | None = None, key: str | None = None) -> Any:
        """The answer, whatever its status."""
        asked = urllib.request.Request(f"{self.stage.gateway.url}{path}", data=body)
        wanted = self.stage.gateway.central_key if key is None else key
        if wanted:
            asked.add_header("Authorization", f"Bearer {wanted}")
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return json.loads(refused.read())

    def refusal(self, path: str, body: object = None, key: str | None = None) -> None:
        """Keep a problem document under its slug. Raises KeyError if it is none."""
        raw = None if body is None else json.dumps(body).encode()
        told = self.ask(path, raw, key)
        self.written[f"refusal.{told['type'].rpartition(':')[2]}"] = told

    def over_http(self) -> None:
        """Events, a page, an acknowledgement, commands, and what is refused."""
        seen: dict[str, Any] = {}
        for event in self.stage.events():
            if len(json.dumps(event)) <= EVENT_MAX and len(seen) < KINDS_MAX:
                seen.setdefault(event["type"], event)
        self.written |= {f"event.{kind}": event for kind, event in seen.items()}
        feed, ack = "/api/v1/events?consumer=central-1", "/api/v1/consumers/central-1/ack"
        page = self.ask(f"{feed}&after=oldest&limit=5")
        cursor = page["next"]
        streamid = cursor["streamid"]
        self.written |= {"page": page, "ack": cursor, "ack-answer": self.ask(ack, json.dumps(cursor).encode())}
        self.refusal(ack, {**cursor, "sha256": "f" * 64})
        self.refusal(ack, {**cursor, "sequence": 10**9})
        self.refusal(ack, {**cursor, "streamid": "0" * 32})
        self.refusal(ack, {**cursor, "more": 1})
        self.refusal("/api/v1/consumers/nobody/ack", cursor)
        self.refusal(feed, key="hek_central_" + "A" * 43)
        self.refusal(ack, cursor, key=self.stage.gateway.person_key)
        gateway = self.stage.gateway
        secret = gateway.command_key.private_bytes_raw()

        def command(**more: Any) -> Any:
            made = {
                "central": "central-1",
                "gateway": gateway.gateway_id,
                "streamid": streamid,
                "key_id": "central-key-1",
            }
            return make("egm.disable", {"asset": 100401}, **{**made, **more})

        first = command(command_id="c-0001")
        raw = encode(first, secret)
        self.written["command"] = json.loads(raw)
        self.written["command-answer"] = self.ask("/api/v1/commands", raw)
        commands: dict[str, Any] = {
            "wrong-epoch": command(streamid="0" * 32),
            "wrong-gateway": command(gateway="hg-99"),
            "conflict": make(
                "egm.enable", {"asset": 100401}, central="central-1", gateway=gateway.gateway_id, streamid=streamid,
                command_id="c-0001",
            ),
            "stale-term": command(term=0),
            "unknown-kind": make(
                "egm.dance", {"asset": 100401}, central="central-1", gateway=gateway.gateway_id, streamid=streamid
            ),
        }  # fmt: skip
        for one in commands.values():
            self.refusal("/api/v1/commands", json.loads(encode(one, secret if one.key_id else None)))
        self.refusal("/api/v1/commands", {"kind": "egm.disable"})
        wait_until("it is done", lambda: self.ask("/api/v1/commands/c-0001")["state"] == "complete", within_s=20)
        self.written["command-state"] = self.ask("/api/v1/commands/c-0001")

    async def over_the_broker(self) -> None:
        """A batch with its properties, a command and its answer; at the end all is confirmed there."""
        gateway = self.stage.gateway
        prefix = f"hall/v1/{gateway.hall_id}/{gateway.gateway_id}"
        streamid = self.written["ack"]["streamid"]
        secret = gateway.command_key.private_bytes_raw()
        asked = make(
            "egm.enable", {"asset": 100401}, central="central-1", gateway=gateway.gateway_id, streamid=streamid,
            key_id="central-key-1", command_id="c-0002",
        )  # fmt: skip
        raw = encode(asked, secret)
        self.written["command-mqtt"] = json.loads(raw)
        cursor: dict[str, Any] = {}
        async with asyncio.timeout(40), Broker("127.0.0.1", self.stage.broker_port).client("recorder") as client:
            await client.subscribe(f"{prefix}/#", qos=1)
            await client.publish(f"{prefix}/request/egm.enable", raw, qos=1)
            async for message in client.messages:
                if message.topic.value == f"{prefix}/log":
                    batch = _batch(message)
                    beside = batch["user_properties"]
                    if beside["first"] != "1" and "batch" not in self.written:
                        # Not the first, which is the whole backlog; with the cursor behind which it begins.
                        self.written["batch"] = {**batch, "after": cursor}
                    cursor = {"streamid": streamid, "sequence": int(beside["last"]), "sha256": beside["sha256"]}
                    await client.publish(f"{prefix}/ack/central-mqtt", json.dumps(cursor), qos=1, retain=True)
                elif message.topic.value.startswith(f"{prefix}/response/"):
                    self.written["command-response"] = json.loads(bytes(message.payload))
                if {"batch", "command-response"} <= self.written.keys() and message.topic.value == f"{prefix}/log":
                    break

    def with_old_records_gone(self) -> None:
        """What was deleted by age is told with the oldest that is here. And the field is away."""
        stage = self.stage
        last = self.written["ack"]["sequence"] - 1
        stage.processes["field"].stop()
        with contextlib.closing(sqlite3.connect(stage.gateway.state / "hall.db")) as db, db:
            db.execute(
                "UPDATE log_release SET through = ?, chain = (SELECT chain FROM log WHERE position = ?)", (last, last)
            )
            db.execute("DELETE FROM live_lane WHERE position <= ?", (last,))
            db.execute("DELETE FROM log WHERE position <= ?", (last,))
        streamid = self.written["ack"]["streamid"]
        feed = f"/api/v1/events?consumer=central-1&streamid={streamid}&after=1"
        self.refusal(feed)
        stage.processes["field"].start()
        stage.wait_for_polls()
        wait_until("the front reads", lambda: self.ask(feed).get("status") == 410, within_s=20)
        self.refusal(feed)


def _batch(message: aiomqtt.Message) -> dict[str, Any]:
    properties = message.properties
    return {
        "topic": message.topic.value,
        "qos": message.qos,
        "content_type": getattr(properties, "ContentType", None),
        "user_properties": dict(getattr(properties, "UserProperty", [])),
        "payload": json.loads(bytes(message.payload)),
    }


def record(say: Callable[[str], object] = print) -> None:
    """The whole run; about a minute."""
    from tests.architecture.contract import readable

    with tempfile.TemporaryDirectory(prefix="contract-") as directory:
        floor = Path(directory) / "floor.toml"
        floor.write_text(FLOOR, encoding="utf-8")
        stage = Alone(Path(directory) / "stage", str(floor))
        try:
            stage.open()
            stage.wait_for_polls()
            wait_until("there is something to show", lambda: len(stage.events()) > 40, within_s=60, every_s=0.2)
            recorder = Recorder(stage)
            recorder.over_http()
            asyncio.run(recorder.over_the_broker())
            recorder.with_old_records_gone()
            key = stage.gateway.command_key.public_key().public_bytes_raw().hex()
        finally:
            stage.close()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.json"):
        if path.stem != "chain":
            path.unlink()
    for name, told in sorted(recorder.written.items()):
        (FOLDER / f"{name}.json").write_text(readable(told) + "\n", encoding="utf-8")
        say(name)
    (FOLDER / "command-key.txt").write_text(key + "\n", encoding="ascii")


if __name__ == "__main__":
    record()
