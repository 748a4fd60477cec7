"""The frames whose cost is told are frames, and say what the rows claim."""

import pytest

from bench.frames import KINDS, ROWS
from bench.report import Budget, Missing
from protocols.sas.answer import meaning
from protocols.sas.catalog.index import BY_CODE

QUICK = Budget(seconds=0.02, seed=1)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_timed_frame_is_checked_against_what_it_says_and_a_damaged_one_is_not_taken(kind):
    poll = None if kind.code is None else BY_CODE[kind.code]
    assert kind.holds(meaning(poll, 1, b"", kind.frame, ended=True))
    damaged = bytes((kind.frame[0] ^ 0x40, *kind.frame[1:]))
    assert not kind.holds(meaning(poll, 1, b"", damaged, ended=True))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_frame_has_a_floor_of_its_own_bytes(row):
    try:
        figures = {name: run(QUICK)["ns_each"] for name, run in row.variants.items()}
    except Missing as missing:
        pytest.skip(str(missing))
    assert all(value > 0 for value in figures.values())
