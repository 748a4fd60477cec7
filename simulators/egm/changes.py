"""The hand-shake before an operator clears meters or changes games: A0 and B6 (sas-core 5.8). Times are arguments.

The machine announces the change (A0, again every 5 s) and waits; the host collects the meters and says so. Then the change is
done and told by 7A or A2; or it is put off and told by A1.
"""

from collections.abc import Callable
from math import inf

PENDING, CANCELLED, GAMES_CHANGED, METERS_CLEARED = 0xA0, 0xA1, 0xA2, 0x7A
METERS, GAMES, NOTHING = 0x00, 0x01, 0x80
"""What B6 answers: lifetime meters will be cleared, games or denominations change, nothing pending."""
SEEN, COLLECTED, CANNOT = 0x00, 0x01, 0x80
"""What B6 asks: keep waiting, go ahead, not now."""
SAY_AGAIN_S, WAIT_S = 5.0, 30.0


class Change:
    """``say`` raises an exception; ``waits`` tells whether one of a code still waits; ``plan`` is told when `run` is due.

    ``speed``: seconds of the machine's life a second of the wire's.
    """

    def __init__(
        self,
        say: Callable[[int], None],
        waits: Callable[[int], bool],
        plan: Callable[[float], None],
        speed: float = 1.0,
    ) -> None:
        self._say = say
        self._waits = waits
        self._plan = plan
        self._speed = speed
        self._kind = NOTHING
        self._do: Callable[[], None] = lambda: None
        self._again_at = self._until = inf

    @property
    def state(self) -> int:
        """METERS, GAMES or NOTHING."""
        return self._kind

    def announce(self, kind: int, do: Callable[[], None], at: float) -> None:
        """An operator wants ``do``. One change at a time: a second one takes the place of the first."""
        self._kind, self._do = kind, do
        self._wait(at + SAY_AGAIN_S * self._speed, at + WAIT_S * self._speed)
        self._say(PENDING)

    def run(self, at: float) -> None:
        """A0 again, or the end of patience."""
        if at >= self._until:
            self._end()
            self._say(CANCELLED)
        elif at >= self._again_at:
            self._wait(at + SAY_AGAIN_S * self._speed, self._until)
            if not self._waits(PENDING):
                self._say(PENDING)

    def collect(self, status: int, at: float) -> int:
        """Poll B6 with one of SEEN, COLLECTED, CANNOT; returns the state as it was when it was asked."""
        kind = self._kind
        if kind == NOTHING:
            return kind
        if status == SEEN:
            self._wait(self._again_at, at + WAIT_S * self._speed)
            return kind
        do = self._do
        self._end()
        if status == COLLECTED:
            do()
            self._say(METERS_CLEARED if kind == METERS else GAMES_CHANGED)
        else:
            self._say(CANCELLED)
        return kind

    def forget(self) -> None:
        """With the memory."""
        self._end()

    def _end(self) -> None:
        self._kind = NOTHING
        self._wait(inf, inf)

    def _wait(self, again_at: float, until: float) -> None:
        self._again_at, self._until = again_at, until
        self._plan(min(again_at, until))
