"""What is asked of each machine and not yet done: one short queue per machine, one request under way at a time.

The desk decides nothing about wires. A request that matters was written down (journal, inbox) before it came here;
the desk itself is memory and is filled again after a restart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from edge.hall.requests import Request

QUEUE_MAX = 32
"""Per machine. Central may send more only after some were answered; a full queue refuses, it never drops."""


class DeskFull(Exception):
    """This machine has ``QUEUE_MAX`` requests waiting; the caller refuses the new one and says so."""

    slug = "desk-full"

    def __init__(self, asset: int) -> None:
        super().__init__(f"Machine {asset} has {QUEUE_MAX} requests waiting already.")
        self.asset = asset


@dataclass(frozen=True, slots=True)
class CommandRef:
    """The command a request comes from: its outcome closes the inbox row."""

    central: str
    command_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Slip:
    """One request on the desk, and who waits for it. ``command`` None: the gateway asks on its own account."""

    request: Request
    command: CommandRef | None = None
    expires_at: datetime | None = None


@dataclass(slots=True)
class _Tray:
    waiting: deque[Slip] = field(default_factory=deque)
    under_way: Slip | None = None


class Desk:
    """Requests per machine in order of arrival. The gateway's own are merged: a reading not yet begun serves both."""

    def __init__(self) -> None:
        self._trays: dict[int, _Tray] = {}

    def put(self, slip: Slip, *, first: bool = False) -> bool:
        """Queue a request. False: one of the gateway's own that does the same already waits. Raises DeskFull.

        ``first``: before everything that waits. Who a machine is must be known before its meters are read.
        """
        tray = self._trays.setdefault(slip.request.asset, _Tray())
        if slip.command is None and any(
            waiting.command is None and type(waiting.request) is type(slip.request) for waiting in tray.waiting
        ):
            return False
        if len(tray.waiting) >= QUEUE_MAX:
            raise DeskFull(slip.request.asset)
        if first:
            tray.waiting.appendleft(slip)
        else:
            tray.waiting.append(slip)
        return True

    def take(self, asset: int) -> Slip | None:
        """The next request of this machine, now under way; None while one is, or nothing waits."""
        tray = self._trays.get(asset)
        if tray is None or tray.under_way is not None or not tray.waiting:
            return None
        tray.under_way = tray.waiting.popleft()
        return tray.under_way

    def finish(self, asset: int) -> Slip | None:
        """The request under way has its outcome; returns it."""
        tray = self._trays.get(asset)
        if tray is None:
            return None
        done, tray.under_way = tray.under_way, None
        return done

    def put_back(self, asset: int) -> None:
        """The request under way was never sent (the link went down first): it is the next again."""
        tray = self._trays.get(asset)
        if tray is not None and tray.under_way is not None:
            tray.waiting.appendleft(tray.under_way)
            tray.under_way = None

    def withdraw_expired(self, now: datetime) -> Iterator[Slip]:
        """Take out what expired while it waited. What is under way may have been heard and is not withdrawn."""
        for tray in self._trays.values():
            late = [slip for slip in tray.waiting if slip.expires_at is not None and slip.expires_at <= now]
            for slip in late:
                tray.waiting.remove(slip)
                yield slip

    def depth(self, asset: int) -> int:
        """Requests of this machine that have no outcome yet."""
        tray = self._trays.get(asset)
        return 0 if tray is None else len(tray.waiting) + (tray.under_way is not None)

    @property
    def commands(self) -> int:
        """Commands of all machines that have no outcome yet."""
        return sum(
            slip.command is not None
            for tray in self._trays.values()
            for slip in (*tray.waiting, *((tray.under_way,) if tray.under_way else ()))
        )
