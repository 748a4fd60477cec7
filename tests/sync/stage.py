"""What the tests of this wing play with: an event, a hall with a store on a real disk, a real broker."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sync import outbox
from sync.db import Database, Transaction
from sync.envelope import Draft, Envelope
from sync.writer import Writer

T = TypeVar("T")
STREAM = "5e1f0c8a94d2477bb0a36e21c97d5f08"
NIGHT = datetime(2026, 11, 23, 0, 11, 7, 320_000, tzinfo=UTC)


def door_opened(asset: int = 100417, *, live: str | None = "door", at: datetime = NIGHT, **data: Any) -> Draft:
    """The event of a main door that was opened."""
    return Draft(
        type="hall.egm.door.opened.v1",
        source="urn:hall:7:gw:hg-07",
        subject=f"egm/{asset}",
        time=at,
        data={"location": 17, "door": "main", "sas_exception": 17, **data},
        live_class=live,
        gamingday="2026-11-22",
        clock="synced",
        dataschema="/api/v1/schemas/hall.egm.door.opened.v1.json",
    )


class Hall:
    """A store with its writer; callbacks run in the writer's thread, ``do`` waits for the disk."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.path = path
        self.now = NIGHT
        self.fatal: list[BaseException] = []
        self.writer = Writer(
            path, now_utc=lambda: self.now, post=lambda call: call(), on_fatal=self.fatal.append, **settings
        )
        self.writer.start()
        self._readers: list[sqlite3.Connection] = []

    def do(self, work: Callable[[Transaction], T], *, urgent: bool = True) -> T:
        """One piece of work, on disk when it returns. Raises what it raises."""
        box: list[tuple[Any, Exception | None]] = []
        self.writer.submit(work, lambda result, error: box.append((result, error)), urgent=urgent)
        until = time.monotonic() + 10
        while not box and not self.fatal and time.monotonic() < until:
            time.sleep(0.0005)
        assert box, f"never answered; fatal: {self.fatal}"
        result, error = box[0]
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]  # as the work made it

    def happen(self, count: int = 1, **data: Any) -> list[Envelope]:
        """So many doors are opened."""
        return self.do(lambda tx: [outbox.append(tx, door_opened(nr=nr, **data)) for nr in range(count)])

    def reader(self) -> sqlite3.Connection:
        conn = Database(self.path).open_reader(any_thread=True)
        self._readers.append(conn)
        return conn

    def close(self) -> None:
        for conn in self._readers:
            conn.close()
        self.writer.close()


class Broker:
    """A real Mosquitto without persistence: after a kill it has forgotten everything."""

    def __init__(self, program: str, directory: Path, extra: str = "") -> None:
        self._program = program
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._config = directory / "mosquitto.conf"
        self._log = directory / "mosquitto.log"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            # Not 0 for "no limit": mosquitto 2.0.11 then drops whoever publishes what the access list forbids.
            f"max_queued_messages 1000000\n{extra}" + ("user root\n" if os.getuid() == 0 else "")
            # As root it would become another user, who may not read our directory.
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=log, stderr=log)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        self.kill()
        raise AssertionError(f"mosquitto did not come up: {self._log.read_text()}")

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None
