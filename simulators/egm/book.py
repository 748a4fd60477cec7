"""What a machine knows for certain of itself: every exception it raised and what became of it, every meter it told.

Harnesses compare it with what central has. The order that counts is that in which answers left the machine: a priority
exception passes those that wait. Times are monotonic seconds; `wall_offset_s` turns them into wall time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(slots=True)
class Entry:
    """One exception."""

    serial: int
    code: int
    raised_at: float
    answered: int = 0
    "How often it was given as the answer to a general poll."
    first_answered_at: float | None = None
    acknowledged_at: float | None = None
    "When the next frame told that the host has it; it leaves the machine."
    dropped_at: float | None = None
    "When the full queue lost it (70 follows)."


@dataclass(slots=True)
class Told:
    """A run of equal answers: one exception given once or several times with no other between."""

    serial: int
    code: int
    acknowledged: bool = False


@dataclass(slots=True)
class Book:
    """The book of one machine."""

    asset: int
    wall_offset_s: float
    "Seconds since 1970 minus monotonic seconds, at start."
    entries: list[Entry] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    "In the order the answers left."
    meters_told: dict[int, set[int]] = field(default_factory=dict)
    "Every value of every meter that was ever given to a host, by code."

    def raised(self, code: int, now: float) -> int:
        """A new exception; returns its serial number, from 1."""
        self.entries.append(Entry(len(self.entries) + 1, code, now))
        return len(self.entries)

    def answered(self, serial: int, now: float) -> None:
        """It was given as an answer."""
        entry = self.entries[serial - 1]
        entry.answered += 1
        if entry.first_answered_at is None:
            entry.first_answered_at = now
        if not self.told or self.told[-1].serial != serial:
            self.told.append(Told(serial, entry.code))

    def acknowledged(self, serial: int, now: float) -> None:
        """The host has it, by the rules of the wire."""
        self.entries[serial - 1].acknowledged_at = now
        for told in reversed(self.told):
            if told.serial == serial:
                told.acknowledged = True
                break

    def dropped(self, serial: int, now: float) -> None:
        """The full queue lost it."""
        self.entries[serial - 1].dropped_at = now

    def meters(self, values: Mapping[int, int]) -> None:
        """These values were given to a host."""
        for code, value in values.items():
            self.meters_told.setdefault(code, set()).add(value)

    def counts(self) -> dict[str, int]:
        """raised, answered, acknowledged, dropped, waiting."""
        acknowledged = sum(entry.acknowledged_at is not None for entry in self.entries)
        dropped = sum(entry.dropped_at is not None for entry in self.entries)
        return {
            "raised": len(self.entries),
            "answered": sum(entry.answered > 0 for entry in self.entries),
            "acknowledged": acknowledged,
            "dropped": dropped,
            "waiting": len(self.entries) - acknowledged - dropped,
        }

    def wall(self, at: float | None) -> str | None:
        """UTC with milliseconds."""
        if at is None:
            return None
        moment = datetime.fromtimestamp(at + self.wall_offset_s, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def as_json(self, *, after: int = 0) -> dict[str, Any]:
        """For files and the control socket. after: only exceptions with a greater serial number."""
        return {
            "asset": self.asset,
            **self.counts(),
            "exceptions": [
                {
                    "serial": entry.serial,
                    "code": entry.code,
                    "at": round(entry.raised_at, 6),
                    "time": self.wall(entry.raised_at),
                    "answered": entry.answered,
                    "acknowledged_at": self.wall(entry.acknowledged_at),
                    "dropped_at": self.wall(entry.dropped_at),
                }
                for entry in self.entries[after:]
            ],
            "told": [[told.serial, told.code, told.acknowledged] for told in self._told_after(after)],
            "meters_told": {str(code): sorted(values) for code, values in sorted(self.meters_told.items())},
        }

    def _told_after(self, after: int) -> Iterator[Told]:
        return (told for told in self.told if told.serial > after)
