"""A made-up field: does what the real one does, as far as the seam can see."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.errors import EdgeError
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
from tests.support.findings import PROBED, SCANNED

STREAM = "5e1f0c8a94d2477bb0a36e21c97d5f08"


class ChainMismatch(EdgeError):
    """As the log would say it."""

    slug = "chain-mismatch"


@dataclass
class MadeUpField:
    """Does what the real one does, as far as the seam can see; remembers what it was asked."""

    asked: list[Any] = field(default_factory=list)
    traced: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None
    finished: int = 0

    async def advance(self, asked: Advance, caller: Caller) -> Advanced:
        self.asked.append(asked)
        if self.hold is not None:
            await self.hold.wait()
        if asked.cursor.sha256 == "f" * 64:
            raise ChainMismatch("The hash at record 5 differs here", sequence=5)
        self.finished += 1
        return Advanced(moved=True, cursor=asked.cursor)

    async def rewind(self, asked: Rewind, caller: Caller) -> Advanced:
        self.asked.append(asked)
        return Advanced(moved=True, cursor=asked.to or Cursor(streamid=STREAM, sequence=0, sha256="0" * 64))

    async def set_aside(self, asked: SetAside, caller: Caller) -> Advanced:
        self.asked.append(asked)
        return Advanced(moved=True, cursor=Cursor(streamid=STREAM, sequence=asked.sequence, sha256="0" * 64))

    async def admit(self, asked: Admit, caller: Caller) -> Admitted:
        self.asked.append(asked)
        return Admitted(status="admitted", command_id="c-1", text="Admitted.")

    async def find_command(self, asked: FindCommand, caller: Caller) -> CommandFound:
        return CommandFound(command=None)

    async def status(self, caller: Caller) -> Mapping[str, Any]:
        return {"pid": caller.pid, "uid": caller.uid, "part": caller.part}

    async def scan_line(self, asked: ScanLine, caller: Caller) -> LineScanned:
        self.asked.append(asked)
        if asked.line != "A":
            raise UnknownLine(f"There is no SAS line {asked.line} here.", line=asked.line)
        return LineScanned(result=scan_result(asked.line, SCANNED))

    async def probe_egm(self, asked: ProbeEgm, caller: Caller) -> EgmProbed:
        self.asked.append(asked)
        return EgmProbed(result=probe_result(asked.line, asked.address, PROBED))

    async def trace_start(self, line: str) -> None:
        if line == "Z":
            raise UnknownLine("There is no line Z", line=line)
        self.traced.append(f"+{line}")

    async def trace_stop(self, line: str) -> None:
        self.traced.append(f"-{line}")


class UnknownLine(EdgeError):
    """As the field would say it."""

    slug = "unknown-line"


async def until(true: Callable[[], object]) -> None:
    """Wait for something that no event of ours tells, at most five seconds."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - it happens in other tasks
            await asyncio.sleep(0.005)
