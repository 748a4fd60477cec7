"""The link is cut while 100,000 events pile up: all of it arrives in order, memory stays flat, alarms pass the backlog.

COM-01, COM-06. The gateway's end runs in a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sync import outbox
from sync.db import Database
from sync.migrate import migrate
from sync.topics import Topics
from tests.sync.central import Central
from tests.sync.stage import NIGHT, STREAM, Broker, Hall, door_opened

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]
EVENTS = int(os.environ.get("HALL_EDGE_TEST_DRAIN", "100000"))
ALARM_EVERY_S = 0.2
ROOT = Path(__file__).resolve().parents[2]


class Gateway:
    """The child: says each line of what it does; takes ``alarm`` on its standard input."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.rss_kib: list[int] = []
        self.raised_at: dict[int, float] = {}
        self.task = asyncio.create_task(self._hear())

    async def _hear(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            word, _, rest = line.decode().strip().partition(" ")
            if word == "rss":
                self.rss_kib.append(int(rest))
            elif word == "alarm":
                number, at = rest.split()
                self.raised_at[int(number)] = float(at)

    async def raise_alarm(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"alarm\n")
        await self.process.stdin.drain()


@contextlib.asynccontextmanager
async def gateway(path: Path, port: int) -> AsyncIterator[Gateway]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.sync.draining_child", str(path), str(port),
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    it = Gateway(process)
    try:
        yield it
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await it.task


async def until(true: object, within_s: float) -> None:
    assert callable(true)
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110  what is awaited is in another process
            await asyncio.sleep(0.01)


def pile_up(path: Path) -> None:
    migrate(path, stream_id=STREAM, now_utc=lambda: NIGHT)
    hall = Hall(path)
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"central-mqtt": True}))
    for _ in range(EVENTS // 1000):
        hall.do(lambda tx: [outbox.append(tx, door_opened(nr=nr, live=None)) for nr in range(1000)])
    hall.close()


async def test_up_1_up_2_a_backlog_drains_in_order_while_a_broker_is_killed_and_alarms_pass_it(
    tmp_path: Path, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hall.db"
    await asyncio.to_thread(pile_up, path)
    central = Central(broker.port, Topics("7", "hg-07"), "central-mqtt")
    listening = asyncio.create_task(central.run())
    await asyncio.wait_for(central.connected.wait(), 10)
    began = time.monotonic()
    killed_at: list[float] = []
    async with gateway(path, broker.port) as box:

        async def alarms() -> None:
            while True:
                await box.raise_alarm()
                await asyncio.sleep(ALARM_EVERY_S)

        ringing = asyncio.create_task(alarms())
        for part in (0.3, 0.6):
            await until(lambda part=part: central.gapless > EVENTS * part, 100)
            killed_at.append(time.monotonic())
            broker.kill()
            central.connected.clear()
            await asyncio.sleep(0.3)
            broker.start()
        await until(lambda: central.gapless >= EVENTS, 100)
        drained_s = time.monotonic() - began
        ringing.cancel()
        await asyncio.sleep(0.1)
        with contextlib.closing(Database(path).open_reader()) as reader:
            head = outbox.head(reader)
            await until(lambda: central.gapless == head.position, 20)
            await until(lambda: outbox.cursor_of(reader, "central-mqtt") == head.cursor, 20)
            wrong = [
                position
                for position, body in reader.execute("SELECT position, body FROM log")
                if central.bodies.get((STREAM, position)) != body
            ]
        raised, rss = dict(box.raised_at), list(box.rss_kib)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert wrong == []
    assert central.altered == []
    assert len(central.bodies) == head.position == EVENTS + len(raised)
    # Alarms raised while the link was up and the backlog stood: their copies within a second.
    late: dict[int, float] = {}
    waits: list[float] = []
    for number, at in raised.items():
        if any(killed - 0.3 < at < killed + 2.0 for killed in killed_at):
            continue
        waits.append(central.live_at.get((STREAM, number), float("inf")) - at)
        if waits[-1] > 1.0:
            late[number] = waits[-1]
    steady = rss[len(rss) // 4 :]
    with capsys.disabled():
        print(
            f"\ndrain: {head.position} events in {drained_s:.1f} s, two broker kills, {central.doubled} came twice; "
            f"alarms {len(waits)}, slowest copy {max(waits) * 1000:.0f} ms; "
            f"gateway RSS {min(rss) // 1024}-{max(rss) // 1024} MiB, growth after the first quarter "
            f"{(max(steady) - steady[0]) // 1024} MiB"
        )
    assert waits
    assert late == {}
    assert max(steady) - steady[0] < 16 * 1024  # KiB; 100,000 events are 50 MiB
