"""What the front may ask of the field, and the answers. The seam carries; the books and the desk decide."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Mapping
from typing import Any, Literal

from edge.field.claims import Claims
from edge.field.commands.dispatch import Dispatch
from edge.field.journal import Journal
from edge.field.page import Page
from edge.field.pollers.sas import SasPoller
from edge.field.pollers.supervisor import Supervisor
from edge.field.scanning import Scanning, UnknownLine
from edge.hall.events import Fact
from edge.hall.shapes import Json
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
from protocols.line.tap import TapRecord
from sync import inbox, outbox, rewinding
from sync.db import Transaction
from sync.envelope import Cursor as LogCursor
from sync.errors import DeliveryError
from sync.writer import Writer

Tracer = Callable[[str, TapRecord], None]


class Answers:
    """The seam's handlers. ``tracer`` is set to where records of a traced line go; ``scanning.openers`` to how lines without
    machines are opened."""

    def __init__(
        self,
        journal: Journal,
        writer: Writer,
        dispatch: Dispatch,
        poller: SasPoller,
        supervisor: Supervisor,
        *,
        subject: str,
    ) -> None:
        self._journal = journal
        self._writer = writer
        self._dispatch = dispatch
        self._poller = poller
        self._supervisor = supervisor
        self._subject = subject
        self.scanning = Scanning(poller, supervisor)
        self.tracer: Tracer | None = None
        self.claims: Claims | None = None
        "Who hears of acknowledgements that are refused."
        self.dropped: Mapping[str, int] = {}
        "Callers of the seam that were sent away, by reason; the seam counts."
        self._asked_at = poller.lateness.mark()

    async def advance(self, asked: Advance, _caller: Caller) -> Advanced:
        """Central's own acknowledgement: checked against the log, then moved. Raises DeliveryError with its slug."""
        cursor = LogCursor(asked.cursor.streamid, asked.cursor.sequence, asked.cursor.sha256)

        def work(tx: Transaction) -> outbox.Advanced:
            return outbox.advance(tx, asked.consumer, cursor)

        try:
            moved = await self._journal.write(work)
        except DeliveryError as refused:
            if self.claims is not None:
                await self.claims.heard(asked.consumer, cursor, refused)
            raise
        at = moved.cursor
        return Advanced(moved=moved.moved, cursor=Cursor(streamid=at.streamid, sequence=at.sequence, sha256=at.sha256))

    async def rewind(self, asked: Rewind, _caller: Caller) -> Advanced:
        """A person sets a consumer back: checked, moved and told in the log at once. Raises DeliveryError with its slug."""
        to = None if asked.to is None else LogCursor(asked.to.streamid, asked.to.sequence, asked.to.sha256)

        def work(page: Page) -> rewinding.Moved:
            moved = rewinding.rewind(page.tx, asked.consumer, to)
            if moved.cursor != moved.before:
                data: dict[str, Json] = {
                    "consumer": asked.consumer,
                    "who": asked.principal,
                    "comment": asked.comment,
                    "from_streamid": moved.before.streamid,
                    "from_sequence": moved.before.sequence,
                    "to_streamid": moved.cursor.streamid,
                    "to_sequence": moved.cursor.sequence,
                }
                page.append(Fact("hall.gateway.consumer.rewound.v1", self._subject, page.tx.now, data))
            return moved

        return _moved(await self._journal.change(work))

    async def set_aside(self, asked: SetAside, _caller: Caller) -> Advanced:
        """A delivery goes on behind the one record at which it stands, and the log says who wanted it and why."""

        def work(page: Page) -> rewinding.Moved:
            moved = rewinding.set_aside(page.tx, asked.consumer, asked.sequence)
            data: dict[str, Json] = {
                "consumer": asked.consumer,
                "who": asked.principal,
                "comment": asked.comment,
                "streamid": moved.cursor.streamid,
                "sequence": moved.cursor.sequence,
                "sha256": moved.cursor.sha256,
            }
            page.append(Fact("hall.gateway.record.set_aside.v1", self._subject, page.tx.now, data))
            return moved

        return _moved(await self._journal.change(work))

    async def admit(self, asked: Admit, _caller: Caller) -> Admitted:
        """Over a broker the signature counts; over HTTP and the socket the front has checked who is asking."""
        return await self._dispatch.admit(asked.command.encode(), asked.via)

    async def find_command(self, asked: FindCommand, _caller: Caller) -> CommandFound:
        """What became of a command; None: it was never admitted here."""

        def work(tx: Transaction) -> inbox.Entry | None:
            return inbox.find(tx, asked.central, asked.command_id)

        entry = await self._journal.write(work)
        if entry is None:
            return CommandFound(command=None)
        command = entry.command
        return CommandFound(
            command={
                "central": command.central,
                "command_id": command.command_id,
                "kind": command.kind,
                "state": _state(entry),
                "body": dict(command.body),
                "admitted_at": entry.admitted_at,
                "finished_at": entry.finished_at,
                "result": entry.result,
            }
        )

    async def status(self, _caller: Caller) -> Mapping[str, Any]:
        """Figures of this process, for status, doctor and benchmarks."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        lateness = self._poller.lateness
        recent, self._asked_at = lateness.figures(self._asked_at), lateness.mark()
        return {
            **lateness.figures(),
            "lateness_worst_us": round(lateness.worst_s * 1e6),
            "recent": recent,
            "ticks": self._poller.ticks,
            "longest_tick_us": round(self._poller.longest_tick_s * 1e6),
            "cpu_us": round((usage.ru_utime + usage.ru_stime) * 1e6),
            "rss_kib_peak": usage.ru_maxrss,
            "commits": self._writer.commits,
            "waiting": self._writer.waiting,
            "refused": self._journal.refused,
            "commands_refused": dict(self._dispatch.refused),
            "callers_dropped": dict(self.dropped),
            "pid": os.getpid(),
        }

    async def scan_line(self, asked: ScanLine, _caller: Caller) -> LineScanned:
        """Who is on a line. Raises UnknownLine, NotNow, LineError with their slugs."""
        found = await self.scanning.scan(
            asked.line, listen=asked.listen, general_polls=asked.general_polls, up_to=asked.up_to
        )
        return LineScanned(result=scan_result(asked.line, found))

    async def probe_egm(self, asked: ProbeEgm, _caller: Caller) -> EgmProbed:
        """What a machine says of itself. Raises UnknownLine, NotNow, Silent with their slugs."""
        return EgmProbed(
            result=probe_result(asked.line, asked.address, await self.scanning.probe(asked.line, asked.address))
        )

    async def trace_start(self, line: str) -> None:
        """Copy a line's traffic to the seam from now on."""
        tracer = self.tracer
        try:
            self._supervisor.trace(line, None if tracer is None else lambda record: tracer(line, record))
        except KeyError:
            raise UnknownLine(f"There is no line {line} here.", line=line) from None

    async def trace_stop(self, line: str) -> None:
        """Nobody watches this line any more."""
        self._supervisor.trace(line, None)


def _moved(moved: rewinding.Moved) -> Advanced:
    at = moved.cursor
    cursor = Cursor(streamid=at.streamid, sequence=at.sequence, sha256=at.sha256)
    return Advanced(moved=at != moved.before, cursor=cursor)


def _state(entry: inbox.Entry) -> Literal["pending", "complete", "failed"]:
    """Where a command stands (MTR-08): without an outcome, done, or not done; why not stands in its result."""
    if entry.result is None:
        return "pending"
    return "complete" if str(entry.result.get("type")).startswith("hall.command.done.") else "failed"
