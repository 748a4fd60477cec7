"""The stream that keeps open pages alive: `GET /api/v1/live`, server-sent events from the hub."""

from collections.abc import AsyncIterator

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

from edge.front.api.problems import Problem
from edge.front.api.scopes import API
from edge.front.context import Front
from edge.front.live import STREAMS_MAX, Live


def add_to(app: FastAPI, front: Front, live: Live) -> None:
    """Add the route."""

    @app.get(f"{API}/live")
    async def get_live(request: Request) -> Response:
        """Pictures of the floor: `{whole?, top?, tiles?, events?}`, at most four a second; a comment every 15 s."""
        if live.streams >= STREAMS_MAX:
            raise Problem("rate-limited", f"{STREAMS_MAX} live pages are open already.")
        return StreamingResponse(
            _events(front, live),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )


async def _events(front: Front, live: Live) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    async for picture in live.watch():
        number = front.seam.mirror.number
        if picture:
            yield b"id: %d\nevent: picture\ndata: %s\n\n" % (number, orjson.dumps(picture))
        else:
            yield b": still here\n\n"
    yield b"event: bye\ndata: {}\n\n"
