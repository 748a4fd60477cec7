"""A hall for the front's tests: a real store with its writer, a field that is only its seam, and the real front."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from edge.access import new_key
from edge.board import Board
from edge.config.model import Settings
from edge.errors import EdgeError
from edge.front.app import House, running
from edge.seam.connection import Caller
from edge.seam.findings import probe_result, scan_result
from edge.seam.messages import (
    Admit,
    Admitted,
    Advance,
    Advanced,
    CommandFound,
    Cursor,
    EgmProbed,
    FindCommand,
    LineScanned,
    ProbeEgm,
    Rewind,
    ScanLine,
    SetAside,
)
from edge.seam.server import SeamServer
from edge.store.devices import Seed, seed_egms
from edge.store.migrations import MIGRATIONS
from sync import outbox, rewinding
from sync.envelope import Cursor as LogCursor
from sync.envelope import Draft
from sync.migrate import migrate
from sync.writer import Writer
from tests.support.findings import PROBED, SCANNED

NIGHT = datetime(2026, 11, 23, 0, 11, 7, 320_000, tzinfo=UTC)
STREAM = "5e1f0c8a94d2477bb0a36e21c97d5f08"
ACCESS_KEY = "a-key-of-the-front-for-tests"
CENTRAL = new_key("central", ACCESS_KEY.encode())
AUDITOR = new_key("auditor", ACCESS_KEY.encode())
TECHNICIAN = new_key("tech", ACCESS_KEY.encode())
NOBODY = new_key("nobody", ACCESS_KEY.encode())


class UnknownLine(EdgeError):
    """As the field says it."""

    slug = "not-found"


def settings_for(directory: Path, **more: Any) -> Settings:
    """A hall with one consumer and four keys, its sockets and books in this directory."""
    return Settings.model_validate(
        {
            "hall": {"id": "7", "name": "Hall 7", "time_zone": "Europe/Sofia"},
            "gateway": {"id": "hg-07", "run_directory": str(directory)},
            "store": {"directory": str(directory)},
            "consumer": [{"name": "central-1"}, {"name": "auditor", "required": False}],
            "web": {"listen": ["127.0.0.1:0"]},
            "key": [
                {
                    "id": CENTRAL.id,
                    "hmac": CENTRAL.hmac,
                    "scopes": ["events:read", "events:ack", "commands:write"],
                    "consumer": "central-1",
                },
                {"id": AUDITOR.id, "hmac": AUDITOR.hmac, "scopes": ["events:read"]},
                {
                    "id": TECHNICIAN.id,
                    "hmac": TECHNICIAN.hmac,
                    "scopes": [
                        "status:read",
                        "egms:read",
                        "egms:write",
                        "lines:read",
                        "trace:read",
                        "events:read",
                        "metrics:read",
                    ],
                },
                {"id": NOBODY.id, "hmac": NOBODY.hmac, "scopes": ["sim:write"]},
            ],
            "access_key": ACCESS_KEY,
            **more,
        }
    )


@dataclass
class MadeUpField:
    """The seam's handlers over real books; commands are decided by their text."""

    writer: Writer
    asked: list[Any] = field(default_factory=list)
    traced: list[str] = field(default_factory=list)
    admits: str = "admitted"

    async def advance(self, asked: Advance, caller: Caller) -> Advanced:
        self.asked.append(asked)
        cursor = LogCursor(asked.cursor.streamid, asked.cursor.sequence, asked.cursor.sha256)
        moved = await self.writer.run(lambda tx: outbox.advance(tx, asked.consumer, cursor))
        at = moved.cursor
        return Advanced(moved=moved.moved, cursor=Cursor(streamid=at.streamid, sequence=at.sequence, sha256=at.sha256))

    async def rewind(self, asked: Rewind, caller: Caller) -> Advanced:
        self.asked.append(asked)
        to = None if asked.to is None else LogCursor(asked.to.streamid, asked.to.sequence, asked.to.sha256)
        return _moved(await self.writer.run(lambda tx: rewinding.rewind(tx, asked.consumer, to)))

    async def set_aside(self, asked: SetAside, caller: Caller) -> Advanced:
        self.asked.append(asked)
        return _moved(await self.writer.run(lambda tx: rewinding.set_aside(tx, asked.consumer, asked.sequence)))

    async def admit(self, asked: Admit, caller: Caller) -> Admitted:
        self.asked.append(asked)
        return Admitted(status=self.admits, command_id="c-17", text="As decided.", result=None)

    async def find_command(self, asked: FindCommand, caller: Caller) -> CommandFound:
        known: dict[str, Any] | None = {"command_id": "c-17", "state": "open"} if asked.command_id == "c-17" else None
        return CommandFound(command=known)

    async def status(self, caller: Caller) -> Mapping[str, Any]:
        return {"commits": self.writer.commits, "waiting": 0}

    async def scan_line(self, asked: ScanLine, caller: Caller) -> LineScanned:
        self.asked.append(asked)
        if asked.line != "A":
            raise UnknownLine(f"There is no SAS line {asked.line} here.", line=asked.line)
        return LineScanned(result=scan_result(asked.line, SCANNED))

    async def probe_egm(self, asked: ProbeEgm, caller: Caller) -> EgmProbed:
        self.asked.append(asked)
        return EgmProbed(result=probe_result(asked.line, asked.address, PROBED))

    async def trace_start(self, line: str) -> None:
        if line != "A":
            raise UnknownLine(f"There is no line {line} here.", line=line)
        self.traced.append(f"+{line}")

    async def trace_stop(self, line: str) -> None:
        self.traced.append(f"-{line}")


