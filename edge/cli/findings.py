"""What a scan or a probe found, as text for people."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import click

from edge.cli.show import grouped, plain, table

WIDTHS = (90, 140)
"A page is as wide as the terminal within these; what is piped is 110 wide."
_NAMES = {
    "game_id": "game ID", "additional_id": "additional ID", "max_bet": "max bet", "paytable_id": "paytable",
    "base_percentage": "percentage", "game_options": "options",
}  # fmt: skip
_UNITS = {"percent": "%"}


def scan_page(told: dict[str, Any]) -> Iterator[str]:
    """One line of machines."""
    found = told["found"]
    rows = [
        [
            str(one["address"]),
            _verdict(one),
            plain(one["serial"] or "—"),
            plain(one["version"] or "—"),
            plain(" ".join(part for part in (one["game_id"], one["paytable"]) if part) or "—"),
            "—" if one["denomination_code"] is None else f"{one['denomination_code']:02X}",
            str(one["chirps"] or "—"),
            str(one["damages"] or "—"),
        ]
        for one in found
    ]
    if rows:
        yield from table(rows, ["address", "", "serial", "SAS", "game", "denom", "chirps", "damaged"])
    else:
        yield "Nobody was heard."
    for one in found:
        for seen in one["exceptions"]:
            yield click.style(
                f"  address {one['address']}: exception {seen['code']} ({plain(seen['text'])}) waits in the machine; it was "
                "not acknowledged" + (", real-time events are on" if seen["real_time"] else ""),
                fg="yellow",
            )
        if one["duplicate_suspected"]:
            yield click.style(
                f"  address {one['address']}: answers collide; two machines may be set to this address", fg="red"
            )
    yield _summary(told)


def _verdict(one: dict[str, Any]) -> str:
    if one["duplicate_suspected"]:
        return click.style("two machines?", fg="red")
    if one["game_id"] is not None:
        return click.style("answers", fg="green")
    if one["exceptions"]:
        return click.style("real-time mode" if one["exceptions"][0]["real_time"] else "has news", fg="yellow")
    if one["idle"]:
        return click.style("hears one byte only", fg="yellow")
    if one["busy"]:
        return click.style("busy", fg="yellow")
    if one["damages"]:
        return click.style("damaged", fg="red")
    return click.style("chirps, does not answer", fg="yellow")


def _summary(told: dict[str, Any]) -> str:
    parts = [
        f"{len(told['found'])} heard, {len(told['silent'])} addresses silent, {told['took_ms'] / 1000:.1f} s",
        "listened first" if told["listened"] else "not listened first",
    ]
    if told["general_polls"]:
        parts.append("with general polls")
    if told["unasked"]:
        parts.append(f"NOT ASKED: {ranges(told['unasked'])}")
    if told["echo"]:
        parts.append("the line gives back what is sent")
    if told["strays"]:
        parts.append(f"{told['strays']} stray characters")
    return " · ".join(parts)


def ranges(numbers: Sequence[int]) -> str:
    """1-3, 7, 9-12"""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def probe_page(told: dict[str, Any]) -> Iterator[str]:
    """One machine."""
    yield click.style(
        f"SAS {plain(told['version'] or '?')} · serial {plain(told['serial'] or '—')} · {plain(told['line'])}, "
        f"address {told['address']}",
        bold=True,
    )
    yield from _row("features", ", ".join(told["features"]) or "—")
    yield from _row("denom.", f"accounting {told['denomination'] or '—'}" + _player(told))
    yield from _row("clock", told["clock"] or "—")
    yield from _row("hopper", told["hopper"] or "—")
    yield from _row("last bill", told["last_bill"] or "—")
    yield ""
    rows = [
        [one["poll"], plain(one["name"]) + ("" if one["game"] in (None, 0) else f" (game {one['game']})"), _values(one)]
        for one in told["said"]
    ]
    head, *lines = table([[code, name, ""] for code, name, _ in rows], ["poll", "", "says"])
    indent = max((len(click.unstyle(line)) for line in lines), default=0) + 2
    yield head
    for line, (_, _, values) in zip(lines, rows, strict=True):
        first, *more = wrapped(values, max(30, _width() - indent))
        yield f"{line:<{indent}}{first}"
        yield from (" " * indent + part for part in more)
    yield ""
    yield from _meters(told)
    for kind, words in (("unsupported", "silent to"), ("refused", "refuses"), ("unread", "could not be read")):
        if told[kind]:
            names = ", ".join(
                f"{one['poll']} {plain(one['name'])}" + (f" of game {one['game']}" if one["game"] else "")
                for one in told[kind]
            )
            yield from _row(words, names)
    if told["games_left_out"]:
        yield from _row("games", f"{told['games_left_out']} more were not asked for")


def _player(told: dict[str, Any]) -> str:
    player = told["player_denominations"]
    return "" if player is None else f" · for the player {', '.join(player) or 'none'}"


def _meters(told: dict[str, Any]) -> Iterator[str]:
    if not told["meters"]:
        yield "No meter could be read."
    else:
        rows = [
            [
                one["code"],
                one["name"],
                _value(one).rjust(22),
                _UNITS.get(one["unit"], one["unit"]),
                f"{one['size']} bytes",
            ]
            for one in told["meters"]
        ]
        yield from table(rows, ["meter", "", "value".rjust(22), "unit", "size"])
        if not told["meters_coherent"]:
            yield click.style(
                "  The values are not of one moment: games were played while they were read.", fg="yellow"
            )
    if told["meters_unsupported"]:
        yield from _row("not kept", " ".join(told["meters_unsupported"]))
    if told["meters_unread"]:
        yield from _row("not read", " ".join(told["meters_unread"]))


def _value(one: dict[str, Any]) -> str:
    if one["unit"] != "percent":
        return grouped(one["value"])
    digits = one["value"].rjust(3, "0")
    return f"{digits[:-2]}.{digits[-2:]}"


def _values(one: dict[str, Any]) -> str:
    shown = [
        f"{_NAMES.get(name, name.replace('_', ' '))} {plain(value) or '—'}"
        for name, value in one["values"].items()
        if name != "game" or one["game"] is None
    ]
    return " · ".join(shown)


def _row(name: str, text: str) -> Iterator[str]:
    first, *more = wrapped(plain(text), _width() - 22)
    yield f"  {name:<18}  {first}"
    yield from (" " * 22 + part for part in more)


def _width() -> int:
    return min(WIDTHS[1], max(WIDTHS[0], shutil.get_terminal_size((110, 24)).columns))


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most so many characters, broken between words; at least one."""
    return textwrap.wrap(text, width, break_long_words=False) or ["—"]
