"""What all simulator commands share: durations, one line of JSON or plain words, ending in order, whole files."""

import asyncio
import json
import re
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

T = TypeVar("T")
EXIT_NOT_HELD = 1
"What the command proves does not hold."


class Duration(click.ParamType[float]):
    """90, 90s, 5m, 2h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, int | float):
            return float(value)
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)?", str(value))
        if found is None:
            self.fail(f"{value!r} is not a duration such as 90s, 5m or 2h", param, ctx)
        return float(found[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}[found[2]]


def say(told: dict[str, Any], as_json: bool, text: str) -> None:
    """One line of JSON, or the text."""
    click.echo(json.dumps(told) if as_json else text)


FILE = click.Path(path_type=Path, dir_okay=False)
FILE_THERE = click.Path(path_type=Path, exists=True, dir_okay=False)
FOR = click.option("--for", "for_s", type=Duration(), default=None, help="End after this long: 60s, 5m.")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on one line.")


async def until_told(work: Callable[[asyncio.Event], Coroutine[Any, Any, T]], for_s: float | None) -> T:
    """Run ``work``, which ends when its event is set: by SIGTERM, SIGINT, or after the time."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if for_s is not None:
        loop.call_later(for_s, stop.set)
    return await work(stop)


def write_whole(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
