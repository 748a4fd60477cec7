"""The whole gateway on one screen, as an object: what `GET /status` and `hallctl status` show."""

import contextlib
from datetime import timedelta
from typing import Any

from edge.clock import stamp
from edge.front.certificates import ages
from edge.front.context import Front
from edge.front.views import devices
from edge.health.room import room_words
from edge.seam.errors import FieldAway, Refusal
from edge.seam.messages import Status
from sync import outbox, retention

FIELD_WITHIN_S = 0.5


async def status(front: Front) -> dict[str, Any]:
    """Status; while the field is away what the mirror knows, and since when."""
    board, seam = front.seam.mirror, front.seam
    field: dict[str, Any] | None = None
    with contextlib.suppress(FieldAway, Refusal):
        field = (await seam.call(Status(), FIELD_WITHIN_S)).status
    links = [machine.link for machine in board.egms.values()]
    age_s = seam.mirror_age()
    return {
        "hall": {
            "id": front.settings.hall.id,
            "name": front.settings.hall.name,
            "time_zone": front.settings.hall.time_zone,
        },
        "gateway": front.settings.gateway.id,
        "version": front.version,
        "state": board.gateway.state if seam.connected else "field away",
        "why": board.gateway.why if seam.connected else None,
        "clock": board.gateway.clock,
        "room": {
            "level": board.gateway.room_level,
            "free_bytes": board.gateway.room_free_bytes,
            "days": board.gateway.room_days,
            "text": room_words(board.gateway.room_level, board.gateway.room_days, board.gateway.room_free_bytes),
        },
        "machines": {
            "all": len(links),
            "up": links.count("up"),
            "not_up": [
                {
                    "asset": machine.asset,
                    "location": machine.location,
                    "line": machine.line,
                    "link": machine.link,
                    "since": machine.link_since,
                    "last_heard_at": machine.last_heard_at,
                }
                for machine in board.egms.values()
                if machine.link != "up"
            ][:20],
        },
        "lines": devices.line_list(board),
        "errors": devices.all_errors(board),
        "log": {
            "streamid": board.gateway.streamid,
            "epoch": board.gateway.epoch,
            "sequence": board.gateway.sequence,
        },
        "consumers": consumers(front),
        "retention_held": retention_held(front),
        "certificates": ages(front.settings, front.clock.wall()),
        "uplink": front.uplink_told() if front.uplink_told is not None else None,
        "field": {
            "connected": seam.connected,
            "trouble": seam.last_error,
            "version": seam.field_version,
            "started_at": board.gateway.started_at,
            "own": field,
        },
        "front": {
            "version": front.version,
            "started_at": stamp(front.started_at),
            "mirror_age_ms": None if age_s is None else int(age_s * 1000),
        },
    }


def retention_held(front: Front) -> dict[str, str] | None:
    """The required consumer that keeps old records from leaving, and since when; None: none does, or the books are not read."""
    try:
        conn = front.readers.connection()
    except FieldAway:
        return None
    kept = timedelta(days=front.settings.store.keep_events_days)
    held = retention.held(conn, front.clock.wall() - kept)
    return None if held is None else {"consumer": held.consumer, "since": held.since, "oldest": held.oldest}


def consumers(front: Front) -> list[dict[str, Any]] | None:
    """Each consumer with its cursor and what it lacks; None while the books may not be read."""
    try:
        conn = front.readers.connection()
    except FieldAway:
        return None
    end = outbox.head(conn).position
    return [
        {
            "name": one.name,
            "required": one.required,
            "acknowledged": {
                "streamid": one.cursor.streamid,
                "sequence": one.cursor.sequence,
                "sha256": one.cursor.sha256,
            },
            "behind": end - one.position,
            "moved_at": one.moved_at,
        }
        for one in outbox.consumers(conn)
    ]
