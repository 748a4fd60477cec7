"""A bad line between two who speak TCP: slow, cut at random, or coming and going. On loopback, in the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator

PIECE = 1024


class BadLink:
    """Forwards what comes to ``port``. ``rate``: bytes a second each way, None: as fast as it goes.

    ``reset``: the share of connections that die by RST somewhere in their first ``reset_within`` bytes. ``up``: False
    refuses new connections and has reset those that were open.
    """

    def __init__(
        self, target: int, *, rate: int | None = None, reset: float = 0.0, reset_within: int = 4096, seed: int = 7
    ) -> None:
        self.target = target
        self.rate = rate
        self.reset = reset
        self.reset_within = reset_within
        self.port = 0
        self.connections = 0
        self.resets = 0
        self.carried = 0
        self._dice = random.Random(seed)
        self._up = True
        self._open: set[asyncio.StreamWriter] = set()

    def set_up(self, *, up: bool) -> None:
        """The line comes, or goes."""
        self._up = up
        if not up:
            for writer in tuple(self._open):
                _reset(writer)

    async def flap(self, up_s: float, down_s: float) -> None:
        """Come and go until cancelled; up at the end."""
        try:
            while True:
                self.set_up(up=True)
                await asyncio.sleep(up_s)
                self.set_up(up=False)
                await asyncio.sleep(down_s)
        finally:
            self.set_up(up=True)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[BadLink]:
        """It listens on ``port`` inside."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=4 * PIECE)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.set_up(up=False)
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            if not self._up:
                _reset(writer)
                return
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.target, limit=4 * PIECE)
            self._open.add(far)
            left = self._dice.randrange(1, self.reset_within) if self._dice.random() < self.reset else None
            both = [
                asyncio.create_task(self._carry(reader, far, None)),
                asyncio.create_task(self._carry(far_reader, writer, left)),
            ]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        except OSError:
            pass  # the other end is not there: as if the line were cut
        finally:
            for end in (writer, far):
                if end is not None:
                    self._open.discard(end)
                    end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None) -> None:
        while data := await reader.read(PIECE):
            if left is not None and len(data) >= left:
                self.resets += 1
                _reset(writer)
                return
            left = None if left is None else left - len(data)
            writer.write(data)
            await writer.drain()
            self.carried += len(data)
            if self.rate is not None:
                await asyncio.sleep(len(data) / self.rate)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End it with RST, as a router that lost its table does."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