def _moved(moved: rewinding.Moved) -> Advanced:
    at = moved.cursor
    cursor = Cursor(streamid=at.streamid, sequence=at.sequence, sha256=at.sha256)
    return Advanced(moved=at != moved.before, cursor=cursor)


@dataclass
class Hall:
    """Everything of it."""

    directory: Path
    writer: Writer
    board: Board
    field: MadeUpField
    seam: SeamServer
    house: House
    url: str

    async def open_door(self, asset: int = 100417, **data: Any) -> None:
        """One event, durable and announced."""
        draft = Draft(
            type="hall.egm.door.opened.v1",
            source="urn:hall:7:gw:hg-07",
            subject=f"egm/{asset}",
            time=NIGHT,
            data={"asset": asset, "door": "main", "sas_exception": 17, **data},
            live_class="door",
            gamingday="2026-11-22",
            clock="synced",
            dataschema="/api/v1/schemas/hall.egm.door.opened.v1.json",
        )
        await self.writer.run(lambda tx: outbox.append(tx, draft))
        self.announce()

    def announce(self) -> None:
        """Tell the head over the seam."""
        head = self.writer.head
        self.board.update_gateway(sequence=head.cursor.sequence, streamid=head.cursor.streamid, epoch=head.epoch)
        self.board.flush(asyncio.get_running_loop().time(), every_s=0)
        self.seam.announce_head(head.position, head.cursor)

    async def restart_field(self) -> None:
        """The field goes and comes back, as after a crash; returns once the front has it again."""
        await self.seam.close()
        await self.until_connected(yes=False)
        self.seam = SeamServer(self.directory / "field.sock", self.field, self.board, "test")
        await self.seam.start()
        await self.until_connected()
        self.announce()

    @contextlib.asynccontextmanager
    async def client(self, key: Any = None, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
        """Somebody on the network, with a key or without."""
        headers = {} if key is None else {"Authorization": f"Bearer {key.text}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=10, **more) as client:
            yield client

    @contextlib.asynccontextmanager
    async def local(self) -> AsyncIterator[httpx.AsyncClient]:
        """Somebody on the control socket."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.directory / "control.sock"))
        async with httpx.AsyncClient(base_url="http://localhost", transport=transport, timeout=10) as client:
            yield client

    async def until_connected(self, *, yes: bool = True) -> None:
        """Wait until the front has the field (or has lost it)."""
        await until(lambda: self.house.front.seam.connected is yes)


async def until(true: Callable[[], object]) -> None:
    """Wait for something that no event of ours tells, at most ten seconds."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - it happens in other tasks and other processes
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def made_up_hall(directory: Path, **more: Any) -> AsyncIterator[Hall]:
    """A hall with two machines on one line, running until the end of the block."""
    loop = asyncio.get_running_loop()
    path = directory / "hall.db"
    await asyncio.to_thread(migrate, path, MIGRATIONS, stream_id=STREAM, now_utc=lambda: NIGHT)
    fatal: list[BaseException] = []
    writer = Writer(path, now_utc=lambda: NIGHT, post=loop.call_soon_threadsafe, on_fatal=fatal.append)
    writer.start()
    await writer.run(lambda tx: outbox.ensure_consumers(tx, {"central-1": True, "auditor": False}))
    await writer.run(
        lambda tx: seed_egms(tx, [Seed(100417, "A", 1, "17", "Book of Nights"), Seed(100418, "A", 2, "18", None)])
    )
    board = Board()
    board.update_gateway(gateway="hg-07", hall="Hall 7", version="test", state="running", clock="synced")
    board.update_line("A", state="up", label="Bank 1", assets=[100417, 100418])
    board.add_egm(100417, line="A", address=1, location="17", label="Book of Nights", link="up", meters={"0c": "1451"})
    board.add_egm(100418, line="A", address=2, location="18", link="down", link_since="2026-11-23T00:10:00.000Z")
    board.flush(0.0)
    field_side = MadeUpField(writer)
    seam = SeamServer(directory / "field.sock", field_side, board, "test")
    await seam.start()
    hall: Hall | None = None
    try:
        async with running(settings_for(directory, **more)) as house:
            hall = Hall(directory, writer, board, field_side, seam, house, f"http://127.0.0.1:{house.ports[0]}")
            await hall.until_connected()
            hall.announce()
            yield hall
    finally:
        await (hall.seam if hall is not None else seam).close()
        await asyncio.to_thread(writer.close)
        assert fatal == []


def rows(path: Path, sql: str) -> list[Any]:
    """Look into the books from outside."""
    with contextlib.closing(sqlite3.connect(path)) as conn:
        return conn.execute(sql).fetchall()
