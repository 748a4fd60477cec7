"""A URL of the configuration becomes a line. One place knows all schemes; what cannot work is refused with a remedy."""

from __future__ import annotations

from protocols.errors import LineUnfit
from protocols.line import memory
from protocols.line.adapters import HERE, Places
from protocols.line.line import Line, LineSettings, LineStats
from protocols.line.rfc2217 import Rfc2217Line
from protocols.line.tcp import Tcp9Line, TcpLine, parse_place

SCHEMES = ("tty", "tcp9", "tcp", "rfc2217", "memory")
"""What a SAS line may be written as; Modbus buses have URLs and clients of their own."""

DEFAULTS = LineSettings()


def open_line(
    url: str,
    *,
    name: str,
    settings: LineSettings = DEFAULTS,
    now: float,
    stats: LineStats | None = None,
    places: Places = HERE,
) -> Line:
    """Begin to open a line. ``tty:/dev/serial/by-path/...``, ``tcp9:10.7.0.41:4001``, ``rfc2217:10.7.0.41:4001``,
    ``tcp:10.7.0.41:4001``, ``memory:bank1``.

    ``stats``: the counters of the line before this one, when it is opened again. ``places``: where devices are. Raises
    LineUnfit (this can never work: the text says what to write instead), LineLost (not now: try again). Next: ``ready``
    until it is True; rfc2217 may raise LineUnfit there too."""
    scheme, colon, rest = url.partition(":")
    if not colon or not rest:
        raise LineUnfit(
            f"Line {name}: {url!r} is no URL of a line. Write for example tty:/dev/serial/by-path/... or "
            f"tcp9:10.7.0.41:4001.",
            line=name,
            url=url,
        )
    if scheme == "tty":
        return _tty(rest, name, settings, now, stats, places)
    if scheme == "tcp9":
        return Tcp9Line(*parse_place(scheme, rest), name=name, settings=settings, now=now, stats=stats)
    if scheme == "tcp":
        place = parse_place(scheme, rest)
        _demand_wakeup_by_server(rest, name, settings)
        return TcpLine(*place, name=name, settings=settings, now=now, stats=stats)
    if scheme == "memory":
        return memory.plug_in(rest, name=name, stats=stats)
    if scheme == "rfc2217":
        return Rfc2217Line(*parse_place(scheme, rest), name=name, settings=settings, now=now, stats=stats)
    if scheme.startswith("modbus-"):
        raise LineUnfit(f"Line {name}: {scheme}: is a Modbus bus, not a SAS line.", line=name, url=url)
    raise LineUnfit(
        f"Line {name}: nobody here knows {scheme}:. A SAS line is one of {', '.join(s + ':' for s in SCHEMES)}.",
        line=name,
        url=url,
    )


def _demand_wakeup_by_server(rest: str, name: str, settings: LineSettings) -> None:
    if not settings.wakeup_by_server:
        raise LineUnfit(
            f"Line {name}: tcp:{rest} carries eight bits, so no machine would hear a wake-up bit. If the device server "
            f"itself sets it on the first byte of each frame, set wakeup_by_server; otherwise use tcp9: or rfc2217:.",
            line=name,
            url=f"tcp:{rest}",
        )


def _tty(path: str, name: str, settings: LineSettings, now: float, stats: LineStats | None, places: Places) -> Line:
    if not path.startswith(f"{places.dev}/"):
        raise LineUnfit(
            f"Line {name}: tty:{path} is no device. Write tty:/dev/serial/by-path/...; hallctl doctor lists the ports.",
            line=name,
            url=f"tty:{path}",
        )
    # pyserial takes time to import and is not there on a machine that only simulates.
    from protocols.line.tty import TtyLine

    return TtyLine(path, name=name, settings=settings, now=now, stats=stats, places=places)
