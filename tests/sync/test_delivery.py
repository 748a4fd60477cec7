"""Two lanes: everything in order, at most four batches unconfirmed; and single copies ahead of them."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.delivery import Batch, LiveLane, OrderedLane
from sync.envelope import Cursor
from sync.topics import Topics
from tests.sync.stage import STREAM


def batch(first: int, last: int) -> Batch:
    bodies = [b'{"n":%d}' % number for number in range(first, last + 1)]
    return Batch.of(bodies, Cursor(STREAM, last, "ab" * 32), last)


def test_a_batch_is_the_stored_bytes_in_an_array() -> None:
    one = batch(7, 9)
    assert one.payload == b'[{"n":7},{"n":8},{"n":9}]'
    assert (one.first, one.through.sequence, one.count) == (7, 9, 3)
    assert len(orjson.loads(one.payload)) == 3


def test_the_window_holds_four_batches_and_opens_by_central_alone() -> None:
    lane = OrderedLane()
    lane.begin(0)
    for number in range(4):
        assert lane.next_after() == 10 * number
        lane.sent(batch(10 * number + 1, 10 * number + 10), now=1.0)
    assert lane.next_after() is None
    assert not lane.confirmed(0, now=2.0)
    assert lane.confirmed(15, now=2.0)  # in the middle of the second: only the first is wholly there
    assert (lane.in_flight, lane.next_after()) == (3, 40)
    assert lane.confirmed(40, now=3.0)
    assert not lane.confirmed(20, now=3.0)
    assert (lane.in_flight, lane.confirmed_position, lane.next_after()) == (0, 40, 40)


def test_central_may_have_more_than_we_sent_in_this_session() -> None:
    lane = OrderedLane()
    lane.begin(0)
    lane.sent(batch(1, 10), now=0.0)
    assert lane.confirmed(25, now=1.0)
    assert (lane.in_flight, lane.next_after()) == (0, 25)


def test_a_batch_that_does_not_follow_is_a_bug() -> None:
    lane = OrderedLane()
    lane.begin(5)
    with pytest.raises(ValueError, match="not after 5"):
        lane.sent(batch(7, 9), now=0.0)


def test_no_word_from_central_ends_the_session_and_the_pauses_grow() -> None:
    lane = OrderedLane(ack_timeout_s=20, pause_first_s=1, pause_max_s=60)
    lane.begin(0)
    assert not lane.stalled(now=1000.0)  # nothing is out: nothing is missed
    lane.sent(batch(1, 10), now=1000.0)
    lane.sent(batch(11, 20), now=1015.0)
    assert not lane.stalled(now=1019.9)
    assert lane.stalled(now=1020.0)
    pauses = []
    for _ in range(8):
        pauses.append(lane.pause_s())
        lane.begin(0)
        assert lane.next_after() == 0  # again from what is confirmed
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    lane.sent(batch(1, 10), now=2000.0)
    assert lane.confirmed(10, now=2019.0)
    lane.sent(batch(11, 20), now=2030.0)
    assert not lane.stalled(now=2049.0)
    assert lane.pause_s() == 1  # there was progress


def test_up_12_batches_shrink_while_sessions_bring_nothing_and_grow_with_each_word_of_central() -> None:
    lane = OrderedLane()
    lane.begin(0)
    assert lane.batch_bytes == 120_000
    sizes = []
    for _ in range(8):
        lane.sent(batch(1, 10), now=0.0)
        lane.begin(0)
        sizes.append(lane.batch_bytes)
        lane.begin(0)  # a session that sent nothing says nothing of the line
    assert sizes == [60_000, 30_000, 15_000, 7_500, 3_750, 3_000, 3_000, 3_000]
    lane.sent(batch(1, 10), now=0.0)
    assert lane.next_after() is None  # one at a time
    for end in range(10, 80, 10):
        assert lane.confirmed(end, now=0.0)
        if lane.batch_bytes < 120_000:
            lane.sent(batch(end + 1, end + 10), now=0.0)
    assert lane.batch_bytes == 120_000
    lane.sent(batch(71, 80), now=0.0)
    assert lane.next_after() == 80


def test_any_confirmation_counts_as_life() -> None:
    lane = OrderedLane(ack_timeout_s=20)
    lane.begin(0)
    for number in range(4):
        lane.sent(batch(10 * number + 1, 10 * number + 10), now=0.0)
    assert lane.confirmed(10, now=19.0)
    assert not lane.stalled(now=38.0)
    assert lane.stalled(now=39.0)


@given(st.lists(st.tuples(st.sampled_from(["send", "confirm", "lose"]), st.integers(0, 30)), max_size=60))
def test_whatever_happens_nothing_is_skipped_and_nothing_moves_by_sending(steps: list[tuple[str, int]]) -> None:
    lane = OrderedLane(window=4)
    lane.begin(0)
    made, at_central, confirmed = 1000, 0, 0
    for now, (step, number) in enumerate(steps):
        if step == "send" and (after := lane.next_after()) is not None and after < made:
            sent = batch(after + 1, min(made, after + 1 + number))
            lane.sent(sent, now)
            if sent.position - sent.count <= at_central:
                at_central = max(at_central, sent.position)
        elif step == "confirm":
            confirmed = max(confirmed, min(at_central, confirmed + number))
            lane.confirmed(confirmed, now)
        elif step == "lose":
            at_central = confirmed
            lane.begin(confirmed)
        assert lane.confirmed_position == confirmed
        assert lane.sent_position >= confirmed
        assert lane.sent_position == max(at_central, confirmed)  # no gap at central, ever
        assert lane.in_flight <= 4


def test_live_copies_go_ahead_and_are_not_repeated_for_what_is_confirmed() -> None:
    live = LiveLane()
    live.begin(confirmed=100)
    live.gone(140, 3)
    live.begin(confirmed=120)
    assert (live.position, live.copies) == (140, 3)
    live.begin(confirmed=200)
    live.skip_to(190)
    assert live.position == 200


def test_topics_are_those_of_the_contract() -> None:
    topics = Topics("7", "hg-07")
    assert topics.log == "hall/v1/7/hg-07/log"
    assert topics.state == "hall/v1/7/hg-07/state"
    assert topics.live("money") == "hall/v1/7/hg-07/live/money"
    assert topics.ack("central-1") == "hall/v1/7/hg-07/ack/central-1"
    assert topics.central_state("central-1") == "hall/v1/7/hg-07/central/central-1/state"
    assert topics.kind_of("hall/v1/7/hg-07/request/egm.disable") == "egm.disable"
    for foreign in ("hall/v1/7/hg-08/request/ping", "hall/v1/7/hg-07/request/a/b", "hall/v1/7/hg-07/request/", "x"):
        assert topics.kind_of(foreign) is None
    assert topics.may_answer_to("hall/v1/7/hg-07/response/egm.disable/42")
    for foreign_answer in (None, "hall/v1/7/hg-07/log", "hall/v1/7/hg-08/response/x", "hall/v1/7/hg-07/response/#"):
        assert not topics.may_answer_to(foreign_answer)
    for name in ("", "a/b", "#", "+", "a b"):
        with pytest.raises(ValueError):
            Topics(name, "hg-07")
