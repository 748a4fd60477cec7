"""A URL of the configuration becomes a line. One place knows all schemes; what cannot work is refused with a remedy."""

from __future__ import annotations

from protocols.errors import LineUnfit
from protocols.line import memory
from protocols.line.line import Line, LineSettings, LineStats
from protocols.line.tcp import Tcp9Line, TcpLine, parse_place

SCHEMES = ("tty", "tcp9", "tcp", "rfc2217", "memory")
"""What a SAS line may be written as; Modbus buses have URLs and clients of their own."""

DEFAULTS = LineSettings()


def open_line(
    url: str, *, name: str, settings: LineSettings = DEFAULTS, now: float, stats: LineStats | None = None
) -> Line:
    """Begin to open a line. ``tty:/dev/serial/by-path/...``, ``tcp9:10.7.0.41:4001``, ``tcp:10.7.0.41:4001``,
    ``memory:bank1``.

    ``stats``: the counters of the line before this one, when it is opened again. Raises LineUnfit (this can never work:
    the text says what to write instead), LineLost (not now: try again). Next: ``ready`` until it is True."""
    scheme, colon, rest = url.partition(":")
    if not colon or not rest:
        raise LineUnfit(
            f"Line {name}: {url!r} is no URL of a line. Write for example tty:/dev/serial/by-path/... or "
            f"tcp9:10.7.0.41:4001.",
            line=name,
            url=url,
        )
    if scheme == "tty":
        return _tty(rest, name, settings, now, stats)
    if scheme == "tcp9":
        return Tcp9Line(*parse_place(scheme, rest), name=name, settings=settings, now=now, stats=stats)
    if scheme == "tcp":
        return TcpLine(*parse_place(scheme, rest), name=name, settings=settings, now=now, stats=stats)
    if scheme == "memory":
        return memory.plug_in(rest, name=name, stats=stats)
    if scheme == "rfc2217":
        raise LineUnfit(
            f"Line {name}: a port behind RFC 2217 cannot carry SAS yet. Its parity changes are not ordered with the "
            f"data, and many servers take 5 to 20 ms for one, while a machine drops a frame after 5 ms. Use a device "
            f"server that handles the ninth bit itself (tcp9:), or a local port (tty:).",
            line=name,
            url=url,
        )
    if scheme.startswith("modbus-"):
        raise LineUnfit(f"Line {name}: {scheme}: is a Modbus bus, not a SAS line.", line=name, url=url)
    raise LineUnfit(
        f"Line {name}: nobody here knows {scheme}:. A SAS line is one of {', '.join(s + ':' for s in SCHEMES)}.",
        line=name,
        url=url,
    )


def _tty(path: str, name: str, settings: LineSettings, now: float, stats: LineStats | None) -> Line:
    if not path.startswith("/dev/"):
        raise LineUnfit(
            f"Line {name}: tty:{path} is no device. Write tty:/dev/serial/by-path/...; hallctl doctor lists the ports.",
            line=name,
            url=f"tty:{path}",
        )
    # pyserial takes time to import and is not there on a machine that only simulates.
    from protocols.line.tty import TtyLine

    return TtyLine(path, name=name, settings=settings, now=now, stats=stats)
