"""When a gaming day ends every machine is read once more, spread over the last minute before the hour (MTR-07).

Before the hour and not after it: a reading is booked in the day in which it is written, so one taken after the hour would
put into the next day what was played in this one since the reading before. What is played between the reading and the
hour counts in the next day; that is a minute at most, and each day gives and takes one. The machines of one line are as
far apart as can be, and the last part of the window is left free, so that a reading begun in it also ends in it.

A machine that is away then has no closing reading: its link-up is read when it is back, with the reason ``link_up``.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from edge.field.pollers.seats import Seat, Seats, Stage
from edge.rules.gaming_day import GamingDays

SPREAD = 5 / 6
"Part of the window in which readings begin."
AGAIN_S = 15.0
"A reading that failed is asked for again after this, as long as the day lasts."


class DayEnd:
    """Whose turn has come. One per field; holds no state beside what stands with each seat."""

    def __init__(self, seats: Seats, days: GamingDays, within_s: float) -> None:
        self._seats = seats
        self._days = days
        self._within_s = within_s

    def due(self, wall: datetime, now: float) -> list[Seat]:
        """Machines to be read now for the day that ends, each once a day; they count as asked from here on.

        ``wall``: aware; ``now``: monotonic. A wall clock that jumps back over the hour does not begin it anew, and one that
        jumps forward over it leaves the day without these readings.
        """
        day = self._days.day_of(wall)
        left_s = (self._days.begin(day + timedelta(days=1)) - wall).total_seconds()
        if left_s > self._within_s:
            return []
        gone = (self._within_s - left_s) / (self._within_s * SPREAD)
        due = [
            seat
            for seat, share in _turns(self._seats)
            if share <= gone
            and (seat.closed is None or seat.closed < day)
            and now >= seat.close_again_at
            and seat.up
            and seat.stage in (Stage.ACCEPTED, Stage.READY)
        ]
        for seat in due:
            seat.closed = day
        return due

    @staticmethod
    def failed(seat: Seat, now: float) -> None:
        """It could not be read, or not be asked: again a little later."""
        seat.closed, seat.close_again_at = None, now + AGAIN_S


def still_closes(days: GamingDays | None, seat: Seat, at: datetime) -> bool:
    """Did a closing reading end in the day it was asked for? One that came after the hour closes nothing."""
    return days is None or seat.closed == days.day_of(at)


def _turns(seats: Seats) -> list[tuple[Seat, float]]:
    """Each machine with its share of the window, 0 to below 1: the first of each line, then the second of each, ..."""
    lines: defaultdict[str, list[Seat]] = defaultdict(list)
    for seat in seats.values():
        lines[seat.wire.name].append(seat)
    order = sorted((place, name) for name, here in lines.items() for place in range(len(here)))
    return [(lines[name][place], turn / len(order)) for turn, (place, name) in enumerate(order)]
