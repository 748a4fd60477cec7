"""What is asked of each machine and not yet done: one short queue per machine, one request under way at a time.

What a machine waits for (a handpay, a meter change) has a place of its own beside it and need not wait for a reading to
end. The desk decides nothing about wires. A request that matters was written down (journal, inbox) before it came here;
the desk itself is memory and is filled again after a restart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from edge.hall.requests import ReadMeters, Request, merged

QUEUE_MAX = 32
"""Per machine: commands, and the gateway's own questions apart from them. Central may send more only after some were
answered; a full queue refuses, it never drops. Commands never crowd out the question who the machine is."""


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
    serial: str | None = None
    "Only for the machine with this serial number; None: whichever stands there."


@dataclass(slots=True)
class _Tray:
    waiting: deque[Slip] = field(default_factory=deque)
    under_way: Slip | None = None
    urgent: Slip | None = None


def _any(_slip: Slip) -> bool:
    return True


class Desk:
    """Requests per machine in order of arrival. The gateway's own are merged: a reading not yet begun serves both."""

    def __init__(self) -> None:
        self._trays: dict[int, _Tray] = {}

    def put(self, slip: Slip, *, first: bool = False) -> bool:
        """Queue a request. False: one of the gateway's own that waits already does for both. Raises DeskFull.

        ``first``: before everything that waits. Who a machine is must be known before its meters are read.
        """
        tray = self._trays.setdefault(slip.request.asset, _Tray())
        if slip.command is None:
            for place, waiting in enumerate(tray.waiting):
                both = merged(waiting.request, slip.request) if waiting.command is None else None
                if both is not None:
                    tray.waiting[place] = replace(waiting, request=both)
                    return False
        if sum((one.command is None) is (slip.command is None) for one in tray.waiting) >= QUEUE_MAX:
            raise DeskFull(slip.request.asset)
        if first:
            tray.waiting.appendleft(slip)
        else:
            tray.waiting.append(slip)
        return True

    def take(self, asset: int, may: Callable[[Slip], bool] = _any, *, urgent: bool = False) -> Slip | None:
        """The next request of this machine that may be begun, now under way; None while one is, or none waits.

        ``urgent``: of those a machine waits for, which have their own place; otherwise of the others.
        """
        tray = self._trays.get(asset)
        if tray is None or (tray.urgent if urgent else tray.under_way) is not None:
            return None
        slip = next((one for one in tray.waiting if one.request.urgent is urgent and may(one)), None)
        if slip is None:
            return None
        tray.waiting.remove(slip)
        if urgent:
            tray.urgent = slip
        else:
            tray.under_way = slip
        return slip

    def finish(self, asset: int, *, urgent: bool = False) -> Slip | None:
        """The request under way has its outcome; returns it."""
        tray = self._trays.get(asset)
        if tray is None:
            return None
        if urgent:
            done, tray.urgent = tray.urgent, None
        else:
            done, tray.under_way = tray.under_way, None
        return done

    def put_back(self, asset: int) -> None:
        """The request under way was never sent (the link went down first): it is the next again."""
        tray = self._trays.get(asset)
        if tray is not None and tray.under_way is not None:
            tray.waiting.appendleft(tray.under_way)
            tray.under_way = None

    def forget_own(self, asset: int) -> None:
        """Another machine stands there: what the gateway wanted to ask the one before is of no use. Commands stay."""
        tray = self._trays.get(asset)
        if tray is not None:
            tray.waiting = deque(slip for slip in tray.waiting if slip.command is not None)

    def asks(self, asset: int, kind: type[Request]) -> bool:
        """Does a request of this kind wait, or is one under way?"""
        tray = self._trays.get(asset)
        return tray is not None and any(isinstance(slip.request, kind) for slip in _open(tray))

    def withdraw_expired(self, now: datetime, *, sure: bool = True) -> Iterator[Slip]:
        """Take out what expired while it waited. What is under way may have been heard and is not withdrawn.

        ``sure`` False: the clock cannot be believed. Then only readings are, which whoever asked was promised an end of.
        """
        for tray in self._trays.values():
            late = [
                slip
                for slip in tray.waiting
                if slip.expires_at is not None
                and slip.expires_at <= now
                and (sure or isinstance(slip.request, ReadMeters))
            ]
            for slip in late:
                tray.waiting.remove(slip)
                yield slip

    def give_up(self, now: datetime) -> Iterator[Slip]:
        """Readings under way whose time is over: nobody waits for them any more.

        A reading takes nothing out of its machine, so its command may end while it goes on; what it brings is kept.
        """
        for tray in self._trays.values():
            slip = tray.under_way
            if slip is None or slip.command is None or slip.expires_at is None or slip.expires_at > now:
                continue
            if isinstance(slip.request, ReadMeters):
                tray.under_way = replace(slip, command=None, expires_at=None)
                yield slip

    def depth(self, asset: int) -> int:
        """Requests of this machine that have no outcome yet."""
        tray = self._trays.get(asset)
        return 0 if tray is None else sum(1 for _ in _open(tray))

    def commands_of(self, asset: int) -> int:
        """Commands of this machine that have no outcome yet."""
        tray = self._trays.get(asset)
        return 0 if tray is None else sum(slip.command is not None for slip in _open(tray))

    @property
    def commands(self) -> int:
        """Commands of all machines that have no outcome yet."""
        return sum(slip.command is not None for tray in self._trays.values() for slip in _open(tray))


def _open(tray: _Tray) -> Iterator[Slip]:
    yield from tray.waiting
    if tray.under_way is not None:
        yield tray.under_way
    if tray.urgent is not None:
        yield tray.urgent
