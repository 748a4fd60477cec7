"""Reports of revenue, as people read them, and the formulas they are made with."""

from collections.abc import Iterator
from typing import Any

import click

from edge.cli.box import Box
from edge.cli.show import asks_box, clock, emit, plain, table

TIMEOUT_S = 60.0
"A year of a large hall takes seconds."
_as_csv = click.option("--csv", "as_csv", is_flag=True, help="Print it as CSV.")


@click.group()
def report() -> None:
    """Revenue of a gaming day or a range of them; the formulas."""


@report.command()
@click.argument("day", required=False)
@_as_csv
@asks_box
def day(box: Box, as_json: bool, day: str | None, as_csv: bool) -> None:
    """One gaming DAY, as 2026-11-23; without it the one that is being written."""
    _print(box, "/reports/day", {"day": day}, as_json=as_json, as_csv=as_csv)


@report.command("range")
@click.argument("first")
@click.argument("last")
@_as_csv
@asks_box
def range_(box: Box, as_json: bool, first: str, last: str, as_csv: bool) -> None:
    """The gaming days from FIRST to LAST, both included."""
    _print(box, "/reports/range", {"from": first, "to": last}, as_json=as_json, as_csv=as_csv)


@report.command()
@asks_box
def formulas(box: Box, as_json: bool) -> None:
    """Every formula with its version; meters are SAS codes in hex."""
    told = box.get("/reports/formulas")
    rows = [[one["name"], str(one["version"]), one["text"], one["unit"], one["source"]] for one in told["formulas"]]
    emit(told, lambda: table(rows, ["name", "version", "formula", "unit", "source"]), as_json=as_json)


def _print(box: Box, path: str, query: dict[str, Any], *, as_json: bool, as_csv: bool) -> None:
    if as_csv and as_json:
        raise click.UsageError("Say --csv or --json.")
    if as_csv:
        click.echo(box.text(path, timeout_s=TIMEOUT_S, format="csv", **query), nl=False)
        return
    told = box.get(path, timeout_s=TIMEOUT_S, **query)
    emit(told, lambda: page(told), as_json=as_json)


def page(told: dict[str, Any]) -> Iterator[str]:
    """The lines of a report."""
    days = told["from"] if told["from"] == told["to"] else f"{told['from']} to {told['to']}"
    zone = told["time_zone"]
    state = {
        "open": "still being written",
        "closed": "complete" if told["complete"] else "over, not everything is known",
        "none": "nothing was written in it",
    }[told["state"]]
    colour = "green" if told["complete"] else "yellow"
    yield f"{click.style(f'Revenue {days}', bold=True)} · {plain(told['hall'])} · {click.style(state, fg=colour)}"
    yield (
        f"  {told['hours']} hours from {clock(told['begins_at'], zone)} · records {_records(told)} · amounts in "
        f"{told['currency']} · made {clock(told['generated_at'], zone)} by {plain(told['software'])}"
    )
    names = [one["name"] for one in told["formulas"]]
    heads = [f"{one['title']} v{one['version']}" for one in told["formulas"]]
    rows = [
        [
            plain(one["place"] or one["asset"]),
            one["line"],
            *(_figure(one["figures"][name]) for name in names),
            str(one["minutes_without_data"]),
            _marks(one),
        ]
        for one in told["machines"]
    ]
    rows += [[f"bank {plain(one['name'])}", "", *_totals(one, names), "", _marks(one)] for one in told["banks"]]
    rows.append(["hall", "", *_totals(told["total"], names), "", _marks(told["total"])])
    yield from table(rows, ["machine", "bank", *heads, "minutes without data", "not known"])
    yield from _not_known(told)
    yield f"{told['without_data'].capitalize()}."
    yield f"Rounded: {told['rounded']}. A total with * lacks machines whose figure is unknown."


def _figure(cell: dict[str, Any]) -> str:
    if cell["shown"] is not None:
        return str(cell["shown"])
    return "unknown" if cell["lacks"] and not cell["machines"] else "—"


def _totals(row: dict[str, Any], names: list[str]) -> list[str]:
    cells = (row["figures"][name] for name in names)
    return [_figure(cell) + ("*" if cell["lacks"] and cell["machines"] else "") for cell in cells]


def _marks(row: dict[str, Any]) -> str:
    return ", ".join(f"{_words(mark)} {count}" for mark, count in sorted(row["marks"].items()))


def _words(mark: str) -> str:
    return mark.replace("_", " ")


def _records(told: dict[str, Any]) -> str:
    if told["positions"] is None:
        return "none"
    first, last = told["positions"]
    return f"{first} to {'now' if last is None else last}"


def _not_known(told: dict[str, Any]) -> Iterator[str]:
    for name in told["without_records"]:
        yield f"  {name}: no record was written in this day"
    for review in told["reviews"]:
        what = (
            "waits for a decision"
            if review["open"]
            else f"decided: {review['amount']} counted in {review['decided_day']}"
        )
        yield f"  {review['gamingday']}: review {review['review']} of machine {review['asset']}, meter {review['code']}: {what}"
    used = {mark for row in (*told["machines"], told["total"]) for mark in row["marks"]}
    for mark in sorted(used):
        yield f"  {_words(mark)}: {told['legend'][mark]}"
