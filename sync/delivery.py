"""(pure) What to send next on the two lanes, and what is still unanswered.

The ordered lane is everything, in batches, by number; only central's own gap-free acknowledgement, once the field has
checked it, lets it go on. The live lane is single copies ahead of a backlog, never acknowledged. Time is an argument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sync.envelope import Cursor

BATCH_EVENTS: Final = 200
BATCH_BYTES: Final = 120_000
"Rule 17. An event has at most 64 KiB, so one always fits; one that did not would travel alone."
BATCH_BYTES_LEAST: Final = 3_000
"What batches shrink to while session after session ends without a word from central: so much passes nearly any line."
WINDOW: Final = 4
"Batches sent and not confirmed: enough to fill a line of 100 ms, little enough to keep memory flat."
LIVE_CATCH_UP: Final = 200
"""Live copies sent first in a new session, the newest; what is older comes with the ordered lane alone. So few that a
fresh alarm, which stands behind them, is still with central within a second over a line of 50 ms."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records of one stream as they travel: a JSON array of the stored bytes, and what stands beside it."""

    payload: bytes
    first: int
    "Sequence of the first record."
    through: Cursor
    "The last record, with its chain value."
    position: int
    "Place of the last record in the whole log."
    count: int

    @staticmethod
    def of(bodies: Sequence[bytes], through: Cursor, position: int) -> Batch:
        """Join stored records, which end at ``through``."""
        return Batch(
            b"[" + b",".join(bodies) + b"]", through.sequence - len(bodies) + 1, through, position, len(bodies)
        )


class OrderedLane:
    """How far the ordered lane is. Positions are places in the whole log; 0 is before the first record.

    ``begin`` each session; ask ``next_after``; read a batch from there; say ``sent``; go on until it answers None, then
    wait for ``confirmed``. When ``stalled``, end the session, wait as long as ``pause_s`` says, and begin again.
    """

    def __init__(
        self,
        *,
        window: int = WINDOW,
        ack_timeout_s: float = 20.0,
        pause_first_s: float = 1.0,
        pause_max_s: float = 60.0,
    ) -> None:
        self.confirmed_position = 0
        self.sent_position = 0
        self.stalls = 0
        "Stalled sessions in a row without any progress."
        self._window = window
        self._ack_timeout_s = ack_timeout_s
        self._pause_first_s = pause_first_s
        self._pause_max_s = pause_max_s
        self._out: deque[Batch] = deque()
        self._progress_at = 0.0
        self.batch_bytes = BATCH_BYTES
        "The most the next batch may have. Halved by each session that sent and got nothing confirmed, doubled by each word."

    @property
    def in_flight(self) -> int:
        """Batches sent and not wholly confirmed."""
        return len(self._out)

    def begin(self, confirmed: int) -> None:
        """A session begins, after what central has confirmed according to the books; what was out is forgotten."""
        if confirmed != self.confirmed_position:
            self.stalls = 0
        elif self._out:  # the line may be cut before a batch is through: the same again would never get further
            self.batch_bytes = max(BATCH_BYTES_LEAST, self.batch_bytes // 2)
        self._out.clear()
        self.confirmed_position = confirmed
        self.sent_position = confirmed

    def next_after(self) -> int | None:
        """The position after which the next batch begins; None: the window is full."""
        window = self._window if self.batch_bytes == BATCH_BYTES else 1
        return self.sent_position if len(self._out) < window else None

    def sent(self, batch: Batch, now: float) -> None:
        """The batch was handed to the wire. It must follow the one before."""
        if batch.position - batch.count != self.sent_position:
            raise ValueError(
                f"a batch that begins after {batch.position - batch.count}, not after {self.sent_position}"
            )
        if not self._out:
            self._progress_at = now
        self._out.append(batch)
        self.sent_position = batch.position

    def confirmed(self, position: int, now: float) -> bool:
        """Central's acknowledgement has been checked and stored. True: it is news. Never goes back."""
        if position <= self.confirmed_position:
            return False
        self.confirmed_position = position
        self.sent_position = max(self.sent_position, position)
        while self._out and self._out[0].position <= position:
            self._out.popleft()
        self._progress_at = now
        self.stalls = 0
        self.batch_bytes = min(BATCH_BYTES, self.batch_bytes * 2)
        return True

    def stalled(self, now: float) -> bool:
        """Something is out, and nothing was confirmed for the ack timeout. A broker's PUBACK does not count."""
        return bool(self._out) and now - self._progress_at >= self._ack_timeout_s

    def pause_s(self) -> float:
        """The session was ended because it stalled: how long to wait before the next, doubling each time in a row."""
        pause = min(self._pause_max_s, self._pause_first_s * 2.0 ** min(self.stalls, 30))
        self.stalls += 1
        return pause


class LiveLane:
    """How far single copies have gone ahead. Nothing is promised here: the ordered lane repeats all of it."""

    def __init__(self) -> None:
        self.position = 0
        self.copies = 0

    def begin(self, confirmed: int) -> None:
        """A session begins: what central has confirmed needs no copy any more."""
        self.position = max(self.position, confirmed)

    def skip_to(self, position: int) -> None:
        """Leave older ones to the ordered lane."""
        self.position = max(self.position, position)

    def gone(self, position: int, count: int) -> None:
        """The broker has these copies, up to this position."""
        self.position = max(self.position, position)
        self.copies += count
