"""What a person may do to a cursor: set it back to what is here, or let it pass the one record at which it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import outbox, retention, rewinding
from sync.envelope import Cursor
from sync.errors import AckBeyondHead, ChainMismatch, CursorExpired, EpochChanged, NotNext, NotOlder, UnknownConsumer
from sync.migrate import migrate
from tests.sync.stage import NIGHT, STREAM, Hall

NAME = "central-1"


@pytest.fixture
def confirmed(hall: Hall) -> list[Cursor]:
    """Twenty records, of which central-1 has confirmed fifteen."""
    made = [one.cursor for one in hall.happen(20)]
    hall.do(lambda tx: outbox.ensure_consumers(tx, {NAME: True, "watcher": False}))
    hall.do(lambda tx: outbox.advance(tx, NAME, made[14]))
    return made


def rewind(hall: Hall, to: Cursor | None, name: str = NAME) -> rewinding.Moved:
    return hall.do(lambda tx: rewinding.rewind(tx, name, to))


def where(hall: Hall) -> int:
    return outbox.position_of(hall.reader(), NAME)


def test_up_10_a_consumer_that_was_set_back_gets_the_identical_bytes_again(hall: Hall, confirmed: list[Cursor]) -> None:
    before = outbox.page(hall.reader(), confirmed[4], 100)
    assert rewind(hall, confirmed[4]) == (confirmed[14], confirmed[4])
    assert where(hall) == 5
    assert outbox.page(hall.reader(), where(hall), 100) == before
    assert outbox.released_to(hall.reader()) == 5  # and from now on what follows is not deleted again
    assert rewind(hall, None).cursor.sequence == 0
    assert rewind(hall, None) == (Cursor(STREAM, 0, confirmed_start(hall)), Cursor(STREAM, 0, confirmed_start(hall)))
    assert hall.do(lambda tx: outbox.advance(tx, NAME, confirmed[19])).moved


def confirmed_start(hall: Hall) -> str:
    return outbox.cursor_at(hall.reader(), 0).sha256


def test_from_where_it_was_set_back_is_known_until_it_is_there_again(hall: Hall, confirmed: list[Cursor]) -> None:
    assert rewinding.rewound_from(hall.reader(), NAME) == 0
    rewind(hall, confirmed[9])
    rewind(hall, confirmed[3])
    assert rewinding.rewound_from(hall.reader(), NAME) == 15
    hall.do(lambda tx: outbox.advance(tx, NAME, confirmed[13]))
    assert rewinding.rewound_from(hall.reader(), NAME) == 15
    hall.do(lambda tx: outbox.advance(tx, NAME, confirmed[14]))
    assert rewinding.rewound_from(hall.reader(), NAME) == 0


def test_forward_beyond_the_head_of_another_stream_or_with_a_wrong_hash_it_does_not_go(
    hall: Hall, confirmed: list[Cursor]
) -> None:
    for to, error in (
        (confirmed[15], NotOlder),
        (replace(confirmed[14], sequence=21), AckBeyondHead),
        (replace(confirmed[3], streamid="f" * 32), EpochChanged),
        (replace(confirmed[3], sha256="0" * 64), ChainMismatch),
    ):
        with pytest.raises(error):
            rewind(hall, to)
        assert where(hall) == 15
    with pytest.raises(UnknownConsumer):
        rewind(hall, None, "nobody")


def test_up_10_what_is_gone_cannot_be_gone_back_to(hall: Hall, confirmed: list[Cursor]) -> None:
    hall.now += timedelta(days=100)
    assert hall.do(lambda tx: retention.release(tx, hall.now, lambda _kind: False)).records == 15
    for gone in confirmed[:14]:
        with pytest.raises(CursorExpired) as expired:
            rewind(hall, gone)
        assert expired.value.facts["oldest"] == confirmed[15].as_json()
    assert rewind(hall, None) == (confirmed[14], confirmed[14])  # the oldest here is where it stands
    assert where(hall) == 15


def test_one_that_was_away_for_too_long_begins_at_the_oldest_when_a_person_says_so(
    hall: Hall, confirmed: list[Cursor]
) -> None:
    hall.now += timedelta(days=100)
    hall.do(lambda tx: retention.release(tx, hall.now, lambda _kind: False))
    with pytest.raises(CursorExpired):
        outbox.page(hall.reader(), outbox.position_of(hall.reader(), "watcher"))
    assert rewind(hall, None, "watcher").cursor == confirmed[14]
    assert outbox.page(hall.reader(), outbox.position_of(hall.reader(), "watcher")).first == 16


def test_up_14_only_the_record_at_which_the_delivery_stands_is_set_aside(hall: Hall, confirmed: list[Cursor]) -> None:
    for wrong in (1, 15, 17, 20, 21):
        with pytest.raises(NotNext):
            hall.do(lambda tx, wrong=wrong: rewinding.set_aside(tx, NAME, wrong))
    assert where(hall) == 15
    assert hall.do(lambda tx: rewinding.set_aside(tx, NAME, 16)) == (confirmed[14], confirmed[15])
    assert where(hall) == 16
    assert outbox.position_of(hall.reader(), "watcher") == 0
    assert outbox.page(hall.reader(), where(hall)).first == 17
    assert hall.reader().execute("SELECT count(*) FROM log").fetchone() == (20,)  # it is still here
    hall.do(lambda tx: outbox.advance(tx, NAME, confirmed[19]))
    with pytest.raises(NotNext):
        hall.do(lambda tx: rewinding.set_aside(tx, NAME, 21))


def test_over_the_end_of_an_epoch_the_first_record_of_the_next_one_is_next(hall: Hall, confirmed: list[Cursor]) -> None:
    hall.do(lambda tx: outbox.advance(tx, NAME, confirmed[19]))
    hall.do(lambda tx: outbox.open_epoch(tx, "test", stream_id="a" * 32))
    first = hall.happen()[0].cursor
    with pytest.raises(NotNext):
        hall.do(lambda tx: rewinding.set_aside(tx, NAME, 21))
    assert hall.do(lambda tx: rewinding.set_aside(tx, NAME, 1)).cursor == first
    assert rewind(hall, confirmed[19]).cursor == confirmed[19]
    assert outbox.page(hall.reader(), where(hall)).next == first


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_asked_a_cursor_stands_on_a_record_that_is_here_or_right_before(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("rewind") / "hall.db"
    migrate(path, stream_id=STREAM, now_utc=lambda: NIGHT)
    hall = Hall(path, group_s=0.0)
    hall.do(lambda tx: outbox.ensure_consumers(tx, [NAME]))
    made = [one.cursor for one in hall.happen(12)]
    position = 0
    for step in data.draw(st.lists(st.sampled_from(["ack", "back", "oldest", "aside", "release"]), max_size=12)):
        hall.now += timedelta(days=1)
        number = data.draw(st.integers(1, 12))
        oldest = outbox.before_oldest(hall.reader())
        try:
            if step == "ack":
                hall.do(lambda tx, number=number: outbox.advance(tx, NAME, made[number - 1]))
                position = max(position, number)
            elif step == "back":
                rewind(hall, made[number - 1])
                assert oldest <= number <= position
                position = number
            elif step == "oldest":
                rewind(hall, None)
                position = oldest
            elif step == "aside":
                hall.do(lambda tx, number=number: rewinding.set_aside(tx, NAME, number))
                assert number == position + 1
                position = number
            else:
                hall.do(lambda tx: retention.release(tx, hall.now, lambda _kind: False, 3))
        except (NotOlder, NotNext, CursorExpired):
            pass
        assert where(hall) == position >= outbox.before_oldest(hall.reader())
        page = outbox.page(hall.reader(), position, 100)
        assert len(page.bodies) == 12 - position
    hall.close()
