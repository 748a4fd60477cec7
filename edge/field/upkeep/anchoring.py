"""Notes the head of the log in the anchor, in a thread of its own: a slow or broken disk there holds nothing up.

Only a head that is committed is ever noted, at most once a second. An anchor that fails is a condition, not a stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from edge.store.anchor import AnchorFile, mark_of
from sync.log import Head

EVERY_S = 1.0
AGAIN_S = 10.0
"After a failure: the next try."


class Anchoring:
    """``on_trouble(error)`` is called in the thread when noting begins to fail, ``on_trouble(None)`` when it goes again."""

    def __init__(
        self,
        path: Path,
        on_trouble: Callable[[OSError | None], object],
        *,
        every_s: float = EVERY_S,
        again_s: float = AGAIN_S,
    ) -> None:
        self._file = AnchorFile(path)
        self._on_trouble = on_trouble
        self._every_s = every_s
        self._again_s = again_s
        self._wake = threading.Condition()
        self._head: Head | None = None
        self._noted: Head | None = None
        self._closing = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="anchor", daemon=True)
        self._thread.start()

    def moved(self, head: Head) -> None:
        """This head is on disk. Returns at once; only the newest is noted."""
        with self._wake:
            self._head = head
            self._wake.notify()

    def close(self, within_s: float = 3.0) -> None:
        """Note the last head and leave; a disk that hangs is left to itself."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(within_s)

    def _run(self) -> None:
        while True:
            with self._wake:
                while self._head == self._noted and not self._closing:
                    self._wake.wait()
                head, closing = self._head, self._closing
            if head is not None and head != self._noted:
                self._note(head)
            if closing:
                break
            with self._wake:
                if not self._closing:
                    self._wake.wait_for(self._ends, self._again_s if self._failing else self._every_s)
        self._file.close()

    def _ends(self) -> bool:
        return self._closing

    def _note(self, head: Head) -> None:
        try:
            self._file.add(mark_of(head))
        except OSError as error:
            if not self._failing:
                self._failing = True
                self._on_trouble(error)
            return
        self._noted = head
        if self._failing:
            self._failing = False
            self._on_trouble(None)
