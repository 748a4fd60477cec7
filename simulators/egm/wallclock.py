"""A machine's own clock. It runs in real time, however fast the machine plays."""

from datetime import datetime, timedelta


class WallClock:
    """Set at a moment of a monotonic clock, read at another."""

    def __init__(self, moment: datetime, now: float) -> None:
        self._set = moment
        self._at = now

    def read(self, now: float) -> datetime:
        """Poll 7E."""
        return self._set + timedelta(seconds=now - self._at)

    def set(self, moment: datetime, now: float) -> None:
        """Poll 7F."""
        self._set, self._at = moment, now
