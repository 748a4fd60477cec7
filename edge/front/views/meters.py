"""Meters of a machine: its last booked values with the age of each, and its last snapshot."""

from typing import Any

from edge.board import EgmState
from edge.clock import stamp
from edge.front.views.freshness import Moment, age_s, why_stale
from edge.store.ages import last_read
from edge.store.meters import last_snapshot, readings_of
from edge.store.tx import Reader
from protocols.sas.catalog.meter_codes import METERS


def latest(conn: Reader, machine: EgmState, moment: Moment) -> list[dict[str, Any]]:
    """The last booked value of each meter of the machine's present generation, with its age. Values are strings of digits."""
    return [
        {
            "game": meter.game,
            "denomination": meter.denomination,
            "code": f"{meter.code:02x}",
            "name": meter_name(meter.code),
            "unit": meter_unit(meter.code),
            "value": str(meter.value),
            "read_at": meter.read_at,
            "age_s": age_s(meter.read_at, moment),
            "stale": why_stale(machine, moment, meter.read_at) is not None,
        }
        for meter in last_read(conn, machine.asset)
    ]


def newest_snapshot(conn: Reader, asset: int) -> dict[str, Any] | None:
    """The newest snapshot with each reading, its difference and what it was judged to be."""
    snapshot = last_snapshot(conn, asset)
    if snapshot is None:
        return None
    return {
        "event": snapshot.event_id,
        "generation": snapshot.generation,
        "read_at": stamp(snapshot.read_at),
        "reason": snapshot.reason,
        "because": snapshot.because,
        "coherent": snapshot.coherent,
        "readings": [
            {
                "game": stored.reading.game,
                "denomination": stored.reading.denomination,
                "code": f"{stored.reading.code:02x}",
                "name": meter_name(stored.reading.code),
                "value": str(stored.reading.value),
                "delta": None if stored.delta is None else str(stored.delta),
                "verdict": stored.verdict,
            }
            for stored in readings_of(conn, snapshot.snapshot)
        ],
    }


def meter_name(code: int) -> str:
    """What the standard calls this meter."""
    row = METERS.get(code)
    return f"meter {code:02X}" if row is None else row.name


def meter_unit(code: int) -> str:
    """credits | cents | count | percent"""
    row = METERS.get(code)
    return "count" if row is None else row.unit
