"""Whoever sets a consumer back, or a record aside, stands in the log with what was done: one transaction for both."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.field.answers import Answers
from edge.seam.connection import Caller
from edge.seam.messages import Cursor, Rewind, SetAside
from sync import outbox
from sync.errors import NotNext, NotOlder
from tests.edge.field.small_hall import SmallHall, opened

HALL = {"A": (101,)}
ME = Caller(0, 0, 0)


def answers_of(hall: SmallHall) -> Answers:
    return Answers(
        hall.books.journal, hall.books.writer, hall.dispatch, hall.poller, hall.supervisor, subject="gateway/hg-07"
    )


def cursor(hall: SmallHall, sequence: int) -> Cursor:
    row = hall.books.ask("SELECT chain FROM log WHERE position = ?", sequence)[0]
    return Cursor(streamid=hall.books.writer.head.cursor.streamid, sequence=sequence, sha256=row[0].hex())


async def test_up_10_a_consumer_set_back_is_an_event_with_who_from_and_to(tmp_path: Path) -> None:
    async with opened(tmp_path, HALL) as hall:
        await hall.up(101)
        answers = answers_of(hall)
        head = hall.books.writer.head.cursor
        await hall.books.journal.write(lambda tx: outbox.advance(tx, "central-1", head))
        to = cursor(hall, 1)
        asked = Rewind(consumer="central-1", to=to, principal="socket/anna", comment="central lost its disk")
        told = await answers.rewind(asked, ME)
        assert (told.moved, told.cursor) == (True, to)
        assert hall.books.ask("SELECT position FROM consumers WHERE name = 'central-1'") == [(1,)]
        (event,) = hall.books.events("hall.gateway.consumer.rewound")
        assert event["subject"] == "gateway/hg-07"
        assert event["data"] == {
            "consumer": "central-1", "who": "socket/anna", "comment": "central lost its disk",
            "from_streamid": head.streamid, "from_sequence": head.sequence,
            "to_streamid": head.streamid, "to_sequence": 1,
        }  # fmt: skip
        assert not (await answers.rewind(asked, ME)).moved  # asked again: nothing more, and no second event
        assert len(hall.books.events("hall.gateway.consumer.rewound")) == 1
        with pytest.raises(NotOlder):
            await answers.rewind(Rewind(consumer="central-1", to=cursor(hall, 2), principal="socket/anna"), ME)
        assert len(hall.books.events("hall.gateway.consumer.rewound")) == 1


async def test_up_14_a_record_set_aside_is_an_event_with_the_chain_value_from_which_to_go_on(tmp_path: Path) -> None:
    async with opened(tmp_path, HALL) as hall:
        await hall.up(101)
        answers = answers_of(hall)
        with pytest.raises(NotNext):
            await answers.set_aside(
                SetAside(consumer="central-1", sequence=2, principal="socket/anna", comment="no"), ME
            )
        assert hall.books.events("hall.gateway.record.set_aside") == []
        asked = SetAside(consumer="central-1", sequence=1, principal="socket/anna", comment="central breaks on it")
        assert (await answers.set_aside(asked, ME)).cursor == cursor(hall, 1)
        (event,) = hall.books.events("hall.gateway.record.set_aside")
        assert event["data"] == {
            "consumer": "central-1", "who": "socket/anna", "comment": "central breaks on it",
            "streamid": cursor(hall, 1).streamid, "sequence": 1, "sha256": cursor(hall, 1).sha256,
        }  # fmt: skip
        assert hall.books.ask("SELECT count(*) FROM log WHERE position = 1") == [(1,)]
