"""A wire in one process: nine-bit characters that arrive at their computed moment of a fake clock.

One host end and any number of machine ends. Every machine hears the host; the host hears every machine; machines hear
each other only on a wire built as a loop. For tests and simulators. No clock, no sleep, no thread is in here: time is
the ``now`` of the caller, so whole days pass in a second and twice the same way.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from protocols.errors import LineBusy, LineLost, LineUnfit
from protocols.line.line import CHAR_S, DRAIN_MAX, Char, Facts, LineStats

PENDING_MAX = 65_536
"""Characters one end may leave undrained: 37 s of unbroken traffic. Beyond, the sender gets LineBusy."""


class MemoryWire:
    """The cable. ``host`` is the gateway's end, ``egm()`` adds a machine's end, ``cut()`` pulls the plug."""

    def __init__(self, name: str, *, char_s: float = CHAR_S, loop: bool = False) -> None:
        self.name = name
        self.char_s = char_s
        self.loop = loop
        "Machines hear each other, as on an optical loop."
        self.is_cut = False
        self._order = 0
        self._host = MemoryLine(self, is_host=True)
        self._egms: list[MemoryLine] = []

    @property
    def host(self) -> MemoryLine:
        """The gateway's end that is plugged in now."""
        return self._host

    def new_host(self) -> MemoryLine:
        """Plug in a fresh end for the gateway; the one before is closed, what it had not drained is gone with it."""
        self._host.close()
        self._host = MemoryLine(self, is_host=True)
        return self._host

    def egm(self) -> MemoryLine:
        """A further machine's end."""
        end = MemoryLine(self, is_host=False)
        self._egms.append(end)
        return end

    def cut(self) -> None:
        """Pull the plug: what is in flight is lost, every end raises LineLost until ``mend``."""
        self.is_cut = True
        for end in (self._host, *self._egms):
            end.forget()

    def mend(self) -> None:
        """Plug in again. Ends that were closed meanwhile stay closed."""
        self.is_cut = False

    def hearers(self, sender: MemoryLine) -> Sequence[MemoryLine]:
        """The ends that hear what this end sends."""
        if sender.is_host:
            return self._egms
        if not self.loop:
            return (self._host,)
        return (self._host, *(end for end in self._egms if end is not sender))

    def unplug(self, end: MemoryLine) -> None:
        """This end is gone for good; the others notice nothing but silence."""
        if end in self._egms:
            self._egms.remove(end)

    def order(self) -> int:
        """The next number: characters that arrive at the same moment keep the order in which they were sent."""
        self._order += 1
        return self._order


class MemoryLine:
    """One end of a `MemoryWire`; a `Line`."""

    def __init__(self, wire: MemoryWire, *, is_host: bool) -> None:
        self.name = wire.name
        self.stats = LineStats(opened=1)
        self.is_host = is_host
        self.is_closed = False
        self._wire = wire
        self._coming: list[tuple[float, int, int, bool]] = []
        self._sends_until = float("-inf")

    @property
    def facts(self) -> Facts:
        return {}

    def fileno(self) -> int:
        return -1

    def ready(self, now: float) -> bool:
        """True at once. Raises LineLost."""
        self._check()
        return True

    def send(self, data: bytes, *, wakeup: bool, now: float) -> float:
        """Each character arrives one character time after the one before; a frame sent while another is leaving
        follows it without a gap. Returns the arrival of the last one. Raises LineLost, LineBusy."""
        self._check()
        hearers = self._wire.hearers(self)
        if any(end.pending + len(data) > PENDING_MAX for end in hearers if not end.is_closed):
            self.stats.busy += 1
            raise LineBusy(
                f"Line {self.name}: {PENDING_MAX} characters wait undrained at the other end.", line=self.name
            )
        at = max(now, self._sends_until)
        for index, value in enumerate(data):
            at += self._wire.char_s
            arrival = (at, self._wire.order(), value, wakeup and index == 0)
            for end in hearers:
                end.arrive(arrival)
        self._sends_until = at
        self.stats.chars_sent += len(data)
        self.stats.frames_sent += 1
        return at

    def service_at(self) -> float | None:
        return None

    def service(self, now: float) -> None:
        return

    def drain(self, now: float) -> Sequence[Char]:
        """What has arrived by ``now``, in order of arrival, each with its exact moment. Raises LineLost."""
        self._check()
        coming = self._coming
        if not coming or coming[0][0] > now:
            return ()
        stats = self.stats
        chars: list[Char] = []
        while coming and coming[0][0] <= now:
            if len(chars) == DRAIN_MAX:
                stats.flooded += 1
                break
            at, _, value, wakeup = heapq.heappop(coming)
            stats.wakeups_received += wakeup
            chars.append(Char(value, wakeup, at))
        stats.chars_received += len(chars)
        return chars

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self.forget()
            self._wire.unplug(self)

    # for the wire and for a simulated clock --------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """Characters under way to this end or not drained yet."""
        return len(self._coming)

    def next_arrival(self) -> float | None:
        """When the next character comes; None: nothing is under way. Lets a fake clock jump."""
        return self._coming[0][0] if self._coming else None

    def arrive(self, arrival: tuple[float, int, int, bool]) -> None:
        """The wire puts a character under way to this end."""
        if not self.is_closed:
            heapq.heappush(self._coming, arrival)

    def forget(self) -> None:
        """What is under way to this end is lost."""
        self._coming.clear()

    def _check(self) -> None:
        if self.is_closed:
            raise LineLost(f"Line {self.name}: this end is closed.", line=self.name)
        if self._wire.is_cut:
            raise LineLost(f"Line {self.name}: the wire is cut.", line=self.name)


def pair(name: str, *, char_s: float = CHAR_S) -> tuple[MemoryLine, MemoryLine]:
    """A wire with one machine: (host end, machine end)."""
    wire = MemoryWire(name, char_s=char_s)
    return wire.host, wire.egm()


_offered: dict[str, MemoryWire] = {}


def offer(wire: MemoryWire) -> None:
    """Make a wire reachable as ``memory:NAME`` in this process; the newest of a name counts."""
    _offered[wire.name] = wire


def withdraw(name: str) -> None:
    """No longer reachable; ends that are in use stay."""
    _offered.pop(name, None)


def plug_in(wire_name: str, *, name: str | None = None, stats: LineStats | None = None) -> MemoryLine:
    """A fresh host end of an offered wire, by default under the wire's name. Raises LineUnfit when nobody in this
    process offers that name, LineLost while it is cut."""
    wire = _offered.get(wire_name)
    if wire is None:
        raise LineUnfit(
            f"memory:{wire_name}: no simulator in this process offers a wire of that name. Memory lines exist only in "
            f"tests; for a port write tty:/dev/serial/by-path/..., for a simulated hall tcp9:127.0.0.1:PORT.",
            wire=wire_name,
        )
    if wire.is_cut:
        raise LineLost(f"Line {wire_name}: the wire is cut.", line=wire_name)
    end = wire.new_host()
    end.name = name or wire_name
    if stats is not None:
        stats.opened += 1
        end.stats = stats
    return end
