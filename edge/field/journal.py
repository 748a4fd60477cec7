"""What happened, written down: one transaction for the fact, its tables and its place in the log.

The only writer of the hall's tables and of the log. Each thing found has one applier (table at the end); it runs in the
writer's thread inside the group's transaction and says which events the fact becomes. Nothing here waits: the caller is
called back, in the loop, once its records are on disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from edge.clock import Quality
from edge.field.found import CommandEnded, ExceptionFound, Found, IdentityFound, SnapshotFound
from edge.hall.devices import Egm
from edge.hall.events import Fact, check, schema_path
from edge.hall.exceptions import exception_data, meaning
from edge.hall.shapes import Json
from edge.rules.meters import Pace
from edge.store.devices import IdentityChange, note_identity
from edge.store.last_exceptions import last_exception, note_exception
from edge.store.meters import Recorded, Snapshot, name_snapshot, record_snapshot
from sync import inbox, outbox
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
    identities: Mapping[int, IdentityChange]
    "By asset: what the identity just stored means against the one before."


@dataclass(slots=True)
class _Page:
    """What one call to ``record`` has written so far, inside its transaction."""

    tx: Transaction
    clock: Quality
    events: list[Envelope]
    identities: dict[int, IdentityChange]


class Journal:
    """One per field. ``locations`` gives the place on the floor that goes into a machine's events."""

    def __init__(
        self,
        writer: Writer,
        *,
        source: str,
        gaming_day: Callable[[datetime], str],
        quality: Callable[[], Quality],
        incidents: Path,
        pace: Pace,
    ) -> None:
        self._writer = writer
        self._source = source
        self._gaming_day = gaming_day
        self._quality = quality
        self._incidents = incidents
        self._pace = pace
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
            page = _Page(tx, clock, [], {})
            for one in found:
                _APPLIERS[type(one)](self, page, one)
            return Written(tuple(page.events), page.identities)

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

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run the caller's own small work (a cursor, an admission, a marker) as one transaction; on disk when it returns."""
        return await self._writer.run(work, urgent=True)

    def append(self, page: _Page, fact: Fact) -> Envelope:
        """Add one fact to the log, inside the transaction of its page."""
        kind = check(fact)
        envelope = outbox.append(
            page.tx,
            outbox.Draft(
                type=fact.kind,
                source=self._source,
                subject=fact.subject,
                time=fact.time,
                data=fact.data,
                live_class=kind.live_class,
                gamingday=self._gaming_day(fact.time),
                clock=page.clock,
                dataschema=schema_path(fact.kind),
            ),
        )
        page.events.append(envelope)
        return envelope

    # appliers -------------------------------------------------------------------------------------------------------

    def _exception(self, page: _Page, found: ExceptionFound) -> None:
        # The host says doubtful only of a code that may come once more (it was given the last ones stored). Whether
        # any was stored is asked here: before the first one there is nothing to repeat.
        repeat = found.doubtful and last_exception(page.tx, found.asset) is not None
        egm = self._egms.get(found.asset)
        data = exception_data(found.asset, found.code, location=egm.location if egm else None, maybe_repeat=repeat)
        envelope = self.append(page, Fact(meaning(found.code).kind, f"egm/{found.asset}", found.time, data))
        note_exception(page.tx, found.asset, found.code, envelope.sequence, maybe_repeat=repeat)

    def _snapshot(self, page: _Page, found: SnapshotFound) -> None:
        recorded = record_snapshot(
            page.tx,
            Snapshot(
                asset=found.asset,
                read_at=found.time,
                reason=found.reason,
                readings=found.readings,
                unsupported=found.unsupported,
                because=found.because,
                coherent=found.coherent,
                denomination=found.denomination,
                clock_trusted=found.follows or page.clock != "untrusted",
            ),
            pace=self._pace,
        )
        subject = f"egm/{found.asset}"
        envelope = self.append(page, Fact("hall.egm.meters.snapshot.v1", subject, found.time, recorded.data()))
        name_snapshot(page.tx, recorded.snapshot, envelope.id)
        for fact in _consequences(recorded, envelope.id, found.time):
            self.append(page, fact)

    def _identity(self, page: _Page, found: IdentityFound) -> None:
        change = note_identity(page.tx, found.asset, found.identity)
        page.identities[found.asset] = change
        subject = f"egm/{found.asset}"
        identity = found.identity
        members: dict[str, Json] = {name: getattr(identity, name) for name in _IDENTITY_MEMBERS}
        if change.kind == "replaced":
            data: dict[str, Json] = {
                "asset": found.asset,
                "serial_before": change.before.serial or "",
                "serial": identity.serial or "",
                "generation": change.generation,
                "previous": change.previous_generation,
            }
            self.append(page, Fact("hall.egm.replaced.v1", subject, found.time, data))
        self.append(
            page,
            Fact(
                "hall.egm.identified.v1",
                subject,
                found.time,
                {
                    "asset": found.asset,
                    "generation": change.generation,
                    **members,
                    "unsupported": list(found.unsupported),
                    "changed": change.kind != "same",
                },
            ),
        )

    def _command(self, page: _Page, found: CommandEnded) -> None:
        envelope = self.append(page, found.fact)
        inbox.finish(page.tx, found.central, found.command_id, {"event": envelope.id, "type": found.fact.kind})

    def _fact(self, page: _Page, found: Fact) -> None:
        self.append(page, found)

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


_IDENTITY_MEMBERS = (
    "serial", "version", "game_id", "additional_id", "paytable", "denomination_code", "max_bet", "games", "features",
)  # fmt: skip


def _consequences(recorded: Recorded, snapshot_id: str, time: datetime) -> Sequence[Fact]:
    """What a snapshot showed beyond its values: a new generation, another denomination, meters for a person to judge."""
    asset = recorded.source.asset
    subject = f"egm/{asset}"
    facts: list[Fact] = []
    if recorded.cause is not None:
        data: dict[str, Json] = {
            "asset": asset,
            "generation": recorded.generation,
            "previous": recorded.previous_generation,
            "cause": recorded.cause,
            "last_snapshot": recorded.last_event_id,
            "first_snapshot": snapshot_id,
        }
        facts.append(Fact("hall.egm.generation.opened.v1", subject, time, data))
    if recorded.denomination_changed:
        before, after = recorded.denomination_before, recorded.source.denomination
        change: dict[str, Json] = {
            "asset": asset,
            "before": dict(before.as_data()) if before else None,
            "after": dict(after.as_data()) if after else None,
        }
        facts.append(Fact("hall.egm.denomination.changed.v1", subject, time, change))
    for cause in ("ambiguous", "corrupt_read"):
        meters: list[Json] = [
            {
                "game": judged.reading.game,
                "code": judged.reading.code,
                "before": str(judged.before if judged.before is not None else 0),
                "after": str(judged.reading.value),
                "width": judged.reading.width,
            }
            for judged in recorded.for_review
            if judged.verdict.kind == cause
        ]
        if meters:
            review: dict[str, Json] = {
                "asset": asset,
                "generation": recorded.generation,
                "cause": cause,
                "meters": meters,
                "snapshot": snapshot_id,
            }
            facts.append(Fact("hall.egm.meters.review.v1", subject, time, review))
    return facts


_APPLIERS: Mapping[type, Callable[[Journal, _Page, Any], None]] = {
    ExceptionFound: Journal._exception,
    SnapshotFound: Journal._snapshot,
    IdentityFound: Journal._identity,
    CommandEnded: Journal._command,
    Fact: Journal._fact,
}
