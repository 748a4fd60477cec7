"""Doubtful readings as whoever decides them sees them: both readings, what each explanation would count, and what was near."""

import sqlite3
from datetime import timedelta
from typing import Any

from edge.clock import from_stamp
from edge.front.views.meters import meter_name, meter_unit
from edge.hall.meters import Reading
from edge.store import reviews
from edge.store.meters import readings_of
from edge.store.reviews import Moment, Review
from edge.store.tx import Reader
from sync.places import epochs


def listed(conn: Reader, *, is_open: bool, asset: int | None = None) -> list[dict[str, Any]]:
    """Those that wait, oldest first; or the newest 200 of all, newest first. Of one machine, or of every one."""
    found = reviews.open_of(conn, asset) if is_open else reviews.newest(conn, asset)
    return [_shown(review) for review in found]


def one(conn: sqlite3.Connection, number: int) -> dict[str, Any] | None:
    """One with its evidence; None: there is none of this number.

    Numbers that count are strings of digits. ``events``: between which positions of the log, both excluded, stands what
    happened between the two readings; None: there is no reading before, or no event of it.
    """
    review = reviews.find(conn, number)
    if review is None:
        return None
    before, after = reviews.moments(conn, review)
    told = _shown(review)
    told["after"] |= _moment(after)
    told["elapsed_s"] = None
    if before is not None:
        told["before"] |= _moment(before)
        # The wall clock may have jumped between them: below nothing means that it went back.
        told["elapsed_s"] = (from_stamp(after.read_at) - from_stamp(before.read_at)) // timedelta(seconds=1)
    told["rise"] = _digits(review.rise)
    told["wrapped"] = _digits(review.wrapped)
    told["limit"] = str(review.limit)
    told["awaits_reading"] = review.is_open and reviews.awaits_next(conn, review)
    told["others"] = [
        {
            **_which(stored.reading),
            "value": str(stored.reading.value),
            "delta": _digits(stored.delta),
            "verdict": stored.verdict,
        }
        for stored in readings_of(conn, review.snapshot)
        if stored.reading != review.after
    ]
    first, last = _position(conn, before.event_id if before else None), _position(conn, after.event_id)
    told["events"] = None if first is None or last is None else {"after": first, "before": last}
    return told


def _shown(review: Review) -> dict[str, Any]:
    before = review.before
    return {
        "review": review.review,
        "asset": review.asset,
        "generation": review.generation,
        **_which(review.after),
        "cause": review.cause,
        "before": None if before is None else {"value": str(before.value), "width": before.width},
        "after": {"value": str(review.after.value), "width": review.after.width},
        "gamingday": review.gamingday,
        "opened_at": review.opened_at,
        "event": review.event_id,
        "open": review.is_open,
        "choice": review.choice,
        "amount": _digits(review.amount),
        "comment": review.comment,
        "central": review.central,
        "decided_at": review.decided_at,
        "decided_day": review.decided_day,
        "decision": review.decision_id,
    }


def _digits(number: int | None) -> str | None:
    return None if number is None else str(number)


def _which(reading: Reading) -> dict[str, Any]:
    return {
        "game": reading.game,
        "denomination": reading.denomination,
        "code": f"{reading.code:02x}",
        "name": meter_name(reading.code),
        "unit": meter_unit(reading.code),
    }


def _moment(moment: Moment) -> dict[str, Any]:
    worth = moment.denomination
    return {
        "read_at": moment.read_at,
        "reason": moment.reason,
        "coherent": moment.coherent,
        "worth": None if worth is None else worth.as_data(),
        "snapshot": moment.event_id,
    }


def _position(conn: sqlite3.Connection, event_id: str | None) -> int | None:
    streamid, _, sequence = (event_id or "").partition(":")
    for epoch in epochs(conn):
        if epoch.streamid == streamid:
            return epoch.first_position + int(sequence) - 1
    return None
