"""One step of a line with whoever drives it, a host or a scan: for loops that have one line and no tick of their own.

Pure: time is an argument, and the line is given. The order is that of the field's tick (drain, service, time-out, send).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol

from protocols.line.line import Char, Line
from protocols.sas.events import SasEvent
from protocols.sas.turn import Turn

LOOK_S = 0.002
"""While an answer is due the line is drained so often."""
IDLE_S = 0.05
"""Otherwise: chirps and strays."""


class Driver(Protocol):
    """What Host and Scan have in common for whoever calls them."""

    awaiting: bool

    def due(self) -> float: ...

    def take_events(self) -> Sequence[SasEvent]: ...

    def next_turn(self, now: float) -> Turn | None: ...

    def sent(self, ends_at: float) -> None: ...

    def receive(self, chars: Sequence[Char], now: float) -> Sequence[SasEvent]: ...

    def no_reply(self, now: float) -> Sequence[SasEvent]: ...


def step(line: Line, driver: Driver, now: float, tell: Callable[[Sequence[SasEvent]], None]) -> float:
    """Do what is due at this moment; returns when to call again, at the latest (a file descriptor may speak before).

    ``tell``: what happened; it must be durable when the call returns, for the next step may acknowledge it. Raises
    LineLost, LineBusy: then the driver's line_reopened() comes first when there is a line again.
    """
    chars = line.drain(now)
    if chars and (events := driver.receive(chars, now)):
        tell(events)
    service_at = line.service_at()
    if service_at is not None and service_at <= now:
        line.service(now)
        service_at = line.service_at()
    if service_at is not None:
        return max(service_at, now)
    due = driver.due()
    if due > now:
        return min(due, now + (LOOK_S if driver.awaiting else IDLE_S))
    if driver.awaiting:
        if events := driver.no_reply(now):
            tell(events)
    else:
        turn = driver.next_turn(now)
        if turn is None:
            if events := driver.take_events():
                tell(events)
        else:
            driver.sent(line.send(turn.data, wakeup=True, now=now))
    service_at = line.service_at()
    if service_at is not None:
        return service_at
    due = driver.due()
    return now + IDLE_S if due == inf else min(due, now + (LOOK_S if driver.awaiting else IDLE_S))
