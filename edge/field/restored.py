"""Books that were restored: the marker the restore left, and the commands that must not be revived with them.

What was commanded before the backup may have been done after it, on a life of these books that is gone. Central asks
the machines and commands anew, for the new stream.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from edge.field.verdicts import Finding, Verdict
from edge.hall.events import Fact
from sync.inbox import open_commands

if TYPE_CHECKING:
    from edge.field.page import Page

MARKER = "restored.json"
"In the state directory; there before the restored books are, gone after their new epoch is on disk."
_MARKER_MAX = 16_384


def with_marker(directory: Path, verdict: Verdict) -> Verdict:
    """The verdict, with a new epoch for ``restored`` or ``salvaged``, as the marker says; what was found besides is a note.

    A marker that cannot be read counts as well: a new epoch without need costs a notice. Raises OSError.
    """
    try:
        with (directory / MARKER).open("rb") as source:
            text = source.read(_MARKER_MAX)
    except FileNotFoundError:
        return verdict
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError:
        told = None
    known = told if isinstance(told, dict) else {}
    facts = {name: value for name, value in known.items() if isinstance(value, str | int)}
    notes = verdict.notes if verdict.new_epoch is None else (verdict.new_epoch, *verdict.notes)
    reason = "salvaged" if facts.get("reason") == "salvaged" else "restored"
    return Verdict(verdict.safe, Finding(reason, facts), notes)


def fail_open_commands(page: Page, reason: str) -> int:
    """In the transaction of the new epoch: what is open ends as failed, with its reason as the error. Returns how many.

    Also in books that were moved: the ones they were copied from may be doing it at this moment.
    """
    commands = open_commands(page.tx)
    for command in commands:
        named = command.body.get("asset")
        asset = named if isinstance(named, int) else None
        data = {
            "central": command.central, "command_id": command.command_id, "kind": command.kind, "asset": asset,
            "error": reason,
            "text": "These books are not the last ones: it may have been done already. Ask, then command anew.",
        }  # fmt: skip
        subject = f"command/{command.command_id}" if asset is None else f"egm/{asset}"
        page.end_command(
            command.central, command.command_id, Fact("hall.command.failed.v1", subject, page.tx.now, data)
        )
    return len(commands)


def forget(directory: Path) -> None:
    """The new epoch is on disk: the marker goes, durably. Dying before this opens one epoch more. Raises OSError."""
    try:
        (directory / MARKER).unlink()
    except FileNotFoundError:
        return
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
