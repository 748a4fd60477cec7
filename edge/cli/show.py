"""The one way out: JSON as the API gave it, or text for people. Data to stdout, talk to stderr."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def asks_box(command: Command) -> Command:
    """Options of every command: `--json`. The box comes as `box`, from the context."""
    option = click.option("--json", "as_json", is_flag=True, help="Print exactly what the API answers.")
    return option(cast("Command", click.pass_obj(command)))


def emit(told: Any, text: Callable[[], Iterable[str]], *, as_json: bool) -> None:
    """One object, either way. A reader that goes away (head, less) is no fault."""
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for line in text():
        click.echo(line)


def table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> Iterable[str]:
    """Columns as wide as they must be. What came from a machine must be `plain` already; colours may be in it."""
    widths = [max(len(click.unstyle(row[i])) for row in (head, *rows)) for i in range(len(head))]
    yield click.style("  ".join(name.ljust(width) for name, width in zip(head, widths, strict=True)).rstrip(), dim=True)
    for row in rows:
        cells = (cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def plain(text: object) -> str:
    """Text from a machine or a person without anything that would steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in str(text))


def grouped(number: int | str | None) -> str:
    """8112406 -> 8 112 406"""
    return "—" if number is None else f"{int(number):,}".replace(",", " ")


def clock(stamp: str | None, zone: str, *, ms: bool = False) -> str:
    """The time of day of a stamp, in the hall's time zone."""
    if not stamp:
        return "—"
    at = datetime.fromisoformat(stamp).astimezone(ZoneInfo(zone))
    return at.isoformat(timespec="milliseconds" if ms else "seconds")[11 : 23 if ms else 19]


def ago(seconds: float | None) -> str:
    """3.2 s, 4 min, 5 h, 41 d"""
    if seconds is None:
        return "—"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


SHAPES = {"up": ("●", "green"), "shaky": ("▲", "yellow"), "down": ("■", "red"), "silent": ("■", "yellow")}


def shape(link: str) -> str:
    """The sign of a link's state, coloured on a terminal."""
    sign, colour = SHAPES.get(link, ("○", "white"))
    return click.style(sign, fg=colour)
