"""(pure) Do the books go on where they ended? The head against the anchor, the home against the one noted last.

A log whose end cannot be proved goes on under a new stream id, so that no record is ever numbered as another one was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.field.verdicts import Finding, Verdict
from edge.hall.shapes import Json
from edge.store.anchor import Mark, line_of
from edge.store.home import Home
from sync.places import Epoch

LOSING = frozenset({"tail-lost", "restored", "salvaged"})
"Reasons of a new epoch that mean that records are gone."


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is compared at a start."""

    epochs: Sequence[Epoch]
    "Of the log, oldest first, at least one."
    mark: Mark | None = None
    "Newest line of the anchor; None: there is none."
    chain_there: str | None = None
    "Chain value (hex) that the log has where the mark is; None: not known any more."
    settled: str | None = None
    "Line of the anchor for which an epoch was opened already."
    home_then: Home | None = None
    home_now: Home | None = None


def compare(evidence: Evidence) -> Verdict:
    """The first reason for a new epoch counts, others are notes. Never safe mode: nothing is broken here."""
    found = [finding for finding in (_by_anchor(evidence), _by_home(evidence)) if finding is not None]
    return Verdict(None, found[0] if found else None, tuple(found[1:]))


def _by_anchor(evidence: Evidence) -> Finding | None:
    mark = evidence.mark
    if mark is None or line_of(mark).strip() == evidence.settled:
        return None
    told: dict[str, Json] = {
        "streamid": mark.streamid,
        "epoch": mark.epoch,
        "last_told": mark.sequence,
        "sha256": mark.sha256,
    }
    here = next((epoch for epoch in evidence.epochs if epoch.streamid == mark.streamid), None)
    if here is None:
        return Finding("restored", {**told, "newest_known": evidence.epochs[-1].streamid})
    if mark.sequence > here.last:
        return Finding("tail-lost", {**told, "first_missing": here.last + 1})
    if evidence.chain_there is not None and evidence.chain_there != mark.sha256:
        return Finding("restored", {**told, "sha256_here": evidence.chain_there})
    return None


def _by_home(evidence: Evidence) -> Finding | None:
    then, now = evidence.home_then, evidence.home_now
    changed: list[Json] = [] if then is None or now is None else [*then.changed_to(now)]
    return Finding("moved", {"changed": changed}) if changed else None
