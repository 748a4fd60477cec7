"""A line that obeys a plan of faults. It wraps any `Line`; the host at it sees what a bad cable would leave.

What is dropped towards the machine is cut out of the frame before it is sent; a frame delayed towards the machine is
held and goes when its time has come, from `service` or the next call.
"""

from collections import deque
from collections.abc import Sequence

from protocols.line.line import Char, Line, LineStats
from simulators.faults.plan import FaultPlan


class FaultyLine:
    """A `Line` between a host and the line it wraps."""

    def __init__(self, line: Line, plan: FaultPlan) -> None:
        self._line = line
        self._plan = plan
        self._held: deque[tuple[float, bytes, bool]] = deque()
        self._coming: deque[Char] = deque()

    @property
    def name(self) -> str:
        """Of the wrapped line."""
        return self._line.name

    @property
    def stats(self) -> LineStats:
        """Of the wrapped line: what the wire itself carried."""
        return self._line.stats

    def fileno(self) -> int:
        """-1: characters may be due without anything new on the wire, so it is drained every tick."""
        return -1

    def ready(self, now: float) -> bool:
        """See `Line`."""
        return self._line.ready(now)

    def send(self, data: bytes, *, wakeup: bool, now: float) -> float:
        """The frame, or what the plan leaves of it. Raises as `Line.send`."""
        self._release(now)
        left = bytearray()
        flag, later_s = wakeup, 0.0
        for place, value in enumerate(data):
            fate = self._plan.fate(value, wakeup and place == 0, to_host=False, now=now)
            later_s = max(later_s, fate.later_s)
            if fate.value is not None:
                left.append(fate.value)
                flag = fate.wakeup if len(left) == 1 else flag
            elif not left:
                flag = False  # the character that carried the bit is gone
        if not left:
            return now
        if later_s or self._held:
            self._held.append((now + later_s, bytes(left), flag))
            return now + later_s
        return self._line.send(bytes(left), wakeup=flag, now=now)

    def service_at(self) -> float | None:
        """See `Line`; also the moment a held frame goes."""
        moments = [at for at in (self._line.service_at(), self._held[0][0] if self._held else None) if at is not None]
        return min(moments) if moments else None

    def service(self, now: float) -> None:
        """See `Line`."""
        self._release(now)
        self._line.service(now)

    def drain(self, now: float) -> Sequence[Char]:
        """What came through, in order. Raises as `Line.drain`."""
        self._release(now)
        for char in self._line.drain(now):
            fate = self._plan.fate(char.value, char.wakeup, to_host=True, now=now)
            if fate.value is not None:
                last = self._coming[-1].at if self._coming else char.at
                self._coming.append(Char(fate.value, fate.wakeup, max(last, char.at + fate.later_s)))
        out = []
        while self._coming and self._coming[0].at <= now:
            out.append(self._coming.popleft())
        return out or ()

    def close(self) -> None:
        """See `Line`; what was held is lost."""
        self._held.clear()
        self._line.close()

    def _release(self, now: float) -> None:
        while self._held and self._held[0][0] <= now:
            _, data, flag = self._held.popleft()
            self._line.send(data, wakeup=flag, now=now)
