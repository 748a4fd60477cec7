"""Books that are written as fast as they will go, by the gateway's own cold start, writer and journal; no wires.

``python -m tests.harness.busybooks CONFIG --for S --steps N --seed N --mark FILE``: after each commit, and only then, a line
``position sha256`` goes to the mark file in one write: whoever reads it may rely on everything up to there. Exceptions,
snapshots of two machines, acknowledgements of central, commands; everything at once, as a hall does it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import stat
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from edge.clock import SystemClock
from edge.config.load import load
from edge.config.model import Settings
from edge.field.coldstart import open_books
from edge.field.found import ExceptionFound, Found, SnapshotFound
from edge.field.journal import Journal, Written
from edge.field.registry import prepare
from edge.hall.meters import FIRST_SNAPSHOT, Reading
from edge.rules.gaming_day import GamingDays
from edge.rules.meters import Pace
from sync import inbox, outbox
from sync.commands import Command, encode, parse
from sync.db import Transaction
from sync.writer import Writer

CODES = (0x11, 0x12, 0x13, 0x14, 0x17, 0x18, 0x4F, 0x51, 0x66)
LEVELS = frozenset({0x0C})


class Hall:
    """Two machines that never rest."""

    def __init__(self, settings: Settings, seed: int, mark: int, steps: int | None = None) -> None:
        self.settings = settings
        self.steps = steps
        self.dice = random.Random(seed)
        self.mark = mark
        self.to_file = stat.S_ISREG(os.fstat(mark).st_mode)
        self.clock = SystemClock()
        self.meters = {asset: dict.fromkeys(FIRST_SNAPSHOT, 0) for asset in (egm.asset for egm in settings.egms)}
        self.commands = 0

    async def run(self, until: float) -> int:
        """Cold start, work, and no goodbye: the marks say what counts. Returns how many commits there were."""
        loop = asyncio.get_running_loop()
        books = open_books(self.settings)
        self.writer = Writer(
            books.database,
            now_utc=self.clock.wall,
            post=loop.call_soon_threadsafe,
            on_fatal=lambda _error: os._exit(74),
        )
        self.writer.start()
        hall = self.settings.hall
        self.journal = Journal(
            self.writer,
            source=f"urn:hall:{hall.id}:gw:{self.settings.gateway.id}",
            gaming_day=GamingDays.of(hall.time_zone, hall.gaming_day_start).label,
            quality=self.clock.quality,
            incidents=books.incidents,
            pace=Pace(),
        )
        await self.journal.write(lambda tx: prepare(tx, self.settings))
        self._mark()
        await asyncio.gather(*(self._keep_going(until) for _ in range(4)))
        return self.writer.commits

    async def _keep_going(self, until: float) -> None:
        while time.monotonic() < until and self.steps != 0:
            if self.steps is not None:
                self.steps -= 1
            what = self.dice.random()
            if what < 0.6:
                await self._record(self._exception())
            elif what < 0.85:
                await self._record(self._snapshot())
            elif what < 0.95:
                await self.journal.write(self._acknowledge)
                self._mark()
            else:
                await self.journal.write(self._command)
                self._mark()

    async def _record(self, *found: Found) -> None:
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(_written: Written | None, error: Exception | None) -> None:
            if error is None:
                self._mark()
                written.set_result(None)
            else:
                written.set_exception(error)

        self.journal.record(found, done)
        await written

    def _mark(self) -> None:
        head = self.writer.head
        line = f"{head.position} {head.cursor.sha256}\n".encode()
        if self.to_file:
            # At 0 each time: a write across the end of a page would arrive as two.
            os.pwrite(self.mark, line, 0)
        else:
            os.write(self.mark, line)

    def _exception(self) -> Found:
        asset = self.dice.choice(list(self.meters))
        return ExceptionFound(asset, self.dice.choice(CODES), self.clock.wall(), doubtful=False)

    def _snapshot(self) -> Found:
        asset = self.dice.choice(list(self.meters))
        meters = self.meters[asset]
        for code in meters:
            meters[code] += self.dice.randrange(50)
        readings = [Reading(0, None, code, value % 10**8, 4) for code, value in meters.items()]
        return SnapshotFound(asset, self.clock.wall(), "interval", None, True, None, readings, ())

    def _acknowledge(self, tx: Transaction) -> None:
        consumer = self.settings.consumers[0].name
        behind = outbox.position_of(tx, consumer)
        tx.log.flush(tx.executemany)
        if behind < tx.log.position:
            outbox.advance(tx, consumer, outbox.cursor_at(tx, self.dice.randint(behind + 1, tx.log.position)))

    def _command(self, tx: Transaction) -> None:
        self.commands += 1
        now = self.clock.wall()
        command_id = f"{os.getpid()}-{self.commands}"
        command = Command(
            central="central-1",
            term=1,
            command_id=command_id,
            gateway=self.settings.gateway.id,
            streamid=tx.log.streamid,
            issued_at=now,
            expires_at=now + timedelta(hours=1),
            kind="egm.enable",
            body={"asset": 1},
        )
        told = inbox.admit(tx, parse(encode(command)), gateway=self.settings.gateway.id, now=now)
        assert told.status == "admitted", told
        if self.dice.random() < 0.5:
            inbox.finish(tx, "central-1", command_id, {"type": "hall.command.done.v1"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints READY at the first commit, and the number of commits at the end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--for", dest="for_s", type=float, default=5.0)
    parser.add_argument("--steps", type=int, help="facts after which it ends, however much time is left")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--mark", type=Path, help="default: the standard output")
    asked = parser.parse_args(arguments)
    mark = sys.stdout.fileno() if asked.mark is None else os.open(asked.mark, os.O_WRONLY | os.O_CREAT, 0o600)
    hall = Hall(load(asked.config), asked.seed, mark, asked.steps)
    print(asyncio.run(hall.run(time.monotonic() + asked.for_s)), flush=True)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
