"""HTTP on sockets of our own: bound by us with the right file mode, no signals taken, bounded per connection.

The only place that knows uvicorn. What is served is handed in.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from edge.errors import EdgeError
from edge.seam.unix import bind_unix, peer_of

App = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]

HEADERS_MAX = 64 << 10
"Bytes of request line and headers."
HEADERS_WITHIN_S = 10.0
"From the first byte of a request, or from the connection, to the end of its headers."
KEEP_ALIVE_S = 30
READ_WITHIN_S = 30.0
"Whoever takes nothing for so long, while something waits for it, is let go: 64 who sleep would keep everybody else out."
CONNECTIONS_MAX = 64
"Per listener; above it a new request gets 503."
GRACE_S = 1
PEER = "hall.peer"
"Key of the ASGI scope: (pid, uid, gid) of a caller on the control socket; absent on network listeners."


class ListenError(EdgeError):
    """A socket cannot be bound; nothing is served until it can."""

    slug = "cannot-listen"


class Server(uvicorn.Server):
    """uvicorn that leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


class Bounded(HttpToolsProtocol):
    """HTTP/1.1 with limits for headers, in bytes and in time, and for who does not read: uvicorn has none with httptools."""

    _header_bytes = 0
    _in_headers = True
    _patience: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        """Start the clock for the first request."""
        super().connection_made(transport)
        # Whatever the kernel does not take at once is noticed; uvicorn then writes no more until it is gone.
        transport.set_write_buffer_limits(high=1, low=0)
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clocks."""
        self._stop_waiting()
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to headers."""
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > HEADERS_MAX and self.transport is not None:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """The next request on this connection begins."""
        self._in_headers = True
        self._header_bytes = 0
        self._wait_for_headers()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Headers are through; the body has its own limit."""
        self._in_headers = False
        self._stop_waiting()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Something waits for the reader: it must take some of it, however slowly."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It has taken all of it."""
        self._stop_watching()
        super().resume_writing()

    def _watch(self, waits: int) -> None:
        self._stop_watching()
        self._unread = asyncio.get_running_loop().call_later(READ_WITHIN_S, self._look, waits)

    def _look(self, waited: int) -> None:
        waits = self.transport.get_write_buffer_size()
        if waits < waited:
            self._watch(waits)
        else:
            self.transport.abort()

    def _stop_watching(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _wait_for_headers(self) -> None:
        self._stop_waiting()
        self._patience = asyncio.get_running_loop().call_later(HEADERS_WITHIN_S, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class Local(Bounded):
    """The control socket: who is at the other end stands in the scope, by the kernel's word."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn does
        """Ask the kernel once per connection."""
        super().connection_made(transport)
        peer = peer_of(transport.get_extra_info("socket"))
        inner: Any = self.app

        async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
            scope[PEER] = peer
            await inner(scope, receive, send)

        self.app = app


def bind_tcp(listen: str) -> socket.socket:
    """Bind `host:port` (or `[v6]:port`). Raises ListenError with a sentence."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, proto)
    except OSError as error:
        raise ListenError(f"{listen} is no address of this box: {error.strerror or error}", listen=listen) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(128)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise ListenError(f"Cannot listen on {listen}: {error.strerror}", listen=listen) from error
    return sock


def bind_control(path: Path) -> socket.socket:
    """Bind the control socket, 0660. Raises ListenError."""
    try:
        sock = bind_unix(path)
        sock.listen(128)
    except (OSError, EdgeError) as error:
        raise ListenError(f"Cannot listen on {path}: {error}", listen=str(path)) from error
    return sock


def is_loopback(listen: str) -> bool:
    """Does this address reach nobody but this box?"""
    host = listen.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def server(
    app: App, *, local: bool = False, cert: str | None = None, key: str | None = None, client_ca: str | None = None
) -> Server:
    """A server for one bound socket; run it with `await server(...).serve(sockets=[sock])`."""
    # It tells each start and stop of each listener at info; whether the front runs is said once, by `app`.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    return Server(
        uvicorn.Config(
            app,
            http=Local if local else Bounded,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
            ssl_certfile=cert,
            ssl_keyfile=key,
            ssl_ca_certs=client_ca,
            ssl_cert_reqs=ssl.CERT_REQUIRED if client_ca else ssl.CERT_NONE,
        )
    )
