"""One caller of the seam, at the field's end: splits lines and keeps the bounds.

A caller that breaks a bound or sends anything that is not a message loses its connection, is counted, and changes
nothing. What a request does is not said here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from edge.seam.errors import BadMessage
from edge.seam.messages import LINE_MAX, VERSION, Hello, Refused, Request, Subscribe, encode, to_field
from edge.seam.unix import peer_of

OPEN_MAX = 64
"Requests of one caller without an answer yet."
UNSENT_MAX = 4 << 20
"Bytes that wait for a slow reader; the board of some thousand machines fits four times."
RATE = 1000
"Messages a second of one caller, and its burst; reading one costs about 10 microseconds."
HELLO_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end, by the kernel's word, and what it says it is."""

    pid: int
    uid: int
    gid: int
    part: str = ""
    program: str = ""


class House(Protocol):
    """What a connection needs of the server it belongs to."""

    version: str
    dropped: Counter[str]

    def arrived(self, connection: Connection) -> bool:
        """May this one stay? Above the limit of callers it may not."""

    def left(self, connection: Connection) -> None:
        """A connection is over, for whatever reason."""

    def ask(self, connection: Connection, request: Request) -> None:
        """Let the handler work on it beside everything else; `connection.answered()` when it is through."""

    def now(self) -> float:
        """Monotonic seconds."""


class Connection(asyncio.Protocol):
    """One caller: splits lines, keeps the bounds."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._open = 0
        self._greeted = False
        self._allowance = float(RATE)
        self._filled_at = house.now()
        self._patience: asyncio.TimerHandle | None = None
        self.caller = Caller(0, -1, -1)
        self.subscribed = False
        self._subscribing = False
        self.traces: set[str] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # a stream socket has no other
        self._transport = transport
        transport.set_write_buffer_limits(high=UNSENT_MAX)
        self.caller = Caller(*peer_of(transport.get_extra_info("socket")))
        if not self._house.arrived(self):
            transport.abort()
            return
        self._patience = asyncio.get_running_loop().call_later(HELLO_WITHIN_S, self._drop, "silent")
        self.send(encode(Hello(part="field", program=self._house.version)))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._buffer and self._transport is not None:
            self._house.dropped["half-line"] += 1
        self._transport = None
        if self._patience is not None:
            self._patience.cancel()
        self._house.left(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._transport is not None:
            end = self._buffer.find(b"\n")
            if end < 0:
                if len(self._buffer) >= LINE_MAX:
                    self._drop("oversize")
                return
            if end >= LINE_MAX:
                self._drop("oversize")
                return
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            if not self._may_speak():
                self._drop("flood")
                return
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            message = to_field(line)
        except BadMessage as bad:
            self._refuse("garbage", bad.slug, str(bad))
            return
        if isinstance(message, Hello):
            self._greet(message)
        elif not self._greeted:
            self._refuse("garbage", "bad-message", "The first message must be hello.")
        elif self._open >= OPEN_MAX:
            self._refuse("flood", "too-many-open", f"More than {OPEN_MAX} requests without an answer.")
        else:
            if isinstance(message, Subscribe):
                if self._subscribing:
                    self._refuse("flood", "subscribed-twice", "A connection may subscribe once.")
                    return
                self._subscribing = True
            self._open += 1
            self._house.ask(self, message)

    def _greet(self, hello: Hello) -> None:
        if hello.version != VERSION:
            text = (
                f"The field speaks version {VERSION} of the seam and was greeted in version {hello.version}: "
                "both halves must be of the same release. Restart the one that was not restarted after the upgrade."
            )
            self._refuse("foreign-version", "foreign-version", text)
            return
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._greeted = True
        known = self.caller
        self.caller = Caller(known.pid, known.uid, known.gid, hello.part, hello.program)

    def _may_speak(self) -> bool:
        now = self._house.now()
        self._allowance = min(float(RATE), self._allowance + (now - self._filled_at) * RATE)
        self._filled_at = now
        self._allowance -= 1.0
        return self._allowance >= 0.0

    def answered(self) -> None:
        """One request of this caller has its answer."""
        self._open -= 1

    def send(self, line: bytes) -> None:
        """Write without ever waiting. Who does not read what waits for it is dropped."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() + len(line) > UNSENT_MAX:
            self._drop("slow")
            return
        transport.write(line)

    def end(self) -> None:
        """Close in good order: what was written is still sent."""
        if self._transport is not None:
            self._buffer.clear()
            self._transport.close()

    def _refuse(self, count: str, slug: str, text: str) -> None:
        self._house.dropped[count] += 1
        self.send(encode(Refused(id=0, reason=slug, text=text[:2000])))
        self.end()
        self._transport = None

    def _drop(self, count: str) -> None:
        self._house.dropped[count] += 1
        self._buffer.clear()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
