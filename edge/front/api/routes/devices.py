"""Machines and lines: lists, one of them, and the live wire of a line."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

from edge.board import EgmState
from edge.clock import stamp
from edge.front.api.problems import Problem
from edge.front.api.schemas import known_only
from edge.front.api.scopes import API
from edge.front.context import Front
from edge.front.views import devices, meters
from edge.front.views.freshness import Moment
from edge.seam.errors import FieldAway
from edge.seam.messages import TraceLines, TraceRecord
from edge.store.tx import Reader
from protocols.sas.explain import Explainer

NDJSON = "application/x-ndjson"
SSE = "text/event-stream"


def add_to(app: FastAPI, front: Front) -> None:
    """Add the routes."""

    def reader() -> Reader | None:
        """The books where they may be read; lists are shown from the mirror while they may not."""
        try:
            return front.readers.connection()
        except FieldAway:
            return None

    def answer(told: dict[str, Any]) -> Response:
        age_s = front.seam.mirror_age()
        told["live"] = {
            "connected": front.seam.connected,
            "age_ms": None if age_s is None else int(age_s * 1000),
            "trouble": front.seam.last_error,
            "time_zone": front.settings.hall.time_zone,
        }
        return Response(orjson.dumps(told), media_type="application/json")

    @app.get(f"{API}/egms")
    async def get_egms(request: Request) -> Response:
        """All machines; `state=` (up, down, ...), `line=`, `find=` a number, serial or part of a name."""
        known_only(request, "state", "line", "find")
        machines = devices.egm_list(front.seam.mirror, reader(), Moment.of(front))
        if (state := request.query_params.get("state")) is not None:
            machines = [one for one in machines if one["link"] == state]
        if (line := request.query_params.get("line")) is not None:
            machines = [one for one in machines if one["line"] == line]
        if (word := request.query_params.get("find")) is not None:
            machines = devices.egm_matches(machines, word)
        return answer({"egms": machines})

    @app.get(f"{API}/egms/{{asset}}")
    async def get_egm(request: Request, asset: str) -> Response:
        """One machine by asset number, with its last snapshot of meters while the books may be read."""
        known_only(request)
        conn, moment, board = reader(), Moment.of(front), front.seam.mirror
        number = int(asset) if asset.isascii() and asset.isdigit() and len(asset) < 12 else 0
        machine = devices.egm_one(board, conn, number, moment)
        if machine is None:
            raise Problem("unknown-machine", f"No machine {asset[:20]} is registered.")
        told: dict[str, Any] = {"egm": machine}
        if conn is not None:
            told["latest_meters"] = meters.latest(conn, board.egms.get(number) or EgmState(number), moment)
            told["snapshot"] = meters.newest_snapshot(conn, number)
        return answer(told)

    @app.get(f"{API}/lines")
    async def get_lines(request: Request) -> Response:
        """All lines with their state and counters."""
        known_only(request)
        return answer({"lines": devices.line_list(front.seam.mirror)})

    @app.get(f"{API}/lines/{{name}}")
    async def get_line(request: Request, name: str) -> Response:
        """One line."""
        known_only(request)
        line = devices.line_one(front.seam.mirror, name)
        if line is None:
            raise Problem("not-found", f"There is no line {name[:40]}.")
        return answer({"line": line})

    @app.get(f"{API}/lines/{{name}}/trace")
    async def get_trace(request: Request, name: str) -> Response:
        """The live wire in words, until either side ends it: NDJSON, or SSE if asked for. `address=` one machine;
        `raw=true`: each record as it passed, nothing decoded."""
        known_only(request, "address", "raw")
        if name not in front.seam.mirror.lines:
            raise Problem("not-found", f"There is no line {name[:40]}.")
        wanted = request.query_params.get("address")
        if wanted is not None and not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 3):
            raise Problem("validation", "address: must be a SAS address, 1 to 127.")
        raw = request.query_params.get("raw", "false")
        if raw not in ("true", "false"):
            raise Problem("validation", "raw: must be true or false.")
        sse = SSE in request.headers.get("accept", "")
        stack = AsyncExitStack()
        pushes = await stack.enter_async_context(front.seam.trace(name))
        reader = _as_it_is if raw == "true" else _in_words(Explainer(), int(wanted) if wanted else None)
        body = _trace(front, stack, pushes, reader, sse=sse)
        return StreamingResponse(body, media_type=SSE if sse else NDJSON, headers={"Cache-Control": "no-store"})


Rows = Iterable[dict[str, Any]]


async def _trace(
    front: Front,
    stack: AsyncExitStack,
    pushes: AsyncIterator[TraceLines],
    rows_of: Callable[[TraceRecord], Rows],
    *,
    sse: bool,
) -> AsyncIterator[bytes]:
    async with stack:
        while True:
            pushed = await front.until_stop(anext(pushes, None))
            if pushed is None:
                return
            rows: list[dict[str, Any]] = [{"dropped": pushed.dropped}] if pushed.dropped else []
            for record in pushed.records:
                rows.extend(rows_of(record))
            lines = (orjson.dumps(row) for row in rows)
            yield b"".join(b"data: " + line + b"\n\n" if sse else line + b"\n" for line in lines)


def _as_it_is(record: TraceRecord) -> Rows:
    return [{"at_us": record.at_us, "direction": record.direction, "hex": record.data, "flags": record.flags}]


def _in_words(explainer: Explainer, address: int | None) -> Callable[[TraceRecord], Rows]:
    def rows_of(record: TraceRecord) -> Rows:
        for told in explainer.feed(record.direction, bytes.fromhex(record.data), bytes.fromhex(record.flags)):
            if address is None or told.address in (address, None):
                yield {
                    "at": _stamp_us(record.at_us),
                    "direction": record.direction,
                    "hex": told.data.hex(),
                    "wakeup": told.wakeup,
                    "address": told.address,
                    "text": told.text,
                    "fault": told.fault,
                    "idle": told.idle,
                }

    return rows_of


def _stamp_us(at_us: int) -> str:
    return stamp(datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(microsecond=at_us % 1_000_000))
