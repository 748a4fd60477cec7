"""Which gaming day an instant belongs to: it begins at a local hour of the hall and may have 23 or 25 hours.

Source: glossary "gaming day". Which records a day holds is decided by sequence, not here; this gives the label.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class GamingDays:
    """The days of one hall. `zone` is its time zone, `start` the local time at which a day begins."""

    zone: tzinfo
    start: time

    @classmethod
    def of(cls, time_zone: str, start: str) -> "GamingDays":
        """From the settings: ``Europe/Sofia`` and ``06:00``."""
        hour, minute = start.split(":")
        return cls(ZoneInfo(time_zone), time(int(hour), int(minute)))

    def day_of(self, instant: datetime) -> date:
        """The gaming day of an aware instant."""
        local = instant.astimezone(self.zone).date()
        # The begin of a day is an instant: comparing local clocks would put the repeated hour of autumn in two days.
        if instant >= self.begin(local):
            return local + timedelta(days=1) if instant >= self.begin(local + timedelta(days=1)) else local
        return local - timedelta(days=1)

    def begin(self, day: date) -> datetime:
        """The instant, in UTC, at which this gaming day begins.

        A start that the clocks skip in spring begins when they have jumped; one that comes twice in autumn, the first
        time.
        """
        return _begin(self.zone, self.start, day)

    def length(self, day: date) -> timedelta:
        """How long this day is: 24 hours, or 23 or 25 when the clocks change in it."""
        return self.begin(day + timedelta(days=1)) - self.begin(day)

    def split(self, begin: datetime, end: datetime) -> Iterator[tuple[date, datetime, datetime]]:
        """The parts of this time in each gaming day, in order: day, first and last instant. Nothing if it has no length."""
        while begin < end:
            day = self.day_of(begin)
            last = min(end, self.begin(day + timedelta(days=1)))
            yield day, begin, last
            begin = last

    def label(self, instant: datetime) -> str:
        """The day as it stands in an envelope: ``2026-11-22``."""
        return self.day_of(instant).isoformat()


@lru_cache(maxsize=64)
def _begin(zone: tzinfo, start: time, day: date) -> datetime:
    wall = datetime.combine(day, start, tzinfo=zone)
    before = wall.replace(fold=0).astimezone(UTC)
    if before.astimezone(zone).time() == start:
        return before
    # The local time does not exist: fold 0 reckons with the offset before the jump and lands after it, so the first
    # instant after the jump is found by going back to where the offset changes.
    first, last = before - timedelta(hours=3), before
    while last - first > timedelta(seconds=1):
        middle = first + (last - first) / 2
        if middle.astimezone(zone).utcoffset() == before.astimezone(zone).utcoffset():
            last = middle
        else:
            first = middle
    return last.replace(microsecond=0)
