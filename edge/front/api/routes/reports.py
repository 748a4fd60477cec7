"""Reports: the revenue of a day or a range of days, as JSON or CSV, and the formulas they are made with."""

import asyncio
from datetime import date

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response

from edge.front.api.problems import Problem
from edge.front.api.schemas import known_only
from edge.front.api.scopes import API
from edge.front.context import Front
from edge.front.views import revenue
from edge.front.views.revenue_csv import as_csv
from edge.rules.gaming_day import GamingDays
from edge.rules.revenue import Report

AT_ONCE = 7
"A range of more days is read in a thread of its own: a year of a large hall takes seconds."
DAYS_MAX = 400
"A range longer than this is refused: a year and a bit."
CSV = "text/csv"
_FIRST, _LAST = date(2000, 1, 1), date(2199, 12, 31)


def ways_of(front: Front) -> revenue.HallWays:
    """What the configuration says of the reports of this hall."""
    hall = front.settings.hall
    return revenue.HallWays(
        hall.name,
        hall.currency,
        hall.time_zone,
        GamingDays.of(hall.time_zone, hall.gaming_day_start),
        front.settings.polling.day_end_within_s,
        f"hall-edge {front.version}",
    )


def add_to(app: FastAPI, front: Front) -> None:
    """Add the routes."""
    ways = ways_of(front)

    def read(first: date, last: date) -> Report:
        with front.readers.own() as conn:
            return revenue.read_report(conn, first, last, ways, front.clock.wall())

    async def answer(request: Request, first: date, last: date) -> Response:
        form = request.query_params.get("format")
        if form not in (None, "json", "csv"):
            raise Problem("validation", "format: must be json or csv.")
        if (last - first).days < AT_ONCE:
            made = revenue.read_report(front.readers.connection(), first, last, ways, front.clock.wall())
        else:
            made = await asyncio.to_thread(read, first, last)
        told = revenue.told(made, ways, front.clock.wall())
        headers = {"Cache-Control": "no-store", "Vary": "Accept"}
        if form == "csv" or (form is None and CSV in request.headers.get("accept", "")):
            name = f"revenue-{first}.csv" if first == last else f"revenue-{first}-to-{last}.csv"
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
            return Response(as_csv(told), media_type=f"{CSV}; charset=utf-8; header=absent", headers=headers)
        return Response(orjson.dumps(told), media_type="application/json", headers=headers)

    @app.get(f"{API}/reports/day")
    async def get_day(request: Request) -> Response:
        """The revenue of one gaming day; without `day=` the one that is being written. CSV by Accept or `format=csv`."""
        known_only(request, "day", "format")
        day = day_asked(request, "day") or revenue.newest_day(front.readers.connection())
        if day is None:
            raise Problem("not-found", "No gaming day was opened yet.")
        return await answer(request, day, day)

    @app.get(f"{API}/reports/range")
    async def get_range(request: Request) -> Response:
        """The revenue of the gaming days `from=` to `to=`, both included, at most 400."""
        known_only(request, "from", "to", "format")
        first, last = day_asked(request, "from"), day_asked(request, "to")
        if first is None or last is None:
            raise Problem("validation", "from, to: both must be given, as 2026-11-23.")
        if not 0 <= (last - first).days < DAYS_MAX:
            raise Problem("validation", f"to: must not be before from, nor {DAYS_MAX} days or more after it.")
        return await answer(request, first, last)

    @app.get(f"{API}/reports/formulas")
    async def get_formulas(request: Request) -> Response:
        """Every formula with its name, version and meters."""
        known_only(request)
        return Response(orjson.dumps({"formulas": revenue.formulas()}), media_type="application/json")


def day_asked(request: Request, name: str) -> date | None:
    """The day in this parameter; None: not given. Raises Problem."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    # The week dates that Python also reads would be a second way to write the same day.
    if day is None or day.isoformat() != text or not _FIRST <= day <= _LAST:
        raise Problem("validation", f"{name}: must be a day such as 2026-11-23.")
    return day
