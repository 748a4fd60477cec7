"""What is given up while room is short: of the kinds that the catalogue allows it for, all but one a minute.

Pure. A kind with the word ``coalesce`` or ``drop_first`` is of mere play or a diagnosis: the meters count it all the same.
Nothing of money, doors, faults or audit has either word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edge.hall.catalogue.kind import Shed
from edge.hall.events import KINDS
from edge.health.room import LEVELS, Level

ONE_EVERY_S = 60.0
REMEMBERED = 5000
"Kinds and subjects; when there are more all of them begin anew."

MONEY_COMMANDS: frozenset[str] = frozenset()
"Kinds of commands that move money: refused while room is critical or gone. There are none yet."


class Shedding:
    """One per field. ``level`` is set by whoever watches the room."""

    def __init__(self, monotonic: Callable[[], float], words: Mapping[str, Shed] | None = None) -> None:
        self._monotonic = monotonic
        self._words = words if words is not None else {name: kind.shed for name, kind in KINDS.items()}
        self._last: dict[tuple[str, str], float] = {}
        self._given_up = 0
        self.level: Level = "ok"

    def gives_up(self, kind: str, subject: str) -> bool:
        """Is this one not to be written? While room is short one a minute of its kind and subject is; counted otherwise."""
        if self.level in ("ok", "low") or self._words.get(kind, "never") == "never":
            return False
        now, key = self._monotonic(), (kind, subject)
        last = self._last.get(key)
        if last is None or now - last >= ONE_EVERY_S:
            if len(self._last) >= REMEMBERED:
                self._last.clear()
            self._last[key] = now
            return False
        self._given_up += 1
        return True

    def take_count(self) -> int:
        """How many were given up since this was asked last."""
        count, self._given_up = self._given_up, 0
        return count

    def refuses(self, kind: str) -> bool:
        """Is a command of this kind refused for want of room?"""
        return kind in MONEY_COMMANDS and LEVELS.index(self.level) >= LEVELS.index("critical")

    @property
    def captures_allowed(self) -> bool:
        """May traces and captures be written to this disk?"""
        return self.level == "ok"
