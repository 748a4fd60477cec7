"""Lines over a socket: tcp9, two octets a character (flag 01 or 00, then the value), and tcp, raw with eight bits.

Client sockets that never block, for one epoll over all lines; and, for simulated machines, the listening end of tcp9.
A socket has no idea of time on the wire: the moment a frame has left is computed as if a port of the given speed stood
at the far end. Names are not looked up here, because a lookup can stand still for seconds and with it every line.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import time
from collections.abc import Callable, Sequence

from protocols.errors import LineBusy, LineLost, LineUnfit
from protocols.line.budget import ReadBudget
from protocols.line.line import DRAIN_MAX, Char, Facts, LineSettings, LineStats

LISTENER_BACKLOG_MAX = 65_536
"""Octets a host may leave unread at a simulated machine before it is thrown out."""

_FLAGS_KNOWN = b"\x00\x01"
_ONE_OCTET_PAIR = tuple(tuple(bytes((flag, value)) for value in range(256)) for flag in (0, 1))


def pairs(data: bytes, *, wakeup: bool) -> bytes:
    """A frame as tcp9 carries it: ``01 1F`` with wake-up is ``01 01 00 1F``."""
    if len(data) == 1:
        return _ONE_OCTET_PAIR[wakeup][data[0]]
    out = bytearray(2 * len(data))
    out[1::2] = data
    if wakeup and data:
        out[0] = 1
    return bytes(out)


def parse_place(scheme: str, rest: str) -> tuple[str, int]:
    """``10.7.0.41:4001``, ``[fd00::1]:4001`` or ``//...`` of either to (address, port). Raises LineUnfit."""
    text = rest.removeprefix("//")
    host, colon, port_text = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare or not port_text.isascii() or not port_text.isdigit() or not 0 < int(port_text) < 65536:
        raise LineUnfit(
            f"{scheme}:{rest} names no address and port. Write {scheme}:10.7.0.41:4001.", url=f"{scheme}:{rest}"
        )
    if bare == "localhost":
        return "127.0.0.1", int(port_text)
    try:
        return str(ipaddress.ip_address(bare)), int(port_text)
    except ValueError:
        raise LineUnfit(
            f"{scheme}:{rest}: {bare} is a name, and a line does not look up names, because a slow name server would "
            f"stop every line. Give the device server a fixed address and write that.",
            url=f"{scheme}:{rest}",
        ) from None


