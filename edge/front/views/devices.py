"""Machines and lines: the registry joined with the board's mirror, as JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from edge.board import Board, EgmState, LineState
from edge.front.views.freshness import Moment, age_s, why_stale
from edge.hall.devices import Egm
from edge.store.devices import egms as registered
from edge.store.tx import Reader


def egm_list(board: Board, conn: Reader | None, moment: Moment) -> list[dict[str, Any]]:
    """All machines by line and address. Without a connection (field away): what the mirror still knows."""
    known = {machine.asset: machine for machine in registered(conn)} if conn is not None else {}
    return [_egm(board.egms.get(asset), known.get(asset), moment) for asset in _order(board, known)]


def egm_one(board: Board, conn: Reader | None, asset: int, moment: Moment) -> dict[str, Any] | None:
    """One machine; None: not registered and not on the board."""
    known = {machine.asset: machine for machine in registered(conn)} if conn is not None else {}
    if asset not in known and asset not in board.egms:
        return None
    return _egm(board.egms.get(asset), known.get(asset), moment)


def egm_matches(machines: list[dict[str, Any]], word: str) -> list[dict[str, Any]]:
    """Machines that somebody may mean: location number or asset number exactly, else a serial or a part of a text."""
    exact = [one for one in machines if word in (str(one["asset"]), one["location"] or "", one["serial"] or "")]
    if exact:
        return exact
    part = word.lower()
    return [
        one for one in machines if any(part in str(one[name] or "").lower() for name in ("serial", "label", "asset"))
    ]


def line_list(board: Board) -> list[dict[str, Any]]:
    """All lines by name."""
    return [_line(board, line) for _, line in sorted(board.lines.items())]


def line_one(board: Board, name: str) -> dict[str, Any] | None:
    """One line; None: there is none of this name."""
    line = board.lines.get(name)
    return None if line is None else _line(board, line)


def _order(board: Board, known: Mapping[int, Egm]) -> Iterator[int]:
    def place(asset: int) -> tuple[str, int, int]:
        machine = known.get(asset) or board.egms[asset]
        return machine.line, machine.address, asset

    yield from sorted({*known, *board.egms}, key=place)


def _egm(state: EgmState | None, machine: Egm | None, moment: Moment) -> dict[str, Any]:
    shown = state if state is not None else EgmState(machine.asset if machine else 0)
    why = why_stale(shown, moment)
    told = asdict(shown)
    told |= {
        "meters_age_s": age_s(shown.meters_at, moment),
        "meters_stale": why is not None,
        "meters_stale_because": why,
    }
    if machine is not None:
        told |= {
            "line": machine.line,
            "address": machine.address,
            "location": machine.location,
            "label": machine.label,
            "generation": machine.generation,
            "serial": machine.identity.serial or told["serial"],
            "version": machine.identity.version,
            "game_id": machine.identity.game_id or told["game_id"],
            "games": machine.identity.games,
            "identified_at": machine.identified_at,
        }
    return told


ERRORS = ("misses", "bad_crc", "bad_other", "busy", "nacks", "gaps")
"Counters of a machine's answers that were not as they should be, since the start of the field (COM-14)."


def line_errors(board: Board, line: LineState) -> dict[str, int]:
    """Counters of a line by kind: its machines' together, and what nobody asked for on it."""
    here = [state for asset in line.assets if (state := board.egms.get(asset)) is not None]
    return {**{name: sum(getattr(state, name) for state in here) for name in ERRORS}, "stray_bytes": line.stray_bytes}


def all_errors(board: Board) -> dict[str, int]:
    """The same of the whole hall."""
    lines = [line_errors(board, line) for line in board.lines.values()]
    return {name: sum(one[name] for one in lines) for name in (*ERRORS, "stray_bytes")}


def _line(board: Board, line: LineState) -> dict[str, Any]:
    told = asdict(line) | line_errors(board, line)
    here = [state for asset in line.assets if (state := board.egms.get(asset)) is not None]
    told["answers"] = sum(state.answers for state in here)
    told["bad_replies"] = told["bad_crc"] + told["bad_other"]
    up = [asset for asset in line.assets if (state := board.egms.get(asset)) is not None and state.link == "up"]
    told["machines"] = len(line.assets)
    told["machines_up"] = len(up)
    return told
