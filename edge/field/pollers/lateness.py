"""How late the polls of the field leave: a histogram in steps of 100 us, so that a week of polls is 160 KiB.

Lateness is the moment of write minus the moment due, in monotonic time, of every frame, also of those that waited
for a commit. Nothing is sampled. Whoever watches takes a mark and asks what came since.
"""

from __future__ import annotations

from collections.abc import Sequence

STEP_S = 0.0001
BINS = 20_000  # up to 2 s; later ones are counted in the last bin


class Lateness:
    """Counts per 100 us step; percentiles are the upper edge of their step."""

    __slots__ = ("_bins", "worst_s")

    def __init__(self) -> None:
        self._bins = [0] * BINS
        self.worst_s = 0.0

    def note(self, late_s: float) -> None:
        """One frame left so much after it was due; early is not late."""
        step = int(late_s / STEP_S)
        self._bins[step if 0 <= step < BINS else (0 if step < 0 else BINS - 1)] += 1
        if late_s > self.worst_s:
            self.worst_s = late_s

    def mark(self) -> Sequence[int]:
        """Where it stands now, for `figures`."""
        return tuple(self._bins)

    def figures(self, since: Sequence[int] | None = None) -> dict[str, int]:
        """Polls and percentiles in microseconds, of all or of what came since a mark; zeros when there was none."""
        bins = self._bins if since is None else [now - before for now, before in zip(self._bins, since, strict=True)]
        count = sum(bins)
        return {
            "polls": count,
            "lateness_p50_us": _percentile_us(bins, count, 0.50),
            "lateness_p99_us": _percentile_us(bins, count, 0.99),
            "lateness_p999_us": _percentile_us(bins, count, 0.999),
        }


def _percentile_us(bins: Sequence[int], count: int, share: float) -> int:
    if not count:
        return 0
    seen = 0
    for step, n in enumerate(bins):
        seen += n
        if seen >= share * count:
            return round((step + 1) * STEP_S * 1e6)
    return round(BINS * STEP_S * 1e6)
