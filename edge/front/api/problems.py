"""Errors as problem documents (RFC 9457): a name, the code of the condition, what to do. No stack, no SQL, no path."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from edge.errors import EdgeError, NotAuthenticated
from edge.health.conditions import condition, told
from edge.seam.errors import Refusal
from sync.errors import SyncError

MEDIA: Final = "application/problem+json"
_BY_STATUS: Mapping[int, str] = {401: "unauthenticated", 403: "forbidden", 404: "not-found", 405: "not-found"}
RETRY_S: Final = 5
"Seconds after which it is worth to ask again, where a 429 does not know it better."
log = structlog.get_logger()


class Problem(Exception):
    """An answer that is a problem: raise it from a route. `members` stand beside the usual ones."""

    def __init__(self, slug: str, detail: str = "", *, status: int | None = None, **members: Any) -> None:
        super().__init__(detail or slug)
        self.slug = slug
        self.detail = detail
        self.status = status
        self.members = members


def problem(
    slug: str,
    detail: str = "",
    *,
    facts: Mapping[str, Any] | None = None,
    status: int | None = None,
    members: Mapping[str, Any] | None = None,
    request_id: str = "",
) -> Response:
    """The response. A slug without a row in the table of conditions is told as `internal`."""
    row = condition(slug)
    text, remedy = told(row, facts or {})
    status = status or row.status
    body: dict[str, Any] = {
        **(members or {}),
        "type": f"urn:hall-edge:problem:{row.slug}",
        "title": text,
        "status": status,
        "detail": detail or text,
        "code": row.code,
        "fix": remedy,
        "request_id": request_id,
    }
    headers = {"WWW-Authenticate": 'Bearer realm="hall-edge"'} if status == 401 else {}
    if status == 503:
        headers["Retry-After"] = "1"
    elif status == 429:
        headers["Retry-After"] = str((members or {}).get("retry_after_s", RETRY_S))
    return Response(orjson.dumps(body), status_code=status, media_type=MEDIA, headers=headers)


def _id(request: Request) -> str:
    return str(request.scope.get("hall.request_id", ""))


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem(error.slug, error.detail, status=error.status, members=error.members, request_id=_id(request))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    slug = _BY_STATUS.get(error.status_code, "validation" if error.status_code < 500 else "internal")
    detail = error.detail if isinstance(error.detail, str) else ""
    return problem(slug, detail, status=error.status_code, request_id=_id(request))


async def _on_error(request: Request, error: Exception) -> Response:
    """Everything else: an error of ours with a slug is told as such, the rest is a bug."""
    slug = error.reason if isinstance(error, Refusal) else getattr(error, "slug", None)
    if isinstance(error, NotAuthenticated):
        return problem("unauthenticated", request_id=_id(request))
    if isinstance(slug, str) and condition(slug).slug == slug:
        facts = getattr(error, "facts", None) or {}
        members = {name: facts[name] for name in ("oldest", "head", "epochs", "acknowledged") if name in facts}
        return problem(slug, str(error), facts=facts, members=members, request_id=_id(request))
    log.error("A request ended in a bug of ours", code="HE6000", path=request.scope.get("path"), exc_info=error)
    return problem("internal", request_id=_id(request))


def install(app: FastAPI) -> None:
    """Every error of this application becomes a problem document."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http)
    # By class, so that they are answers; what falls through to Exception is a bug and is logged with its stack.
    app.add_exception_handler(EdgeError, _on_error)
    app.add_exception_handler(SyncError, _on_error)
    app.add_exception_handler(Exception, _on_error)
