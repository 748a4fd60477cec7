"""Records leave by age and never what a required consumer lacks; money goes beside the log and is found there."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import outbox, retention
from sync.chain_check import verify_chain
from sync.envelope import Draft, Envelope, stamp
from sync.errors import ChainBroken, ConstraintBroken, CursorExpired
from sync.migrate import migrate
from sync.retention import Held, Released
from tests.sync.stage import NIGHT, STREAM, Hall, door_opened

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BILL = "hall.egm.bill.accepted.v1"


def bill() -> Draft:
    door = door_opened()
    return Draft(
        type=BILL, source=door.source, subject=door.subject, time=door.time, data={"cents": 2000}, live_class="money",
        gamingday=door.gamingday, clock=door.clock, dataschema=door.dataschema,
    )  # fmt: skip


def is_bill(kind: str) -> bool:
    return kind == BILL


def a_day(hall: Hall, doors: int = 3, bills: int = 1) -> list[Envelope]:
    """So many doors and then so many bills; afterwards it is the next day."""
    made = hall.do(
        lambda tx: [
            *(outbox.append(tx, door_opened(nr=nr, live=None)) for nr in range(doors)),
            *(outbox.append(tx, bill()) for _ in range(bills)),
        ]
    )
    hall.now += DAY
    return made


def release(hall: Hall, days: int, limit: int = 1000) -> Released:
    """Whatever is older than so many days and an hour."""
    return hall.do(lambda tx: retention.release(tx, hall.now - days * DAY - HOUR, is_bill, limit))


def confirm(hall: Hall, envelope: Envelope, consumer: str = "central-1") -> None:
    hall.do(lambda tx: outbox.advance(tx, consumer, envelope.cursor))
    hall.now += timedelta(seconds=1)


def forget(hall: Hall, days: int) -> int:
    return hall.do(lambda tx: retention.forget(tx, hall.now - days * DAY - HOUR))


@pytest.fixture
def week(hall: Hall) -> list[list[Envelope]]:
    """Seven days of three doors and a bill; central-1 must have them, the watcher need not."""
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"central-1": True, "watcher": False}))
    hall.now += timedelta(seconds=1)
    return [a_day(hall) for _ in range(7)]


def test_ret_03_events_leave_by_age_and_money_stays_beside_the_log(hall: Hall, week: list[list[Envelope]]) -> None:
    confirm(hall, week[6][-1])
    assert release(hall, 3) == Released(16, 4, 16)  # four days of three doors and a bill
    assert release(hall, 3) == Released(0, 0, 16)
    reader = hall.reader()
    assert outbox.oldest(reader) == week[4][0].cursor
    assert reader.execute("SELECT position, body FROM kept").fetchall() == [
        (day[3].sequence, day[3].body) for day in week[:4]
    ]
    assert [row[0] for row in reader.execute("SELECT position FROM live_lane")] == [4, 8, 12, 16, 20, 24, 28]
    assert retention.oldest_kept(reader) == 4
    assert (verify_chain(reader, 17), retention.verify_kept(reader)) == (12, 4)


def test_ret_03_money_leaves_by_its_own_age(hall: Hall, week: list[list[Envelope]]) -> None:
    confirm(hall, week[6][-1])
    release(hall, 3)
    assert forget(hall, 6) == 1
    assert forget(hall, 6) == 0
    assert [row[0] for row in hall.reader().execute("SELECT position FROM kept")] == [8, 12, 16]
    assert [row[0] for row in hall.reader().execute("SELECT position FROM live_lane")] == [8, 12, 16, 20, 24, 28]


def test_com_03_what_a_required_consumer_lacks_stays_however_old_it_is(hall: Hall, week: list[list[Envelope]]) -> None:
    assert release(hall, 1).records == 0
    oldest = "2026-11-23T00:11:08.320Z"
    assert retention.held(hall.reader(), hall.now - DAY) == Held("central-1", "2026-11-23T00:11:07.320Z", oldest)
    confirm(hall, week[1][1])
    assert release(hall, 1) == Released(6, 1, 6)
    reader = hall.reader()
    held = retention.held(reader, hall.now - DAY)
    assert held is not None
    assert (held.consumer, held.since) == ("central-1", "2026-11-30T00:11:08.320Z")
    assert retention.held(reader, hall.now - 30 * DAY) is None  # nothing is old enough: nobody is waited for
    # The watcher is not required; it is told what it missed.
    with pytest.raises(CursorExpired) as expired:
        outbox.page(reader, outbox.cursor_of(reader, "watcher"))
    assert expired.value.facts["oldest"] == week[1][2].cursor.as_json()


def test_up_10_a_cursor_that_went_back_gets_identical_bytes_or_is_told_the_oldest(
    hall: Hall, week: list[list[Envelope]]
) -> None:
    confirm(hall, week[6][-1])
    reader = hall.reader()
    before = outbox.page(reader, week[4][0].cursor, 10)
    release(hall, 3)
    assert outbox.page(reader, week[4][0].cursor, 10) == before
    assert list(outbox.page(reader, week[3][3].cursor, 4).bodies) == [one.body for one in week[4]]
    with pytest.raises(CursorExpired) as expired:
        outbox.page(reader, week[3][2].cursor)
    assert expired.value.facts["oldest"] == week[4][0].cursor.as_json()


def test_a_cursor_moved_in_the_same_transaction_releases_nothing_yet(hall: Hall, week: list[list[Envelope]]) -> None:
    def both(tx: outbox.Transaction) -> Released:
        outbox.advance(tx, "central-1", week[6][-1].cursor)
        return retention.release(tx, hall.now - DAY, is_bill)

    assert hall.do(both).records == 0
    hall.now += timedelta(seconds=1)
    assert release(hall, 1).records == 24  # confirmed on disk by now


def test_slices_are_small_and_the_newest_record_never_leaves(hall: Hall, week: list[list[Envelope]]) -> None:
    confirm(hall, week[6][-1])
    hall.now += 100 * DAY
    slices = []
    while (one := release(hall, 90, limit=10)).records:
        slices.append(one.records)
    assert slices == [10, 10, 7]
    assert outbox.oldest(hall.reader()) == outbox.head(hall.reader()).cursor == week[6][-1].cursor
    assert retention.verify_kept(hall.reader()) == 6
    path = hall.path
    hall.close()
    again = Hall(path)
    again.now = NIGHT + 200 * DAY
    assert again.happen()[0].sequence == 29
    assert again.do(lambda tx: retention.release(tx, again.now, is_bill, 5000)).records == 1
    again.close()


def test_records_of_a_wrong_clock_go_with_their_neighbours(hall: Hall) -> None:
    hall.now = NIGHT
    a_day(hall)
    hall.now = NIGHT + 30_000 * DAY  # the battery is empty: a jump into the next century
    a_day(hall, doors=2, bills=0)
    hall.now = NIGHT + DAY
    a_day(hall)
    hall.now = NIGHT - 10_000 * DAY  # and one back
    a_day(hall, doors=1, bills=0)
    hall.now = NIGHT + 50 * DAY
    young = a_day(hall)
    assert release(hall, 20).records == 11
    assert outbox.oldest(hall.reader()) == young[0].cursor
    hall.now = NIGHT + 52 * DAY
    assert release(hall, 20).records == 0


def test_a_young_record_is_never_passed_for_an_old_one_behind_it(hall: Hall) -> None:
    a_day(hall)
    hall.now = NIGHT + 50 * DAY
    young = a_day(hall)
    hall.now = NIGHT - 100 * DAY
    a_day(hall)
    hall.now = NIGHT + 60 * DAY
    assert release(hall, 20).records == 4
    assert outbox.oldest(hall.reader()) == young[0].cursor


def test_over_the_end_of_an_epoch_each_kept_record_still_hangs_on_its_own_chain(hall: Hall) -> None:
    a_day(hall, doors=1, bills=2)
    hall.do(lambda tx: outbox.open_epoch(tx, "test", stream_id="a" * 32))
    a_day(hall, doors=0, bills=3)
    hall.do(lambda tx: outbox.open_epoch(tx, "test", stream_id="b" * 32))
    last = a_day(hall)
    hall.now += 100 * DAY
    assert release(hall, 90, limit=4) == Released(4, 3, 4)
    assert release(hall, 90) == Released(5, 2, 9)
    assert retention.verify_kept(hall.reader()) == 5
    assert outbox.oldest(hall.reader()) == last[-1].cursor


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE kept SET body = x'00'",
        "INSERT INTO kept VALUES (900, x'00', zeroblob(32), zeroblob(32))",
        "INSERT OR REPLACE INTO kept VALUES (4, x'00', zeroblob(32), zeroblob(32))",
        "INSERT INTO kept SELECT position, x'00', chain, chain FROM log WHERE position = 20",
        "INSERT INTO kept SELECT position, body, zeroblob(32), chain FROM log WHERE position = 20",
    ],
)
def test_the_tables_refuse_to_keep_what_the_log_never_had(hall: Hall, week: list[list[Envelope]], sql: str) -> None:
    confirm(hall, week[6][-1])
    release(hall, 3)
    with pytest.raises(ConstraintBroken):
        hall.do(lambda tx: tx.execute(sql))
    assert retention.verify_kept(hall.reader()) == 4


def test_a_kept_record_that_was_changed_is_found(hall: Hall, week: list[list[Envelope]]) -> None:
    confirm(hall, week[6][-1])
    release(hall, 3)
    hall.writer.close()
    vandal = sqlite3.connect(hall.path, isolation_level=None)
    vandal.execute("DROP TRIGGER kept_is_never_changed")
    vandal.execute("UPDATE kept SET body = CAST(replace(body, '2000', '1000') AS BLOB) WHERE position = 8")
    with pytest.raises(ChainBroken) as broken:
        retention.verify_kept(vandal)
    assert broken.value.position == 8
    vandal.close()


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whatever_central_confirms_and_however_time_goes_nothing_is_lost_to_it(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("retention") / "hall.db"
    migrate(path, stream_id=STREAM, now_utc=lambda: NIGHT)
    hall = Hall(path, group_s=0.0)
    hall.do(lambda tx: outbox.ensure_consumers(tx, {"central-1": True}))
    made: list[Envelope] = []
    confirmed = 0
    for step in data.draw(st.lists(st.sampled_from(["happen", "confirm", "release", "forget"]), max_size=25)):
        hall.now += timedelta(hours=data.draw(st.integers(1, 60)))
        if step == "happen":
            doors, bills = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 2))
            made += a_day(hall, doors, bills)
        elif step == "confirm" and made:
            confirmed = max(confirmed, data.draw(st.integers(1, len(made))))
            confirm(hall, made[confirmed - 1])
        elif step == "release":
            release(hall, data.draw(st.integers(1, 5)), data.draw(st.integers(1, 9)))
        else:
            forget(hall, 9)
        reader = hall.reader()
        # What central lacks is there, byte for byte, and what is left of the log is one piece up to its end.
        page = outbox.page(reader, outbox.position_of(reader, "central-1"), 1000)
        assert list(page.bodies) == [one.body for one in made[confirmed:]]
        first = outbox.before_oldest(reader)
        assert first <= confirmed
        assert verify_chain(reader, first + 1) == len(made) - first
        # Every bill younger than nine days is in the log or beside it.
        young = [one.sequence for one in made if one.type == BILL and one.recordedat >= stamp(hall.now - 9 * DAY)]
        there = {row[0] for row in reader.execute("SELECT position FROM kept UNION SELECT position FROM log")}
        assert set(young) <= there
        assert retention.verify_kept(reader) == reader.execute("SELECT count(*) FROM kept").fetchone()[0]
        for (body,) in reader.execute("SELECT body FROM kept"):
            assert orjson.loads(body)["type"] == BILL
    hall.close()
