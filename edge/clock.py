"""Wall time, monotonic time, and whether the wall clock can be believed: the only caller of now().

Intervals are always measured with `monotonic()`; `wall()` is a label on a fact. Nothing here decides what an untrusted
clock means for money; that is said by whoever asks for `quality()`.
"""

import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

Quality = Literal["synced", "holdover", "untrusted"]

STEP_LIMIT = timedelta(seconds=2)
"A jump of the wall clock above this is an event of its own, so that central can correct labels."
HOLDOVER_S = 24 * 3600.0
"How long a clock that was synced is still called holdover: a PC's crystal (50 ppm) is then within 5 s."
QUALITY_AGE_S = 10.0
"The kernel is asked at most this often: the tick asks for the quality with every fact."
FLOOR = datetime(2026, 1, 1, tzinfo=UTC)
"No wall time before this can be true: the software is younger. Boxes without a battery wake in 1970."


class Clock(Protocol):
    """What the rest of the gateway knows of time. Tests hand in `ManualClock`."""

    def wall(self) -> datetime:
        """UTC, aware."""

    def monotonic(self) -> float:
        """Seconds since some moment; never jumps."""

    def quality(self) -> Quality:
        """May `wall()` be believed: synced (by NTP, now), holdover (was synced lately), untrusted."""

    def step(self) -> timedelta | None:
        """How far the wall clock jumped since the last call, if by more than `STEP_LIMIT`; forward is positive."""


def clock_allows_expiry(quality: Quality) -> bool:
    """May anything end because of what the wall clock says? With an untrusted clock nothing expires, and nothing that has
    an expiry and moves money is begun."""
    return quality != "untrusted"


class SystemClock:
    """The clock of this box. `kernel_synced` is asked for whether the kernel's clock is disciplined."""

    def __init__(
        self,
        *,
        floor: datetime = FLOOR,
        kernel_synced: Callable[[], bool] | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._floor = floor
        self._kernel_synced = kernel_synced or kernel_clock_synced
        self._wall_ns = wall_ns
        self._monotonic = monotonic
        self._asked_at: float | None = None
        self._synced = False
        self._synced_at: float | None = None
        self._offset = self._wall_minus_monotonic()

    def wall(self) -> datetime:
        """UTC now, microseconds."""
        seconds, ns = divmod(self._wall_ns(), 1_000_000_000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=ns // 1000)

    def monotonic(self) -> float:
        """Monotonic seconds now."""
        return self._monotonic()

    def quality(self) -> Quality:
        """Ask the kernel at most every 10 s. A time before the floor is untrusted whatever the kernel says."""
        now = self._monotonic()
        if self._asked_at is None or now - self._asked_at >= QUALITY_AGE_S:
            self._asked_at = now
            self._synced = self._kernel_synced()
            if self._synced:
                self._synced_at = now
        if self.wall() < self._floor:
            return "untrusted"
        if self._synced:
            return "synced"
        if self._synced_at is not None and now - self._synced_at < HOLDOVER_S:
            return "holdover"
        return "untrusted"

    def step(self) -> timedelta | None:
        """The jump of the wall clock against the monotonic one since the last call, if it is above 2 s."""
        offset = self._wall_minus_monotonic()
        jump = offset - self._offset
        self._offset = offset
        return jump if abs(jump) > STEP_LIMIT else None

    def _wall_minus_monotonic(self) -> timedelta:
        return timedelta(microseconds=self._wall_ns() // 1000 - int(self._monotonic() * 1_000_000))


class ManualClock:
    """A clock that stands still until it is told; for tests and for replays."""

    def __init__(self, at: datetime, *, monotonic: float = 1000.0, quality: Quality = "synced") -> None:
        self.at = at
        self.now = monotonic
        self.believed: Quality = quality
        self._jump = timedelta(0)

    def wall(self) -> datetime:
        """The time it was told."""
        return self.at

    def monotonic(self) -> float:
        """The monotonic seconds it was told."""
        return self.now

    def quality(self) -> Quality:
        """The quality it was told."""
        return self.believed

    def step(self) -> timedelta | None:
        """The jumps told since the last call, if above the limit."""
        jump, self._jump = self._jump, timedelta(0)
        return jump if abs(jump) > STEP_LIMIT else None

    def advance(self, seconds: float) -> None:
        """Let both clocks run on together."""
        self.at += timedelta(seconds=seconds)
        self.now += seconds

    def jump(self, by: timedelta) -> None:
        """Move the wall clock alone, as a hand or a bad time server does."""
        self.at += by
        self._jump += by


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), with its reserve at the end."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


_TIME_ERROR = 5
_STA_UNSYNC = 0x0040


def kernel_clock_synced() -> bool:
    """Does the kernel hold its clock for synchronised? Every NTP client of Linux (timesyncd, chrony, ntpd) tells it.

    Source: adjtimex(2), read only (modes 0). False where the call is not allowed or not there: unknown is not synced.
    """
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        timex = _Timex()
        state: int = libc.adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return False
    return state not in (-1, _TIME_ERROR) and not timex.status & _STA_UNSYNC


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, the form of every instant we store or send: 2026-11-23T00:11:07.320Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_stamp(text: str) -> datetime:
    """The instant of a `stamp`."""
    return datetime.fromisoformat(text)
