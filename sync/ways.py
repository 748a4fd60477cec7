"""(pure) Which of several brokers to use: the first while it works, otherwise the next, and back when the first is well again.

One session at a time and one cursor, whichever way it goes: what was not confirmed over one way is sent over the other.
Time is an argument.
"""

from __future__ import annotations

from typing import Final

WELL_FOR_S: Final = 300.0
"The first way must have answered for so long before a session on a spare one is ended for it."
BACK_MAX_S: Final = 3600.0


class Ways:
    """``current`` is the place of the way to use, 0 the first. Say ``failed`` when a session on it came to nothing."""

    def __init__(self, count: int, *, well_for_s: float = WELL_FOR_S, back_max_s: float = BACK_MAX_S) -> None:
        self.current = 0
        self._count = count
        self._well_for_s = well_for_s
        self._back_max_s = back_max_s
        self._wait_s = well_for_s
        self._well_since: float | None = None
        self._back_at: float | None = None

    @property
    def on_spare(self) -> bool:
        """Is another way than the first in use?"""
        return self.current != 0

    def failed(self, now: float) -> None:
        """No session of use came about on the current way: the next is tried.

        If that was the first, just come back to: it is believed later the next time, twice as late each time.
        """
        if self.current == 0 and self._back_at is not None:
            held_s = now - self._back_at
            self._wait_s = self._well_for_s if held_s > self._wait_s else min(self._back_max_s, 2 * self._wait_s)
            self._back_at = None
        self.current = (self.current + 1) % self._count
        self._well_since = None

    def probed(self, well: bool, now: float) -> bool:
        """The first way answered, or did not, while a spare one is in use. True: go back to it now; ``current`` says so."""
        if not well:
            self._well_since = None
            return False
        if self._well_since is None:
            self._well_since = now
        if now - self._well_since < self._wait_s:
            return False
        self.current, self._back_at, self._well_since = 0, now, None
        return True
