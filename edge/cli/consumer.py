"""Who reads the log: how far each has confirmed; to set one back, and to let a delivery go on behind one record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from edge.cli.box import Box
from edge.cli.faults import AWAY, NOT_FOUND, USAGE, Fault
from edge.cli.show import asks_box, emit, grouped, plain, table


@click.group()
def consumer() -> None:
    """Who reads the log: list, rewind, set-aside."""


@consumer.command(name="list")
@asks_box
def list_(box: Box, as_json: bool) -> None:
    """Each consumer, what it has confirmed and what it lacks."""
    told = {"consumers": _consumers(box)}
    emit(told, lambda: _rows(told["consumers"]), as_json=as_json)


@consumer.command()
@click.argument("name")
@click.option("--to", "where", required=True, help="'oldest', or the number of the last record it keeps.")
@click.option("--streamid", help="Of which stream; left out: that of its cursor.")
@click.option("--sha256", help="The chain value at that record, as central states it.")
@click.option("--comment", default="", help="Why; stands in the log.")
@asks_box
def rewind(
    box: Box, as_json: bool, name: str, where: str, streamid: str | None, sha256: str | None, comment: str
) -> None:
    """Deliver again what follows an older record. Nothing is lost by it: central files by stream and number."""
    here = _one(box, name)
    to: str | dict[str, Any] = "oldest"
    if where != "oldest":
        if not where.isdecimal() or sha256 is None:
            raise Fault(
                USAGE, "A record is named by its number and its chain value.", "Nothing was changed.",
                "Write --to oldest, or --to NUMBER --sha256 VALUE (64 hex digits, from central's cursor).",
            )  # fmt: skip
        to = {
            "streamid": streamid or here["acknowledged"]["streamid"], "sequence": int(where), "sha256": sha256,
        }  # fmt: skip
    told = box.post(f"/consumers/{name}/rewind", body={"to": to, "comment": comment})
    emit(told, lambda: _moved(told, name, here), as_json=as_json)


@consumer.command(name="set-aside")
@click.argument("name")
@click.argument("sequence", type=click.IntRange(1, 2**53 - 1))
@click.option("--comment", required=True, help="Why central cannot take it; stands in the log.")
@asks_box
def set_aside(box: Box, as_json: bool, name: str, sequence: int, comment: str) -> None:
    """Go on behind the one record at which the delivery stands, because central refuses it for ever.

    The record stays in the log and is delivered to everybody else; the log tells who set it aside, and why.
    """
    _one(box, name)
    told = box.post(f"/consumers/{name}/set-aside", body={"sequence": sequence, "comment": comment})
    emit(told, lambda: iter([f"Delivery to {plain(name)} goes on behind record {grouped(sequence)}."]), as_json=as_json)


def _consumers(box: Box) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] | None = box.get("/status")["consumers"]
    if found is None:
        raise Fault(
            AWAY, "The field does not answer, so the books are not read.", "Nothing was changed.",
            "Try again in a moment; see: hallctl ping", code="HE6001",
        )  # fmt: skip
    return found


def _one(box: Box, name: str) -> dict[str, Any]:
    for one in _consumers(box):
        if one["name"] == name:
            return one
    raise Fault(
        NOT_FOUND, f"There is no consumer {name}.", "Nothing was changed.", "See: hallctl consumer list",
        code="HE4005",
    )  # fmt: skip


def _rows(found: list[dict[str, Any]]) -> Iterator[str]:
    rows = [
        [
            plain(one["name"]), "yes" if one["required"] else "no", grouped(one["acknowledged"]["sequence"]),
            grouped(one["behind"]), str(one["moved_at"])[:19].replace("T", " "),
        ]
        for one in found
    ]  # fmt: skip
    yield from table(rows, ["consumer", "required", "confirmed", "lacks", "last moved (UTC)"])


def _moved(told: dict[str, Any], name: str, before: dict[str, Any]) -> Iterator[str]:
    if not told["moved"]:
        yield f"{plain(name)} stands at record {grouped(told['cursor']['sequence'])} already. Nothing was changed."
        return
    yield (
        f"{plain(name)} was set back from record {grouped(before['acknowledged']['sequence'])} to "
        f"{grouped(told['cursor']['sequence'])}; what follows is delivered again."
    )
