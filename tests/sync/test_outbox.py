"""A log with cursors: reading takes nothing away, and only a right acknowledgement moves anything (EVT-05, COM-01)."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import orjson
import pytest

from sync import outbox
from sync.chain_check import verify_chain
from sync.db import Transaction
from sync.envelope import Cursor, chain_start
from sync.errors import (
    AckBeyondHead,
    ChainBroken,
    ChainMismatch,
    ConstraintBroken,
    CursorExpired,
    EpochChanged,
    UnknownConsumer,
)
from tests.sync.stage import STREAM, Hall, door_opened

SECOND = "b0" * 16


def test_pages_are_the_stored_bytes_in_order_and_the_same_each_time(hall: Hall) -> None:
    envelopes = hall.happen(450)
    reader = hall.reader()
    first = outbox.page(reader, 0)
    assert (first.first, first.last, len(first.bodies), first.has_more) == (1, 200, 200, True)
    assert list(first.bodies) == [envelope.body for envelope in envelopes[:200]]
    assert first.next == envelopes[199].cursor
    assert outbox.page(reader, 0) == first
    second = outbox.page(reader, first.next)
    third = outbox.page(reader, second.next)
    assert (second.first, third.first, third.last, third.has_more) == (201, 401, 450, False)
    end = outbox.page(reader, third.next)
    assert (list(end.bodies), end.next, end.has_more) == ([], third.next, False)


def test_an_empty_log_has_a_cursor_too(hall: Hall) -> None:
    reader = hall.reader()
    zero = Cursor(STREAM, 0, chain_start(STREAM).hex())
    assert outbox.head(reader).cursor == outbox.oldest(reader) == outbox.page(reader, 0).next == zero
    assert outbox.page(reader, zero).bodies == ()


def test_a_page_is_cut_by_bytes_but_never_empty(hall: Hall) -> None:
    hall.happen(3, pad="x" * 30_000)
    reader = hall.reader()
    page = outbox.page(reader, 0, 200, 120_000)
    assert len(page.bodies) == 3
    size = len(b"[" + b",".join(page.bodies) + b"]")
    assert len(outbox.page(reader, 0, 200, size).bodies) == 3
    assert len(outbox.page(reader, 0, 200, size - 1).bodies) == 2
    assert len(outbox.page(reader, 0, 200, 10).bodies) == 1


def test_central_confirms_and_the_cursor_moves(hall: Hall) -> None:
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"central-1": True}))
    envelopes = hall.happen(10)
    reader = hall.reader()
    assert outbox.depth(reader, "central-1") == 10
    assert hall.do(lambda tx: outbox.advance(tx, "central-1", envelopes[6].cursor)) == (True, envelopes[6].cursor)
    assert outbox.cursor_of(reader, "central-1") == envelopes[6].cursor
    assert outbox.depth(reader, "central-1") == 3
    for older in (envelopes[6].cursor, envelopes[2].cursor, Cursor(STREAM, 0, chain_start(STREAM).hex())):
        answer = hall.do(lambda tx, older=older: outbox.advance(tx, "central-1", older))  # type: ignore[misc]  # early binding
        assert answer == (False, envelopes[6].cursor)


def test_a_record_may_be_confirmed_in_the_very_group_that_made_it(hall: Hall) -> None:
    def make_and_confirm(tx: Transaction) -> outbox.Advanced:
        outbox.ensure_consumers(tx, ["central-1"])
        outbox.append(tx, door_opened())
        return outbox.advance(tx, "central-1", outbox.append(tx, door_opened()).cursor)

    assert hall.do(make_and_confirm).cursor.sequence == 2


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"sha256": "00" * 32}, ChainMismatch),
        ({"sequence": 11}, AckBeyondHead),
        ({"sequence": 2**62}, AckBeyondHead),
        ({"sequence": 2**70}, AckBeyondHead),
        ({"streamid": "ff" * 16}, EpochChanged),
        ({"sequence": 0}, ChainMismatch),
        ({"sequence": 3}, ChainMismatch),
    ],
)
def test_a_wrong_acknowledgement_moves_nothing(hall: Hall, wrong: dict[str, str], error: type[Exception]) -> None:
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"central-1": True}))
    envelopes = hall.happen(10)
    hall.do(lambda tx: outbox.advance(tx, "central-1", envelopes[4].cursor))
    false = replace(envelopes[8].cursor, **wrong)  # type: ignore[arg-type]  # a table of single members
    with pytest.raises(error):
        hall.do(lambda tx: outbox.advance(tx, "central-1", false))
    assert outbox.cursor_of(hall.reader(), "central-1") == envelopes[4].cursor
    with pytest.raises(UnknownConsumer):
        hall.do(lambda tx: outbox.advance(tx, "nobody", envelopes[8].cursor))
    with pytest.raises(error):
        outbox.page(hall.reader(), false)


def test_a_new_epoch_continues_the_log_under_a_new_name(hall: Hall) -> None:
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"central-1": True}))
    old = hall.happen(5)

    def restored(tx: Transaction) -> Cursor:
        outbox.append(tx, door_opened(last=True))
        before = outbox.open_epoch(tx, "restored from a backup", stream_id=SECOND)
        outbox.append(tx, door_opened(first=True))
        return before

    before = hall.do(restored)
    assert before.sequence == 6
    new = hall.happen(3)
    assert (new[0].streamid, new[0].epoch, new[0].sequence, new[0].id) == (SECOND, 2, 2, f"{SECOND}:2")
    reader = hall.reader()
    page = outbox.page(reader, 0)
    assert (page.first, page.last, page.next.streamid, page.has_more) == (1, 6, STREAM, True)  # never over the end
    page = outbox.page(reader, page.next)
    assert (page.first, page.last, page.next, page.has_more) == (1, 4, new[-1].cursor, False)
    assert verify_chain(reader) == 10
    with pytest.raises(EpochChanged, match="ended with record 6"):
        hall.do(lambda tx: outbox.advance(tx, "central-1", Cursor(STREAM, 7, "00" * 32)))
    with pytest.raises(AckBeyondHead):
        hall.do(lambda tx: outbox.advance(tx, "central-1", Cursor(SECOND, 7, "00" * 32)))
    assert hall.do(lambda tx: outbox.advance(tx, "central-1", old[4].cursor)).moved
    assert hall.do(lambda tx: outbox.advance(tx, "central-1", new[0].cursor)).moved
    with pytest.raises(EpochChanged) as unknown:
        outbox.page(reader, Cursor("ff" * 16, 1, "00" * 32))
    assert unknown.value.facts["epochs"] == [
        {"epoch": 1, "streamid": STREAM, "last": 6},
        {"epoch": 2, "streamid": SECOND, "last": 4},
    ]


def test_an_epoch_opened_by_work_that_fails_never_was(hall: Hall) -> None:
    def fails(tx: Transaction) -> None:
        outbox.open_epoch(tx, "no", stream_id=SECOND)
        outbox.append(tx, door_opened())
        raise ValueError

    with pytest.raises(ValueError):
        hall.do(fails)
    assert hall.happen()[0].streamid == STREAM
    assert [epoch.epoch for epoch in outbox.epochs(hall.reader())] == [1]


def test_only_required_consumers_hold_records_back(hall: Hall) -> None:
    envelopes = hall.happen(20)
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"central-1": True, "watcher": False}))
    hall.do(lambda tx: outbox.advance(tx, "central-1", envelopes[11].cursor))
    reader = hall.reader()
    assert outbox.released_to(reader) == 12
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"watcher": True}))  # central-1 is no longer configured
    assert outbox.released_to(reader) == 0
    assert [(c.name, c.required) for c in outbox.consumers(reader)] == [("central-1", False), ("watcher", True)]
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"watcher": False}))
    assert outbox.released_to(reader) == 20
    assert outbox.cursor_of(reader, "central-1") == envelopes[11].cursor


def release(hall: Hall, through: int) -> None:
    """What retention will do: set the mark, then delete up to it."""
    hall.do(
        lambda tx: tx.execute(
            "UPDATE log_release SET through = ?, chain = (SELECT chain FROM log WHERE position = ?)", (through, through)
        )
    )
    hall.do(lambda tx: tx.execute("DELETE FROM live_lane WHERE position <= ?", (through,)))
    hall.do(lambda tx: tx.execute("DELETE FROM log WHERE position <= ?", (through,)))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE log SET body = x'00' WHERE position = 3",
        "UPDATE log SET chain = zeroblob(32)",
        "DELETE FROM log WHERE position = 20",
        "DELETE FROM log WHERE position = 1",
        "UPDATE log_release SET through = 13",
        "UPDATE log_release SET through = -1",
        "DELETE FROM log_release",
        "UPDATE epochs SET stream_id = 'ffffffffffffffffffffffffffffffff'",
        "DELETE FROM epochs",
        "INSERT INTO log VALUES (3, x'00', zeroblob(32))",
        "INSERT OR REPLACE INTO log VALUES (3, x'00', zeroblob(32))",
    ],
)
def test_the_tables_themselves_refuse_to_forget_or_change(hall: Hall, sql: str) -> None:
    envelopes = hall.happen(20)
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"central-1": True}))
    hall.do(lambda tx: outbox.advance(tx, "central-1", envelopes[11].cursor))
    with pytest.raises(ConstraintBroken):
        hall.do(lambda tx: tx.execute(sql))
    assert verify_chain(hall.reader()) == 20


def test_what_was_released_is_gone_and_whoever_wants_it_is_told_from_where_there_is_more(hall: Hall) -> None:
    envelopes = hall.happen(20)
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"central-1": True, "watcher": False}))
    hall.do(lambda tx: outbox.advance(tx, "central-1", envelopes[11].cursor))
    release(hall, 12)
    reader = hall.reader()
    assert outbox.oldest(reader) == envelopes[12].cursor
    assert outbox.before_oldest(reader) == 12
    assert outbox.page(reader, 12).first == 13
    assert outbox.page(reader, envelopes[11].cursor).first == 13  # a gap-free reader loses nothing
    for gone in (0, envelopes[3].cursor, outbox.position_of(reader, "watcher")):
        with pytest.raises(CursorExpired) as expired:
            outbox.page(reader, gone)
        assert expired.value.facts["oldest"] == envelopes[12].cursor.as_json()
    # Confirmed again: what the consumer had confirmed is known without the record; what it had not is not.
    assert not hall.do(lambda tx: outbox.advance(tx, "central-1", envelopes[11].cursor)).moved
    with pytest.raises(CursorExpired):
        hall.do(lambda tx: outbox.advance(tx, "watcher", envelopes[4].cursor))
    assert hall.do(lambda tx: outbox.advance(tx, "watcher", envelopes[15].cursor)).moved
    assert verify_chain(reader, 13) == 8
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"central-1": True, "watcher": False, "late": False}))
    assert outbox.page(reader, outbox.position_of(reader, "late")).first == 13


def test_a_log_emptied_by_retention_goes_on_where_it_was(hall: Hall) -> None:
    envelopes = hall.happen(4)
    release(hall, 4)
    reader = hall.reader()
    assert outbox.head(reader).cursor == envelopes[3].cursor
    hall.close()
    again = Hall(hall.path)
    assert again.writer.head.cursor == envelopes[3].cursor
    assert again.happen()[0].sequence == 5
    assert verify_chain(again.reader(), 5) == 1
    again.close()


def test_the_live_lane_has_only_what_is_of_a_live_class(hall: Hall) -> None:
    hall.happen(3, live=None)
    door = hall.happen(1, live="door")[0]
    money = hall.happen(1, live="money")[0]
    reader = hall.reader()
    assert outbox.live_after(reader, 0) == [(4, "door", door.body), (5, "money", money.body)]
    assert outbox.live_after(reader, 4, 10) == [(5, "money", money.body)]
    assert outbox.live_newest(reader, 0, 1) == 4
    assert outbox.live_newest(reader, 0, 2) == 0


@pytest.mark.parametrize(
    ("damage", "where", "kind"),
    [
        ("UPDATE log SET body = CAST(replace(body, 'main', 'drop') AS BLOB) WHERE position = 7", 7, "changed"),
        ("UPDATE log SET chain = zeroblob(32) WHERE position = 9", 9, "changed"),
        ("DELETE FROM log WHERE position = 5", 5, "missing"),
        ("DELETE FROM log WHERE position BETWEEN 3 AND 4", 3, "missing"),
    ],
)
def test_the_chain_names_the_first_record_that_does_not_fit(hall: Hall, damage: str, where: int, kind: str) -> None:
    hall.happen(20)
    hall.writer.close()
    vandal = sqlite3.connect(hall.path, isolation_level=None)
    vandal.execute("DROP TRIGGER log_is_never_changed")
    vandal.execute("DROP TRIGGER log_is_deleted_only_when_released")
    vandal.execute(damage)
    with pytest.raises(ChainBroken) as broken:
        verify_chain(vandal)
    assert (broken.value.position, broken.value.damage) == (where, kind)
    assert verify_chain(vandal, 10, 20) == 11 if where < 9 else True
    vandal.close()


def test_a_body_is_cloudevents_as_central_reads_it(hall: Hall) -> None:
    body = orjson.loads(hall.happen()[0].body)
    assert (body["id"], body["recordedat"], body["epoch"]) == (f"{STREAM}:1", "2026-11-23T00:11:07.320Z", "1")
