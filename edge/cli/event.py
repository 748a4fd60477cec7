"""Events as they come."""

import json
from typing import Any

import click

from edge.cli.box import Box
from edge.cli.show import asks_box, clock, plain

WAIT_S = 25


@click.group()
def event() -> None:
    """Events."""


@event.command()
@click.option("-n", "--last", "count", type=click.IntRange(1, 500), default=20, show_default=True, help="How many.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--egm", "machine", help="Of one machine: location, asset number, serial or a unique part.")
@click.option("--kind", help="Of a kind, or its beginning: hall.egm.door")
@asks_box
def tail(box: Box, as_json: bool, count: int, follow: bool, machine: str | None, kind: str | None) -> None:
    """The newest events, oldest first."""
    asset = None
    if machine is not None:
        from edge.cli.egm import find

        asset = find(box, machine)
    told = box.get("/events/search", limit=count, egm=asset, type=kind)
    for one in reversed(told["events"]):
        _line(one, told["time_zone"], as_json=as_json)
    while follow:
        told = box.get(
            "/events/search",
            timeout_s=WAIT_S + 10,
            limit=500,
            egm=asset,
            type=kind,
            after=told["position"],
            wait=WAIT_S,
        )
        for one in reversed(told["events"]):
            _line(one, told["time_zone"], as_json=as_json)


def _line(one: dict[str, Any], zone: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(one, ensure_ascii=False))
        return
    colour = {"alarm": "red", "high": "yellow"}.get(one["priority"])
    text = click.style(plain(one["text"]), fg=colour)
    repeat = click.style("  (may be a repeat)", fg="yellow") if one["maybe_repeat"] else ""
    click.echo(f"{clock(one['time'], zone, ms=True)}  {one['sequence']:>8}  {text}{repeat}")
