"""What the cold start found about its own books: nothing, a reason for a new epoch, or a reason to write nothing at all."""

from collections.abc import Mapping
from typing import NamedTuple

from edge.hall.shapes import Json


class Finding(NamedTuple):
    """One thing found: a slug a person and a machine can look up, and the facts it rests on."""

    slug: str
    facts: Mapping[str, Json]


class Verdict(NamedTuple):
    """What follows from all findings of one cold start."""

    safe: Finding | None
    """Set: the field polls nothing and writes nothing; a person decides."""
    new_epoch: Finding | None
    """Set: what was written after the head may have been told already; the stream goes on under a new epoch."""
    notes: tuple[Finding, ...]
    """What is worth an incident but changes nothing."""


CLEAN = Verdict(None, None, ())