class SocketLine:
    """What tcp, tcp9 and rfc2217 share: connecting without waiting, losing the peer, counting."""

    scheme = "tcp"

    def __init__(
        self, address: str, port: int, *, name: str, settings: LineSettings, now: float, stats: LineStats | None = None
    ) -> None:
        """Begin to connect. Raises LineLost when that fails at once. Next: ``ready`` until it is True."""
        self.name = name
        self.stats = stats if stats is not None else LineStats()
        self._place = f"{self.scheme}:[{address}]:{port}" if ":" in address else f"{self.scheme}:{address}:{port}"
        self._char_s = settings.char_s
        self._budget = ReadBudget(now, char_s=settings.char_s)
        self._give_up_at = now + settings.connect_timeout_s
        self._connected = False
        self._lost: LineLost | None = None
        self._socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        # A poll is one small segment and its answer is awaited: Nagle would hold it back for 40 ms.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A device server that lost its power sends no farewell; without these a dead line would look silent for hours.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(settings.peer_timeout_s * 1000))
        self._fd = self._socket.fileno()
        result = self._socket.connect_ex((address, port))
        if result not in (0, errno.EINPROGRESS):
            self.close()
            raise self._lose(f"cannot be reached: {os.strerror(result)}")

    @property
    def facts(self) -> Facts:
        return {}

    def fileno(self) -> int:
        return self._fd

    def ready(self, now: float) -> bool:
        """True once connected. Raises LineLost when refused, unreachable, or nobody answered in time."""
        if self._lost is not None:
            raise self._lost
        if self._connected:
            return True
        result = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if result:
            raise self._lose(f"cannot be reached: {os.strerror(result)}")
        try:
            self._socket.getpeername()
        except OSError:
            if now >= self._give_up_at:
                raise self._lose("did not answer in time; is the device server on, and is this its address?") from None
            return False
        self._connected = True
        self.stats.opened += 1
        return True

    def service_at(self) -> float | None:
        return None

    def service(self, now: float) -> None:
        return

    def close(self) -> None:
        self._socket.close()
        self._connected = False
        if self._lost is None:
            self._lost = LineLost(f"Line {self.name}: {self._place} is closed.", line=self.name)

    def _write(self, octets: bytes, characters: int, now: float) -> float:
        if self._lost is not None:
            raise self._lost
        if not self._connected:
            self.stats.busy += 1
            raise LineBusy(f"Line {self.name}: {self._place} is not connected yet.", line=self.name)
        try:
            written = self._socket.send(octets)
        except BlockingIOError:
            self.stats.busy += 1
            raise LineBusy(f"Line {self.name}: {self._place} takes no more characters.", line=self.name) from None
        except OSError as error:
            raise self._lose(f"is gone: {error.strerror}") from error
        if written != len(octets):
            # Half a frame is out and cannot be called back; the other end has not read for many seconds anyway.
            raise self._lose(f"took only {written} of {len(octets)} octets of a frame")
        self.stats.chars_sent += characters
        self.stats.frames_sent += 1
        return now + characters * self._char_s

    def _read(self, octets_max: int) -> bytes:
        """What is there, b"" for nothing. Raises LineLost."""
        if self._lost is not None:
            raise self._lost
        if not self._connected:
            return b""
        try:
            octets = self._socket.recv(octets_max)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._lose(f"is gone: {error.strerror}") from error
        if not octets:
            raise self._lose("closed the connection")
        return octets

    def _flooded(self, thrown_away: int) -> None:
        self.stats.flooded += 1
        self.stats.thrown_away += thrown_away

    def _lose(self, why: str) -> LineLost:
        self._lost = LineLost(f"Line {self.name}: {self._place} {why}.", line=self.name, place=self._place)
        self._connected = False
        return self._lost


class Tcp9Line(SocketLine):
    """Nine bits over a socket, both ways."""

    scheme = "tcp9"
    _half = b""

    def send(self, data: bytes, *, wakeup: bool, now: float) -> float:
        """See `Line.send`. Raises LineLost, LineBusy."""
        return self._write(pairs(data, wakeup=wakeup), len(data), now)

    def drain(self, now: float) -> Sequence[Char]:
        """See `Line.drain`. A first octet other than 00 and 01 means that both ends no longer agree where a character
        begins: LineLost, because only a new connection can put that right."""
        octets = self._read(2 * DRAIN_MAX)
        if not octets:
            return ()
        if self._half:
            octets = self._half + octets
            self._half = b""
        if len(octets) & 1:
            self._half = octets[-1:]
            octets = octets[:-1]
            if not octets:
                return ()
        stats = self.stats
        came = len(octets) // 2
        allowed = self._budget.take(came, now)
        if came == 1 == allowed and not octets[0]:  # nearly always: one byte answers a poll
            stats.chars_received += 1
            return (Char(octets[1], False, now),)
        flags = octets[0::2]
        if flags.translate(None, _FLAGS_KNOWN):
            raise self._lose(
                "is out of step: a flag octet is neither 00 nor 01. Does the other end speak tcp9, "
                "two octets a character?"
            )
        stats.chars_received += came
        stats.wakeups_received += flags.count(1)
        if allowed < came:
            self._flooded(came - allowed)
            octets = octets[: 2 * allowed]
        return [Char(value, flag == 1, now) for flag, value in zip(octets[0::2], octets[1::2], strict=True)]


