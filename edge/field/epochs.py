"""A new epoch of the log, told: its first record says why and what the old one ended with, then what may be missing.

One transaction: either the stream has a new name and everybody can read why, or nothing has happened yet.
"""

from __future__ import annotations

import json
from datetime import datetime

from edge.field.comparing import LOSING
from edge.field.incidents import incident
from edge.field.page import Page
from edge.field.verdicts import Finding
from edge.hall.events import Fact
from edge.hall.shapes import Json
from edge.store.devices import egms
from sync import outbox


def open_new_epoch(page: Page, finding: Finding, *, subject: str, version: str) -> None:
    """``finding.slug`` is the reason. A tail that is gone is a gap in the data of every machine of the registry."""
    tx, now = page.tx, page.tx.now
    since = _last_recorded(page) or now
    before = outbox.open_epoch(tx, finding.slug)
    page.append(
        Fact(
            "hall.gateway.epoch.opened.v1",
            subject,
            now,
            {
                "epoch": tx.log.epoch,
                "reason": finding.slug,
                "previous_streamid": before.streamid,
                "last_sequence": before.sequence,
                "last_sha256": before.sha256,
                "version": version[:40],
                "clock": page.clock,
            },
        )
    )
    page.append(incident(finding.slug, finding.facts, subject=subject, at=now))
    if finding.slug in LOSING:
        for egm in egms(tx):
            _tell_gap(page, egm.asset, min(since, now), now)


def _tell_gap(page: Page, asset: int, since: datetime, until: datetime) -> None:
    kind, stamps = "hall.egm.data.gap.v1", (since, until)
    first, last = (at.isoformat(timespec="milliseconds").replace("+00:00", "Z") for at in stamps)
    data: dict[str, Json] = {"asset": asset, "since": first, "until": last, "reason": "tail_lost"}
    page.append(Fact(kind, f"egm/{asset}", until, data))


def _last_recorded(page: Page) -> datetime | None:
    """When the newest record that is left was recorded; None: there is none."""
    row = page.tx.execute("SELECT body FROM log ORDER BY position DESC LIMIT 1").fetchone()
    return None if row is None else datetime.fromisoformat(json.loads(row[0])["recordedat"])
