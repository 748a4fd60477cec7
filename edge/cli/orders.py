"""Orders to one machine, given on the box: the same envelope as central's, written down before the machine hears of it.

The name of who gave it stands where a central's name would, so the log tells the two apart.
"""

from __future__ import annotations

import getpass
import os
import re
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from edge.cli.box import Box
from edge.cli.faults import NO, TIMED_OUT, Fault
from edge.cli.show import asks_box, emit, plain

VALID_S = 60.0
WAIT_S = 20.0
"A machine between two games answers within a second; one that is away lets the order wait until it expires."
ASK_EVERY_S = 0.2


@click.command()
@click.argument("machine")
@asks_box
def enable(box: Box, as_json: bool, machine: str) -> None:
    """Let a machine be played."""
    asset = _asset(box, machine)
    send(box, "egm.enable", asset, {}, as_json=as_json, done=f"Machine {asset} may be played.")


@click.command()
@click.argument("machine")
@asks_box
def disable(box: Box, as_json: bool, machine: str) -> None:
    """Stop play at a machine. The running game ends; credits can still be cashed out."""
    asset = _asset(box, machine)
    send(box, "egm.disable", asset, {}, as_json=as_json, done=f"Machine {asset} is not played any more.")


@click.command()
@click.argument("machine")
@click.option(
    "--before",
    type=click.Choice(["move", "removal"]),
    help="The machine is about to be moved, or taken away for good; its reading says so.",
)
@asks_box
def read(box: Box, as_json: bool, machine: str, before: str | None) -> None:
    """Read a machine's meters now. Do it before a machine is moved or taken away: none tells by itself that it will be."""
    asset = _asset(box, machine)
    body = {} if before is None else {"occasion": {"move": "move", "removal": "last"}[before]}
    send(box, "egm.meters.read", asset, body, as_json=as_json, done=f"The meters of machine {asset} were read.")


@click.command()
@click.argument("machine")
@click.option("--serial", help="The serial number you have seen on the cabinet; refused if another one answers.")
@asks_box
def confirm(box: Box, as_json: bool, machine: str, serial: str | None) -> None:
    """The machine that answers, another than enrolled, is the right one from now on."""
    asset, body = _asset(box, machine), {} if serial is None else {"serial": serial}
    send(box, "egm.confirm", asset, body, as_json=as_json, done=f"Machine {asset} is the one that answers now.")


def _asset(box: Box, machine: str) -> int:
    from edge.cli.egm import find

    return find(box, machine)


def send(box: Box, kind: str, asset: int, body: dict[str, Any], *, as_json: bool, done: str) -> None:
    """Give an order about this machine and tell its outcome: the sentence `done`, or why not, with exit code 1.

    Raises Fault: it was not taken, or has no outcome within the time a person waits.
    """
    status = box.get("/status")
    now = datetime.now(UTC)
    envelope = {
        "central": _who(),
        "term": 0,
        "command_id": str(uuid.uuid4()),
        "gateway": status["gateway"],
        "streamid": status["log"]["streamid"],
        "issued_at": _instant(now),
        "expires_at": _instant(now + timedelta(seconds=VALID_S)),
        "kind": kind,
        "body": {"asset": asset, **body},
    }
    box.post("/commands", body=envelope)
    ended = _ended(box, envelope["command_id"], envelope["central"], asset)
    emit(ended, lambda: _told(ended, asset, done), as_json=as_json)
    if not _is_done(ended):
        raise SystemExit(NO)


def _ended(box: Box, command_id: str, central: str, asset: int) -> dict[str, Any]:
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        told = box.get(f"/commands/{command_id}", central=central)
        if told["finished_at"] is not None:
            return told
        time.sleep(ASK_EVERY_S)
    raise Fault(
        TIMED_OUT, f"Machine {asset} has not answered yet.", f"The order waits for it, {VALID_S:.0f} s at most.",
        f"See what became of it: hallctl event search --egm {asset}", code="HE2104",
    )  # fmt: skip


def _is_done(ended: dict[str, Any]) -> bool:
    return str((ended["result"] or {}).get("type", "")).startswith("hall.command.done.")


def _told(ended: dict[str, Any], asset: int, done: str) -> Iterator[str]:
    if _is_done(ended):
        yield done
        return
    why = ended["result"].get("text") or f"not done ({ended['result']['type']})"
    yield click.style(plain(why), fg="red")
    yield f"Nothing was changed. See: hallctl event search --egm {asset}"


def _who() -> str:
    """Of whom an auditor may ask why: the person behind sudo, as far as the box knows."""
    name = os.environ.get("SUDO_USER") or getpass.getuser()
    return ("hallctl-" + re.sub(r"[^A-Za-z0-9._-]", "-", name))[:40]


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
