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
SCAN_TIMEOUT_S = 120.0
"Some 20 s, and 5 s for each machine whose answer must not be acknowledged; a busy line is waited for before."


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
@click.argument("name", required=False)
@click.option("--url", help="Without the daemon: open this line, alone. tcp9:HOST:PORT or tty:/dev/serial/by-path/...")
@click.option(
    "--listen/--no-listen",
    default=None,
    help="Be silent for over 5 s first: machines chirp, and declare their link down. By default only where nobody is "
    "enrolled, and with --url.",
)
@click.option(
    "--general-polls",
    is_flag=True,
    help="Ask who is silent with a general poll too. An exception it is answered with is shown and left in the machine, "
    "which costs a silence of 5 s.",
)
@click.option("--up-to", type=click.IntRange(1, 127), default=127, show_default=True, help="Ask addresses 1 to this.")
@asks_box
def scan(
    box: Box, as_json: bool, name: str | None, url: str | None, listen: bool | None, general_polls: bool, up_to: int
) -> None:
    """Who is on a line: all addresses, in under half a minute. Takes nothing out of any machine's queue."""
    from edge.cli.findings import scan_page

    if (name is None) == (url is None):
        raise click.UsageError("Say the NAME of a line, or --url.")
    if url is not None:
        from edge.cli import alone

        found = alone.scan(
            url,
            up_to=up_to,
            listen=listen is not False,
            general_polls=general_polls,
            said=lambda text: click.echo(text, err=True),
        )
        told = found.model_dump(mode="json")
    else:
        click.echo(f"scanning line {plain(name)}; its machines are not polled meanwhile", err=True)
        told = box.post(
            f"/lines/{name}/scan", timeout_s=SCAN_TIMEOUT_S, listen=listen, general_polls=general_polls, up_to=up_to
        )
    emit(told, lambda: scan_page(told), as_json=as_json)


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
