"""What each route takes and can answer: the table behind `/api/openapi.json`, as promised to whoever builds a central.

One row a route. Tests hold it against the routes, against the parameters they read, and against what they answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge.front.api.scopes import API
from edge.front.api.shapes import (
    COMMAND_ID,
    KIND,
    KINDS_OF_COMMAND,
    NAME,
    OBJECT,
    STREAM,
    Shape,
    lists,
    record,
    ref,
)
from edge.hall.ids import ASSET_MAX
from edge.health.conditions import condition
from sync.pull import LIMIT_MAX, WAIT_MAX_S

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
SSE: Final = "text/event-stream"
HTML: Final = "text/html"
TEXT: Final = "text/plain"
CSV: Final = "text/csv"
_FORM: Final = "application/x-www-form-urlencoded"

READS: Final = ("field-away", "safe-mode")
"Slugs of whatever reads the books."
WRITES: Final = (*READS, "storage-full", "storage-fatal", "writer-closed")
"Slugs of whatever has the field write."
KNOWN: Final = ("unauthenticated", "forbidden", "rate-limited")
"Slugs of whatever asks who is asking."


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that is no problem document: what it means, its media types with their schema, its own headers."""

    about: str
    media: Mapping[str, Shape]
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A row. ``problems``: slugs beside those of every asking; ``slug@status`` where the status is not the slug's own."""

    answers: Mapping[int, Answer]
    problems: tuple[str, ...] = ()
    query: Mapping[str, Shape] | None = None
    "None: parameters are not looked at, so any is let pass."
    path: Mapping[str, Shape] | None = None
    body: tuple[str, Shape] | None = None
    example: str | None = None
    "Name of a recorded example of the body, without its ending."
    about: str = ""
    "What the summary does not say."


def _json(shape: Shape, about: str = "") -> Mapping[int, Answer]:
    return {200: Answer(about or "As asked.", {JSON: shape})}


def _html(*more: tuple[int, str]) -> Mapping[int, Answer]:
    return {200: Answer("The page.", {HTML: {}}), **{status: Answer(about, {HTML: {}}) for status, about in more}}


def whole(least: int, most: int, about: str, default: int | None = None) -> Shape:
    """A whole number of the query."""
    told: Shape = {"type": "integer", "minimum": least, "maximum": most, "description": about}
    return told if default is None else {**told, "default": default}


def _flag(about: str) -> Shape:
    return {"type": "string", "enum": ["true", "false"], "description": about}


def _words(about: str, *words: str) -> Shape:
    return {"type": "string", "description": about, **({"enum": list(words)} if words else {})}


_DAY: Shape = {"type": "string", "format": "date", "description": "a gaming day, such as 2026-11-23"}
_MOMENT: Shape = {"type": "string", "format": "date-time", "description": "with its time zone; a + is written %2B"}
_ASSET: Shape = {"type": "string", "pattern": "^[0-9]{1,11}$", "description": "asset number"}
_FORMAT = _words("beats Accept", "json", "csv")
_LIVE = record({"connected": {"type": "boolean"}, "time_zone": {"type": "string"}})
_REPORT: Mapping[int, Answer] = {
    200: Answer("Revenue, with what it does not know.", {JSON: OBJECT, CSV: {}}, ("Content-Disposition",))
}
_AFTER: Shape = {
    "description": "after this sequence of streamid; oldest: all that is here; now: only what comes; left out: after what "
    "the consumer has confirmed",
    "oneOf": [{"type": "integer", "minimum": 0, "maximum": 2**53 - 1}, {"type": "string", "enum": ["oldest", "now"]}],
}
_WAIT = whole(0, int(WAIT_MAX_S), "seconds that an empty answer is held back for the next record", 0)
_CURSOR_REFUSED = ("epoch-changed", "cursor-expired", "chain-mismatch", "ack-beyond-head", "not-found")
_COMMAND_REFUSED = (
    "malformed", "expired", "conflict", "wrong-epoch", "stale-term", "wrong-gateway", "too-old", "unknown-kind",
    "validation", "validation@413", "not-found", "wrong-machine", "inbox-full", "guarded-mode",
)  # fmt: skip
_CONSUMER = {"name": NAME}

