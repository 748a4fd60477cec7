"""The floor, a machine, login. Every text from a machine or a person is escaped by the templates, never by hand."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edge.access import Principal
from edge.front.api.auth import Guard, principal_of, same_origin
from edge.front.api.problems import Problem
from edge.front.api.schemas import read_body
from edge.front.api.sessions import COOKIE, Sessions
from edge.front.context import Front
from edge.front.dashboard import report
from edge.front.live import LATEST, ROUTINE, Live
from edge.front.views import events, tiles
from edge.front.views.freshness import Moment
from edge.seam.errors import FieldAway

_HERE = Path(__file__).parent
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_STATIC = {path.name: path.read_bytes() for path in (_HERE / "static").iterdir() if path.suffix in _KINDS}
"Served from memory by exact name; nothing else can be asked for."
FORM_MAX = 4096


def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def add_to(app: FastAPI, front: Front, live: Live, sessions: Sessions, guard: Guard) -> None:
    """Add the routes."""
    templates = _templates()

    def page(name: str, status: int = 200, **members: Any) -> Response:
        html = templates.get_template(name).render(hall=front.settings.hall.name, **members)
        return Response(html, status_code=status, media_type="text/html", headers={"Cache-Control": "no-store"})

    def latest(asset: int | None = None) -> list[dict[str, Any]] | None:
        try:
            found = events.newest(front.readers.connection(), LATEST, asset=asset, without=ROUTINE)
        except FieldAway:
            return None
        for event in found:
            event["clock"] = tiles.clock_of(event["time"], front.zone)
            if asset is not None:
                event["text"] = tiles.about_itself(event["text"], asset)
        return found

    @app.get("/")
    async def floor(request: Request) -> Response:
        """The hall as it stands."""
        board = front.seam.mirror
        machines = sorted(board.egms.values(), key=lambda one: (one.line, one.address))
        moment = Moment.of(front)
        return page(
            "floor.html",
            title="Floor",
            top=live.top(),
            tiles=[tiles.tile(machine, front.zone, moment) for machine in machines],
            events=latest(),
            who=principal_of(request).name,
        )

    @app.get("/m/{asset}")
    async def machine(request: Request, asset: str) -> Response:
        """One machine; the target of the label on its cabinet."""
        known = (
            front.seam.mirror.egms.get(int(asset)) if asset.isascii() and asset.isdigit() and len(asset) < 12 else None
        )
        if known is None:
            return page("missing.html", 404, title="Machine", top=live.top(), who=principal_of(request).name)
        shown = tiles.tile(known, front.zone, Moment.of(front))
        return page(
            "machine.html",
            title=shown["title"],
            top=live.top(),
            tile=shown,
            machine=known,
            facts=tiles.facts(known),
            meters=tiles.meter_rows(known),
            worth=tiles.worth(known, front.settings.hall.currency),
            events=latest(known.asset),
            who=principal_of(request).name,
        )

    report.add_to(app, front, live, page)

    @app.get("/login")
    async def login_form() -> Response:
        """Who are you?"""
        return page("login.html", title="Log in", trouble="")

    @app.post("/login")
    async def login(request: Request) -> Response:
        """A session for whoever has a key that may look at machines."""
        if not same_origin(request):
            raise Problem("forbidden", "This form was not sent from our own page.")
        form = parse_qs((await read_body(request, FORM_MAX)).decode("utf-8", "replace"), max_num_fields=5)
        try:
            principal = guard.by_key(request, f"Bearer {form.get('key', [''])[0].strip()}")
        except Problem as refused:
            status = 429 if refused.slug == "rate-limited" else 401
            trouble = refused.detail or "This key is not known here."
            return page("login.html", status, title="Log in", trouble=trouble)
        if not principal.may("egms:read"):
            return page("login.html", 403, title="Log in", trouble="This key may not look at machines.")
        return _enter(request, principal)

    @app.get("/enter")
    async def enter(request: Request) -> Response:
        """The one-time link that `hallctl page-link` printed."""
        principal = sessions.use_link(request.query_params.get("code", "")[:100])
        if principal is None:
            trouble = "This link was used already or is older than five minutes. Run: hallctl page-link"
            return page("login.html", 401, title="Log in", trouble=trouble)
        return _enter(request, principal)

    @app.post("/logout")
    async def logout(request: Request) -> Response:
        """The session ends, here and in the browser."""
        sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    @app.get("/static/{name}")
    async def static(name: str) -> Response:
        """Style, script and icon of the pages."""
        content = _STATIC.get(name)
        if content is None:
            raise Problem("not-found")
        kind = _KINDS[Path(name).suffix]
        return Response(content, media_type=kind, headers={"Cache-Control": "max-age=300"})

    def _enter(request: Request, principal: Principal) -> Response:
        old = request.cookies.get(COOKIE)
        sessions.end(old)
        looking = Principal(principal.name, principal.scopes, principal.consumer, "session")
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            sessions.begin(looking),
            path="/",
            httponly=True,
            samesite="strict",
            # A Secure cookie would never come back over plain HTTP, which exists on loopback only.
            secure=request.url.scheme == "https",
        )
        return answer
