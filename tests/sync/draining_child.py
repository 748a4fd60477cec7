"""The gateway's end of a drain: a writer and an uplink in one process. Says its memory; raises an alarm when asked."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sync import outbox
from sync.db import Database
from sync.envelope import Cursor
from sync.headwatch import HeadWatch
from sync.mqtt import Uplink, UplinkSettings, is_late_callback
from sync.writer import Writer
from tests.sync.stage import door_opened


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def rss_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


async def main(path: Path, port: int) -> None:
    loop, head = asyncio.get_running_loop(), HeadWatch()
    loop.set_exception_handler(
        lambda its, context: None if is_late_callback(context) else its.default_exception_handler(context)
    )
    fatal = loop.create_future()
    writer = Writer(
        path, now_utc=lambda: datetime.now(UTC), post=loop.call_soon_threadsafe,
        on_fatal=lambda error: loop.call_soon_threadsafe(fatal.set_exception, error),
    )  # fmt: skip
    writer.on_commit = lambda: head.move(writer.head.position)
    writer.start()
    reader = Database(path).open_reader()

    async def advance(consumer: str, cursor: Cursor) -> outbox.Advanced:
        return await writer.run(lambda tx: outbox.advance(tx, consumer, cursor))

    async def admit(_payload: bytes, _facts: dict[str, Any]) -> dict[str, Any]:
        return {"status": "refused"}

    uplink = Uplink(
        UplinkSettings(
            host="127.0.0.1", port=port, client_id="hg-07", hall="7", gateway="hg-07", consumer="central-mqtt",
            ack_timeout_s=2.0, retry_first_s=0.1, retry_max_s=0.5,
        ),
        lambda: reader, advance, admit, head, now_utc=lambda: datetime.now(UTC),
    )  # fmt: skip

    async def measure() -> None:
        while True:
            say(f"rss {rss_kib()}")
            await asyncio.sleep(0.05)

    async def listen() -> None:
        stream = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), sys.stdin)
        while await stream.readline():
            at = time.monotonic()
            envelope = await writer.run(lambda tx: outbox.append(tx, door_opened(alarm=True)))
            say(f"alarm {envelope.sequence} {at}")

    async with asyncio.TaskGroup() as group:
        for work in (uplink.run(), measure(), listen()):
            group.create_task(work)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
