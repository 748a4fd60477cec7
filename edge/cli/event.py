"""Events as they come, and those of the past."""

import json
import sys
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from edge.cli.box import Box
from edge.cli.show import asks_box, clock, grouped, plain

WAIT_S = 25
PAGE = 500


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


@event.command()
@click.option("--from", "since", help="From this moment in hall time: 2026-11-23, '2026-11-23 14:00', 14:00 (today).")
@click.option("--to", "until", help="To this moment; a day or a minute is meant as a whole.")
@click.option("--egm", "machine", help="Of one machine: location, asset number, serial or a unique part.")
@click.option("--line", help="Told of one line.")
@click.option("--kind", help="Of a kind, or its beginning: hall.egm.door")
@click.option("--code", help="Made of this SAS exception, two hex digits: 11")
@click.option("-n", "--last", "count", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most.")
@asks_box
def search(
    box: Box,
    as_json: bool,
    since: str | None,
    until: str | None,
    machine: str | None,
    line: str | None,
    kind: str | None,
    code: str | None,
    count: int,
) -> None:
    """Events of the past, newest first. Without --from it goes back to the oldest that is kept."""
    from edge.cli.moments import moment

    zone = box.get("/events/search", limit=1)["time_zone"]
    asset = None
    if machine is not None:
        from edge.cli.egm import find

        asset = find(box, machine)
    query: dict[str, Any] = {
        "from": None if since is None else moment(since, zone),
        "to": None if until is None else moment(until, zone, is_end=True),
        "egm": asset,
        "line": line,
        "type": kind,
        "code": code,
    }
    left, walked, before = count, 0, None
    while left > 0:
        told = box.get("/events/search", limit=min(PAGE, left), before=before, **query)
        for one in told["events"]:
            _line(one, zone, as_json=as_json, day=True)
        left -= len(told["events"])
        walked += told["walked"]
        before = told["next"]
        if before is None:
            break
        if left > 0 and sys.stderr.isatty():
            click.echo(f"\r… {grouped(walked)} records looked through", err=True, nl=False)
    if walked > PAGE and sys.stderr.isatty():
        click.echo("\r" + " " * 50 + "\r", err=True, nl=False)
    if left == count and not as_json:
        click.echo("No such event.")
    elif before is not None and not as_json:
        click.echo(
            f"… there may be more: -n, or --to with an earlier moment. {grouped(walked)} records looked through.",
            err=True,
        )


def _line(one: dict[str, Any], zone: str, *, as_json: bool, day: bool = False) -> None:
    if as_json:
        click.echo(json.dumps(one, ensure_ascii=False))
        return
    colour = {"alarm": "red", "high": "yellow"}.get(one["priority"])
    text = click.style(plain(one["text"]), fg=colour)
    repeat = click.style("  (may be a repeat)", fg="yellow") if one["maybe_repeat"] else ""
    date = f"{datetime.fromisoformat(one['time']).astimezone(ZoneInfo(zone)):%Y-%m-%d} " if day else ""
    click.echo(f"{date}{clock(one['time'], zone, ms=True)}  {one['sequence']:>8}  {text}{repeat}")
