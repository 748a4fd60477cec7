"""The field's end of the seam: a Unix socket that never blocks the wires.

Whoever calls is known by the kernel (SO_PEERCRED) and bounded in everything: length of a line, rate, open requests and
what waits to be sent. A caller that breaks a bound or sends anything that is not a message loses its connection, is
counted, and changes nothing. What the requests do is said by the handlers; this file only carries.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import orjson

from edge.board import Board, Change
from edge.seam.connection import Caller, Connection
from edge.seam.messages import (
    LINE_MAX,
    TRACE_PART,
    Admit,
    Admitted,
    Advance,
    Advanced,
    Beat,
    CommandFound,
    Cursor,
    Done,
    EgmProbed,
    FindCommand,
    Head,
    LineScanned,
    Message,
    ProbeEgm,
    Refused,
    Request,
    Rewind,
    ScanLine,
    SetAside,
    Status,
    StatusTold,
    Subscribe,
    TraceLines,
    TraceRecord,
    TraceStart,
    TraceStop,
    encode,
    snapshot_parts,
)
from edge.seam.unix import bind_unix

CALLERS_MAX = 16
"The front, a few hallctl and monitoring; a box has no use for more."
BEAT_S = 1.0
HEAD_PAUSE_S = 0.005
"Commits closer together than this are announced as one."
TRACE_PAUSE_S = 0.1
TRACE_MAX = 5000
"Records of a line that wait for the next push; above it the oldest go and are counted."
SNAPSHOT_PAUSE_S = 0.1
"Between two whole boards, whoever asks for them: one of a thousand machines takes as long as hundreds of polls."
CLOSE_WITHIN_S = 1.0


class Handlers(Protocol):
    """What the field does for a request. An exception with a `slug` becomes a `Refused` with it; others are bugs.

    A handler is never cancelled when its caller goes: what was begun is finished, and is found by asking again.
    """

    async def advance(self, asked: Advance, caller: Caller) -> Advanced:
        """Check central's cursor and move ours. On disk when it returns."""

    async def rewind(self, asked: Rewind, caller: Caller) -> Advanced:
        """Set a consumer back and tell it in the log. On disk when it returns."""

    async def set_aside(self, asked: SetAside, caller: Caller) -> Advanced:
        """Let a delivery go on behind one record and tell it in the log. On disk when it returns."""

    async def admit(self, asked: Admit, caller: Caller) -> Admitted:
        """Signature, term, expiry, inbox; the decision is on disk when it returns."""

    async def find_command(self, asked: FindCommand, caller: Caller) -> CommandFound:
        """A command of the inbox."""

    async def status(self, caller: Caller) -> Mapping[str, Any]:
        """The field's own account of itself, as JSON."""

    async def scan_line(self, asked: ScanLine, caller: Caller) -> LineScanned:
        """Who is on a line; takes half a minute."""

    async def probe_egm(self, asked: ProbeEgm, caller: Caller) -> EgmProbed:
        """What a machine says of itself; takes seconds to minutes."""

    async def trace_start(self, line: str) -> None:
        """Begin to hand this line's traffic to `SeamServer.trace`. Called for the first who wants it."""

    async def trace_stop(self, line: str) -> None:
        """Nobody wants this line any more."""


