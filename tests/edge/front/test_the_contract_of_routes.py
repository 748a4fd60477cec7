"""What the OpenAPI document promises, held against the routes: their parameters, and every answer they can give.

Values of all kinds are thrown at each route of a running hall; whatever comes back must be among what is declared.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from edge.access import SCOPES as ALL_SCOPES
from edge.access import new_key
from edge.front.api.described import JSON, ROUTES
from edge.front.api.openapi import document
from edge.front.api.problems import MEDIA
from edge.front.api.scopes import API, SCOPES
from edge.front.app import application, build
from edge.seam.messages import CommandFound, FindCommand
from tests.edge.front.made_up_hall import ACCESS_KEY, NOBODY, STREAM, made_up_hall, settings_for

EVERYTHING = new_key("everything", ACCESS_KEY.encode())
ENDLESS = {f"{API}/live", f"{API}/lines/{{name}}/trace"}
FRONT = Path(__file__).parents[3] / "edge" / "front"


def published() -> dict[str, Any]:
    front, live, _ = build(settings_for(Path("/nonexistent")))
    return document(application(front, live))


DOCUMENT = published()


def read_by(tree: ast.AST) -> Iterator[tuple[str, str, set[str]]]:
    """Method, address and parameters of each route in a file that refuses the others."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.AsyncFunctionDef):
            continue
        for mark in node.decorator_list:
            if (
                isinstance(mark, ast.Call)
                and isinstance(mark.func, ast.Attribute)
                and mark.func.attr in ("get", "post")
            ):
                path = eval(ast.unparse(mark.args[0]), {"API": API})
                for call in ast.walk(node):
                    if isinstance(call, ast.Call) and ast.unparse(call.func) == "known_only":
                        yield mark.func.attr.upper(), path, {ast.literal_eval(one) for one in call.args[1:]}


def test_each_route_has_a_row_and_stands_in_the_document_and_no_other_does() -> None:
    documented = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert documented == set(ROUTES) == set(SCOPES)


