"""Lines, and the live wire of one, decoded."""

import json
import time
from collections.abc import Iterator
from typing import Any

import click

from edge.cli.box import Box
from edge.cli.show import asks_box, clock, emit, grouped, plain, table

QUIET_S = 5.0
"A line without news says so this often."


@click.group()
def line() -> None:
    """Lines."""


@line.command("list")
@asks_box
def list_(box: Box, as_json: bool) -> None:
    """All lines with their counters."""
    told = box.get("/lines")

    def text() -> Iterator[str]:
        rows = [
            [
                one["name"],
                one["state"],
                f"{one['machines_up']}/{one['machines']}",
                grouped(one["polls"]),
                grouped(one["misses"]),
                grouped(one["bad_replies"]),
                grouped(one["stray_bytes"]),
                plain(one["error"] or one["label"] or ""),
            ]
            for one in told["lines"]
        ]
        if not rows:
            yield "No line."
        else:
            yield from table(rows, ["line", "state", "machines", "polls", "unanswered", "damaged", "strays", ""])

    emit(told, text, as_json=as_json)


@line.command()
@click.argument("name")
@click.option("--egm", "address", type=click.IntRange(1, 127), help="Only this SAS address.")
@click.option("--all", "idle_too", is_flag=True, help="Polls without news as well; otherwise they are counted.")
@asks_box
def trace(box: Box, as_json: bool, name: str, address: int | None, idle_too: bool) -> None:
    """What passes on a line, in words, until Ctrl-C. Nothing is sent by looking."""
    click.echo("[xx] = sent with wake-up bit · Ctrl-C ends", err=True)
    zone = box.get("/lines")["live"]["time_zone"]
    idle, shown_at = 0, time.monotonic()
    for row in box.lines(f"/lines/{name}/trace", address=address):
        if as_json:
            click.echo(json.dumps(row, ensure_ascii=False))
            continue
        if "dropped" in row:
            click.echo(click.style(f"… {row['dropped']} records left out: too many to follow", fg="yellow"))
            continue
        if row["idle"] and not idle_too:
            idle += row["direction"] == ">"
            if time.monotonic() - shown_at < QUIET_S:
                continue
        if idle:
            click.echo(click.style(f"{'':12} … {idle} poll{'s' if idle > 1 else ''} without news", dim=True))
            idle = 0
        shown_at = time.monotonic()
        if not row["idle"] or idle_too:
            click.echo(_line(row, zone))


def _line(row: dict[str, Any], zone: str) -> str:
    arrow = "→" if row["direction"] == ">" else "←"
    octets = [row["hex"][i : i + 2].upper() for i in range(0, len(row["hex"]), 2)]
    if row["wakeup"] and octets:
        octets[0] = f"[{octets[0]}]"
    shown = " ".join(octets[:14]) + (f" … ({len(octets)})" if len(octets) > 14 else "")
    text = plain(row["text"])
    said = click.style(text, fg="red") if row["fault"] else text
    return f"{clock(row['at'], zone, ms=True)} {arrow} {shown or '—':<46} {said}"
