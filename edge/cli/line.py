"""Lines: how they are, and who is on them."""

from collections.abc import Iterator

import click

from edge.cli.box import Box
from edge.cli.show import asks_box, emit, grouped, plain, table
from edge.cli.trace import replay, trace

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
                grouped(one["bad_crc"]),
                grouped(one["bad_other"]),
                grouped(one["busy"]),
                grouped(one["nacks"]),
                grouped(one["stray_bytes"]),
                grouped(one["reopened"]),
                plain(one["error"] or one["label"] or ""),
            ]
            for one in told["lines"]
        ]
        if not rows:
            yield "No line."
        else:
            yield from table(
                rows,
                [
                    "line", "state", "machines", "polls", "unanswered", "bad CRC", "damaged", "busy", "refused", "strays",
                    "reopened", "",
                ],
            )  # fmt: skip

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


line.add_command(trace)
line.add_command(replay)
