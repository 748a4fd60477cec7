"""A machine as a tile of the floor page, the hall as its top bar: words and shapes, never only a colour.

Server and browser show the same: the page is rendered from these, and the live stream sends these.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from edge.board import Board, EgmState
from edge.clock import from_stamp
from edge.front.safe import banner
from edge.front.views.freshness import WORDS, Moment, age_s, why_stale
from edge.front.views.meters import meter_name, meter_unit
from edge.hall.money import minor_per_unit
from edge.health.room import room_words

OLD_S = 3.0
"A mirror older than this is shown as old: the field beats once a second."
_CREDITS = "0c"
"Meter 0C: current credits."
_GAMES = "05"


def tile(machine: EgmState, zone: ZoneInfo, moment: Moment) -> dict[str, Any]:
    """Words for one machine: shape and state (on | attention | off | unknown), what it does, doors, last answer, and how far
    its figures can be believed."""
    open_doors = sorted(door for door, state in machine.doors.items() if state == "open")
    state, shape, word = _state(machine, open_doors)
    return {
        "asset": str(machine.asset),
        "place": machine.location or str(machine.address),
        "title": machine.label or f"Machine {machine.location or machine.asset}",
        "state": state,
        "shape": shape,
        "word": word,
        "doors": ", ".join(door.replace("_", " ") for door in open_doors),
        "serial": machine.serial or "",
        "credits": _meter(machine, _CREDITS),
        "games": _meter(machine, _GAMES),
        "read": read_words(machine, zone, moment),
        "heard": clock_of(machine.last_heard_at, zone),
        "last": about_itself(str((machine.last_event or {}).get("text", "")), machine.asset),
        "line": machine.line,
        "review": machine.review,
    }


def _state(machine: EgmState, open_doors: list[str]) -> tuple[str, str, str]:
    if machine.link in ("down", "silent"):
        return "off", "■", "does not answer" if machine.link == "down" else "line silent on purpose"
    if machine.link == "unknown":
        return "unknown", "○", "not heard yet"
    if machine.stranger is not None:
        return "attention", "▲", "another machine answers"
    if machine.handpay is not None:
        return "attention", "▲", "handpay waits"
    if open_doors:
        return "attention", "▲", "door open"
    if machine.enabled is False:
        return "attention", "◆", "disabled"
    if machine.review:
        return "attention", "▲", "meters to decide"
    if machine.link == "shaky":
        return "attention", "▲", "answers badly"
    return "on", "●", "on line"


def facts(machine: EgmState) -> list[tuple[str, str]]:
    """What is known of a machine beside its tile, as name and words; what it has not told is left out."""
    handpay = machine.handpay or {}
    amount, unit = handpay.get("amount"), handpay.get("unit")
    rows = {
        "Another answers": machine.stranger,
        "How far it has come": _STAGES.get(machine.stage, machine.stage),
        "Handpay": None if machine.handpay is None else "not read yet" if amount is None else f"{amount} {unit}",
        "Games": None if machine.games is None else str(machine.games),
        "Game selected": None if machine.selected_game is None else str(machine.selected_game),
        "Denominations": ", ".join(str(code) for code in machine.player_denominations or ()),
        "It can": ", ".join(machine.features),
        "Silent to polls": " ".join(f"{code:02X}" for code in machine.unsupported_polls),
        "Meters it lacks": " ".join(f"{code:02X}" for code in machine.meters_unsupported),
        "Damaged, busy, refused": _some(machine.bad_crc + machine.bad_other, machine.busy, machine.nacks),
        "Gaps since the start": _some(machine.gaps),
    }
    return [(name, words) for name, words in rows.items() if words]


_STAGES = {
    "down": None,
    "greeting": "asked who it is",
    "held": "held: nothing is taken from it until it is confirmed",
    "accepted": "known; its meters are being read",
    "ready": None,
}


def _some(*counts: int) -> str | None:
    return ", ".join(str(count) for count in counts) if any(counts) else None


def _meter(machine: EgmState, code: str) -> str:
    value = machine.meters.get(code)
    return "—" if value is None else grouped(value)


def read_words(machine: EgmState, zone: ZoneInfo, moment: Moment) -> str:
    """When its figures were read, and if they are not current, that and why (MTR-16)."""
    why = why_stale(machine, moment)
    # That it does not answer stands on the tile already.
    cause = "" if why in (None, "link-down") else f": {WORDS[why]}"
    if machine.meters_at is None:
        return "" if why is None else f"▲ stale{cause}"
    read = f"read {clock_of(machine.meters_at, zone)}, {age_words(age_s(machine.meters_at, moment) or 0)} old"
    return read if why is None else f"▲ stale, {read}{cause}"


def age_words(seconds: int) -> str:
    """3 s, 4 min, 5 h, 41 d"""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def about_itself(text: str, asset: int) -> str:
    """The text of an event on the machine's own tile or page, where its number stands already."""
    return text.removeprefix(f"Machine {asset}: ").removeprefix(f"Machine {asset} ")


