"""Readings for a person: one row each, decided once, and answered by a later reading where one can (MTR-03, MTR-05, MTR-12)."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.store import reviews
from edge.store.last_exceptions import note_exception
from edge.store.meters import Recorded, Snapshot, counted, record_snapshot
from edge.store.reviews import Review

CENT, FIVE_CENTS = Denomination(1, 1, 1), Denomination(2, 5, 1)
DAY = "2026-11-22"
EVENT = "5e1f0c8a94d2477bb0a36e21c97d5f08:7"


def read(tx, *, asset=17, denomination=CENT, after_s=900, width=4, **values) -> Recorded:
    """Record a snapshot and do with its reviews what the field does: read(tx, m00=5) is meter 00 at 5."""
    readings = [Reading(0, None, int(name[1:], 16), value, width) for name, value in values.items()]
    recorded = record_snapshot(tx, Snapshot(asset, tx.later(after_s), "interval", readings, denomination=denomination))
    for review, choice in reviews.answered_by(tx, recorded):
        assert close(tx, review, choice)
    reviews.open_reviews(tx, recorded, DAY)
    return recorded


def close(tx, review: Review, choice: reviews.Choice, amount: int = 0) -> bool:
    return reviews.decide(tx, review, choice, amount=amount, comment="seen", central="ann", day=DAY, decision_id=EVENT)


def ages_later(tx, **values) -> Recorded:
    """After two weeks unheard, in which an eight-digit meter may have wrapped more than once."""
    return read(tx, after_s=14 * 86_400, **values)


def test_mtr_03_a_meter_that_may_have_wrapped_twice_waits_with_both_readings_beside_it(hall):
    first = read(hall, m00=50_000_000)
    second = ages_later(hall, m00=70_000_000)
    (review,) = reviews.open_of(hall, 17)
    assert (review.cause, review.is_open, review.gamingday) == ("ambiguous", True, DAY)
    assert (review.before, review.before_snapshot) == (Reading(0, None, 0, 50_000_000, 4), first.snapshot)
    assert (review.after, review.snapshot) == (Reading(0, None, 0, 70_000_000, 4), second.snapshot)
    assert (review.rise, review.wrapped, review.limit) == (20_000_000, 120_000_000, 200_000_000)
    assert counted(hall, 17, 0) == 0, "nothing on a guess"


def test_a_meter_that_fell_cannot_have_grown_without_a_wrap(hall):
    read(hall, m00=70_000_000)
    ages_later(hall, m00=50_000_000)
    (review,) = reviews.open_of(hall)
    assert (review.rise, review.wrapped) == (None, 80_000_000)


def test_readings_of_two_widths_are_compared_in_the_digits_both_have_and_shown_with_both_widths(hall):
    read(hall, m00=1_250_000_000, width=5)
    ages_later(hall, m00=60_000_000, width=4)
    (review,) = reviews.open_of(hall)
    assert (review.before.width, review.after.width) == (5, 4)
    assert (review.rise, review.wrapped, review.limit) == (10_000_000, 110_000_000, 2 * 10**10)


def test_mtr_12_a_decision_is_taken_once_and_stays_beside_what_it_decided(hall):
    read(hall, m00=50_000_000)
    ages_later(hall, m00=70_000_000)
    (review,) = reviews.open_of(hall)
    assert close(hall, review, "count", 120_000_000)
    assert not close(hall, review, "none")
    assert reviews.open_of(hall) == []
    decided = reviews.find(hall, review.review)
    assert (decided.choice, decided.amount, decided.comment, decided.central) == ("count", 120_000_000, "seen", "ann")
    assert (decided.decision_id, decided.decided_day) == (EVENT, DAY)
    assert reviews.opened_in(hall, DAY, DAY) == [decided], "its day keeps showing that it was open"
    assert reviews.opened_in(hall, "2026-11-23", "2026-12-31") == []


def test_mtr_05_a_corrupt_read_that_the_next_reading_refutes_needs_nobody(hall):
    read(hall, m00=50_000)
    read(hall, m00=90_000_000)
    (spike,) = reviews.open_of(hall)
    assert (spike.cause, reviews.awaits_next(hall, spike)) == ("corrupt_read", True)
    read(hall, m00=50_010)
    (listed,) = reviews.newest(hall)
    assert (listed.choice, listed.amount) == ("refuted", 0)
    assert counted(hall, 17, 0) == 10, "the growth over it, once"


def test_a_corrupt_read_that_the_next_reading_confirms_goes_over_into_one_review_of_the_whole_growth(hall):
    read(hall, m00=50_000)
    read(hall, m00=90_000_000)
    read(hall, m00=80_000_000)  # lower again: no confirmation, a second suspect
    assert len(reviews.open_of(hall)) == 2
    read(hall, m00=80_000_005)
    (whole,) = reviews.open_of(hall)
    assert (whole.cause, whole.before.value, whole.after.value) == ("ambiguous", 50_000, 80_000_005)
    assert [one.choice for one in reviews.newest(hall)] == [None, "confirmed", "confirmed"]
    assert not reviews.awaits_next(hall, whole)


def test_over_another_denomination_and_another_generation_a_corrupt_read_is_not_answered(hall):
    read(hall, m00=50_000)
    read(hall, m00=90_000_000)
    read(hall, m00=10_000, denomination=FIVE_CENTS)
    (spike,) = reviews.open_of(hall)
    assert not reviews.awaits_next(hall, spike), "nothing will ever be counted over it: a person may"
    read(hall, m00=10_007, denomination=FIVE_CENTS)
    assert reviews.open_of(hall) == [spike], "counted from the change on, not over the doubtful reading"

    read(hall, m00=95_000_000, denomination=FIVE_CENTS)
    assert reviews.awaits_next(hall, reviews.open_of(hall)[1])
    note_exception(hall, 17, 0x7A, 12)
    read(hall, m00=0, denomination=FIVE_CENTS)
    assert [reviews.awaits_next(hall, one) for one in reviews.open_of(hall)] == [False, False]


def test_a_first_reading_that_a_second_at_once_contradicts_has_nothing_before_it_and_nothing_to_count(hall):
    doubtful = Snapshot(17, hall.later(900), "interval", [Reading(0, None, 0, 400, 4)], confirmed=False)
    reviews.open_reviews(hall, record_snapshot(hall, doubtful), DAY)
    (review,) = reviews.open_of(hall)
    assert (review.before, review.before_snapshot, review.rise, review.wrapped) == (None, None, None, None)
    assert reviews.awaits_next(hall, review)
    read(hall, m00=300)
    assert reviews.open_of(hall) == []
    assert reviews.newest(hall)[0].choice == "refuted"
    assert counted(hall, 17, 0) == 0


def test_a_meter_that_is_not_read_leaves_its_review_open(hall):
    read(hall, m00=50_000, m05=7)
    read(hall, m00=90_000_000, m05=8)
    read(hall, m05=9)
    assert len(reviews.open_of(hall)) == 1


def test_reviews_are_found_and_counted_by_machine(hall):
    for asset in (17, 18):
        read(hall, asset=asset, m00=50_000, m01=50_000)
        read(hall, asset=asset, m00=90_000_000, m01=90_000_000 if asset == 18 else 50_000)
    assert reviews.open_counts(hall) == {17: 1, 18: 2}
    assert [one.asset for one in reviews.open_of(hall, 18)] == [18, 18]
    assert (reviews.open_count(hall, 17), reviews.open_count(hall, 99)) == (1, 0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.sampled_from([0x00, 0x05]), st.integers(0, 99_999_999)),
        st.tuples(st.just("grow"), st.sampled_from([0x00, 0x05]), st.integers(0, 5_000)),
        st.tuples(st.just("wait"), st.just(0), st.sampled_from([900, 20 * 86_400])),
        st.tuples(st.just("clear"), st.just(0), st.just(0)),
        st.tuples(st.just("worth"), st.just(0), st.just(0)),
        st.tuples(st.just("decide"), st.just(0), st.integers(0, 3)),
    ),
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_mtr_05_as_many_reviews_are_open_as_doubtful_readings_are_neither_decided_nor_answered(steps):
    """The model keeps, by hand, which readings wait: those doubted, less decided ones, less those a growth went over."""
    with_hall(lambda hall: _lives(hall, steps))


def with_hall(act) -> None:
    import sqlite3

    from edge.store.devices import Seed, seed_egms
    from edge.store.migrations import create
    from tests.edge.store.conftest import HandTx

    conn = sqlite3.connect(":memory:", isolation_level=None)
    create(conn)
    tx = HandTx(conn)
    seed_egms(tx, [Seed(17, "A", 1)])
    act(tx)
    conn.close()


def _lives(hall, steps) -> None:
    waiting: list[tuple[int, int]] = []
    "Snapshot and code of each doubtful reading that waits."
    unanswered: dict[int, set[int]] = {}
    "By code: snapshots of corrupt reads since the last booked reading."
    at = Counter({0x00: 1000, 0x05: 1000})
    worth, pause_s = CENT, 900
    for what, code, number in steps:
        if what == "wait":
            pause_s = number
        elif what == "clear":
            note_exception(hall, 17, 0x7A, hall.now.second + 60 * hall.now.minute)
        elif what == "worth":
            worth = FIVE_CENTS if worth == CENT else CENT
        elif what == "decide":
            if waiting:
                snapshot, code = waiting.pop(number % len(waiting))
                (review,) = (one for one in reviews.open_of(hall) if (one.snapshot, one.after.code) == (snapshot, code))
                assert close(hall, review, "none")
        else:
            at[code] = number if what == "read" else (at[code] + number) % 10**8
            recorded = read(hall, denomination=worth, after_s=pause_s, **{f"m{code:02x}": at[code]})
            pause_s = 900
            verdict = recorded.judged[0].verdict
            if recorded.generation != recorded.previous_generation:
                unanswered.clear()
            if verdict.kind == "corrupt_read":
                unanswered.setdefault(code, set()).add(recorded.snapshot)
            else:
                gone = unanswered.pop(code, set())
                if verdict.kind != "denomination_change":
                    waiting = [one for one in waiting if one[1] != code or one[0] not in gone]
            if verdict.kind in ("ambiguous", "corrupt_read"):
                waiting.append((recorded.snapshot, code))
        assert sorted((one.snapshot, one.after.code) for one in reviews.open_of(hall)) == sorted(waiting)
