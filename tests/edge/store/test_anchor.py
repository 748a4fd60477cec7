"""The anchor remembers the head of the log, whatever becomes of its own last line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.store.anchor import AnchorFile, Mark, line_of, marks, newest, parse

STREAM = "5e1f0c8a94d2477bb0a36e21c97d5f08"
MARKS = st.builds(
    Mark,
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.integers(1, 10**6),
    st.integers(0, 2**53 - 1),
    st.integers(0, 2**53 - 1),
    st.text("0123456789abcdef", min_size=64, max_size=64),
)


def mark(sequence: int) -> Mark:
    return Mark(STREAM, 1, sequence, sequence, f"{sequence:064x}")


@given(MARKS)
def test_every_mark_is_read_as_it_was_written(one: Mark) -> None:
    assert parse(line_of(one).removesuffix("\n")) == one


@given(MARKS, st.data())
def test_a_line_in_which_one_character_is_wrong_is_no_mark(one: Mark, data: st.DataObject) -> None:
    line = line_of(one).removesuffix("\n")
    place = data.draw(st.integers(0, len(line) - 1))
    other = data.draw(st.sampled_from("0123456789abcdef \x00\xff").filter(lambda c: c != line[place]))
    assert parse(line[:place] + other + line[place + 1 :]) is None


def test_the_newest_line_counts_and_a_missing_file_has_none(tmp_path: Path) -> None:
    path = tmp_path / "anchor"
    assert newest(path) is None
    file = AnchorFile(path)
    for sequence in (1, 2, 3):
        file.add(mark(sequence))
    file.close()
    assert newest(path) == mark(3)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("cut", range(1, 100, 7))
def test_a_torn_last_line_is_passed_over_and_the_next_line_is_whole(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "anchor"
    path.write_text(line_of(mark(1)) + line_of(mark(2))[:-cut])
    assert newest(path) == (mark(2) if cut == 1 else mark(1))
    file = AnchorFile(path)
    file.add(mark(3))
    file.close()
    assert newest(path) == mark(3)


def test_a_full_file_is_written_anew_with_its_newest_lines(tmp_path: Path) -> None:
    path = tmp_path / "anchor"
    file = AnchorFile(path, room=2000, kept=5)
    for sequence in range(1, 101):
        file.add(mark(sequence))
        assert newest(path) == mark(sequence)
        assert path.stat().st_size < 2200
    file.close()
    kept = list(marks(path))
    assert kept == [mark(sequence) for sequence in range(100, 100 - len(kept), -1)]
    assert len(kept) >= 5


def test_an_anchor_that_cannot_be_written_says_so_and_goes_on_when_it_can(tmp_path: Path) -> None:
    path = tmp_path / "away" / "anchor"
    file = AnchorFile(path)
    with pytest.raises(OSError, match="away"):
        file.add(mark(1))
    path.parent.mkdir()
    file.add(mark(2))
    file.close()
    assert newest(path) == mark(2)
