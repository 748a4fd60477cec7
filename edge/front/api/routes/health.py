"""How the gateway is: alive, ready, status, metrics; the contract files; and a link into the page."""

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

from edge.access import Principal
from edge.clock import stamp
from edge.front.api.auth import principal_of
from edge.front.api.openapi import document
from edge.front.api.problems import Problem
from edge.front.api.schemas import known_only
from edge.front.api.scopes import API, LOOKING
from edge.front.api.sessions import Sessions
from edge.front.context import Front
from edge.front.live import Live
from edge.front.metrics import text as metrics_text
from edge.front.views.status import status
from edge.hall.events import KINDS, schema


def add_to(app: FastAPI, front: Front, live: Live, sessions: Sessions) -> None:
    """Add the routes."""

    @app.get(f"{API}/healthz")
    async def get_healthz() -> Response:
        """200: the front answers."""
        return PlainTextResponse("ok\n")

    @app.get(f"{API}/readyz")
    async def get_readyz() -> Response:
        """200: the front answers and the field is there; 503 while the field is away."""
        ready = front.seam.connected
        return PlainTextResponse("ok\n" if ready else "field away\n", status_code=200 if ready else 503)

    @app.get(f"{API}/status")
    async def get_status(request: Request) -> Response:
        """One screen: lines, machines, queue, central, clock, both halves."""
        known_only(request)
        told = await status(front)
        told["time"] = stamp(front.clock.wall())
        return Response(orjson.dumps(told), media_type="application/json")

    @app.get(f"{API}/metrics")
    async def get_metrics(request: Request) -> Response:
        """Prometheus text."""
        known_only(request)
        return Response(metrics_text(front, live), media_type="text/plain; version=0.0.4")

    @app.get(f"{API}/schemas/{{kind}}.json")
    async def get_schema(kind: str) -> Response:
        """The JSON Schema of the data of a kind of event."""
        if kind not in KINDS:
            raise Problem("not-found", "There is no such kind of event.")
        return Response(orjson.dumps(schema(kind)), media_type="application/schema+json")

    @app.post(f"{API}/page-links")
    async def post_page_link(request: Request) -> Response:
        """A link that opens the page once, within five minutes, in a browser on this box."""
        asked_by = principal_of(request)
        code = sessions.new_link(Principal(asked_by.name, LOOKING, None, "session"))
        scheme = "https" if front.settings.web.cert else "http"
        urls = [f"{scheme}://{listen}/enter?code={code}" for listen in front.settings.web.listen]
        return Response(orjson.dumps({"urls": urls}), media_type="application/json")

    @app.get("/api/openapi.json")
    async def get_openapi() -> Response:
        """OpenAPI 3.1, made from the code."""
        return Response(orjson.dumps(document(app)), media_type="application/json")
