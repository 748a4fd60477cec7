"""Unix sockets as we want them: the right file mode from the first moment, and the caller by the kernel's word."""

import contextlib
import os
import socket
import struct
from pathlib import Path
from typing import Any

from edge.seam.errors import SocketInUse

_PEERCRED = struct.Struct("3i")


def bind_unix(path: Path, *, mode: int = 0o660) -> socket.socket:
    """A bound Unix socket with these rights from its first moment. A dead one in its place is removed.

    Raises SocketInUse if somebody alive listens there, OSError if the directory does not let us.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _refuse_living(path)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        before = os.umask(0o777 & ~mode)
        try:
            sock.bind(str(path))
        finally:
            os.umask(before)
        sock.setblocking(False)
    except BaseException:  # Whatever it was: the socket is closed, and it is raised again.
        sock.close()
        raise
    return sock


def _refuse_living(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        if path.exists() and probe.connect_ex(str(path)) == 0:
            raise SocketInUse(f"Another process listens on {path}", path=str(path))


def peer_of(sock: Any) -> tuple[int, int, int]:
    """pid, uid, gid of the other end of a connected Unix socket. Source: SO_PEERCRED, unix(7)."""
    pid, uid, gid = _PEERCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size))
    return pid, uid, gid
