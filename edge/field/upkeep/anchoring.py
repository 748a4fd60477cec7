"""Notes the head of the log in the anchor, in a thread of its own: a slow or broken disk there holds nothing up.

Only a head that is committed is ever noted: within hundredths of a second, so that the end of this process loses little of it,
and synced at most once a second. An anchor that fails is a condition, not a stop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from edge.store.anchor import AnchorFile, mark_of
from sync.log import Head

EVERY_S = 1.0
"Between two syncs."
SOON_S = 0.02
"Between two lines."
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
        self._unsynced = False
        self._synced_at = -every_s
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
                while self._head == self._noted and not self._closing and not self._sync_due():
                    self._wake.wait(self._patience())
                head, closing = self._head, self._closing
            self._note(head, sync=closing or self._sync_due())
            if closing:
                break
            with self._wake:
                if not self._closing:
                    self._wake.wait_for(self._ends, self._again_s if self._failing else SOON_S)
        self._file.close()

    def _sync_due(self) -> bool:
        return self._unsynced and time.monotonic() >= self._synced_at + self._every_s

    def _patience(self) -> float | None:
        return max(0.0, self._synced_at + self._every_s - time.monotonic()) if self._unsynced else None

    def _ends(self) -> bool:
        return self._closing

    def _note(self, head: Head | None, *, sync: bool) -> None:
        try:
            if head is not None and head != self._noted:
                self._file.write(mark_of(head))
                self._unsynced = True
                # The first after a pause is synced at once.
                sync = sync or time.monotonic() >= self._synced_at + self._every_s
            if sync and self._unsynced:
                self._file.sync()
                self._unsynced, self._synced_at = False, time.monotonic()
        except OSError as error:
            # What was not synced is not noted: the newest head is written again.
            self._noted, self._unsynced = None, False
            if not self._failing:
                self._failing = True
                self._on_trouble(error)
            return
        self._noted = head
        if self._failing:
            self._failing = False
            self._on_trouble(None)
