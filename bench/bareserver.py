"""Floors for pages over HTTP: ``python -m bench.bareserver constant|read DATABASE PORT`` until it is killed.

``read``: one SELECT and one join a request, straight to the socket. ``constant``: one page of the log, made once, from the
gateway's own HTTP server without anything else of it.
"""

from __future__ import annotations

import asyncio
import re
import socket
import sqlite3
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import closing
from typing import Any

from edge.front import serving

LIMIT = 1000
_AFTER = re.compile(rb"after=(\d+)")


def page(conn: sqlite3.Connection, after: int) -> bytes:
    """As the feed writes it, as far as a puller looks."""
    asked = "SELECT position, body FROM log WHERE position > ? ORDER BY position LIMIT ?"
    rows = conn.execute(asked, (after, LIMIT)).fetchall()
    last = rows[-1][0] if rows else after
    return b'{"events":[%b],"next":{"sequence":%d,"sha256":"","streamid":"%b"},"has_more":%b}' % (
        b",".join([row[1] for row in rows]), last, b"0" * 32, b"true" if len(rows) == LIMIT else b"false",
    )  # fmt: skip


def read(database: str, port: int) -> None:
    """One caller after the other."""
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as conn,
        socket.create_server(("127.0.0.1", port)) as server,
    ):
        while True:
            caller, _ = server.accept()
            with caller:
                while asked := caller.recv(65536):
                    found = _AFTER.search(asked)
                    body = page(conn, int(found[1]) if found else 0)
                    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
                    caller.sendall(body)


def constant(database: str, port: int) -> None:
    """The same bytes for whoever asks."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as conn:
        body = page(conn, 0)
    length = str(len(body)).encode()

    async def app(
        _scope: MutableMapping[str, Any], _receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})

    asyncio.run(serving.server(app).serve(sockets=[serving.bind_tcp(f"127.0.0.1:{port}")]))


if __name__ == "__main__":
    {"read": read, "constant": constant}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
