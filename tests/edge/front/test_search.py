"""The log searched by time, device, kind and code: what fits is found whole, in pages that stop in time (EVT-09)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.clock import stamp
from edge.front.views import search as search_module
from edge.front.views.search import Search, Wanted
from edge.hall.events import KINDS
from edge.store.migrations import MIGRATIONS
from sync import outbox, retention
from sync.db import Database
from sync.envelope import Draft
from sync.migrate import migrate
from sync.writer import Writer
from tests.edge.front.made_up_hall import TECHNICIAN, Hall

START = datetime(2026, 11, 1, tzinfo=UTC)
EVENTS = (
    # minute, subject, kind, exception, data beside it
    (0, "egm/17", "hall.egm.door.opened.v1", 0x11, {}),
    (1, "egm/170", "hall.egm.door.opened.v1", 0x13, {}),
    (2, "egm/17", "hall.egm.door.closed.v1", 0x12, {}),
    (3, "egm/17", "hall.egm.game.ended.v1", 0x7F, {}),
    (4, "line/A", "hall.line.lost.v1", None, {"line": "A"}),
    (5, "egm/18", "hall.egm.link.down.v1", None, {"line": "A"}),
    (6, "egm/18", "hall.egm.link.down.v1", None, {"line": "AB"}),
    (7, "egm/17", "hall.egm.meters.snapshot.v1", None, {}),
    (8, "egm/17", "hall.egm.exception.unknown.v1", 0x58, {}),
    (60 * 24, "egm/17", "hall.egm.door.opened.v1", 0x11, {}),
)


@pytest.fixture
async def books(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """These events, each recorded a second after it happened."""
    import asyncio

    path = tmp_path / "hall.db"
    moments = iter([START, *[START + timedelta(minutes=minute, seconds=1) for minute, *_ in EVENTS]])
    migrate(path, MIGRATIONS, stream_id="5" * 32, now_utc=lambda: START)
    next(moments)
    loop = asyncio.get_running_loop()
    writer = Writer(path, now_utc=lambda: next(moments), post=loop.call_soon_threadsafe, on_fatal=print)
    writer.start()
    for minute, subject, kind, code, data in EVENTS:
        draft = Draft(
            type=kind, source="urn:hall:7:gw:hg-07", subject=subject, time=START + timedelta(minutes=minute),
            data={**data, **({} if code is None else {"sas_exception": code})}, live_class=KINDS[kind].live_class,
            gamingday="2026-11-01", clock="synced", dataschema=f"/api/v1/schemas/{kind}.json",
        )  # fmt: skip
        await writer.run(lambda tx, draft=draft: outbox.append(tx, draft))
    conn = Database(path).open_reader()
    yield conn
    conn.close()
    await asyncio.to_thread(writer.close)


def found(conn: sqlite3.Connection, limit: int = 100, **wanted) -> list[int]:
    search = Search(Wanted(**wanted), limit)
    while not search.step(conn):
        pass
    return [one["sequence"] for one in search.found]


def at(minutes: float) -> str:
    return stamp(START + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("wanted", "sequences"),
    [
        ({}, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ({"asset": 17}, [10, 9, 8, 4, 3, 1]),  # not 170
        ({"asset": 7}, []),
        ({"line": "A"}, [6, 5]),  # not AB
        ({"kind": "hall.egm.door"}, [10, 3, 2, 1]),
        ({"kind": "hall.egm.door.opened.v1", "asset": 17}, [10, 1]),
        ({"kind": "hall.egm.meters", "asset": 17}, [8]),
        ({"code": 0x11}, [10, 1]),  # not 0x13, though both are doors
        ({"code": 0x58}, [9]),  # of no kind of its own
        ({"code": 0x01}, []),
        ({"since": at(2), "until": at(4)}, [5, 4, 3]),  # both moments included
        ({"since": at(8.5)}, [10]),
        ({"until": at(0)}, [1]),
        ({"since": at(9), "until": at(1000)}, []),
        ({"since": at(-99), "until": at(-9)}, []),
        ({"after": 3, "before": 6}, [5, 4]),
    ],
)
async def test_what_fits_is_found_newest_first(books, wanted, sequences):
    assert found(books, **wanted) == sequences


async def let_go(path: Path, days: float, keeps: str) -> int:
    """What retention does so long after the start with all that is older than an hour: kinds with this word are kept."""
    import asyncio

    now = START + timedelta(days=days)
    loop = asyncio.get_running_loop()
    writer = Writer(path, now_utc=lambda: now, post=loop.call_soon_threadsafe, on_fatal=print)
    writer.start()
    gone = await writer.run(lambda tx: retention.release(tx, now - timedelta(hours=1), lambda kind: keeps in kind))
    await asyncio.to_thread(writer.close)
    return gone.records


@pytest.mark.parametrize(
    ("wanted", "sequences"),
    [
        ({}, [10, 3, 2, 1]),
        ({"asset": 17}, [10, 3, 1]),
        ({"kind": "hall.egm.door"}, [10, 3, 2, 1]),  # by the live lane
        ({"code": 0x11}, [10, 1]),
        ({"since": at(1), "until": at(2)}, [3, 2]),
        ({"until": at(4)}, [3, 2, 1]),
        ({"since": at(60 * 23)}, [10]),
        ({"after": 1, "before": 4}, [3, 2]),
        ({"line": "A"}, []),  # of no kind that is kept
    ],
)
async def test_ret_03_what_is_kept_beside_the_log_is_found_as_before(books, tmp_path, monkeypatch, wanted, sequences):
    assert await let_go(tmp_path / "hall.db", 10, "egm.door") == 9
    assert [row[0] for row in books.execute("SELECT position FROM kept")] == [1, 2, 3]
    for slice_size in (1, 3, 1000):
        monkeypatch.setattr(search_module, "FIRST_SLICE", slice_size)
        assert found(books, **wanted) == sequences
        assert found(books, limit=2, **wanted) == sequences[:2]


async def test_pages_follow_on_without_a_hole_or_a_repeat(books, monkeypatch):
    for slice_size in (1, 2, 100):
        monkeypatch.setattr(search_module, "FIRST_SLICE", slice_size)
        whole, before = [], None
        while True:
            search = Search(Wanted(asset=17, before=before), 2)
            while not search.step(books):
                pass
            whole += [one["sequence"] for one in search.found]
            before = search.next
            if before is None:
                break
        assert whole == [10, 9, 8, 4, 3, 1]


async def test_an_answer_whose_time_is_over_says_where_to_go_on(books, monkeypatch):
    monkeypatch.setattr(search_module, "ANSWER_S", 0.0)
    monkeypatch.setattr(search_module, "FIRST_SLICE", 3)
    search = Search(Wanted(code=0x12), 10)
    monkeypatch.setattr(Wanted, "lanes", ())
    assert search.step(books)
    assert (search.found, search.next, search.walked) == ([], 8, 3)
    assert found(books, code=0x12, before=8) == []
    monkeypatch.setattr(search_module, "ANSWER_S", 9.0)
    assert found(books, code=0x12, before=8) == [3]


def test_kinds_that_are_on_the_live_lane_are_looked_for_there_and_no_others():
    assert Wanted(kind="hall.egm.door").lanes == ("door",)
    assert Wanted(code=0x11).lanes == ("door", "fault")  # and the unknown kind, of an older release
    assert Wanted(kind="hall.egm").lanes == ()  # meters and play are not there
    assert Wanted(code=0x7F).lanes == ()
    assert Wanted(asset=17).lanes == ()
    assert Wanted(kind="hall.nothing").lanes == ()


async def test_the_search_is_asked_over_http(hall: Hall) -> None:
    for asset in (100417, 100418, 100417):
        await hall.open_door(asset)
    async with hall.client(TECHNICIAN) as client:

        async def asked(**query: object) -> list[int]:
            told = (await client.get("/api/v1/events/search", params=query)).json()  # type: ignore[arg-type] # a query
            return [one["sequence"] for one in told["events"]]

        assert await asked(code="11", egm=100417) == [3, 1]
        assert await asked(code="12") == []
        assert await asked(**{"from": "2026-11-23T02:11:07+02:00", "to": "2026-11-23T00:12:00Z"}) == [3, 2, 1]
        assert await asked(**{"from": "2026-11-23T00:12:00Z"}) == []
        assert await asked(before=3, limit=1) == [2]
        first = (await client.get("/api/v1/events/search", params={"limit": 2})).json()
        assert first["next"] == 2
        assert (await client.get("/api/v1/events/search", params={"limit": 2, "before": 2})).json()["next"] is None
        for wrong in (
            {"code": "1"},
            {"code": "zz"},
            {"from": "yesterday"},
            {"to": "2026-11-23T00:12:00"},
            {"line": "a b"},
        ):
            assert (await client.get("/api/v1/events/search", params=wrong)).status_code == 422, wrong
