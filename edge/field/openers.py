"""How a line of the configuration is opened: what its table says, as the line's own settings."""

from __future__ import annotations

from collections.abc import Callable

from edge.config.model import LineSettings
from protocols.line.line import Line, LineStats
from protocols.line.line import LineSettings as WireSettings
from protocols.line.open import open_line


def opener(line: LineSettings) -> Callable[[float], Line]:
    """Opens this line at a monotonic time, again and again with the same figures."""
    stats = LineStats()
    wire = WireSettings(
        baud=line.baud,
        gap_s=line.gap_ms / 1000,
        wakeup_by=line.wakeup_by,
        dtr=line.dtr,
        rts=line.rts,
        wakeup_by_server=line.wakeup_by_server,
        parity_proven=line.parity_proven,
    )

    def open_it(now: float) -> Line:
        return open_line(line.url, name=line.name, settings=wire, now=now, stats=stats)

    return open_it
