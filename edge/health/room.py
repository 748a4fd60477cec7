"""How much room the books have: a level with hysteresis, and for how many days the disk still holds.

Pure. What is measured comes in, what is to be done about it goes out; `edge.field.upkeep.room` measures and acts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Level = Literal["ok", "low", "short", "critical", "full"]
LEVELS: tuple[Level, ...] = ("ok", "low", "short", "critical", "full")
"From good to bad."

BALLAST_BYTES = 4 * 1024 * 1024
"Kept for the moment in which nothing else is left: a full file system refuses deletes and checkpoints too."
ROOM_AGAIN_BYTES = 2 * BALLAST_BYTES
"So much must be free before a full disk is one no more: the ballast anew, and as much again to work in."
INODES_LEFT = 8
"With fewer the next start may find no room for the two files that SQLite makes beside the books."
FOREVER_DAYS = 3650
"Said when the books hardly grow, or for longer: nobody plans further."
DAY_S = 86_400.0
SAMPLE_S = 3600.0
WITHIN_S = 24 * 3600.0 + SAMPLE_S / 2
"Samples of the last day; the oldest may be half a sample older."


class Limits(NamedTuple):
    """Where a level begins: that share of the whole, in percent, is free or less."""

    low: int = 15
    short: int = 8
    critical: int = 3
    enough_bytes: int = 8 << 30
    "So much free is enough, whatever share of a large disk it is."


class Space(NamedTuple):
    """What was measured. Bytes."""

    disk_free: int
    disk_size: int
    inodes_free: int | None
    "None: this file system does not count them."
    books: int
    "Size of the database file."
    spare: int
    "Of it: pages that hold nothing, and are used first."
    quota: int | None = None
    "The most that the database file may grow to; None: as the disk has room."

    @property
    def free(self) -> int:
        """What the books can still take."""
        free = self.disk_free if self.quota is None else min(self.disk_free, max(0, self.quota - self.books))
        return free + self.spare

    @property
    def whole(self) -> int:
        """What shares are reckoned of."""
        return self.disk_size if self.quota is None else min(self.disk_size, self.quota)


def next_level(before: Level, space: Space, limits: Limits) -> Level:
    """The level after this measurement.

    Worse at once; better only with a quarter more free than where the level began, so that nothing flaps. ``full`` is
    never reached from here but by a commit that found no room, and left when there is `ROOM_AGAIN_BYTES`.
    """
    now = _by_share(space.free, space, limits)
    if before == "full":
        # The ballast gives the inodes it needs back when it goes, so they do not stand in the way of going on.
        return now if space.free >= ROOM_AGAIN_BYTES else "full"
    if LEVELS.index(now) >= LEVELS.index(before):
        return now
    eased = _by_share(space.free * 4 // 5, space, limits)
    return min(eased, before, key=LEVELS.index)


def _by_share(free: int, space: Space, limits: Limits) -> Level:
    if space.inodes_free is not None and space.inodes_free < INODES_LEFT:
        return "critical"
    if free >= limits.enough_bytes:
        return "ok"
    steps: tuple[tuple[Level, int], ...] = (
        ("critical", limits.critical),
        ("short", limits.short),
        ("low", limits.low),
    )
    for level, percent in steps:
        if free * 100 <= space.whole * percent:
            return level
    return "ok"


class Course:
    """How the books grew in the last 24 h, by one sample an hour. Moments are monotonic seconds."""

    def __init__(self, samples: Iterable[tuple[float, int]] = ()) -> None:
        self._samples: list[tuple[float, int]] = sorted(samples)

    @property
    def samples(self) -> Sequence[tuple[float, int]]:
        """Moment and bytes in use, oldest first."""
        return self._samples

    def note(self, at: float, used: int) -> bool:
        """Remember how much is in use; True if this is a sample to be kept."""
        self._samples = [sample for sample in self._samples if at - sample[0] <= WITHIN_S]
        if self._samples and at - self._samples[-1][0] < SAMPLE_S:
            return False
        self._samples.append((at, used))
        return True

    def days(self, at: float, used: int, free: int) -> int | None:
        """For how many whole days ``free`` still holds at the rate of the last 24 h; None: less than an hour is known."""
        since = [sample for sample in self._samples if at - sample[0] <= WITHIN_S]
        if not since or at - since[0][0] < SAMPLE_S:
            return None
        grown = used - since[0][1]
        if grown <= 0:
            return FOREVER_DAYS
        return min(FOREVER_DAYS, int(free * (at - since[0][0]) / (grown * DAY_S)))


class DaysAlarm:
    """Says once for each of the marks (30, 14, 7 days) that no more days are left than it."""

    def __init__(self, marks: Iterable[int]) -> None:
        self._marks = sorted(set(marks), reverse=True)
        self._told: int | None = None

    @property
    def told(self) -> int | None:
        """The mark that holds now; None: none."""
        return self._told

    def note(self, days: int | None) -> int | None:
        """The mark that is newly reached, or None. One that was reached is over with a quarter more days than it."""
        if days is None:
            return None
        if self._told is not None and days > self._told * 5 // 4:
            self._told = None
        reached = [mark for mark in self._marks if days <= mark]
        if not reached or (self._told is not None and reached[-1] >= self._told):
            return None
        self._told = reached[-1]
        return self._told


def room_words(level: str, days: int | None, free_bytes: int | None) -> str:
    """For people: level, days and free room in one line."""
    if free_bytes is None:
        return "not measured yet"
    free = f"{free_bytes / (1 << 30):.1f} GiB free" if free_bytes >= 1 << 30 else f"{free_bytes >> 20} MiB free"
    return f"{'' if level == 'ok' else f'{level}: '}{free}, {days_words(days)}"


def days_words(days: int | None) -> str:
    """For people: how long the disk still holds at the rate of the last 24 h."""
    if days is None:
        return "days left known after the first hour"
    if days >= FOREVER_DAYS:
        return "over 10 years at today's rate"
    return "less than a day at today's rate" if days < 1 else f"{days} day{'' if days == 1 else 's'} at today's rate"
