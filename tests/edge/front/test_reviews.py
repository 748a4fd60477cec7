"""Readings that wait for a person, over HTTP: with all that is needed to decide them (MTR-05, MTR-12)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.store import reviews
from edge.store.meters import Snapshot, name_snapshot, record_snapshot
from sync import outbox
from tests.edge.front.made_up_hall import NIGHT, TECHNICIAN, Hall

LEFT, RIGHT = 100417, 100418
DAY = "2026-11-22"


async def unheard(hall: Hall, asset: int = LEFT) -> None:
    """A meter of eight digits at 50,000,000, a door, and at 70,000,000 after two weeks; its neighbour is beyond doubt."""
    await read(hall, asset, 50_000_000, 0)
    await hall.open_door(asset)
    await read(hall, asset, 70_000_000, 14)


async def read(hall: Hall, asset: int, value: int, days: int) -> None:
    readings = [Reading(0, None, 0x00, value, 4), Reading(0, None, 0x05, 40 + days, 4)]
    taken = Snapshot(asset, NIGHT + timedelta(days=days), "interval", readings, denomination=Denomination(1, 1, 1))

    def write(tx: Any) -> None:
        recorded = record_snapshot(tx, taken)
        draft = outbox.Draft(
            type="hall.egm.meters.snapshot.v1", source="urn:hall:7:gw:hg-07", subject=f"egm/{asset}", time=taken.read_at,
            data=recorded.data(), live_class=None, gamingday=DAY, clock="synced", dataschema="/x",
        )  # fmt: skip
        event = outbox.append(tx, draft)
        name_snapshot(tx, recorded.snapshot, event.id)
        reviews.name_reviews(tx, reviews.open_reviews(tx, recorded, DAY), event.id)

    await hall.writer.run(write)
    hall.announce()


async def get(hall: Hall, path: str) -> Any:
    async with hall.local() as client:
        answer = await client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_mtr_05_the_evidence_stands_beside_the_reading(hall: Hall) -> None:
    await unheard(hall)
    told = (await get(hall, "/reviews/1"))["review"]
    assert (told["cause"], told["name"], told["unit"], told["open"]) == (
        "ambiguous",
        "total coin in (wagered)",
        "credits",
        True,
    )
    cent = {"code": 1, "numerator": 1, "denominator": 1}
    assert told["before"] == {
        "value": "50000000", "width": 4, "read_at": "2026-11-23T00:11:07.320Z", "reason": "interval", "coherent": True,
        "worth": cent, "snapshot": told["before"]["snapshot"],
    }  # fmt: skip
    assert (told["after"]["value"], told["after"]["worth"], told["elapsed_s"]) == ("70000000", cent, 14 * 86_400)
    assert (told["rise"], told["wrapped"], told["limit"]) == ("20000000", "120000000", "200000000")
    assert [(one["code"], one["value"], one["delta"], one["verdict"]) for one in told["others"]] == [
        ("05", "54", "14", "delta")
    ]
    between = told["events"]
    found = await get(hall, f"/events/search?egm={LEFT}&after={between['after']}&before={between['before']}")
    assert [event["type"] for event in found["events"]] == ["hall.egm.door.opened.v1"]


async def test_a_corrupt_read_says_that_the_next_reading_may_answer_it(hall: Hall) -> None:
    await read(hall, LEFT, 50_000, 0)
    await read(hall, LEFT, 90_000_000, 0)
    assert (await get(hall, "/reviews/1"))["review"]["awaits_reading"] is True


async def test_those_that_wait_are_listed_by_machine_and_decided_ones_stay_to_be_seen(hall: Hall) -> None:
    await unheard(hall, LEFT)
    await unheard(hall, RIGHT)
    first = await hall.writer.run(lambda tx: reviews.find(tx, 1))
    assert first is not None
    await hall.writer.run(
        lambda tx: reviews.decide(
            tx, first, "count", amount=120_000_000, comment="log book", central="ann", day=DAY, decision_id="x:1"
        )
    )
    assert [one["review"] for one in (await get(hall, "/reviews?open=true"))["reviews"]] == [2]
    assert [one["review"] for one in (await get(hall, "/reviews"))["reviews"]] == [2, 1]
    (decided,) = (await get(hall, f"/reviews?asset={LEFT}"))["reviews"]
    assert (decided["choice"], decided["amount"], decided["central"]) == ("count", "120000000", "ann")
    assert (await get(hall, f"/reviews?asset={LEFT}&open=true"))["reviews"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/reviews/2", 404),
        ("/reviews/x", 404),
        ("/reviews/²", 404),
        ("/reviews?open=yes", 422),
        ("/reviews?egm=1", 422),
    ],
)
async def test_what_is_not_there_or_makes_no_sense_is_a_problem(hall: Hall, path: str, status: int) -> None:
    async with hall.local() as client:
        assert (await client.get(f"/api/v1{path}")).status_code == status


async def test_a_key_without_reports_sees_none(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as client:
        assert (await client.get("/api/v1/reviews")).status_code == 403


async def test_while_the_field_is_away_the_books_are_not_read(hall: Hall) -> None:
    await hall.seam.close()
    await hall.until_connected(yes=False)
    async with hall.local() as client:
        assert (await client.get("/api/v1/reviews")).status_code == 503
