"""The primary road under what goes wrong on it: garbage for cursors, two centrals, two doors, half a page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.edge.front.made_up_hall import AUDITOR, CENTRAL, STREAM, Hall, made_up_hall

EVENTS = "/api/v1/events"
ACK = "/api/v1/consumers/central-1/ack"
REFUSED = {404, 409, 410, 413, 416, 422}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=70) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
hexes = st.text("0123456789abcdef", min_size=64, max_size=64)
sequences = st.integers(-2, 9) | st.integers(2**52, 2**70) | st.text(max_size=5) | st.floats() | st.none()


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    """Five doors, of which central-1 has confirmed two."""
    async with made_up_hall(tmp_path) as made:
        for _ in range(5):
            await made.open_door()
        async with made.client(CENTRAL) as central:
            page = (await central.get(EVENTS, params={"limit": 2})).json()
            await central.post(ACK, json=page["next"])
        yield made


def said() -> st.SearchStrategy[dict[str, Any]]:
    """Of the form of a cursor, nearly; and whatever else JSON can say."""
    near = st.fixed_dictionaries(
        {
            "streamid": st.sampled_from([STREAM, "0" * 32, STREAM.upper(), "", "5"]),
            "sequence": sequences,
            "sha256": hexes | st.just("") | st.text(max_size=64),
        }
    )
    formed = st.fixed_dictionaries(
        {
            "streamid": st.sampled_from([STREAM, "0" * 32]),
            "sequence": st.integers(0, 9) | st.integers(0, 2**53),
            "sha256": hexes,
        }
    )
    return formed | near | st.dictionaries(st.text(max_size=10), anything, max_size=4)


async def test_up_8_whatever_central_says_that_is_no_cursor_of_ours_moves_nothing(hall: Hall) -> None:
    loop = asyncio.get_running_loop()
    async with hall.client(CENTRAL) as central:
        first = (await central.get(EVENTS)).content

        async def one(body: bytes) -> int:
            return (await central.post(ACK, content=body)).status_code

        def run() -> set[int]:
            seen: set[int] = set()

            @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
            @given(said())
            def ask(value: dict[str, Any]) -> None:
                body = json.dumps(value).encode()
                status = asyncio.run_coroutine_threadsafe(one(body), loop).result(10)
                seen.add(status)
                assert status in REFUSED, (status, value)

            ask()
            return seen

        assert {409, 416, 422} <= await asyncio.to_thread(run)
        assert (await central.get(EVENTS)).content == first
        told = (await central.get("/api/v1/consumers")).json()["consumers"]
        assert [(one["acknowledged"]["sequence"], one["behind"]) for one in told] == [(2, 3)]


async def test_up_8_an_older_word_is_taken_and_moves_nothing(hall: Hall) -> None:
    async with hall.client(CENTRAL) as central:
        page = (await central.get(EVENTS, params={"streamid": STREAM, "after": 0, "limit": 1})).json()
        answer = await central.post(ACK, json=page["next"])
        assert (answer.status_code, answer.json()["advanced"]) == (200, False)
        assert answer.json()["acknowledged"]["sequence"] == 2


async def test_up_9_two_centrals_pull_at_once_and_each_has_it_all_by_its_own_cursor(tmp_path: Path) -> None:
    async with made_up_hall(tmp_path) as hall:

        async def drain(client: httpx.AsyncClient, consumer: str) -> list[str]:
            got: list[str] = []
            after: dict[str, Any] = {"after": "oldest"}
            while len(got) < 60:
                asked = {"consumer": consumer, "limit": 7, "wait": 5, **after}
                page = (await client.get(EVENTS, params=asked)).json()
                got += [event["id"] for event in page["events"]]
                after = {"streamid": page["next"]["streamid"], "after": page["next"]["sequence"]}
                if consumer == "central-1":
                    assert (await client.post(ACK, json=page["next"])).status_code == 200
            return got

        async def happen() -> None:
            for _ in range(60):
                await hall.open_door()

        async with hall.client(CENTRAL) as one, hall.client(AUDITOR) as other, asyncio.timeout(30):
            both = await asyncio.gather(drain(one, "central-1"), drain(other, "auditor"), happen())
            assert both[0] == both[1] == [f"{STREAM}:{number}" for number in range(1, 61)]


async def test_central_may_change_the_door_in_mid_drain(tmp_path: Path) -> None:
    async with made_up_hall(tmp_path, web={"listen": ["127.0.0.1:0", "127.0.0.1:0"]}) as hall:
        for _ in range(30):
            await hall.open_door()
        doors = [f"http://127.0.0.1:{port}" for port in hall.house.ports]
        assert len(doors) == 2
        headers = {"Authorization": f"Bearer {CENTRAL.text}"}
        got: list[str] = []
        for turn in range(10):
            async with httpx.AsyncClient(base_url=doors[turn % 2], headers=headers) as central:
                page = (await central.get(EVENTS, params={"limit": 3})).json()
                got += [event["id"] for event in page["events"]]
                assert (await central.post(ACK, json=page["next"])).json()["advanced"]
        assert got == [f"{STREAM}:{number}" for number in range(1, 31)]


async def test_up_5_and_up_6_half_a_page_or_a_lost_answer_costs_a_repeat_and_nothing_else(hall: Hall) -> None:
    async with hall.client(CENTRAL) as central:
        whole = (await central.get(EVENTS)).content
        for cut in (0, 1, len(whole) // 3, len(whole) - 1):
            request = central.build_request("GET", EVENTS, headers={"Accept-Encoding": "identity"})
            answer = await central.send(request, stream=True)
            read = b""
            async for part in answer.aiter_raw(64):
                read += part
                if len(read) > cut:
                    break
            await answer.aclose()  # the connection breaks here
            assert whole.startswith(read)
        assert (await central.get(EVENTS)).content == whole
        cursor = json.loads(whole)["next"]
        for advanced in (True, False, False):  # the answer to the first was lost, so it says it again
            assert (await central.post(ACK, json=cursor)).json()["advanced"] is advanced
