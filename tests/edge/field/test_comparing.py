"""The head against the anchor, the home against the one noted last: what follows, row by row."""

from __future__ import annotations

import dataclasses

import pytest

from edge.field.comparing import Evidence, compare
from edge.store.anchor import Mark, line_of
from edge.store.home import Home
from sync.places import Epoch

OURS, OTHER, LATER = "5e1f0c8a94d2477bb0a36e21c97d5f08", "ab" * 16, "cd" * 16
ONE_EPOCH = [Epoch(1, OURS, 1, 100)]
TWO_EPOCHS = [Epoch(1, OURS, 1, 100), Epoch(2, LATER, 101, 130)]
HASH, OTHER_HASH = "11" * 32, "22" * 32
HERE = Home("box", "fs", 7)


def at(streamid: str, sequence: int) -> Mark:
    return Mark(streamid, 1, sequence, sequence, HASH)


AGREES = Evidence(ONE_EPOCH, at(OURS, 100), HASH, None, HERE, HERE)
ROWS = [
    ("a first start knows neither", {"mark": None, "chain_there": None, "home_then": None}, None),
    ("head and anchor agree", {}, None),
    ("the anchor lags behind", {"mark": at(OURS, 99)}, None),
    ("the record under the mark left by age", {"chain_there": None}, None),
    ("one record is gone", {"mark": at(OURS, 101), "chain_there": None}, "tail-lost"),
    ("the end of an old epoch is gone", {"epochs": TWO_EPOCHS, "mark": at(OURS, 101), "chain_there": None}, "tail-lost"),
    ("the anchor is of the epoch before", {"epochs": TWO_EPOCHS}, None),
    ("the anchor knows a later stream", {"mark": at(LATER, 5), "chain_there": None}, "restored"),
    ("another record stands there", {"chain_there": OTHER_HASH}, "restored"),
    ("that loss was settled", {"mark": at(OURS, 101), "settled": line_of(at(OURS, 101)).strip()}, None),
    ("another loss was settled", {"mark": at(OURS, 102), "settled": line_of(at(OURS, 101)).strip()}, "tail-lost"),
    ("another machine", {"home_now": Home("other", "fs", 7)}, "moved"),
    ("another file system", {"home_now": Home("box", "other", 7)}, "moved"),
    ("another file", {"home_now": Home("box", "fs", 8)}, "moved"),
    ("the home was never noted", {"home_then": None}, None),
    ("copied back over a longer log", {"mark": at(OURS, 101), "home_now": Home("box", "fs", 8)}, "tail-lost"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "slug"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_whether_the_log_goes_on_as_it_was(change: dict[str, object], slug: str | None) -> None:
    verdict = compare(dataclasses.replace(AGREES, **change))  # type: ignore[arg-type]  # the members of one row
    assert verdict.safe is None
    assert (verdict.new_epoch.slug if verdict.new_epoch else None) == slug


def test_two_reasons_are_both_told_and_the_lost_tail_counts() -> None:
    both = dataclasses.replace(AGREES, mark=at(OURS, 140), home_now=Home("other", "fs", 8))
    verdict = compare(both)
    assert verdict.new_epoch is not None
    assert verdict.new_epoch.facts["first_missing"] == 101
    assert [(note.slug, note.facts["changed"]) for note in verdict.notes] == [("moved", ["machine_id", "inode"])]
