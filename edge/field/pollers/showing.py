"""What was stored, shown on the board: only from records that are on disk, so the board never says more than the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edge.board import Board
from edge.field.journal import Written
from edge.field.page import Decision
from edge.field.pollers.seats import Habits, Seat, Seats
from edge.field.translate import sas as translate
from edge.hall.events import text_of
from edge.hall.shapes import Json
from sync.envelope import Envelope

QUIET = frozenset({"hall.egm.identified.v1", "hall.egm.described.v1", "hall.egm.link.tested.v1"})
"Asked for by ourselves: as the last event they would hide what the machine said last."


class Showing:
    """The board's part of the recorder."""

    def __init__(self, board: Board, seats: Seats, habits: Habits) -> None:
        self._board = board
        self._seats = seats
        self._habits = habits

    def show(self, written: Written) -> None:
        """Everything one batch has come to."""
        for envelope in written.events:
            self._show_event(envelope)
        for asset, decision in written.identities.items():
            self._show_identity(asset, decision)
        for asset, waiting in written.reviews.items():
            if asset in self._seats:
                self._board.update_egm(asset, review=waiting)

    def _show_identity(self, asset: int, decision: Decision) -> None:
        if decision.kind == "held":
            self._board.update_egm(asset, stranger=f"serial number {decision.identity.serial or 'not told'}")
            return
        identity = decision.identity
        worth = translate.denomination(identity.denomination_code, self._habits.currency)
        self._board.update_egm(
            asset,
            serial=identity.serial,
            game_id=identity.game_id,
            generation=decision.generation,
            denomination=worth.as_data() if worth else None,
            stranger=f"serial number {identity.serial or 'not told'}" if decision.wrong else None,
        )

    def _show_event(self, envelope: Envelope) -> None:
        asset = envelope.data.get("asset")
        seat = self._seats.get(asset) if isinstance(asset, int) else None
        if seat is None:
            return
        data, kind = envelope.data, envelope.type
        if kind == "hall.egm.meters.snapshot.v1":
            self._show_meters(seat, envelope)
            return
        if "sas_exception" in data:
            self._show_exception(seat, kind, data)
        members = _SHOWN[kind](seat, data) if kind in _SHOWN else None
        if members:
            self._board.update_egm(seat.asset, **members)
        if kind in QUIET:
            return
        newest: dict[str, Json] = {
            "kind": kind,
            "text": text_of(kind, data, self._habits.language),
            "time": envelope.time,
            "sequence": envelope.sequence,
        }
        self._board.update_egm(seat.asset, last_event=newest)

    def _show_meters(self, seat: Seat, envelope: Envelope) -> None:
        data = envelope.data
        values = {
            f"{r['code']:02x}": r["value"] for r in data["readings"] if r["game"] == 0 and r["denomination"] is None
        }
        if not values:
            return
        known = self._board.egms[seat.asset].meters if seat.asset in self._board.egms else {}
        if data["generation"] == seat.egm.generation:
            values = {**known, **values}
        self._board.update_egm(
            seat.asset,
            meters=values,
            meters_at=envelope.time,
            meters_unsupported=list(data["unsupported"]),
            generation=data["generation"],
        )

    def _show_exception(self, seat: Seat, kind: str, data: Mapping[str, Any]) -> None:
        seat.exceptions += 1
        self._board.update_egm(seat.asset, exceptions=seat.exceptions)
        if kind == "hall.egm.door.opened.v1":
            self._board.set_door(seat.asset, data["door"], "open")
        elif kind == "hall.egm.door.closed.v1":
            self._board.set_door(seat.asset, data["door"], "closed")
        elif kind.startswith("hall.egm.power."):
            self._board.update_egm(seat.asset, power=kind.split(".")[3])


def _gap(seat: Seat, _data: Mapping[str, Any]) -> dict[str, Any]:
    seat.gaps += 1
    return {"gaps": seat.gaps}


def _handpay_pending(_seat: Seat, data: Mapping[str, Any]) -> dict[str, Any]:
    # A repeat of one that is open (it names it) does not hide the amount that is known by now.
    return {} if "handpay" in data else {"handpay": {"amount": None}}


def _handpay_recorded(_seat: Seat, data: Mapping[str, Any]) -> dict[str, Any]:
    names = ("kind", "amount", "unit", "minor", "currency", "level", "partial_pay")
    return {"handpay": {name: data[name] for name in names}}


def _described(_seat: Seat, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "games": data["game_count"],
        "features": list(data["features"]),
        "player_denominations": data["player_denominations"],
    }


_SHOWN: Mapping[str, Callable[[Seat, Mapping[str, Any]], dict[str, Any]]] = {
    "hall.egm.data.gap.v1": _gap,
    "hall.egm.handpay.pending.v1": _handpay_pending,
    "hall.egm.handpay.recorded.v1": _handpay_recorded,
    "hall.egm.handpay.reset.v1": lambda _seat, _data: {"handpay": None},
    "hall.egm.handpay.cancelled.v1": lambda _seat, _data: {"handpay": None},
    "hall.egm.handpay.keyed_off.v1": lambda _seat, _data: {"handpay": None},
    "hall.egm.described.v1": _described,
    "hall.egm.selection.recorded.v1": lambda _seat, data: {"selected_game": data["game"]},
    "hall.egm.confirmed.v1": lambda _seat, _data: {"stranger": None},
    "hall.egm.identity.unknown.v1": lambda _seat, _data: {"identity": "unknown"},
}
"Kind -> what it changes on the board of its machine."
