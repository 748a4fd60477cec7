"""Every route, with no key, with a key of the wrong scope, with the right one: none may be forgotten."""

import re

import pytest
from fastapi.routing import APIRoute

from edge.access import SCOPES as KNOWN
from edge.front.api.scopes import LOOKING, PAGES, SCOPES, TECHNICIAN, Open
from edge.front.app import application, build
from tests.edge.front.made_up_hall import NOBODY, Hall, settings_for
from tests.edge.front.made_up_hall import TECHNICIAN as TECH_KEY


def _routes() -> list[tuple[str, str]]:
    from pathlib import Path

    front, live, _ = build(settings_for(Path("/nonexistent")))
    app = application(front, live)
    return sorted(
        (method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods or ()
    )


def _address(path: str) -> str:
    return re.sub(r"\{[a-z_]+\}", "x", path)


def test_each_route_stands_in_the_table_and_each_row_is_a_route() -> None:
    assert _routes() == sorted(SCOPES)


def test_no_route_goes_round_the_guard() -> None:
    from pathlib import Path

    front, live, _ = build(settings_for(Path("/nonexistent")))
    for route in application(front, live).routes:
        assert isinstance(route, APIRoute), f"{route} is no route of ours"
        assert any(type(one.call).__name__ == "Guard" for one in route.dependant.dependencies), route.path


def test_each_scope_of_the_tables_exists() -> None:
    assert {rule for rule in SCOPES.values() if isinstance(rule, str)} | TECHNICIAN | LOOKING <= KNOWN


async def test_without_a_key_every_route_but_the_public_ones_answers_401(hall: Hall) -> None:
    async with hall.client() as client:
        for (method, path), rule in SCOPES.items():
            answer = await client.request(method, _address(path))
            if rule is Open.PUBLIC:
                assert answer.status_code != 401 or path in ("/enter",), path
                continue
            assert answer.status_code == 401 or (path in PAGES and answer.status_code == 303), path
            if path.startswith("/api"):
                assert answer.json()["type"] == "urn:hall-edge:problem:unauthenticated"
                assert answer.headers["content-type"] == "application/problem+json"


async def test_with_a_key_of_another_scope_every_route_answers_403(hall: Hall) -> None:
    async with hall.client(NOBODY) as client:
        for (method, path), rule in SCOPES.items():
            if rule in (Open.PUBLIC, Open.KNOWN):
                continue
            answer = await client.request(method, _address(path))
            assert answer.status_code == 403, path
            assert answer.json()["code"] == "HE5002"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer hek_central_" + "A" * 43,
        "Bearer hek_unknown_" + "A" * 43,
        "Basic aGVrOmhlaw==",
        "Bearer " + "x" * 5000,
        "bearer hek_central_é",
    ],
)
async def test_a_wrong_key_is_refused_with_one_text(hall: Hall, header: str) -> None:
    async with hall.client() as client:
        answer = await client.get("/api/v1/status", headers={b"Authorization": header.encode()})
    assert answer.status_code == 401
    assert answer.json()["detail"] == "This key is not known here."


async def test_who_guesses_has_to_wait_and_another_key_from_there_does_not(hall: Hall) -> None:
    async with hall.client() as client:
        wrong = {"Authorization": "Bearer hek_tech_" + "A" * 43}
        answers = [(await client.get("/api/v1/status", headers=wrong)).status_code for _ in range(7)]
        assert answers == [401] * 5 + [401, 429] or answers == [401] * 5 + [429, 429]
    async with hall.client(TECH_KEY) as client:
        assert (await client.get("/api/v1/status")).status_code == 429  # the same key from the same place
    async with hall.client(NOBODY) as client:
        assert (await client.get("/api/v1/status")).status_code == 403  # known, and not made to wait


async def test_the_control_socket_knows_the_user_and_is_the_only_way_to_a_page_link(hall: Hall) -> None:
    async with hall.local() as client:
        assert (await client.get("/api/v1/status")).status_code == 200
        link = (await client.post("/api/v1/page-links")).json()["urls"][0]
        assert "/enter?code=" in link
        ack = await client.post("/api/v1/consumers/central-1/ack", json={})
        assert ack.status_code == 403  # central's cursor is central's
    async with hall.client(TECH_KEY) as client:
        assert (await client.post("/api/v1/page-links")).status_code == 403


async def test_the_control_socket_is_for_owner_and_group_only(hall: Hall) -> None:
    assert (hall.directory / "control.sock").stat().st_mode & 0o777 == 0o660


async def test_an_unknown_address_is_a_problem_document_too(hall: Hall) -> None:
    async with hall.client() as client:
        answer = await client.get("/api/v1/nothing")
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:hall-edge:problem:not-found"
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
        assert (await client.delete("/api/v1/status")).status_code == 405
