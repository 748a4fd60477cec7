"""The pull feed as central uses it: pages, cursors, waiting, acknowledging, and everything that is refused."""

import asyncio
import gzip
import json

import pytest
import zstandard

from tests.edge.front.made_up_hall import AUDITOR, CENTRAL, STREAM, Hall, rows

EVENTS = "/api/v1/events"
ACK = "/api/v1/consumers/central-1/ack"


async def test_a_page_carries_the_stored_bytes_and_where_to_go_on(hall: Hall) -> None:
    for _ in range(3):
        await hall.open_door()
    async with hall.client(CENTRAL) as central:
        answer = await central.get(EVENTS, params={"limit": 2})
    page = answer.json()
    stored = [body for (body,) in rows(hall.directory / "hall.db", "SELECT body FROM log ORDER BY position")]
    assert b",".join(stored[:2]) in answer.content
    assert [event["sequence"] for event in page["events"]] == ["00000000000000000001", "00000000000000000002"]
    assert page["next"]["sequence"] == 2
    assert page["has_more"] is True
    assert page["head"]["sequence"] == 3
    assert page["epoch"] == 1
    assert page["clock"] == "synced"
    assert answer.headers["link"] == (
        f'</api/v1/events?consumer=central-1&streamid={STREAM}&after=2&limit=2>; rel="next"'
    )


async def test_acknowledging_moves_the_cursor_and_the_next_page_begins_there(hall: Hall) -> None:
    for _ in range(3):
        await hall.open_door()
    async with hall.client(CENTRAL) as central:
        cursor = (await central.get(EVENTS, params={"limit": 2})).json()["next"]
        first = await central.post(ACK, json=cursor)
        again = await central.post(ACK, json=cursor)
        assert first.json() == {"acknowledged": cursor, "advanced": True}
        assert again.json() == {"acknowledged": cursor, "advanced": False}
        page = (await central.get(EVENTS)).json()
        assert [event["sequence"][-1] for event in page["events"]] == ["3"]
        told = (await central.get("/api/v1/consumers")).json()["consumers"]
        assert [(one["name"], one["behind"]) for one in told] == [("central-1", 1)]


async def test_reading_moves_nothing(hall: Hall) -> None:
    await hall.open_door()
    async with hall.client(CENTRAL) as central:
        first = await central.get(EVENTS)
        assert (await central.get(EVENTS)).content == first.content


async def test_a_long_poll_is_woken_by_the_next_record(hall: Hall) -> None:
    async with hall.client(CENTRAL) as central:
        waiting = asyncio.create_task(central.get(EVENTS, params={"wait": 20}))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await hall.open_door()
        async with asyncio.timeout(2):
            page = (await waiting).json()
    assert len(page["events"]) == 1


async def test_an_empty_answer_still_says_where_to_go_on(hall: Hall) -> None:
    await hall.open_door()
    async with hall.client(CENTRAL) as central:
        page = (await central.get(EVENTS, params={"after": "now"})).json()
        assert page["events"] == []
        assert page["next"]["sequence"] == 1
        assert (await central.get(EVENTS, params={"after": "oldest"})).json()["next"]["sequence"] == 1


async def test_zstd_is_preferred_and_gzip_is_offered(hall: Hall) -> None:
    for _ in range(10):
        await hall.open_door()
    async with hall.client(AUDITOR) as reader:
        query = {"consumer": "central-1"}
        plain = await reader.get(EVENTS, params=query, headers={"Accept-Encoding": "identity"})
        for named, asked, undo in (
            ("zstd", "zstd, gzip", lambda raw: zstandard.ZstdDecompressor().decompress(raw)),
            ("gzip", "gzip", gzip.decompress),
        ):
            request = reader.build_request("GET", EVENTS, params=query, headers={"Accept-Encoding": asked})
            answer = await reader.send(request, stream=True)
            raw = b"".join([part async for part in answer.aiter_raw()])
            assert answer.headers["content-encoding"] == named
            assert undo(raw) == plain.content
            assert len(raw) < len(plain.content) / 3


async def test_ndjson_gives_one_event_a_line_and_the_cursor_in_a_header(hall: Hall) -> None:
    await hall.open_door()
    await hall.open_door()
    async with hall.client(CENTRAL) as central:
        answer = await central.get(EVENTS, headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line)["sequence"][-1] for line in answer.text.splitlines()] == ["1", "2"]
    assert json.loads(answer.headers["hall-edge-next"])["sequence"] == 2


