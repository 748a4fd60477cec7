"""Readings that a person must decide, with their evidence. Decided they are by a command: ``egm.meters.decide``."""

from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response

from edge.front.api.problems import Problem
from edge.front.api.schemas import known_only, number
from edge.front.api.scopes import API
from edge.front.context import Front
from edge.front.views import reviews
from edge.hall.ids import ASSET_MAX


def add_to(app: FastAPI, front: Front) -> None:
    """Add the routes."""

    def answer(told: dict[str, Any]) -> Response:
        told["time_zone"] = front.settings.hall.time_zone
        return Response(orjson.dumps(told), media_type="application/json")

    @app.get(f"{API}/reviews")
    async def get_reviews(request: Request) -> Response:
        """`open=true`: those that wait, oldest first; without: the newest 200, decided or not. `asset=`: of one machine."""
        known_only(request, "open", "asset")
        wanted = request.query_params.get("open", "false")
        if wanted not in ("true", "false"):
            raise Problem("validation", "open: must be true or false.")
        asset = number(request, "asset", least=1, most=ASSET_MAX, default=0) or None
        return answer({"reviews": reviews.listed(front.readers.connection(), is_open=wanted == "true", asset=asset)})

    @app.get(f"{API}/reviews/{{review}}")
    async def get_review(request: Request, review: str) -> Response:
        """One of them: both readings, what each explanation would count, the rest of the snapshot, where its events are."""
        known_only(request)
        is_number = review.isascii() and review.isdigit() and len(review) <= 15
        told = reviews.one(front.readers.connection(), int(review)) if is_number else None
        if told is None:
            raise Problem("not-found", f"There is no review {review[:20]}.")
        return answer({"review": told})
