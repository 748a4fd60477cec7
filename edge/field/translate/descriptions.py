"""(pure) What a machine offers, in hall words (sas-core 5.3)."""

from __future__ import annotations

from datetime import datetime

from edge.field.found import DescriptionFound
from protocols.sas.events import Outcome


def description(asset: int, outcome: Outcome, time: datetime, *, features: bytes) -> DescriptionFound | None:
    """None: it did not say."""
    del asset, outcome, time, features
    return None
