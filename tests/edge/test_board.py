"""The mirror in the front shows what the field's board shows, or says that it does not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.board import Board
from edge.errors import StaleMirror, UnknownMachine


def test_several_changes_between_two_flushes_are_one():
    board, changes = Board(), []
    board.subscribe(changes.append)
    board.add_egm(17, line="A", address=1)
    board.update_egm(17, link="up")
    board.update_egm(17, link="down")
    board.update_egm(17, polls=5)
    board.flush(0.0)
    assert changes == [{"number": 1, "egms": {"17": {
        "asset": 17, "line": "A", "address": 1, "link": "down", "polls": 5,
    }}}]  # fmt: skip


def test_a_flush_comes_at_most_every_tenth_of_a_second_and_never_without_a_change():
    board = Board()
    board.update_line("A", state="up")
    assert board.flush(0.0) is not None
    board.update_line("A", state="lost")
    assert board.flush(0.05) is None
    assert board.flush(0.1) == {"number": 2, "lines": {"A": {"state": "lost"}}}
    board.update_line("A", state="lost")
    assert board.flush(9.0) is None, "the same value is no change"


def test_a_mirror_that_missed_a_change_says_so_and_takes_a_new_snapshot():
    board, mirror = Board(), Board()
    board.add_egm(17)
    first = board.flush(0.0)
    board.update_egm(17, link="up")
    second = board.flush(1.0)
    assert first is not None
    assert second is not None
    with pytest.raises(StaleMirror):
        mirror.apply(second, 0.0)
    mirror.load(json.loads(json.dumps(board.snapshot())), 5.0)
    assert mirror.egms == board.egms
    assert mirror.age_s(7.5) == 2.5
    assert Board().age_s(7.5) is None


def test_a_door_and_a_retired_machine_reach_the_mirror():
    board, mirror = Board(), Board()
    mirror.load(board.snapshot(), 0.0)
    board.add_egm(17)
    board.set_door(17, "main", "open")
    board.add_egm(18)
    mirror.apply(board.flush(0.0), 0.0)
    board.remove_egm(18)
    mirror.apply(board.flush(1.0), 1.0)
    assert mirror.egms == board.egms
    assert mirror.egms[17].doors == {"main": "open"}


def test_a_newer_original_may_have_members_the_mirror_does_not_know():
    mirror = Board()
    mirror.load({"number": 3, "egms": {"17": {"asset": 17, "mood": "good"}}, "lines": {}, "gateway": {}}, 0.0)
    mirror.apply({"number": 4, "egms": {"17": {"mood": "bad", "link": "up"}}}, 0.0)
    assert mirror.egms[17].link == "up"


def test_a_member_that_does_not_exist_and_a_machine_that_does_not_are_bugs():
    board = Board()
    with pytest.raises(UnknownMachine):
        board.update_egm(17, link="up")
    board.add_egm(17)
    with pytest.raises(TypeError, match="no member 'lnik'"):
        board.update_egm(17, lnik="up")


def test_who_left_hears_nothing_more():
    board, changes = Board(), []
    leave = board.subscribe(changes.append)
    leave()
    leave()
    board.update_gateway(state="running")
    board.flush(0.0)
    assert changes == []


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("egm"), st.integers(1, 3), st.sampled_from(["up", "down", "shaky"])),
        st.tuples(st.just("gone"), st.integers(1, 3), st.none()),
        st.tuples(st.just("line"), st.sampled_from(["A", "B"]), st.sampled_from(["up", "lost"])),
        st.tuples(st.just("flush"), st.none(), st.none()),
        st.tuples(st.just("reload"), st.none(), st.none()),
    ),
    max_size=40,
)


@given(_steps)
def test_after_any_history_the_mirror_is_the_board(steps):
    board, mirror = Board(), Board()
    mirror.load(board.snapshot(), 0.0)
    board.subscribe(lambda change: mirror.apply(json.loads(json.dumps(change)), 0.0))
    for now, (kind, which, value) in enumerate(steps):
        if kind == "egm":
            board.add_egm(which, link=value)
        elif kind == "gone":
            board.remove_egm(which)
        elif kind == "line":
            board.update_line(which, state=value)
        elif kind == "flush":
            board.flush(float(now))
        else:
            mirror.load(json.loads(json.dumps(board.snapshot())), 0.0)
    board.flush(1000.0)
    assert mirror.snapshot() == board.snapshot()
