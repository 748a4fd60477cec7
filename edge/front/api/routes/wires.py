"""What a technician asks of the wires themselves: who is on a line, and all that one machine says of itself.

Both take their time, and take nothing out of a machine; the field lends the line.
"""

from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel

from edge.front.api.problems import Problem
from edge.front.api.schemas import known_only, number
from edge.front.api.scopes import API
from edge.front.context import Front
from edge.seam.errors import FieldAway, Refusal
from edge.seam.messages import ProbeEgm, ScanLine

SCAN_WITHIN_S = 115.0
PROBE_WITHIN_S = 190.0
"A little more than the field allows itself."
_STATUS = {"not-found": 404, "not-now": 409, "line-lost": 503, "line-unfit": 409, "no-answer": 504}


def add_to(app: FastAPI, front: Front) -> None:
    """Add the routes."""

    @app.post(f"{API}/lines/{{name}}/scan")
    async def scan(request: Request, name: str) -> Response:
        """Who is on a line. `listen=` true or false: be silent for over 5 s first (otherwise where nobody is enrolled);
        `general_polls=true`: ask who is silent with a general poll too; `up_to=` the last address."""
        known_only(request, "listen", "general_polls", "up_to")
        if name not in front.seam.mirror.lines:
            raise Problem("not-found", f"There is no line {name[:40]}.")
        asked = ScanLine(
            line=name,
            listen=_flag(request, "listen"),
            general_polls=_flag(request, "general_polls") or False,
            up_to=number(request, "up_to", least=1, most=127, default=127),
        )
        try:
            told = await front.until_stop(front.seam.call(asked, SCAN_WITHIN_S))
        except Refusal as refusal:
            raise _problem(refusal) from None
        return _answer(None if told is None else told.result)

    @app.post(f"{API}/egms/{{asset}}/probe")
    async def probe(request: Request, asset: str) -> Response:
        """All that a machine says of itself, asked now."""
        known_only(request)
        machine = (
            front.seam.mirror.egms.get(int(asset)) if asset.isascii() and asset.isdigit() and len(asset) < 12 else None
        )
        if machine is None or not machine.line:
            raise Problem("unknown-machine", f"No machine {asset[:20]} is registered.")
        if machine.link == "down":
            raise Problem("no-answer", f"Machine {asset} is off line.", status=409)
        try:
            asked = ProbeEgm(line=machine.line, address=machine.address)
            told = await front.until_stop(front.seam.call(asked, PROBE_WITHIN_S))
        except Refusal as refusal:
            raise _problem(refusal) from None
        return _answer(None if told is None else told.result)


def _answer(result: BaseModel | None) -> Response:
    if result is None:
        raise FieldAway("The front stops; ask again in a moment.")
    return Response(result.model_dump_json(), media_type="application/json")


def _problem(refusal: Refusal) -> Problem:
    return Problem(refusal.reason, str(refusal), status=_STATUS.get(refusal.reason))


def _flag(request: Request, name: str) -> bool | None:
    text = request.query_params.get(name)
    if text not in (None, "true", "false"):
        raise Problem("validation", f"{name}: must be true or false.")
    return None if text is None else text == "true"
