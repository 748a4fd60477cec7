"""How late the polls of the field leave: a histogram in steps of 100 us, so that a week of polls is 20 KiB.

Lateness is the moment of write minus the moment due, in monotonic time, of every frame, also of those that waited
for a commit. Nothing is sampled.
"""

from __future__ import annotations

STEP_S = 0.0001
BINS = 20_000  # up to 2 s; later ones are counted in the last bin


class Lateness:
    """Counts per 100 us step; percentiles are the upper edge of their step."""

    __slots__ = ("_bins", "count", "worst_s")

    def __init__(self) -> None:
        self._bins = [0] * BINS
        self.count = 0
        self.worst_s = 0.0

    def note(self, late_s: float) -> None:
        step = int(late_s / STEP_S)
        self._bins[step if 0 <= step < BINS else (0 if step < 0 else BINS - 1)] += 1
        self.count += 1
        if late_s > self.worst_s:
            self.worst_s = late_s

    def percentile_us(self, share: float) -> int:
        """Lateness in microseconds not exceeded by ``share`` (0..1) of the polls; 0 when there were none."""
        if not self.count:
            return 0
        wanted = share * self.count
        seen = 0
        for step, n in enumerate(self._bins):
            seen += n
            if seen >= wanted:
                return round((step + 1) * STEP_S * 1e6)
        return round(BINS * STEP_S * 1e6)

    def figures(self) -> dict[str, int]:
        return {
            "polls": self.count,
            "lateness_p50_us": self.percentile_us(0.50),
            "lateness_p99_us": self.percentile_us(0.99),
            "lateness_p999_us": self.percentile_us(0.999),
            "lateness_worst_us": round(self.worst_s * 1e6),
        }

    def reset(self) -> None:
        self._bins = [0] * BINS
        self.count = 0
        self.worst_s = 0.0