def grouped(digits: str) -> str:
    """1204553 -> 1 204 553, with thin spaces that do not break."""
    return f"{int(digits):,}".replace(",", "\u202f") if digits.isdigit() else digits


def clock_of(stamp: str | None, zone: ZoneInfo) -> str:
    """The time of day of a stamp in the hall's time zone; a dash for none."""
    return "—" if stamp is None else from_stamp(stamp).astimezone(zone).strftime("%H:%M:%S")


def top(
    board: Board, *, connected: bool, age_s: float | None, trouble: str | None, lag: Mapping[str, int]
) -> dict[str, Any]:
    """The top bar: machines on line, queue and central, clock, and how far this view can be believed."""
    up = sum(machine.link == "up" for machine in board.egms.values())
    behind = max(lag.values(), default=None)
    return {
        "hall": board.gateway.hall,
        "gateway": board.gateway.gateway,
        "machines": f"{up}/{len(board.egms)} on line",
        "queue": "books not read"
        if board.gateway.state == "safe"
        else "no consumer"
        if behind is None
        else f"{behind} waiting for central",
        "head": grouped(str(board.gateway.sequence)),
        "clock": board.gateway.clock,
        "room": room_words(board.gateway.room_level, board.gateway.room_days, board.gateway.room_free_bytes),
        "state": board.gateway.state,
        "banner": banner(board, connected=connected),
        "lines": [
            {
                "name": line.name,
                "label": line.label or "",
                "state": line.state,
                "shape": {"up": "●", "opening": "○"}.get(line.state, "■"),
                "machines": len(line.assets),
                "up": sum(board.egms[asset].link == "up" for asset in line.assets if asset in board.egms),
                "error": line.error or "",
            }
            for _, line in sorted(board.lines.items())
        ],
        "mirror": mirror_words(connected=connected, age_s=age_s, trouble=trouble),
        "connected": connected,
    }


def mirror_words(*, connected: bool, age_s: float | None, trouble: str | None) -> str:
    """How old the view is, in words."""
    if connected:
        return "live" if (age_s or 0.0) < OLD_S else f"{age_s:.0f} s old"
    if age_s is None:
        return f"The field has not answered yet ({trouble or 'not connected'})"
    return f"Field restarting; machines as of {age_s:.0f} s ago ({trouble or 'not connected'})"


def meter_rows(machine: EgmState) -> list[dict[str, str]]:
    """The meters on the board with their names, for the machine's page."""
    return [
        {
            "code": code.upper(),
            "name": meter_name(int(code, 16)),
            "value": grouped(value),
            "unit": meter_unit(int(code, 16)),
        }
        for code, value in sorted(machine.meters.items())
    ]


def worth(machine: EgmState, currency: str) -> str:
    """What one credit is worth, exactly: 0.01 EUR, 0.0005 EUR; a dash when the machine does not tell."""
    told = machine.denomination or {}
    above, below = told.get("numerator"), told.get("denominator")
    if not above or not below:
        return "—"
    # The codes of the standard have denominators of 1, 2, 4 and 20, so the decimal number is exact.
    return f"{Decimal(above) / (below * minor_per_unit(currency)):f} {currency}"
