"""Books of a hall that was busy for days, made in minutes: the gateway's own journal, with a clock that runs ahead.

Each machine raises an exception a minute and is read every quarter of an hour; nobody fetches anything. A minute of the
hall is one commit, where a real hall makes one for nearly every fact: the pages in the file are the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge.clock import ManualClock
from edge.config.load import load
from edge.config.model import Settings
from edge.field.coldstart import DATABASE, open_books
from edge.field.found import ExceptionFound, Found, SnapshotFound
from edge.field.journal import Journal, Written
from edge.field.registry import prepare
from edge.hall.meters import FIRST_SNAPSHOT, Reading
from edge.health.room import SAMPLE_S, Course
from edge.rules.gaming_day import GamingDays
from edge.rules.meters import Pace
from sync.writer import Writer
from tests.harness.gateway import Gateway

FIRST_ASSET = 500_001
CODES = (0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x4F, 0x66, 0x7E, 0x7F, 0x8A)
"""Doors, a bill, a button, games: what a machine tells most of the time, and nothing that asks for a second question."""
MINUTES_A_DAY = 24 * 60
SNAPSHOT_EVERY_MIN = 15
TOLD = "books.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be in the books."""

    days: int
    machines: int
    seed: int


class Machine:
    """A cabinet that is played: its meters hold against each other, so that nothing waits for a person."""

    def __init__(self, asset: int, dice: random.Random) -> None:
        self.asset = asset
        self._dice = dice
        self.meters = dict.fromkeys(FIRST_SNAPSHOT, 0)

    def play(self) -> None:
        """A quarter of an hour."""
        meters, dice = self.meters, self._dice
        bills, bet, games = dice.randrange(200), dice.randrange(800), dice.randrange(1, 90)
        won = max(bet * 9 // 10, bet - meters[0x0C] - bills)
        meters[0x0B] += bills
        meters[0x00] += bet
        meters[0x01] += won
        meters[0x0C] += bills + won - bet
        meters[0x05] += games
        meters[0x06] += games // 4
        meters[0x07] += games - games // 4

    def readings(self) -> list[Reading]:
        return [Reading(0, None, code, value % 10**8, 4) for code, value in self.meters.items()]


class Filling:
    """The gateway's writer and journal over new books, until the plan is in them."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.settings = settings
        self.plan = plan
        self.clock = ManualClock(datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=plan.days))
        dice = random.Random(plan.seed)
        self.dice = dice
        self.machines = [Machine(egm.asset, random.Random(dice.random())) for egm in settings.egms]
        self.course = Course()
        self.sizes: list[int] = []

    async def run(self) -> dict[str, Any]:
        """Figures: records, size after each day in bytes, days the disk still holds, seconds it took."""
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        books = open_books(self.settings)
        errors: list[BaseException] = []
        writer = Writer(books.database, now_utc=self.clock.wall, post=loop.call_soon_threadsafe, on_fatal=errors.append)
        writer.start()
        hall = self.settings.hall
        journal = Journal(
            writer,
            source=f"urn:hall:{hall.id}:gw:{self.settings.gateway.id}",
            gaming_day=GamingDays.of(hall.time_zone, hall.gaming_day_start).label,
            quality=self.clock.quality,
            incidents=books.incidents,
            pace=Pace(),
        )
        try:
            registry = await journal.write(lambda tx: prepare(tx, self.settings))
            journal.know({egm.asset: egm for egm in registry.egms})
            for minute in range(self.plan.days * MINUTES_A_DAY):
                self.clock.advance(60)
                await self._write(journal, minute % SNAPSHOT_EVERY_MIN == 0)
                if errors:
                    raise errors[0]
                if (minute * 60) % SAMPLE_S == 0:
                    self.course.note(self.clock.monotonic(), books.database.stat().st_size)
                if minute % MINUTES_A_DAY == MINUTES_A_DAY - 1:
                    self.sizes.append(books.database.stat().st_size)
            records = writer.head.position
        finally:
            await asyncio.to_thread(writer.close)
            os.close(books.lock_fd)
        if journal.refused:
            raise RuntimeError(f"the books refused {journal.refused} facts: {books.incidents}")
        used, free = books.database.stat().st_size, shutil.disk_usage(books.directory).free
        return {
            "records": records,
            "bytes": used,
            "bytes_by_day": self.sizes,
            "days_left": self.course.days(self.clock.monotonic(), used, free),
            "free_bytes": free,
            "took_s": round(time.monotonic() - began, 1),
        }

    async def _write(self, journal: Journal, with_snapshots: bool) -> None:
        """A minute of the hall; on disk when it returns."""
        lots = list(self._minute(with_snapshots))
        left = len(lots)
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(_written: Written | None, error: Exception | None) -> None:
            nonlocal left
            left -= 1
            if written.done():
                return
            if error is not None:
                written.set_exception(error)
            elif left == 0:
                written.set_result(None)

        for lot in lots:
            journal.record([lot], done)
        journal.hurry()
        await written

    def _minute(self, with_snapshots: bool) -> Iterator[Found]:
        now, dice = self.clock.wall(), self.dice
        for machine in self.machines:
            at = now - timedelta(milliseconds=dice.randrange(60_000))
            yield ExceptionFound(machine.asset, dice.choice(CODES), at, doubtful=False)
            if with_snapshots:
                machine.play()
                yield SnapshotFound(
                    machine.asset, now, "interval", None, True, None, machine.readings(), (), follows=True
                )


def tables(machines: int) -> str:
    """Lines that nobody answers: these books are filled without a wire."""
    return "\n".join(
        f'[[line]]\nname = "M{place}"\nurl = "tcp9:127.0.0.1:{1000 + place}"\n\n'
        f'[[egm]]\nasset = {FIRST_ASSET + place}\nline = "M{place}"\naddress = 1\n'
        for place in range(machines)
    )


def filled(directory: Path, plan: Plan, *, hall_id: str = "7", gateway_id: str = "hg-07") -> dict[str, Any]:
    """Books by this plan in ``directory/state``; those of an earlier call are used again where the plan is the same."""
    told = directory / TOLD
    wanted = {"days": plan.days, "machines": plan.machines, "seed": plan.seed}
    if told.exists():
        known: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
        if known["plan"] == wanted:
            return known | {"used_again": True}
    shutil.rmtree(directory, ignore_errors=True)
    gateway = Gateway(directory, tables(plan.machines), hall_id=hall_id, gateway_id=gateway_id, broker_port=1)
    gateway.write()
    before = os.environ.get("HALL_EDGE__ACCESS_KEY")
    os.environ["HALL_EDGE__ACCESS_KEY"] = gateway.access_key
    try:
        settings = load(gateway.config)
    finally:
        os.environ.pop("HALL_EDGE__ACCESS_KEY")
        if before is not None:
            os.environ["HALL_EDGE__ACCESS_KEY"] = before
    figures = {"plan": wanted, **asyncio.run(Filling(settings, plan).run())}
    told.write_text(json.dumps(figures), encoding="utf-8")
    return figures | {"used_again": False}


def copy_books(directory: Path, state: Path) -> None:
    """The books into a state directory that has none yet; the kept ones stay as they are."""
    state.mkdir(parents=True, exist_ok=True)
    for path in sorted((directory / "state").iterdir()):
        if path.is_file() and path.name not in (f"{DATABASE}-wal", f"{DATABASE}-shm", "field.lock"):
            shutil.copyfile(path, state / path.name)
