"""The front's end of the seam: connects again for ever, asks by id with a deadline, and holds the mirror of the board.

While the seam is down every question fails at once with FieldAway, the mirror stays as it was and says how old it is,
and whoever registered with `on_loss` has closed what it read the database with. Nothing is asked twice by itself: the
one who asked knows whether it still wants to.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal, cast, overload

from edge.board import Board, Change
from edge.errors import StaleMirror
from edge.seam.errors import BadMessage, FieldAway, ForeignVersion, Refusal
from edge.seam.messages import (
    LINE_MAX,
    VERSION,
    Admit,
    Admitted,
    Advance,
    Advanced,
    Answer,
    Beat,
    BoardChange,
    BoardSnapshot,
    CommandFound,
    Done,
    EgmProbed,
    FindCommand,
    Head,
    Hello,
    LineScanned,
    ProbeEgm,
    Push,
    Refused,
    Request,
    Rewind,
    ScanLine,
    SetAside,
    Status,
    StatusTold,
    Subscribe,
    TraceLines,
    TraceStart,
    TraceStop,
    encode,
    to_front,
)
from sync.envelope import Cursor as LogCursor
from sync.headwatch import HeadWatch

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
"Between two tries; the field is back within a second of its restart."
SILENT_AFTER_S = 5.0
"The field beats once a second; after this long without a word it is frozen, and the connection is given up."
HELLO_WITHIN_S = 3.0
DEADLINE_S = 5.0
TRACE_WAITING_MAX = 64
"Pushes that wait for one slow viewer of a trace; above it the oldest go."


class SeamClient:
    """Run `run()` as a task for the life of the front. `call` whenever; `mirror` and `head` are always there."""

    def __init__(
        self,
        path: Path,
        *,
        part: Literal["front", "hallctl"] = "front",
        program: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.mirror = Board()
        self.head = HeadWatch()
        self.connected = False
        self.last_error: str | None = None
        "Why it is not connected, as a sentence; None while it is."
        self.lost: Counter[str] = Counter()
        "Connections that ended, by reason."
        self.field_version = ""
        self.moved_at = monotonic()
        "Monotonic seconds of the last word of the field or the last try to reach it: for the watchdog."
        self._part = part
        self._program = program
        self._monotonic = monotonic
        self._heard_at: float | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._next_id = 0
        self._open: dict[int, asyncio.Future[Answer]] = {}
        self._on_loss: list[Callable[[], None]] = []
        self._on_return: list[Callable[[], None]] = []
        self._parts: list[BoardSnapshot] = []
        self._viewers: dict[str, set[asyncio.Queue[TraceLines | None]]] = {}
        self._loss = asyncio.Event()
        self._tracing: set[str] = set()
        "Lines that this connection has asked for."

    def on_loss(self, callback: Callable[[], None]) -> None:
        """Call this when the seam is lost, before anything else happens."""
        self._on_loss.append(callback)

    def on_return(self, callback: Callable[[], None]) -> None:
        """Call this when the board and the head of the log are here again."""
        self._on_return.append(callback)

    async def wait_lost(self) -> None:
        """Until the seam is lost; at once if it is not up. For whoever waits for something only the field can bring."""
        if self.connected:
            await self._loss.wait()

    def mirror_age(self, now: float | None = None) -> float | None:
        """Seconds since the field was last heard; None: never."""
        if self._heard_at is None:
            return None
        return max(0.0, (self._monotonic() if now is None else now) - self._heard_at)

    # asking ----------------------------------------------------------------------------------------------------------

    @overload
    async def call(self, request: Advance | Rewind | SetAside, deadline_s: float = ...) -> Advanced: ...
    @overload
    async def call(self, request: Admit, deadline_s: float = ...) -> Admitted: ...
    @overload
    async def call(self, request: FindCommand, deadline_s: float = ...) -> CommandFound: ...
    @overload
    async def call(self, request: Status, deadline_s: float = ...) -> StatusTold: ...
    @overload
    async def call(self, request: ScanLine, deadline_s: float = ...) -> LineScanned: ...
    @overload
    async def call(self, request: ProbeEgm, deadline_s: float = ...) -> EgmProbed: ...
    @overload
    async def call(self, request: TraceStart | TraceStop, deadline_s: float = ...) -> Done: ...
    async def call(self, request: Request, deadline_s: float = DEADLINE_S) -> Answer:
        """Ask the field. Raises FieldAway (not connected, lost meanwhile, or no answer in time) and Refusal.

        After FieldAway the outcome is unknown; every request may be asked again without a second effect (a scan and a probe
        take time, not data).
        """
        if not self.connected:
            raise FieldAway(f"The field does not answer: {self.last_error or 'not connected yet'}")
        return await self._ask(request, deadline_s)

    async def _ask(self, request: Request, deadline_s: float) -> Answer:
        if self._writer is None:
            raise FieldAway("The field does not answer: not connected")
        self._next_id += 1
        number = self._next_id
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[number] = future
        try:
            self._writer.write(encode(request.model_copy(update={"id": number})))
            async with asyncio.timeout(deadline_s):
                answer = await future
        except TimeoutError:
            raise FieldAway(f"The field did not answer within {deadline_s:g} s") from None
        finally:
            self._open.pop(number, None)
        if isinstance(answer, Refused):
            raise Refusal(answer.reason, answer.text, answer.facts)
        return answer

    @contextlib.asynccontextmanager
    async def trace(self, line: str) -> AsyncIterator[AsyncIterator[TraceLines]]:
        """What passes on a line, while inside. The iterator ends when the seam is lost. Raises FieldAway, Refusal."""
        queue: asyncio.Queue[TraceLines | None] = asyncio.Queue()
        viewers = self._viewers.setdefault(line, set())
        viewers.add(queue)
        try:
            if line not in self._tracing:
                await self.call(TraceStart(line=line))
                self._tracing.add(line)
            yield _until_none(queue)
        finally:
            viewers.discard(queue)
            if not viewers:
                self._viewers.pop(line, None)
                if line in self._tracing:
                    self._tracing.discard(line)
                    with contextlib.suppress(FieldAway, Refusal):
                        await self.call(TraceStop(line=line))

    # the connection --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, listen, and again, until cancelled."""
        pause_s = FIRST_PAUSE_S
        while True:
            began = self.moved_at = self._monotonic()
            try:
                await self._session()
            except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError) as error:
                self._note("lost", _why(error))
            except (BadMessage, StaleMirror, ForeignVersion, FieldAway, Refusal) as error:
                self._note(error.slug, str(error))
            finally:
                self._end()
            if self._monotonic() - began > SILENT_AFTER_S:
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """One connection to the field. `memory` puts its own in place."""
        return await asyncio.open_unix_connection(str(self.path), limit=LINE_MAX)

    def _note(self, reason: str, text: str) -> None:
        self.lost[reason] += 1
        self.last_error = text

    async def _session(self) -> None:
        async with asyncio.timeout(HELLO_WITHIN_S):
            reader, writer = await self.dial()
        self._writer = writer
        writer.write(encode(Hello(part=self._part, program=self._program)))
        async with asyncio.timeout(HELLO_WITHIN_S):
            first = to_front(await self._line(reader))
        if isinstance(first, Refused):
            raise _turned_away(first)
        if not isinstance(first, Hello):
            raise BadMessage("The field did not say hello first")
        if first.version != VERSION:
            raise ForeignVersion(
                f"The field speaks version {first.version} of the seam, this {self._part} version {VERSION}: both "
                "halves must be of the same release. Restart the one that was not restarted after the upgrade."
            )
        self.field_version = first.program
        subscription = asyncio.create_task(self._ask(Subscribe(), HELLO_WITHIN_S))
        try:
            while True:
                async with asyncio.timeout(SILENT_AFTER_S):
                    line = await self._line(reader)
                self._take(to_front(line))
        finally:
            subscription.cancel()
            await asyncio.gather(subscription, return_exceptions=True)

    @staticmethod
    async def _line(reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            raise EOFError("The field closed the connection") from None

    def _take(self, message: Hello | Answer | Push) -> None:
        self._heard_at = self.moved_at = self._monotonic()
        match message:
            case BoardSnapshot():
                self._gather(message)
            case BoardChange():
                self.mirror.apply(cast("Change", message.change), self._heard_at)
            case Head():
                at = message.cursor
                self.head.move(message.position, None if at is None else LogCursor(at.streamid, at.sequence, at.sha256))
                if not self.connected:
                    self._returned()
            case Beat():
                self.mirror.heard_at = self._heard_at
            case TraceLines():
                for queue in self._viewers.get(message.line, ()):
                    if queue.qsize() >= TRACE_WAITING_MAX:
                        queue.get_nowait()
                    queue.put_nowait(message)
            case Hello():
                raise BadMessage("The field said hello twice")
            case Refused(id=0):
                raise _turned_away(message)
            case _:
                future = self._open.get(message.id)
                if future is not None and not future.done():
                    future.set_result(message)

    def _gather(self, part: BoardSnapshot) -> None:
        if part.part == 1:
            self._parts = []
        self._parts.append(part)
        if part.part != len(self._parts):
            raise BadMessage("A part of the board is missing")
        if part.part == part.parts:
            egms = {asset: state for one in self._parts for asset, state in one.board["egms"].items()}
            self._parts = []
            try:
                self.mirror.load({**part.board, "egms": egms}, self._monotonic())
            except (KeyError, TypeError, ValueError) as wrong:
                raise BadMessage(f"Not a board: {wrong!r}") from None

    def _returned(self) -> None:
        self.connected = True
        self.last_error = None
        for callback in self._on_return:
            callback()

    def _end(self) -> None:
        was_connected, self.connected = self.connected, False
        if was_connected:
            for callback in self._on_loss:
                callback()
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None
        for future in self._open.values():
            if not future.done():
                future.set_exception(FieldAway("The field was lost before it answered"))
        self._open.clear()
        self._tracing.clear()
        # What comes back may be another log; until then nothing is known of its head.
        self.head.move(0)
        self._loss.set()
        self._loss = asyncio.Event()
        for viewers in self._viewers.values():
            for queue in viewers:
                queue.put_nowait(None)


def _turned_away(refused: Refused) -> FieldAway | ForeignVersion:
    return ForeignVersion(refused.text) if refused.reason == "foreign-version" else FieldAway(refused.text)


def _why(error: Exception) -> str:
    """For people: a socket that is not there is a field that does not run."""
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return "it does not run"
    if isinstance(error, PermissionError):
        return "its socket may not be used by this user"
    if isinstance(error, TimeoutError):
        return "it is silent"
    if isinstance(error, EOFError | ConnectionError):
        return "it closed the connection"
    return str(error) or type(error).__name__


async def _until_none(queue: asyncio.Queue[TraceLines | None]) -> AsyncIterator[TraceLines]:
    while (pushed := await queue.get()) is not None:
        yield pushed
