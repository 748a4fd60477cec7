"""Commands: handed on as they came. The answer says admitted or refused; the truth is the event that follows."""

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response

from edge.front.api.auth import principal_of
from edge.front.api.problems import Problem
from edge.front.api.schemas import known_only, read_body
from edge.front.api.scopes import API
from edge.front.context import Front
from edge.seam.messages import COMMAND_MAX, Admit, FindCommand

ADMITTED = {"admitted": 202, "repeated": 200}
DEADLINE_S = 10.0


def add_to(app: FastAPI, front: Front) -> None:
    """Add the routes."""

    @app.post(f"{API}/commands")
    async def post_command(request: Request) -> Response:
        """Admit a command: 202 admitted, 200 the same one again, else a problem and nothing happened."""
        principal = principal_of(request)
        body = await read_body(request, COMMAND_MAX)
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise Problem("malformed", "The command is not UTF-8.") from None
        admit = Admit(command=text, via="socket" if principal.way == "socket" else "http", principal=principal.name)
        answer = await front.seam.call(admit, DEADLINE_S)
        status = ADMITTED.get(answer.status)
        if status is None:
            raise Problem(answer.status, answer.text, command_id=answer.command_id)
        told = {
            "status": answer.status,
            "command_id": answer.command_id,
            "text": answer.text,
            "result": answer.result,
        }
        headers = {"Location": f"/api/v1/commands/{answer.command_id}"} if answer.command_id else {}
        return Response(orjson.dumps(told), status_code=status, media_type="application/json", headers=headers)

    @app.get(f"{API}/commands/{{command_id}}")
    async def get_command(request: Request, command_id: str) -> Response:
        """What became of a command, and the event that tells its outcome. `central=` where ids may collide."""
        known_only(request, "central")
        if not 1 <= len(command_id) <= 80:
            raise Problem("not-found", "No command has such an id.")
        central = request.query_params.get("central")
        found = await front.seam.call(FindCommand(central=central and central[:80], command_id=command_id))
        if found.command is None:
            raise Problem("not-found", "No command with this id was admitted here.")
        return Response(orjson.dumps(found.command), media_type="application/json")
