"""The revenue report as CSV, in blocks with a blank line between: what it is, figures, what is not known, formulas."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

_STEERS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(told: dict[str, Any]) -> str:
    """From the report as JSON. Unknown figures are the word `unknown`, and never 0 or empty."""
    out = io.StringIO()
    writer = csv.writer(out)
    for number, block in enumerate((_about(told), _figures(told), _not_known(told), _formulas(told))):
        if number:
            writer.writerow([])
        writer.writerows(block)
    return out.getvalue()


def words(row: dict[str, Any]) -> str:
    """What a row does not know or should say: `gap 2; no_closing 1; ggr lacks 1`."""
    said = [f"{mark} {count}" for mark, count in sorted(row["marks"].items())]
    if "asset" not in row:
        lacks = {name: cell["lacks"] for name, cell in row["figures"].items()}
        # Most often it is a whole machine that is missing, and then from every figure.
        same = len(set(lacks.values())) == 1
        lacking = {"each figure": next(iter(lacks.values()))} if same else lacks
        said += [f"{name} lacks {count}" for name, count in lacking.items() if count]
    return "; ".join(said)


def figure(cell: dict[str, Any]) -> str:
    """The figure as shown; `unknown`; or `none` where it would be divided by nothing."""
    if cell["shown"] is not None:
        return str(cell["shown"]).removesuffix(" %")
    return "unknown" if cell["lacks"] and not cell["machines"] else "none"


def _about(told: dict[str, Any]) -> Iterator[list[Any]]:
    positions = told["positions"]
    records = "none" if positions is None else f"{positions[0]} to {'now' if positions[1] is None else positions[1]}"
    yield ["report", told["title"]]
    yield ["hall", _text(told["hall"])]
    yield ["from", told["from"]]
    yield ["to", told["to"]]
    yield ["hours", told["hours"]]
    yield ["state", told["state"]]
    yield ["complete", "yes" if told["complete"] else "no"]
    yield ["records", records]
    yield ["currency", told["currency"]]
    yield ["time zone", told["time_zone"]]
    yield ["generated at", told["generated_at"]]
    yield ["software", told["software"]]
    yield ["rounded", told["rounded"]]


def _figures(told: dict[str, Any]) -> Iterator[list[Any]]:
    names = [formula["name"] for formula in told["formulas"]]
    percent = {formula["name"] for formula in told["formulas"] if formula["unit"] == "share"}
    heads = [f"{name} %" if name in percent else name for name in names]
    ends = ("counts since", "last read", "minutes without data", "not known")
    yield ["level", "name", "place", "label", "bank", *heads, *ends]
    for level, rows in (("machine", told["machines"]), ("bank", told["banks"]), ("hall", [told["total"]])):
        for row in rows:
            yield [
                level,
                _text(row["name"]),
                _text(row.get("place")),
                _text(row.get("label")),
                _text(row.get("line")),
                *(figure(row["figures"][name]) for name in names),
                row.get("since_at") or "",
                row.get("last_at") or "",
                row.get("minutes_without_data", ""),
                words(row),
            ]


def _not_known(told: dict[str, Any]) -> Iterator[list[Any]]:
    yield ["not known", "day", "machine", "times", "meaning"]
    for day in told["without_records"]:
        yield ["without_records", day, "", "", "no record was written in this day"]
    for doubt in told["doubts"]:
        yield [doubt["kind"], doubt["gamingday"], doubt["asset"] or "", doubt["times"], told["legend"][doubt["kind"]]]
    for row in told["machines"]:
        for mark in ("not_read", "no_closing", "late_opening", "unknown"):
            if mark in row["marks"]:
                yield [mark, told["to"], row["asset"], row["marks"][mark], told["legend"][mark]]
    for review in told["reviews"]:
        yield ["review", review["gamingday"], review["asset"], "", _review(review)]
    for one in told["corrections"]:
        yield ["corrected", told["to"], one["asset"], "", f"meter {one['code']}: {one['amount']} added by decision"]


def _review(review: dict[str, Any]) -> str:
    what = f"number {review['review']}, meter {review['code']}, {review['cause']}: "
    if review["open"]:
        return what + "waits for a decision"
    return what + f"decided in {review['decided_day']}, {review['amount']} counted there"


def _formulas(told: dict[str, Any]) -> Iterable[list[Any]]:
    yield ["formula", "version", "title", "meters", "unit"]
    for formula in told["formulas"]:
        yield [formula["name"], formula["version"], formula["title"], _text(formula["text"]), formula["unit"]]


def _text(text: object) -> str:
    """What a person or a machine wrote, so that a spreadsheet does not take it for a formula."""
    written = "" if text is None else str(text)
    return f"'{written}" if written.startswith(_STEERS) else written
