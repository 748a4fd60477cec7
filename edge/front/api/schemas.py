"""What comes in over HTTP, strictly; what goes out is made by the views. Never on the way of the log."""

from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from edge.front.api.problems import Problem

BODY_MAX = 1 << 20
Shape = TypeVar("Shape", bound=BaseModel)


class CursorIn(BaseModel):
    """A cursor as central sends it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    streamid: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    sequence: Annotated[int, Field(ge=0, le=2**53 - 1)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class RewindIn(BaseModel):
    """Where to set a consumer back to: a cursor, or the oldest record here."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    to: CursorIn | Literal["oldest"]
    comment: Annotated[str, StringConstraints(max_length=400)] = ""


class SetAsideIn(BaseModel):
    """The record at which a delivery stands, and why it goes on behind it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    sequence: Annotated[int, Field(ge=1, le=2**53 - 1)]
    comment: Annotated[str, StringConstraints(min_length=1, max_length=400)]


async def read_body(request: Request, most: int = BODY_MAX) -> bytes:
    """The body, or a problem (413) as soon as it is longer than it may be."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise Problem("validation", f"The body may have {most} bytes.", status=413)
        parts.append(part)
    return b"".join(parts)


def cursor_in(body: bytes) -> CursorIn:
    """Read an acknowledgement. Raises Problem and names the first member that is wrong."""
    return shaped(body, CursorIn)


def shaped(body: bytes, shape: type[Shape]) -> Shape:
    """Read a body of this shape. Raises Problem and names the first member that is wrong."""
    try:
        return shape.model_validate_json(body)
    except (ValidationError, RecursionError) as wrong:
        raise Problem("validation", _first(wrong)) from None


def number(request: Request, name: str, *, least: int, most: int, default: int) -> int:
    """A whole number of the query, within bounds. Raises Problem."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or not least <= int(text) <= most:
        raise Problem("validation", f"{name}: must be a whole number from {least} to {most}.")
    return int(text)


def known_only(request: Request, *names: str) -> None:
    """A parameter that nobody reads is a misspelling that changes the meaning. Raises Problem."""
    for name in request.query_params:
        if name not in names:
            raise Problem("validation", f"{name[:60]}: not a parameter of this address; known: {', '.join(names)}.")


def _first(wrong: Exception) -> str:
    if isinstance(wrong, ValidationError):
        fault: Any = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in fault['loc']) or 'body'}: {fault['msg']}."
    return "The body is nested too deeply."
