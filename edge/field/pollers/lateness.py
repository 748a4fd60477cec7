"""How late the polls of the field leave: a histogram in steps of 100 us that holds only the steps that occurred.

Lateness is the moment of write minus the moment due, in monotonic time, of every frame, also of those that waited
for a commit. Nothing is sampled. Whoever watches takes a mark and asks what came since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

STEP_S = 0.0001
BINS = 20_000  # up to 2 s; later ones are counted in the last bin


class Lateness:
    """Counts per 100 us step; percentiles are the upper edge of their step."""

    __slots__ = ("_bins", "worst_s")

    def __init__(self) -> None:
        self._bins: dict[int, int] = {}
        self.worst_s = 0.0

    def note(self, late_s: float) -> None:
        """One frame left so much after it was due; early is not late."""
        step = int(late_s / STEP_S)
        if not 0 <= step < BINS:
            step = 0 if step < 0 else BINS - 1
        bins = self._bins
        bins[step] = bins.get(step, 0) + 1
        if late_s > self.worst_s:
            self.worst_s = late_s

    def mark(self) -> Mapping[int, int]:
        """Where it stands now, for `figures`."""
        return self._bins.copy()

    def figures(self, since: Mapping[int, int] | None = None) -> dict[str, int]:
        """Polls and percentiles in microseconds, of all or of what came since a mark; zeros when there was none."""
        before = since or {}
        bins = sorted((step, n - before.get(step, 0)) for step, n in self._bins.items())
        count = sum(n for _, n in bins)
        return {
            "polls": count,
            "lateness_p50_us": _percentile_us(bins, count, 0.50),
            "lateness_p99_us": _percentile_us(bins, count, 0.99),
            "lateness_p999_us": _percentile_us(bins, count, 0.999),
        }


def _percentile_us(bins: Sequence[tuple[int, int]], count: int, share: float) -> int:
    """bins: step and polls in it, by step."""
    if not count:
        return 0
    seen = 0
    for step, n in bins:
        seen += n
        if seen >= share * count:
            return round((step + 1) * STEP_S * 1e6)
    return round(BINS * STEP_S * 1e6)