@pytest.mark.parametrize(
    ("query", "status", "name"),
    [
        ({"streamid": "0" * 32, "after": "1"}, 409, "epoch-changed"),
        ({"streamid": STREAM, "after": "99"}, 416, "ack-beyond-head"),
        ({"streamid": "xyz", "after": "1"}, 422, "validation"),
        ({"after": "1"}, 422, "validation"),  # a number without its stream
        ({"after": "-1"}, 422, "validation"),
        ({"after": "1e3", "streamid": STREAM}, 422, "validation"),
        ({"limit": "0"}, 422, "validation"),
        ({"limit": "1001"}, 422, "validation"),
        ({"wait": "61"}, 422, "validation"),
        ({"type": "hall.egm.door"}, 422, "validation"),  # no filters in the feed
        ({"consumer": "central-2"}, 403, "forbidden"),  # bound to another
    ],
)
async def test_a_cursor_or_parameter_that_cannot_be_is_refused(
    hall: Hall, query: dict[str, str], status: int, name: str
) -> None:
    await hall.open_door()
    async with hall.client(CENTRAL) as central:
        answer = await central.get(EVENTS, params=query)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"urn:hall-edge:problem:{name}")
    assert problem["code"].startswith("HE")
    assert problem["fix"]
    if name == "epoch-changed":
        assert problem["epochs"] == [{"epoch": 1, "streamid": STREAM, "last": 1}]


async def test_a_consumer_nobody_configured_is_not_found(hall: Hall) -> None:
    async with hall.client(AUDITOR) as reader:
        assert (await reader.get(EVENTS, params={"consumer": "nobody"})).status_code == 404
        assert (await reader.get(EVENTS)).status_code == 422  # a key bound to nobody must say for whom


@pytest.mark.parametrize(
    ("change", "status", "name"),
    [
        ({"sha256": "f" * 64}, 409, "chain-mismatch"),
        ({"sequence": 9}, 416, "ack-beyond-head"),
        ({"streamid": "0" * 32}, 409, "epoch-changed"),
        ({"sequence": "1"}, 422, "validation"),
        ({"sequence": -1}, 422, "validation"),
        ({"sequence": 1.5}, 422, "validation"),
        ({"sha256": "F" * 64}, 422, "validation"),
        ({"more": 1}, 422, "validation"),
    ],
)
async def test_an_acknowledgement_that_does_not_hold_moves_nothing(
    hall: Hall, change: dict[str, object], status: int, name: str
) -> None:
    await hall.open_door()
    async with hall.client(CENTRAL) as central:
        cursor = (await central.get(EVENTS)).json()["next"]
        answer = await central.post(ACK, json={**cursor, **change})
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:hall-edge:problem:{name}")
        assert len((await central.get(EVENTS)).json()["events"]) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[1]", b"\xff", b"x" * 5000, b"[" * 4000])
async def test_a_body_that_is_no_cursor_is_refused(hall: Hall, body: bytes) -> None:
    async with hall.client(CENTRAL) as central:
        answer = await central.post(ACK, content=body)
    assert answer.status_code in (413, 422)
    assert answer.json()["code"] == "HE5004"
    assert hall.field.asked == []


async def test_while_the_field_is_away_nothing_is_read_and_nothing_moves(hall: Hall) -> None:
    await hall.open_door()
    async with hall.client(CENTRAL) as central:
        cursor = (await central.get(EVENTS)).json()["next"]
        waiting = asyncio.create_task(central.get(EVENTS, params={"after": "now", "wait": 30}))
        await asyncio.sleep(0.1)
        await hall.seam.close()
        async with asyncio.timeout(2):
            assert (await waiting).status_code == 503  # a long poll ends with the field
        for answer in (
            await central.get(EVENTS),
            await central.post(ACK, json=cursor),
            await central.post("/api/v1/commands", content=b"{}"),
            await central.get("/api/v1/consumers"),
        ):
            assert answer.status_code == 503
            assert answer.json()["type"] == "urn:hall-edge:problem:field-away"
            assert answer.headers["retry-after"] == "1"
        assert hall.house.front.readers._conn is None


async def test_the_front_goes_on_by_itself_when_the_field_is_back(hall: Hall) -> None:
    await hall.open_door()
    await hall.restart_field()
    async with hall.client(CENTRAL) as central:
        assert len((await central.get(EVENTS)).json()["events"]) == 1
