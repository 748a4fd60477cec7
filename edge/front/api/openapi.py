"""The OpenAPI document: the routes as FastAPI knows them, with all that the table of `described` says of each."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from edge.front.api.described import NEEDED, ROUTES, Answer, Route, problems_of
from edge.front.api.problems import MEDIA
from edge.front.api.scopes import PAGES, SCOPES, Open, Rule
from edge.front.api.sessions import COOKIE
from edge.front.api.shapes import SHAPES, Shape, ref
from edge.health.conditions import condition

_ABOUT = (
    "What the front serves. For a central: GET /api/v1/events, POST /api/v1/consumers/{name}/ack and POST "
    "/api/v1/commands; docs/contract/README.md says how to build one. A parameter that a route does not know is refused. "
    "A 500 is a bug of ours."
)
_HEADERS = {
    "Link": "the following page, rel=next",
    "Content-Encoding": "zstd or gzip, as asked",
    "Hall-Edge-Next": "the cursor to go on from; with x-ndjson",
    "Location": "where to look next",
    "Set-Cookie": "the session",
    "Content-Disposition": "a name for the file; with CSV",
    "Retry-After": "seconds",
    "WWW-Authenticate": "Bearer",
}
_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "hek_ID_SECRET, a key of the configuration"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "a browser; by a key or a page link"},
}


def document(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1. Raises KeyError for a route that the table does not know."""
    bare = app.openapi()
    names = {
        (method, route.path): route.name
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    paths: dict[str, Any] = {}
    for path, methods in sorted(bare["paths"].items()):
        for method, known in methods.items():
            paths.setdefault(path, {})[method] = _operation(
                method.upper(), path, {**known, "name": names[(method.upper(), path)]}
            )
    return {
        "openapi": "3.1.0",
        "info": {"title": "hall-edge", "version": "1", "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": dict(SHAPES), "securitySchemes": _SCHEMES},
    }


def _operation(method: str, path: str, known: dict[str, Any]) -> dict[str, Any]:
    route, rule = ROUTES[(method, path)], SCOPES[(method, path)]
    told: dict[str, Any] = {
        "operationId": known["name"],
        "summary": " ".join(str(known.get("description", "")).split()),
        "description": " ".join(part for part in (_who(rule), route.about) if part),
        "tags": ["api" if path.startswith("/api/") else "page"],
        "security": _security(rule),
        "parameters": [
            *(_parameter(name, "path", shape, True) for name, shape in (route.path or {}).items()),
            *(_parameter(name, "query", shape, (path, name) in NEEDED) for name, shape in (route.query or {}).items()),
        ],
        "responses": _responses(method, path, route, rule),
    }
    if route.body is not None:
        media, shape = route.body
        content: dict[str, Any] = {"schema": shape}
        if route.example is not None:
            content["examples"] = {"recorded": {"externalValue": f"examples/{route.example}.json"}}
        told["requestBody"] = {"required": True, "content": {media: content}}
    return told


def _parameter(name: str, where: str, shape: Shape, needed: bool) -> dict[str, Any]:
    return {"name": name, "in": where, "required": needed, "schema": shape}


def _who(rule: Rule) -> str:
    if isinstance(rule, Open):
        return f"For {rule.value}."
    return f"Scope {rule}."


def _security(rule: Rule) -> list[dict[str, list[str]]]:
    if rule is Open.PUBLIC or rule is Open.LOCAL:
        return []
    return [{"key": []}, {"session": []}]


def _responses(method: str, path: str, route: Route, rule: Rule) -> dict[str, Any]:
    answers = {str(status): _answer(answer) for status, answer in route.answers.items()}
    if path in PAGES:
        # The guard sends whoever is not logged in to the form.
        answers.setdefault("303", {"description": "To the form.", "headers": _told_headers(("Location",))})
    for status, slugs in problems_of(method, path, public=rule is Open.PUBLIC).items():
        own = answers.setdefault(str(status), {"description": "", "content": {}})
        told = "; ".join(f"{slug}: {condition(slug).remedy}" for slug in slugs)
        own["description"] = " ".join(part for part in (own["description"], told) if part)
        own.setdefault("content", {})[MEDIA] = {"schema": _problem(slugs)}
        needed = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}.get(status, ())
        if needed:
            own.setdefault("headers", {}).update(_told_headers(needed))
    return dict(sorted(answers.items()))


def _problem(slugs: list[str]) -> Shape:
    names = [f"urn:hall-edge:problem:{slug}" for slug in slugs]
    return {"allOf": [ref("problem"), {"properties": {"type": {"enum": names}}}]}


def _answer(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.about}
    if answer.media:
        told["content"] = {media: {"schema": shape} if shape else {} for media, shape in answer.media.items()}
    if answer.headers:
        told["headers"] = _told_headers(answer.headers)
    return told


def _told_headers(names: tuple[str, ...]) -> dict[str, Any]:
    return {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names}
