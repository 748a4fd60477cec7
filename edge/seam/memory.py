"""Both ends of the seam in one process, over a socket pair: for tests and for whoever composes the halves so."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from edge.board import Board
from edge.seam.client import SeamClient
from edge.seam.messages import LINE_MAX
from edge.seam.server import Handlers, SeamServer


class MemoryClient(SeamClient):
    """A client that dials the server object itself; the bytes are those of the real socket."""

    def __init__(self, server: SeamServer) -> None:
        super().__init__(Path("memory"))
        self._server = server

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A fresh pair: one end for the server, one for us."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        theirs.setblocking(False)
        self._server.attach()
        await self._server.adopt(theirs)
        return await asyncio.open_unix_connection(sock=ours, limit=LINE_MAX)


@asynccontextmanager
async def memory_seam(
    handlers: Handlers, board: Board, version: str = "test"
) -> AsyncIterator[tuple[SeamServer, SeamClient]]:
    """A server and a connected client, until the end of the block."""
    server = SeamServer(Path("memory"), handlers, board, version)
    client = MemoryClient(server)
    returned = asyncio.Event()
    client.on_return(returned.set)
    task = asyncio.create_task(client.run())
    try:
        async with asyncio.timeout(5):
            await returned.wait()
        yield server, client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.close()