def test_each_parameter_that_a_route_reads_is_told_and_no_other_is() -> None:
    found = [
        one
        for path in sorted((FRONT / "api" / "routes").glob("*.py"))
        for one in read_by(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert len(found) > 12
    for method, path, names in found:
        assert set(ROUTES[(method, path)].query or {}) == names, (method, path)


def test_the_document_refers_to_nothing_that_is_not_there() -> None:
    names = set(DOCUMENT["components"]["schemas"])

    def refs(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"].rpartition("/")[2]
            for part in value.values():
                yield from refs(part)
        elif isinstance(value, list):
            for part in value:
                yield from refs(part)

    assert set(refs(DOCUMENT)) <= names
    for shape in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(shape)


# What is thrown ---------------------------------------------------------------------------------------------------------

KNOWN = [
    "", "0", "-1", "1", "²", "٣", "1e3", "99999999999999999999", "true", "oldest", "now", "A", "central-1", "auditor",
    "100417", "100418", "c-17", "hall.egm.door.opened.v1", STREAM, STREAM.upper(), "0" * 32, "\x00", "a" * 300, "csv",
    "2026-11-22", "2026-11-23T00:11:07Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "11", "ff", "..%2f",
]  # fmt: skip
"Values that are right somewhere, and those that Python takes for what they are not."
ODD = st.one_of(st.text(max_size=40), st.integers().map(str), st.sampled_from(KNOWN))
CURSORS = st.fixed_dictionaries(
    {
        "streamid": st.sampled_from([STREAM, "0" * 32, "x"]),
        "sequence": st.one_of(st.integers(-1, 3), st.sampled_from([2**53 - 1, 2**53, 2**63, "1", 1.0, True])),
        "sha256": st.sampled_from(["f" * 64, "F" * 64, ""]),
    }
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
BODIES = st.one_of(
    st.binary(max_size=60),
    CURSORS.map(json.dumps).map(str.encode),
    st.fixed_dictionaries({"to": st.just("oldest") | CURSORS}).map(json.dumps).map(str.encode),
    st.fixed_dictionaries({"sequence": st.integers(0, 4), "comment": ANYTHING}).map(json.dumps).map(str.encode),
    ANYTHING.map(json.dumps).map(str.encode),
    st.sampled_from([b"[" * 3000, b"x" * 70_000, b'"\\ud800"', b'{"a":1e400}', b"\xff"]),
)


def queries(path: str, known: dict[str, Any] | None) -> st.SearchStrategy[dict[str, str]]:
    # A long poll is as right an answer as any, but nobody waits for it here.
    made = {name: st.sampled_from(["0", "-1", "61", "x"]) if name == "wait" else ODD for name in known or {}}
    return st.fixed_dictionaries({}, optional={**made, "unheard_of": st.just("1")})


def holds(schema: dict[str, Any], value: object) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def held_against_the_document(method: str, path: str, answer: httpx.Response, content: bytes) -> None:
    declared = DOCUMENT["paths"][path][method.lower()]["responses"]
    told = f"{method} {answer.url} answered {answer.status_code} {content[:300]!r}"
    media = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status_code == 404 and media == MEDIA and json.loads(content)["type"].endswith(":not-found"):
        return  # another address than this route's: a value with a slash in it, or an empty one
    assert str(answer.status_code) in declared, told
    content_of = declared[str(answer.status_code)].get("content", {})
    if answer.status_code == 303:
        return
    assert media in content_of, told
    if media in (MEDIA, JSON):
        holds(content_of[media].get("schema", {}), json.loads(content))


async def thrown(
    client: httpx.AsyncClient, method: str, path: str, query: dict[str, str], parts: list[str], body: bytes
) -> None:
    address = path
    for part in parts:
        address = address.replace(address[address.index("{") : address.index("}") + 1], quote(part, safe=""), 1)
    url = f"{client.base_url}".rstrip("/") + address + (f"?{urlencode(query)}" if query else "")
    request = client.build_request(method, url, content=body if method == "POST" else None)
    answer = await client.send(request, stream=True)
    try:
        endless = path in ENDLESS and answer.status_code == 200
        content = b"" if endless else await answer.aread()
    finally:
        await answer.aclose()
    if not endless:
        held_against_the_document(method, path, answer, content)


async def found(asked: FindCommand, _caller: object) -> CommandFound:
    """As the field tells it."""
    told = {
        "central": "central-1", "command_id": asked.command_id, "kind": "egm.enable", "state": "pending",
        "body": {"asset": 100417}, "admitted_at": "2026-11-23T00:11:07.320Z", "finished_at": None, "result": None,
    }  # fmt: skip
    return CommandFound(command=told if asked.command_id == "c-17" else None)


@contextlib.contextmanager
def asking(directory: Path) -> Iterator[tuple[asyncio.AbstractEventLoop, list[httpx.AsyncClient]]]:
    """A hall and who asks it: a key of every scope, one of none that counts, nobody, and the control socket."""
    loop = asyncio.new_event_loop()
    stack = contextlib.AsyncExitStack()
    everything = {"id": EVERYTHING.id, "hmac": EVERYTHING.hmac, "scopes": sorted(ALL_SCOPES)}
    nobody = {"id": NOBODY.id, "hmac": NOBODY.hmac, "scopes": ["sim:write"]}

    async def opened() -> list[httpx.AsyncClient]:
        hall = await stack.enter_async_context(made_up_hall(directory, key=[everything, nobody]))
        hall.field.find_command = found  # type: ignore[method-assign,assignment]  # the made-up one tells less
        await hall.open_door()
        own = [hall.client(EVERYTHING), hall.client(NOBODY), hall.client(), hall.local()]
        return [await stack.enter_async_context(one) for one in own]

    try:
        yield loop, loop.run_until_complete(opened())
    finally:
        loop.run_until_complete(stack.aclose())
        loop.close()


@pytest.mark.parametrize(("method", "path"), sorted(ROUTES), ids=lambda word: str(word))
def test_whatever_is_asked_the_answer_is_one_that_the_document_names(tmp_path: Path, method: str, path: str) -> None:
    row, count = ROUTES[(method, path)], path.count("{")
    names = [name for name in row.query or {} if name != "wait"]
    with asking(tmp_path) as (loop, clients):
        everything, _, _, local = clients
        for value in KNOWN if count or names else ["1"]:
            asked = [(everything, {}, [value] * count), *((everything, {name: value}, ["A"] * count) for name in names)]
            for client, query, parts in [*asked, (local, {}, [value] * count)]:
                loop.run_until_complete(thrown(client, method, path, query, parts, b""))

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            client=st.sampled_from([everything] * 6 + clients),
            query=queries(path, row.query),  # type: ignore[arg-type]  # a mapping of shapes
            parts=st.lists(ODD, min_size=count, max_size=count).filter(lambda parts: not {".", ".."} & set(parts)),
            body=BODIES if row.body else st.just(b""),
        )
        def throw(client: httpx.AsyncClient, query: dict[str, str], parts: list[str], body: bytes) -> None:
            loop.run_until_complete(thrown(client, method, path, query, parts, body))

        throw()


def ranges() -> Iterator[tuple[str, str, str, int, int]]:
    for (method, path), row in ROUTES.items():
        for name, shape in (row.query or {}).items():
            for one in (shape, *shape.get("oneOf", ())):
                if one.get("type") == "integer":
                    yield method, path, name, one["minimum"], one["maximum"]


@pytest.mark.parametrize(("method", "path", "name", "least", "most"), list(ranges()))
def test_a_number_within_its_declared_range_is_taken_and_the_next_one_outside_is_refused(
    tmp_path: Path, method: str, path: str, name: str, least: int, most: int
) -> None:
    beside = {"consumer": "central-1", "streamid": STREAM} if path == f"{API}/events" else {}
    address = path.replace("{name}", "A")
    with asking(tmp_path) as (loop, (everything, *_)):

        async def status(value: int) -> int:
            request = everything.build_request(method, address, params={**beside, name: str(value)})
            answer = await everything.send(request, stream=True)
            await answer.aclose()
            return answer.status_code

        told = {value: loop.run_until_complete(status(value)) for value in (least - 1, least, most, most + 1)}
    assert (told[least - 1], told[most + 1]) == (422, 422), told
    assert 422 not in (told[least], told[most]), told
