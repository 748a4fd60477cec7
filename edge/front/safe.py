"""(pure) What the front shows of a field that is in safe or guarded mode, and the error for what needs the log."""

from typing import Any

from edge.board import Board
from edge.seam.errors import SafeMode


def safe_mode(board: Board) -> SafeMode | None:
    """The error to raise instead of reading the books; None: they may be read."""
    why = board.gateway.why
    if board.gateway.state != "safe" or why is None:
        return None
    facts = {name: value for name, value in why.items() if name != "text"}
    return SafeMode(f"Safe mode: {why.get('text', '')} {why.get('remedy', '')}", **facts)


def banner(board: Board, *, connected: bool) -> dict[str, Any]:
    """For the page: headline, what is wrong, what to do; not shown while nothing is out of the ordinary."""
    why = board.gateway.why
    if not connected or why is None or board.gateway.state not in _HEADS:
        return {"shown": False, "head": "", "text": "", "remedy": "", "code": ""}
    return {
        "shown": True,
        "head": _HEADS[board.gateway.state],
        "text": str(why.get("text", "")),
        "remedy": str(why.get("remedy", "")),
        "code": str(why.get("code", "")),
    }


_HEADS = {
    "safe": "SAFE MODE. No machine is polled, nothing is written.",
    "guarded": "GUARDED. Machines are polled and stored; commands that change a machine are refused.",
}