class SeamServer:
    """Listens once `start`ed. `announce_head` after each commit; `trace` for each record of a tap."""

    def __init__(
        self,
        path: Path,
        handlers: Handlers,
        board: Board,
        version: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
        on_bug: Callable[[BaseException], None] | None = None,
    ) -> None:
        self.path = path
        self.version = version
        self.dropped: Counter[str] = Counter()
        "Connections closed for a fault of the caller, by reason."
        self._handlers = handlers
        self._board = board
        self._monotonic = monotonic
        self._wall_ns = wall_ns
        self._on_bug = on_bug
        self._callers: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._leave_board: Callable[[], None] | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._head = Head(position=0, cursor=None)
        self._head_timer: asyncio.TimerHandle | None = None
        self._traces: dict[str, deque[TraceRecord]] = {}
        self._trace_lost: Counter[str] = Counter()
        self._trace_timer: asyncio.TimerHandle | None = None
        self._boards = asyncio.Lock()
        self._snapshot_at = float("-inf")
        "When the next whole board may be made."
        self._closing = False

    async def start(self) -> None:
        """Bind and listen, 0660. Raises SocketInUse if somebody alive listens there, OSError if it cannot be bound."""
        sock = bind_unix(self.path)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: Connection(self), sock=sock)
        self.attach()

    def attach(self) -> None:
        """Listen to the board and begin to beat; `start` does it, `memory` too."""
        if self._leave_board is None:
            self._leave_board = self._board.subscribe(self._board_changed)
            self._beat = asyncio.get_running_loop().call_later(BEAT_S, self._on_beat)

    async def adopt(self, sock: socket.socket) -> None:
        """Serve a connected socket as one more caller (`memory`)."""
        await asyncio.get_running_loop().connect_accepted_socket(lambda: Connection(self), sock)

    async def close(self) -> None:
        """Stop listening, let what was begun come to its end (1 s), close every connection, remove the socket."""
        self._closing = True
        for timer in (self._beat, self._head_timer, self._trace_timer):
            if timer is not None:
                timer.cancel()
        if self._leave_board is not None:
            self._leave_board()
            self._leave_board = None
        if self._server is not None:
            self._server.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_WITHIN_S)
        for connection in tuple(self._callers):
            connection.end()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server = None
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()

    @property
    def callers(self) -> tuple[Caller, ...]:
        """Who is connected."""
        return tuple(connection.caller for connection in self._callers)

    # what the field tells --------------------------------------------------------------------------------------------

    def announce_head(self, position: int, cursor: Any) -> None:
        """The log has grown to here, durably. `cursor` has streamid, sequence and sha256; None: empty log."""
        self._head = Head(
            position=position,
            cursor=None
            if cursor is None
            else Cursor(streamid=cursor.streamid, sequence=cursor.sequence, sha256=cursor.sha256),
        )
        if self._head_timer is None and not self._closing:
            self._head_timer = asyncio.get_running_loop().call_later(HEAD_PAUSE_S, self._tell_head)

    def trace(self, line: str, at: float, direction: str, data: bytes, flags: bytes) -> None:
        """A record of the tap of this line; `at` in monotonic seconds. Cheap, and nothing while nobody listens."""
        waiting = self._traces.get(line)
        if waiting is None or direction not in (">", "<"):
            return
        if len(waiting) >= TRACE_MAX:
            waiting.popleft()
            self._trace_lost[line] += 1
        ago_ns = int((self._monotonic() - at) * 1e9)
        waiting.append(
            TraceRecord.model_construct(
                at_us=(self._wall_ns() - ago_ns) // 1000,
                direction=direction,
                data=data[:4096].hex(),
                flags=flags[:4096].hex(),
            )
        )
        if self._trace_timer is None and not self._closing:
            self._trace_timer = asyncio.get_running_loop().call_later(TRACE_PAUSE_S, self._tell_traces)

    def _tell_head(self) -> None:
        self._head_timer = None
        self._push_to_subscribers(encode(self._head))

    def _tell_traces(self) -> None:
        self._trace_timer = None
        for line, waiting in self._traces.items():
            while waiting:
                records = tuple(waiting.popleft() for _ in range(min(len(waiting), TRACE_PART)))
                lost, self._trace_lost[line] = self._trace_lost[line], 0
                pushed = encode(TraceLines.model_construct(line=line, records=records, dropped=lost))
                for connection in tuple(self._callers):
                    if line in connection.traces:
                        connection.send(pushed)

    def _on_beat(self) -> None:
        self._beat = asyncio.get_running_loop().call_later(BEAT_S, self._on_beat)
        self._push_to_subscribers(encode(Beat()))

    def _board_changed(self, change: Change) -> None:
        if not any(connection.subscribed for connection in self._callers):
            return
        line = orjson.dumps({"type": "board-change", "change": change}) + b"\n"
        if len(line) <= LINE_MAX:
            self._push_to_subscribers(line)
            return
        for part in self._snapshot():
            self._push_to_subscribers(part)

    def _push_to_subscribers(self, line: bytes) -> None:
        for connection in tuple(self._callers):
            if connection.subscribed:
                connection.send(line)

    def _snapshot(self) -> list[bytes]:
        return [orjson.dumps(part.model_dump()) + b"\n" for part in snapshot_parts(self._board.snapshot())]

    # what callers ask ------------------------------------------------------------------------------------------------

    def ask(self, connection: Connection, request: Request) -> None:
        """Let the handler work on it beside everything else."""
        task = asyncio.get_running_loop().create_task(self._answer(connection, request), name=f"seam {request.type}")
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (bug := task.exception()) is not None and self._on_bug is not None:
            self._on_bug(bug)

    async def _answer(self, connection: Connection, request: Request) -> None:
        try:
            answer = await self._handle(connection, request)
        except Exception as error:
            connection.answered()
            slug = getattr(error, "slug", None)
            if not isinstance(slug, str):
                connection.send(encode(Refused(id=request.id, reason="internal", text="The field has a bug here.")))
                raise
            connection.send(encode(_refusal(request.id, slug, error)))
            return
        connection.answered()
        connection.send(encode(answer))
        if isinstance(request, Subscribe):
            await self._tell_all(connection)

    async def _tell_all(self, connection: Connection) -> None:
        """The whole board, in its turn; for who left meanwhile none is made."""
        async with self._boards:
            if connection in self._callers:
                await asyncio.sleep(self._snapshot_at - self._monotonic())
            if connection not in self._callers:
                return
            self._snapshot_at = self._monotonic() + SNAPSHOT_PAUSE_S
            for part in self._snapshot():
                connection.send(part)
            connection.send(encode(self._head))
            connection.subscribed = True

    async def _handle(self, connection: Connection, request: Request) -> Message:
        caller = connection.caller
        match request:
            case Subscribe():
                return Done(id=request.id)
            case Advance():
                return (await self._handlers.advance(request, caller)).model_copy(update={"id": request.id})
            case Rewind():
                return (await self._handlers.rewind(request, caller)).model_copy(update={"id": request.id})
            case SetAside():
                return (await self._handlers.set_aside(request, caller)).model_copy(update={"id": request.id})
            case Admit():
                return (await self._handlers.admit(request, caller)).model_copy(update={"id": request.id})
            case FindCommand():
                return (await self._handlers.find_command(request, caller)).model_copy(update={"id": request.id})
            case Status():
                return StatusTold(id=request.id, status=dict(await self._handlers.status(caller)))
            case ScanLine():
                return (await self._handlers.scan_line(request, caller)).model_copy(update={"id": request.id})
            case ProbeEgm():
                return (await self._handlers.probe_egm(request, caller)).model_copy(update={"id": request.id})
            case TraceStart():
                await self._start_trace(connection, request.line)
                return Done(id=request.id)
            case TraceStop():
                await self._stop_trace(connection, request.line)
                return Done(id=request.id)

    async def _start_trace(self, connection: Connection, line: str) -> None:
        if line not in self._traces:
            await self._handlers.trace_start(line)
            self._traces[line] = deque()
        connection.traces.add(line)

    async def _stop_trace(self, connection: Connection, line: str) -> None:
        connection.traces.discard(line)
        if line in self._traces and not any(line in other.traces for other in self._callers):
            del self._traces[line]
            await self._handlers.trace_stop(line)

    # connections -----------------------------------------------------------------------------------------------------

    def arrived(self, connection: Connection) -> bool:
        """May this one stay? Above the limit of callers it may not."""
        if self._closing or len(self._callers) >= CALLERS_MAX:
            self.dropped["too-many"] += 1
            return False
        self._callers.add(connection)
        return True

    def left(self, connection: Connection) -> None:
        """A connection is over, for whatever reason."""
        self._callers.discard(connection)
        for line in tuple(connection.traces):
            if not self._closing:
                task = asyncio.get_running_loop().create_task(self._stop_trace(connection, line))
                self._tasks.add(task)
                task.add_done_callback(self._finished)

    def now(self) -> float:
        """Monotonic seconds."""
        return self._monotonic()


def _refusal(id_: int, slug: str, error: Exception) -> Refused:
    facts = getattr(error, "facts", None) or {}
    told = {str(name): plain(value) for name, value in facts.items()}
    return Refused(id=id_, reason=slug, text=str(error)[:2000], facts=told)


def plain(value: Any, depth: int = 0) -> Any:
    """A fact of an error as JSON: cursors as objects, what cannot travel as short text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if hasattr(value, "streamid") and hasattr(value, "sha256"):
        return {"streamid": value.streamid, "sequence": value.sequence, "sha256": value.sha256}
    if depth < 4 and isinstance(value, Mapping):
        return {str(name): plain(part, depth + 1) for name, part in value.items()}
    if depth < 4 and isinstance(value, list | tuple) and len(value) <= 1000:
        return [plain(part, depth + 1) for part in value]
    return str(value)[:500]
