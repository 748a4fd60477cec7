"""Status, health, metrics and the contract files."""

import json

import jsonschema
import pytest

from edge.hall.events import KINDS
from tests.edge.front.made_up_hall import TECHNICIAN, Hall


async def test_status_is_the_whole_gateway_on_one_screen(hall: Hall) -> None:
    for _ in range(3):
        await hall.open_door()
    async with hall.client(TECHNICIAN) as client:
        told = (await client.get("/api/v1/status")).json()
    assert told["machines"]["all"] == 2
    assert told["machines"]["up"] == 1
    assert [one["asset"] for one in told["machines"]["not_up"]] == [100418]
    assert [(line["name"], line["machines_up"], line["machines"]) for line in told["lines"]] == [("A", 1, 2)]
    assert {one["name"]: one["behind"] for one in told["consumers"]} == {"central-1": 3, "auditor": 3}
    assert told["field"]["own"]["commits"] >= 3
    assert told["front"]["mirror_age_ms"] < 3000


async def test_status_without_a_field_tells_what_is_still_known(hall: Hall) -> None:
    await hall.seam.close()
    await hall.until_connected(yes=False)
    async with hall.client(TECHNICIAN) as client:
        told = (await client.get("/api/v1/status")).json()
        assert told["state"] == "field away"
        assert told["machines"]["all"] == 2
        assert told["consumers"] is None
        assert told["field"]["trouble"]
        assert (await client.get("/api/v1/healthz")).status_code == 200
        assert (await client.get("/api/v1/readyz")).status_code == 503
        machines = (await client.get("/api/v1/egms")).json()
        assert len(machines["egms"]) == 2
        assert machines["live"]["connected"] is False


async def test_a_machine_is_found_by_what_people_call_it(hall: Hall) -> None:
    async with hall.client(TECHNICIAN) as client:

        async def found(word: str) -> list[int]:
            told = (await client.get("/api/v1/egms", params={"find": word})).json()
            return [one["asset"] for one in told["egms"]]

        assert await found("17") == [100417]  # the place, although 17 is part of an asset number too
        assert await found("100418") == [100418]
        assert await found("nights") == [100417]
        assert await found("10041") == [100417, 100418]
        assert await found("nothing") == []
        one = (await client.get("/api/v1/egms/100417")).json()["egm"]
        assert (one["location"], one["link"], one["generation"]) == ("17", "up", 1)
        for wrong in ("99", "x", "9" * 30):
            assert (await client.get(f"/api/v1/egms/{wrong}")).status_code == 404


async def test_events_are_found_by_machine_and_kind(hall: Hall) -> None:
    for asset in (100417, 100418, 100417):
        await hall.open_door(asset)
    async with hall.client(TECHNICIAN) as client:

        async def sequences(**query: object) -> list[int]:
            told = (await client.get("/api/v1/events/search", params=query)).json()  # type: ignore[arg-type] # a query
            return [one["sequence"] for one in told["events"]]

        assert await sequences() == [3, 2, 1]
        assert await sequences(egm=100417) == [3, 1]
        assert await sequences(type="hall.egm.door", limit=1) == [3]
        assert await sequences(type="hall.egm.power") == []
        assert await sequences(after=2) == [3]
        told = (await client.get("/api/v1/events/search")).json()
        assert told["position"] == 3
        assert "main" in told["events"][0]["text"]


async def test_metrics_are_prometheus_text(hall: Hall) -> None:
    await hall.open_door()
    async with hall.client(TECHNICIAN) as client:
        text = (await client.get("/api/v1/metrics")).text
    assert "hall_edge_seam_up 1\n" in text
    assert 'hall_edge_machines{link="up"} 1\n' in text
    assert text.count("# HELP") == text.count("# TYPE")


@pytest.mark.parametrize("kind", ["hall.egm.door.opened.v1", "hall.egm.meters.snapshot.v1"])
async def test_the_schema_of_a_kind_is_public_and_a_schema(hall: Hall, kind: str) -> None:
    async with hall.client() as client:
        answer = await client.get(f"/api/v1/schemas/{kind}.json")
    assert kind in KINDS
    jsonschema.Draft202012Validator.check_schema(answer.json())
    assert answer.json()["$id"] == f"/api/v1/schemas/{kind}.json"


async def test_a_kind_that_is_not_there_has_no_schema(hall: Hall) -> None:
    async with hall.client() as client:
        assert (await client.get("/api/v1/schemas/hall.nothing.v1.json")).status_code == 404


async def test_the_openapi_file_names_every_route(hall: Hall) -> None:
    from edge.front.api.scopes import SCOPES

    async with hall.client() as client:
        told = (await client.get("/api/openapi.json")).json()
    described = {(method.upper(), path) for path, methods in told["paths"].items() for method in methods}
    assert described == set(SCOPES)
    assert json.dumps(told)
