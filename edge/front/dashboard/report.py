"""The page of revenue: a day as an auditor reads it, with what it does not know before its figures."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from edge.front.api.auth import principal_of
from edge.front.api.problems import Problem
from edge.front.api.routes.reports import day_asked, ways_of
from edge.front.api.schemas import known_only
from edge.front.context import Front
from edge.front.live import Live
from edge.front.views import revenue, tiles
from edge.seam.errors import FieldAway

_STATES = {"open": "still being written", "closed": "over", "none": "nothing was written in it"}


def add_to(app: FastAPI, front: Front, live: Live, page: Callable[..., Response]) -> None:
    """Add the route. ``page(template, status, **members)`` renders."""
    ways = ways_of(front)

    @app.get("/report")
    async def report(request: Request) -> Response:
        """The day that is being written, or ``day=``."""
        principal = principal_of(request)
        members: dict[str, Any] = {"title": "Revenue", "top": live.top(), "who": principal.name}
        # The top bar moves only for whoever may see the machines; else it stands as it was when the page was made.
        members["live"] = principal.may("egms:read")
        trouble, status, told, day = "", 200, None, None
        try:
            known_only(request, "day")
            day = day_asked(request, "day")
            conn = front.readers.connection()
            day = day or revenue.newest_day(conn)
            if day is None:
                trouble = "No gaming day was opened yet."
            else:
                now = front.clock.wall()
                told = revenue.told(revenue.read_report(conn, day, day, ways, now), ways, now)
        except FieldAway:
            trouble = "The books are not read while the field is away."
        except Problem as wrong:
            trouble, status = wrong.detail, 422
        if told is None or day is None:
            return page("report.html", status, told=None, trouble=trouble, **members)
        return page("report.html", told=told, trouble="", **members, **_shown(told, day, front))


def _shown(told: dict[str, Any], day: date, front: Front) -> dict[str, Any]:
    """Words for the template."""
    legend = told["legend"]
    used = sorted({mark for row in (*told["machines"], told["total"]) for mark in row["marks"]})
    state = _STATES[told["state"]]
    if told["state"] == "closed":
        state += ", complete" if told["complete"] else ", not everything is known"
    return {
        "state": state,
        "before": (day - timedelta(days=1)).isoformat(),
        "after": (day + timedelta(days=1)).isoformat(),
        "begins": tiles.clock_of(told["begins_at"], front.zone),
        "made": tiles.clock_of(told["generated_at"], front.zone),
        "rows": [
            *({"kind": "machine", **_row(one, told, front)} for one in told["machines"]),
            *({"kind": "bank", **_row(one, told, front)} for one in told["banks"]),
            {"kind": "hall", **_row(told["total"], told, front)},
        ],
        "marks": [(_words(mark), legend[mark]) for mark in used],
    }


def _row(row: dict[str, Any], told: dict[str, Any], front: Front) -> dict[str, Any]:
    cells = (row["figures"][formula["name"]] for formula in told["formulas"])
    place = row.get("place") or row["name"]
    return {
        "asset": row.get("asset"),
        "name": place if "asset" in row else "hall" if row is told["total"] else f"bank {row['name']}",
        "label": row.get("label") or "",
        "cells": [_figure(cell) for cell in cells],
        "last": tiles.clock_of(row.get("last_at"), front.zone) if "asset" in row else "",
        "without_data": row.get("minutes_without_data", ""),
        "marks": ", ".join(f"{_words(mark)} {count}" for mark, count in sorted(row["marks"].items())),
    }


def _figure(cell: dict[str, Any]) -> str:
    if cell["shown"] is None:
        return "unknown" if cell["lacks"] and not cell["machines"] else "—"
    return str(cell["shown"]) + ("*" if cell["lacks"] else "")


def _words(mark: str) -> str:
    return mark.replace("_", " ")
