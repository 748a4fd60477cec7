"""(pure) An incident as a record: what a condition says, with the facts of this time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from edge.hall.events import Fact
from edge.hall.shapes import Json
from edge.health.conditions import condition, told

TEXT_MAX = 1000


def incident(slug: str, facts: Mapping[str, Json], *, subject: str, at: datetime) -> Fact:
    """``slug``: a row of the conditions. Raises KeyError for one that has none."""
    row = condition(slug)
    text, _ = told(row, facts)
    data: dict[str, Json] = {"code": row.code, "slug": slug, "text": text[:TEXT_MAX], "facts": dict(facts)}
    return Fact("hall.gateway.incident.v1", subject, at, data)
