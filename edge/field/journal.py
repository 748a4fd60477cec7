"""What happened, written down: one transaction for the fact, its tables and its place in the log.

The only writer of the hall's tables and of the log. Each thing found has one entry (``entries``); it runs in the
writer's thread inside the group's transaction and says which events the fact becomes. Nothing here waits: the caller is
called back, in the loop, once its records are on disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from edge.clock import Quality
from edge.field.entries import write_entry
from edge.field.found import Found
from edge.field.page import Decision, Page, Policy, Watch, Ways
from edge.hall.devices import Egm
from edge.rules.balance import BalanceRules
from edge.rules.meters import Pace
from sync.db import Transaction
from sync.envelope import Envelope
from sync.errors import StorageFull
from sync.writer import Writer

T = TypeVar("T")
Done = Callable[["Written | None", Exception | None], None]


@dataclass(frozen=True, slots=True)
class Written:
    """Records that are now on disk, in the order of what was handed over."""

    events: tuple[Envelope, ...]
    identities: Mapping[int, Decision]
    "By asset: what the identity just stored means against the one before."
    starts: tuple[int, ...] = field(default=())
    "For each thing handed over: where its events begin in ``events``."
    reviews: Mapping[int, int] = field(default_factory=dict)
    "By asset: how many readings wait for a person now, where these records have changed it."

    def caused_by(self, place: int) -> str:
        """Id of the first event that the thing handed over at this place became."""
        return self.events[self.starts[place]].id


class Journal:
    """One per field. ``know`` gives it the machines, for the place on the floor that goes into their events."""

    def __init__(
        self,
        writer: Writer,
        *,
        source: str,
        gaming_day: Callable[[datetime], str],
        quality: Callable[[], Quality],
        incidents: Path,
        pace: Pace,
        on_wrong_machine: Policy = "go_on",
        balance: Mapping[int, BalanceRules] | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._writer = writer
        self._ways = Ways(source, gaming_day, pace, on_wrong_machine, balance or {}, watch)
        self._quality = quality
        self._incidents = incidents
        self._egms: Mapping[int, Egm] = {}
        self.refused = 0

    def know(self, egms: Mapping[int, Egm]) -> None:
        """The registry as it stands; only for what events say of a machine's place."""
        self._egms = egms

    def record(self, found: Sequence[Found], done: Done, *, urgent: bool = False) -> None:
        """Write these down as one whole; ``done(written, None)`` when they are on disk.

        ``done(None, error)``: nothing of it was written. A fact the books refuse is kept in ``incidents/`` first.
        """
        clock = self._quality()

        def work(tx: Transaction) -> Written:
            page = Page(tx, clock, self._ways, self._egms)
            starts = []
            for one in found:
                starts.append(len(page.events))
                write_entry(page, one)
            return Written(tuple(page.events), page.identities, tuple(starts), page.reviews)

        def settled(written: Written | None, error: Exception | None) -> None:
            # Full books are no refusal: the line is held and the same is written when there is room. Whatever else it
            # was, the caller lets the line go on; if it cannot be kept here either, nobody is told and the line stays.
            if error is not None and not isinstance(error, StorageFull):
                self._keep_incident(found, error)
            done(written, error)

        self._writer.submit(work, settled, urgent=urgent)

    def hurry(self) -> None:
        """A frame that would acknowledge is due: do not wait for the group to fill."""
        self._writer.hurry()

    async def change(self, work: Callable[[Page], T]) -> T:
        """The same as ``write`` for a change that is told in the log: the page takes its events in the same transaction."""
        clock = self._quality()
        return await self._writer.run(lambda tx: work(Page(tx, clock, self._ways, self._egms)), urgent=True)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run the caller's own small work (a cursor, an admission, a marker) as one transaction; on disk when it returns."""
        return await self._writer.run(work, urgent=True)

    async def compose(self, work: Callable[[Page], T]) -> T:
        """Run the caller's own work that makes records too, as one transaction; on disk when it returns."""
        clock = self._quality()
        return await self._writer.run(lambda tx: work(Page(tx, clock, self._ways, self._egms)), urgent=True)

    def _keep_incident(self, found: Sequence[Found], error: Exception) -> None:
        # The books refused it: a bug of ours or hostile bytes. It must not be lost with the acknowledgement, so it is
        # kept beside the books, on disk before the line goes on.
        self.refused += 1
        self._incidents.mkdir(parents=True, exist_ok=True)
        path = self._incidents / f"refused-{self.refused:06d}-{os.getpid()}.json"
        text = json.dumps(
            {"error": f"{type(error).__name__}: {error}", "found": [repr(one) for one in found]}, indent=1
        )
        with path.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
