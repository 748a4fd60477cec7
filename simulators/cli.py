"""The commands `hallctl sim ...`, also `python -m simulators`: machines, halls, centrals, the judge.

Every command says what it does in plain words, or with --json as one object on one line. SIGTERM and Ctrl-C end it in
order: books are written, counters printed.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from simulators.central.cli import central
from simulators.console import EXIT_NOT_HELD, FILE, FILE_THERE, FOR, JSON, say, until_told, write_whole


@click.group()
def sim() -> None:
    """Simulated machines, halls and centrals, to try and to test a gateway with."""


# machines


def _open_hall(
    floor: Any,
    *,
    for_s: float | None,
    as_json: bool,
    book: Path | None,
    control: Path | None,
    control_port: int | None,
    gateway_config: Path | None,
) -> None:
    from simulators.hall import Hall

    async def work(stop: asyncio.Event) -> Hall:
        hall = Hall(floor)
        opened = await hall.open()
        server = None
        if control is not None or control_port is not None:
            server = await hall.control(path=control, port=control_port)
        if gateway_config is not None:
            write_whole(gateway_config, opened.gateway_tables())
        told: dict[str, Any] = {"lines": {line.name: line.url for line in opened.lines}, "machines": len(opened.egms)}
        listing = "\n".join(f"{name}  {url}" for name, url in told["lines"].items())
        say({"event": "open", **told}, as_json, f"{listing}\n{told['machines']} machines play. Ctrl-C ends.")
        sys.stdout.flush()
        playing = asyncio.create_task(hall.run())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({playing, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (playing, stopped):
            task.cancel()
        for outcome in await asyncio.gather(playing, stopped, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
        if server is not None:
            server.close()
        await hall.close()
        return hall

    hall = asyncio.run(until_told(work, for_s))
    if book is not None:
        write_whole(book, json.dumps(hall.book()))
    told = hall.summary()
    say({"event": "closed", **told}, as_json, "  ".join(f"{name} {value}" for name, value in told.items()))


_HALL_OPTIONS = (
    click.option("--seed", type=int, default=None, help="Another seed plays another evening."),
    click.option("--speed", type=float, default=None, help="How much faster than real time the machines play."),
    click.option("--book", type=FILE, help="The machines' books, written at the end."),
    click.option("--control", type=FILE, help="Unix socket that takes JSON lines."),
    click.option("--control-port", type=int, help="The same on a loopback port."),
    click.option("--gateway-config", type=FILE, help="Write the gateway's [[line]] and [[egm]] here."),
    FOR,
    JSON,
)


def _hall_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_HALL_OPTIONS):
        command = option(command)
    return command


def _changed(floor: Any, seed: int | None, speed: float | None) -> Any:
    from dataclasses import replace

    changes: dict[str, Any] = {} if seed is None else {"seed": seed}
    return replace(floor, **(changes if speed is None else {**changes, "speed": speed}))


@sim.command()
@click.argument("scenario", type=FILE, default=Path("evening"))
@_hall_options
def hall(scenario: Path, seed: int | None, speed: float | None, **how: Any) -> None:
    """A hall of machines from a TOML: a file, or one of ours by name (evening, crash, flood)."""
    from simulators.floor import BadFloor, load

    try:
        floor = load(scenario)
    except (BadFloor, OSError) as wrong:
        raise click.ClickException(str(wrong)) from wrong
    _open_hall(_changed(floor, seed, speed), **how)


@sim.command()
@click.option("--listen", default="127.0.0.1:4001", help="HOST:PORT of the tcp9 socket.")
@click.option("--asset", type=int, default=100401, help="Asset number of the first machine.")
@click.option("--machines", type=click.IntRange(1, 127), default=1, help="So many on this one line, from address 1.")
@click.option("--persona", default="plain", help="A model of ours: plain, slow, sas5, multi_game ...")
@click.option("--games", type=float, default=10.0, help="Games a minute.")
@click.option("--events", type=float, default=2.0, help="Doors, tilts and other exceptions a minute.")
@_hall_options
def egm(
    listen: str,
    asset: int,
    machines: int,
    persona: str,
    games: float,
    events: float,
    seed: int | None,
    speed: float | None,
    **how: Any,
) -> None:
    """One slot machine, or several on one line."""
    from simulators.floor import BadFloor, read

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise click.BadParameter(f"{listen} is not HOST:PORT", param_hint="--listen")
    told: dict[str, Any] = {"machines": machines, "first_asset": asset, "host": host, "base_port": int(port)}
    told |= {"persona": persona, "lines": 1, "games_per_minute": games, "events_per_minute": events}
    if machines > 1:
        told["shared"] = [machines]
    try:
        floor = read({"hall": told})
    except BadFloor as wrong:
        raise click.ClickException(str(wrong)) from wrong
    _open_hall(_changed(floor, seed, speed), **how)


@sim.command("gateway-config")
@click.argument("scenario", type=FILE)
def gateway_config(scenario: Path) -> None:
    """Print the [[line]] and [[egm]] tables of a hall with fixed ports."""
    from simulators.floor import BadFloor, load

    try:
        click.echo(load(scenario).gateway_tables())
    except (BadFloor, OSError) as wrong:
        raise click.ClickException(str(wrong)) from wrong


@sim.command()
@click.argument("request")
@click.option("--control", type=FILE, help="Unix socket of the hall.")
@click.option("--control-port", type=int, help="Or its loopback port.")
def ask(request: str, control: Path | None, control_port: int | None) -> None:
    """Ask a running hall: status, freeze, thaw, counts, book, meters, unplug; or JSON: {"op":"do","what":"bill"}."""
    import socket

    line = request if request.lstrip().startswith("{") else json.dumps({"op": request})
    try:
        if control is not None:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(str(control))
        elif control_port is not None:
            sock = socket.create_connection(("127.0.0.1", control_port))
        else:
            raise click.UsageError("--control or --control-port")
        with sock, sock.makefile("rwb") as stream:
            stream.write(line.encode() + b"\n")
            stream.flush()
            answer = stream.readline()
    except OSError as gone:
        raise click.ClickException(f"the hall does not answer: {gone}") from gone
    click.echo(answer.decode().rstrip())
    if not json.loads(answer).get("ok"):
        sys.exit(EXIT_NOT_HELD)


sim.add_command(central)


# the judge


@sim.command("reconcile")
@click.option("--machines", type=FILE_THERE, required=True, help="Book of the hall.")
@click.option("--central", "books", type=FILE_THERE, required=True)
@click.option("--gateway", type=FILE_THERE, help="hall.db, where it can be read.")
@click.option("--final", is_flag=True, help="Everything had time to arrive: what is missing now is lost.")
@JSON
def reconcile(machines: Path, books: Path, gateway: Path | None, final: bool, as_json: bool) -> None:
    """Machines' books against central's: lost, doubled, altered, moved; exit code 1 when anything is wrong."""
    from simulators.evidence import judge
    from simulators.tables import machines_table

    verdict = judge(machines, books, gateway, final=final)
    say(verdict.as_json(), as_json, machines_table(verdict))
    if not verdict.ok or (final and not verdict.settled):
        sys.exit(EXIT_NOT_HELD)