class TcpLine(SocketLine):
    """Eight bits over a socket: the far end sets the wake-up bit, or there is none. ``wakeup`` is not carried."""

    scheme = "tcp"

    def send(self, data: bytes, *, wakeup: bool, now: float) -> float:
        """See `Line.send`. Raises LineLost, LineBusy."""
        return self._write(data, len(data), now)

    def drain(self, now: float) -> Sequence[Char]:
        """See `Line.drain`; the flag of every character is False."""
        octets = self._read(DRAIN_MAX)
        if not octets:
            return ()
        came = len(octets)
        self.stats.chars_received += came
        allowed = self._budget.take(came, now)
        if allowed < came:
            self._flooded(came - allowed)
            octets = octets[:allowed]
        return [Char(value, False, now) for value in octets]


class Tcp9Listener:
    """The machines' end of tcp9, for simulators: one host at a time, the newest wins.

    ``received`` gets what the host sent; ``host_changed`` is told True when a host is there and False when none is any
    more. Both are called from the event loop and must not block.
    """

    def __init__(
        self,
        received: Callable[[Sequence[Char]], None],
        *,
        name: str = "tcp9",
        host_changed: Callable[[bool], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.stats = LineStats()
        self._received = received
        self._host_changed = host_changed
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._host: _HostConnection | None = None

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port. Raises LineUnfit when the place is taken or not ours."""
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: _HostConnection(self), address, port, reuse_address=True
            )
        except OSError as error:
            raise LineUnfit(f"Cannot listen on {address}:{port}: {error.strerror or error}.", line=self.name) from error
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def has_host(self) -> bool:
        return self._host is not None

    def send(self, data: bytes, *, wakeup: bool) -> bool:
        """Characters to the host. False: nobody is there to hear them."""
        host = self._host
        if host is None or host.transport is None:
            return False
        if host.transport.get_write_buffer_size() > LISTENER_BACKLOG_MAX:
            host.transport.abort()
            return False
        host.transport.write(pairs(data, wakeup=wakeup))
        self.stats.chars_sent += len(data)
        self.stats.frames_sent += 1
        return True

    def drop_host(self) -> None:
        """Throw the host out, as an unplugged cable would."""
        if self._host is not None and self._host.transport is not None:
            self._host.transport.abort()

    async def close(self) -> None:
        """Stop listening and let the host go."""
        if self._server is not None:
            self._server.close()
            self.drop_host()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), 1.0)
            self._server = None

    # for the connection ----------------------------------------------------------------------------------------------

    def arrived(self, connection: _HostConnection) -> None:
        """A host connected; the one before has to go, its cable was most likely pulled."""
        before, self._host = self._host, connection
        self.stats.opened += 1
        if before is not None and before.transport is not None:
            before.transport.abort()
        if self._host_changed is not None:
            self._host_changed(True)

    def left(self, connection: _HostConnection) -> None:
        if self._host is connection:
            self._host = None
            if self._host_changed is not None:
                self._host_changed(False)

    def took(self, connection: _HostConnection, octets: bytes) -> None:
        """Whole pairs from a host; those of one that was replaced are not heard."""
        if self._host is not connection:
            return
        now = self._clock()
        flags = octets[0::2]
        self.stats.chars_received += len(flags)
        self.stats.wakeups_received += flags.count(1)
        self._received([Char(value, flag == 1, now) for flag, value in zip(flags, octets[1::2], strict=True)])


class _HostConnection(asyncio.Protocol):
    """One host at the listener."""

    def __init__(self, listener: Tcp9Listener) -> None:
        self.transport: asyncio.Transport | None = None
        self._listener = listener
        self._half = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport  # asyncio sets TCP_NODELAY itself
        self._listener.arrived(self)

    def data_received(self, data: bytes) -> None:
        octets = self._half + data if self._half else data
        whole = len(octets) & ~1
        octets, self._half = octets[:whole], octets[whole:]
        if octets[0::2].translate(None, _FLAGS_KNOWN):
            assert self.transport is not None
            self.transport.abort()  # out of step: the host has to connect anew
            return
        if octets:
            self._listener.took(self, octets)

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.left(self)
