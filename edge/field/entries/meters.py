"""A snapshot of meters: judged, booked, told; and what it shows beyond its values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from edge.field.entries.balance import enter_balance
from edge.field.entries.reviews import open_reviews_of
from edge.field.found import SnapshotFound
from edge.field.page import Page
from edge.hall.events import Fact
from edge.hall.shapes import Json
from edge.store import days
from edge.store.meters import Recorded, Snapshot, name_snapshot, record_snapshot


def enter_snapshot(page: Page, found: SnapshotFound) -> None:
    """Its readings, their verdicts, the event, and the events that follow from it."""
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
            clock_trusted=not found.stepped and (found.follows or page.clock != "untrusted"),
            confirmed=found.confirmed,
        ),
        day=page.day,
        pace=page.ways.pace,
    )
    _note_data(page, recorded)
    subject = f"egm/{found.asset}"
    envelope = page.append(Fact("hall.egm.meters.snapshot.v1", subject, found.time, recorded.data()))
    name_snapshot(page.tx, recorded.snapshot, envelope.id)
    for fact in _consequences(recorded, envelope.id, found.time):
        page.append(fact)
    enter_balance(page, recorded, envelope.id, found.time)
    open_reviews_of(page, recorded, envelope.id)


def _note_data(page: Page, recorded: Recorded) -> None:
    """Its data is current for a while again, if anything of it is believed (MTR-16)."""
    watch, at = page.ways.watch, recorded.source.read_at
    if watch is None or not any(one.verdict.booked for one in recorded.judged):
        return
    until, trusted = at + timedelta(seconds=watch.current_s), page.clock != "untrusted"
    days.note_data(page.tx, recorded.source.asset, at, until, watch.calendar, trusted=trusted)


def _consequences(recorded: Recorded, snapshot_id: str, time: datetime) -> Sequence[Fact]:
    """What a snapshot showed beyond its values: a new generation, another denomination."""
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
    return facts