ROUTES: Final[Mapping[tuple[str, str], Route]] = {
    ("GET", f"{API}/events"): Route(
        {
            200: Answer(
                f"A page, at most 4 MiB. {NDJSON}: the events alone, one a line; next is in Hall-Edge-Next.",
                {JSON: ref("page"), NDJSON: ref("envelope")},
                ("Link", "Content-Encoding", "Hall-Edge-Next"),
            )
        },
        ("validation", *_CURSOR_REFUSED, *READS),
        {
            "consumer": {**NAME, "description": "for whom; a key of one consumer may leave it out"},
            "streamid": STREAM,
            "after": _AFTER,
            "limit": whole(1, LIMIT_MAX, "records at most", 500),
            "wait": _WAIT,
        },
        about="Reading moves nothing. Accept-Encoding: zstd or gzip. Order is by sequence, epochs in order; a page never "
        "crosses the end of an epoch.",
    ),
    ("POST", f"{API}/consumers/{{name}}/ack"): Route(
        _json(ref("acknowledged"), "Checked and on disk."),
        ("validation", "validation@413", *_CURSOR_REFUSED, *WRITES),
        path=_CONSUMER,
        body=(JSON, ref("cursor")),
        example="ack",
        about="Only what is stored durably and without a gap. Whatever is refused has moved nothing.",
    ),
    ("GET", f"{API}/consumers"): Route(_json(ref("consumers")), ("validation", *READS), {}),
    ("POST", f"{API}/consumers/{{name}}/rewind"): Route(
        _json(ref("moved")),
        ("validation", "validation@413", "not-older", *_CURSOR_REFUSED, *WRITES),
        path=_CONSUMER,
        body=(JSON, ref("rewind")),
    ),
    ("POST", f"{API}/consumers/{{name}}/set-aside"): Route(
        _json(ref("moved")),
        ("validation", "validation@413", "not-next", *_CURSOR_REFUSED, *WRITES),
        path=_CONSUMER,
        body=(JSON, ref("set-aside")),
    ),
    ("POST", f"{API}/commands"): Route(
        {
            202: Answer("Admitted: written down; its event tells the outcome.", {JSON: ref("command-answer")}, ("Location",)),
            200: Answer("The same command was here before.", {JSON: ref("command-answer")}, ("Location",)),
        },
        (*_COMMAND_REFUSED, *WRITES),
        body=(JSON, ref("command")),
        example="command",
        about=f"Kinds: {', '.join(KINDS_OF_COMMAND)}. After 503 or no answer send the same bytes again: nothing is done "
        "twice. Here the key of the API says who asks; the signature counts over MQTT.",
    ),
    ("GET", f"{API}/commands/{{command_id}}"): Route(
        _json(ref("command-state")),
        ("validation", "not-found", *WRITES),
        {"central": {**NAME, "description": "where ids may collide"}},
        {"command_id": COMMAND_ID},
    ),
    ("GET", f"{API}/schemas/{{kind}}.json"): Route(
        {200: Answer("JSON Schema 2020-12 of the data of this kind of event.", {"application/schema+json": OBJECT})},
        ("not-found",),
        path={"kind": KIND},
    ),
    ("GET", "/api/openapi.json"): Route(_json(OBJECT, "This document.")),
    ("GET", f"{API}/healthz"): Route({200: Answer("The front answers.", {TEXT: {"type": "string"}})}),
    ("GET", f"{API}/readyz"): Route(
        {
            200: Answer("The field is there as well.", {TEXT: {"type": "string"}}),
            503: Answer("The field is away.", {TEXT: {"type": "string"}}),
        }
    ),
    ("GET", f"{API}/status"): Route(
        _json(
            record({name: {} for name in ("hall", "gateway", "state", "clock", "machines", "lines", "log", "consumers", "time")})
        ),
        ("validation",),
        {},
    ),
    ("GET", f"{API}/metrics"): Route({200: Answer("Prometheus text.", {TEXT: {"type": "string"}})}, ("validation",), {}),
    ("GET", f"{API}/live"): Route({200: Answer("Pictures of the floor, without end.", {SSE: {}})}),
    ("POST", f"{API}/page-links"): Route(_json(record({"urls": lists({"type": "string"})}))),
    ("GET", f"{API}/egms"): Route(
        _json(record({"egms": lists(OBJECT), "live": _LIVE})),
        ("validation",),
        {"state": _words("up, down, ..."), "line": _words("of one line"), "find": _words("number, serial, part of a name")},
    ),
    ("GET", f"{API}/egms/{{asset}}"): Route(
        _json(record({"egm": OBJECT, "live": _LIVE})), ("validation", "unknown-machine"), {}, {"asset": _ASSET}
    ),
    ("POST", f"{API}/egms/{{asset}}/probe"): Route(
        _json(OBJECT),
        (
            "validation", "unknown-machine", "not-found", "no-answer", "no-answer@409", "not-now", "line-lost",
            "line-unfit@409", *READS,
        ),
        {},
        {"asset": _ASSET},
    ),
    ("GET", f"{API}/lines"): Route(_json(record({"lines": lists(OBJECT), "live": _LIVE})), ("validation",), {}),
    ("GET", f"{API}/lines/{{name}}"): Route(
        _json(record({"line": OBJECT, "live": _LIVE})), ("validation", "not-found"), {}, {"name": NAME}
    ),
    ("GET", f"{API}/lines/{{name}}/trace"): Route(
        {200: Answer("The live wire, without end.", {NDJSON: OBJECT, SSE: {}})},
        ("validation", "not-found", *READS),
        {"address": whole(0, 999, "one machine by its SAS address, 1 to 127"), "raw": _flag("each record as it passed")},
        {"name": NAME},
    ),
    ("POST", f"{API}/lines/{{name}}/scan"): Route(
        _json(OBJECT),
        ("validation", "not-found", "no-answer", "not-now", "line-lost", "line-unfit@409", *READS),
        {
            "listen": _flag("silent for over 5 s first; left out: where nobody is enrolled"),
            "general_polls": _flag("ask who is silent with a general poll too"),
            "up_to": whole(1, 127, "the last address", 127),
        },
        {"name": NAME},
    ),
    ("GET", f"{API}/events/search"): Route(
        _json(record({"events": lists(OBJECT), "position": {"type": "integer"}, "next": {}, "time_zone": {"type": "string"}})),
        ("validation", *READS),
        {
            "egm": whole(1, 9_999_999_999, "asset number"),
            "line": NAME,
            "type": {"type": "string", "pattern": "^[a-z0-9.]{1,80}$", "description": "a kind, or its beginning"},
            "code": {"type": "string", "pattern": "^[0-9A-Fa-f]{2}$", "description": "a SAS exception"},
            "from": _MOMENT,
            "to": _MOMENT,
            "limit": whole(1, 500, "events at most", 50),
            "after": whole(0, 2**62, "a position of the log"),
            "before": whole(1, 2**62, "a position of the log"),
            "wait": _WAIT,
        },
    ),
    ("GET", f"{API}/reviews"): Route(
        _json(record({"reviews": lists(OBJECT), "time_zone": {"type": "string"}})),
        ("validation", *READS),
        {"open": _flag("those that wait, oldest first"), "asset": whole(1, ASSET_MAX, "of one machine")},
    ),
    ("GET", f"{API}/reviews/{{review}}"): Route(
        _json(record({"review": OBJECT, "time_zone": {"type": "string"}})),
        ("validation", "not-found", *READS),
        {},
        {"review": {"type": "string", "pattern": "^[0-9]{1,15}$"}},
    ),
    ("GET", f"{API}/reports/day"): Route(
        _REPORT, ("validation", "not-found", *READS), {"day": _DAY, "format": _FORMAT}, about="Without day: the newest."
    ),
    ("GET", f"{API}/reports/range"): Route(
        _REPORT, ("validation", *READS), {"from": _DAY, "to": _DAY, "format": _FORMAT}, about="At most 400 days."
    ),
    ("GET", f"{API}/reports/formulas"): Route(_json(record({"formulas": lists({})})), ("validation",), {}),
    # pages for people
    ("GET", "/"): Route(_html()),
    ("GET", "/m/{asset}"): Route(_html((404, "No such machine.")), path={"asset": _ASSET}),
    ("GET", "/report"): Route(_html((422, "No such day.")), query={"day": _DAY}),
    ("GET", "/login"): Route(_html()),
    ("POST", "/login"): Route(
        {
            303: Answer("Logged in: to the floor, with a cookie.", {}, ("Location", "Set-Cookie")),
            **{n: Answer("The form again.", {HTML: {}}) for n in (401, 403, 429)},
        },
        ("forbidden", "validation@413"),
        body=(_FORM, record({"key": {"type": "string"}})),
    ),
    ("GET", "/enter"): Route(
        {
            303: Answer("Logged in: to the floor, with a cookie.", {}, ("Location", "Set-Cookie")),
            401: Answer("Used, or too old.", {HTML: {}}),
        },
        query={"code": {"type": "string"}},
    ),
    ("POST", "/logout"): Route({303: Answer("To the form.", {}, ("Location", "Set-Cookie"))}),
    ("GET", "/static/{name}"): Route(
        {200: Answer("Style, script or icon.", {"text/css": {}, "text/javascript": {}, "image/svg+xml": {}})},
        ("not-found",),
        path={"name": {"type": "string"}},
    ),
}  # fmt: skip

NEEDED: Final = frozenset({(f"{API}/reports/range", "from"), (f"{API}/reports/range", "to")})
"Parameters of the query that must be given."


def problems_of(method: str, path: str, *, public: bool) -> Mapping[int, list[str]]:
    """Slugs of the problem documents that this route can answer, by status."""
    slugs = ROUTES[(method, path)].problems
    found: dict[int, list[str]] = {}
    for told in (*slugs, *(() if public else KNOWN)):
        slug, _, status = told.partition("@")
        of_status = found.setdefault(int(status) if status else condition(slug).status, [])
        if slug not in of_status:
            of_status.append(slug)
    return found
