"""Meter readings that a person must decide: what is known of each, and the decision."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from edge.cli.box import Box
from edge.cli.faults import CONFLICT, Fault
from edge.cli.show import ago, asks_box, clock, emit, grouped, plain, table

EVENTS_SHOWN = 30
MOST = 400
"As many as one snapshot can put in doubt."
_NUMBERS = re.compile(r"([1-9][0-9]{0,14})(?:-([1-9][0-9]{0,14}))?")
_CAUSES = {
    "ambiguous": "more than one growth explains it, or none",
    "corrupt_read": "no growth explains it, and nothing has confirmed it",
}
_CHOICES = {"count": "counted", "none": "nothing counted", "refuted": "refuted", "confirmed": "confirmed"}


@click.group()
def review() -> None:
    """Meter readings that a person must decide."""


@review.command("list")
@click.option("--egm", "machine", help="Of one machine: location, asset number, serial or a unique part.")
@click.option("--all", "everything", is_flag=True, help="Also those that are decided; the newest 200.")
@asks_box
def list_(box: Box, as_json: bool, machine: str | None, everything: bool) -> None:
    """Those that wait for a decision, oldest first."""
    asset = None
    if machine is not None:
        from edge.cli.egm import find

        asset = find(box, machine)
    told = box.get("/reviews", open=not everything, asset=asset)

    def text() -> Iterator[str]:
        rows = [
            [
                str(one["review"]),
                str(one["asset"]),
                _meter(one),
                grouped(one["before"] and one["before"]["value"]),
                grouped(one["after"]["value"]),
                one["cause"],
                one["gamingday"],
                _state(one),
            ]
            for one in told["reviews"]
        ]
        if not rows:
            yield "No reading waits for a decision." if not everything else "There never was a doubtful reading."
            return
        yield from table(rows, ["review", "machine", "meter", "before", "after", "cause", "day", "state"])

    emit(told, text, as_json=as_json)


@review.command()
@click.argument("number", type=click.IntRange(1))
@asks_box
def show(box: Box, as_json: bool, number: int) -> None:
    """One of them with its evidence: both readings, what would be counted, what else was read, what happened between."""
    told = box.get(f"/reviews/{number}")
    place = told["review"]["events"]
    found = None
    if place is not None and place["before"] > place["after"] + 1:
        asset = told["review"]["asset"]
        found = box.get("/events/search", egm=asset, after=place["after"], before=place["before"], limit=EVENTS_SHOWN)
    told["events"] = [] if found is None else found["events"]
    more = found is not None and found["next"] is not None
    emit(told, lambda: page(told, more=more), as_json=as_json)


@review.command()
@click.argument("numbers", metavar="NUMBER...", nargs=-1, required=True)
@click.option("--count", "amount", help="Count this much of it, in the unit of the meter: 120000000 or '120 000 000'.")
@click.option("--none", "nothing", is_flag=True, help="Count nothing of it; also of several at once: 3 5 or 3-42.")
@click.option("--comment", required=True, help="Why: what the machine's display, the log book or the count says.")
@asks_box
def decide(box: Box, as_json: bool, numbers: tuple[str, ...], amount: str | None, nothing: bool, comment: str) -> None:
    """Decide it, once and for all. It stays in the log under your name."""
    from edge.cli.orders import send

    if (amount is None) == (not nothing):
        raise click.UsageError("Say either --count AMOUNT or --none.")
    if not comment.strip():
        raise click.UsageError("--comment: say why; an auditor will ask.")
    digits = None if amount is None else _digits(amount)
    wanted = _numbers(numbers)
    if digits is not None and len(wanted) > 1:
        raise click.UsageError("--count is said of one review at a time.")
    # All are looked at before the first is decided: a wrong number among many decides none.
    for one in [_still_open(box, number) for number in wanted]:
        number = one["review"]
        body: dict[str, Any] = {"review": number, "choice": "none" if digits is None else "count", "comment": comment}
        if digits is not None:
            body["amount"] = digits
        what = "nothing is counted of it" if digits is None else f"{grouped(digits)} {plain(one['unit'])} are counted"
        send(box, "egm.meters.decide", one["asset"], body, as_json=as_json, done=f"Review {number} is decided; {what}.")


def _still_open(box: Box, number: int) -> dict[str, Any]:
    one: dict[str, Any] = box.get(f"/reviews/{number}")["review"]
    if not one["open"]:
        raise Fault(
            CONFLICT, f"Review {number} is decided already ({_CHOICES[one['choice']]} by {plain(one['central'])}).",
            "Nothing was changed.", f"See: hallctl review show {number}", code="HE2110",
        )  # fmt: skip
    return one


def _numbers(words: tuple[str, ...]) -> list[int]:
    found: set[int] = set()
    for word in words:
        match = _NUMBERS.fullmatch(word)
        if match is None:
            raise click.UsageError(f"{word!r} is no number of a review, nor a range such as 3-42.")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < first + MOST:
            raise click.UsageError(f"{word}: a range goes upwards, over at most {MOST} reviews.")
        found |= set(range(first, last + 1))
    return sorted(found)


def page(told: dict[str, Any], *, more: bool) -> Iterator[str]:
    """The lines about one review."""
    one, zone = told["review"], told["time_zone"]
    before, after = one["before"], one["after"]
    colour = "yellow" if one["open"] else "green"
    yield (
        f"{click.style('Review ' + str(one['review']), bold=True)} · machine {one['asset']} · {_meter(one)} "
        f"{plain(one['name'])} · {one['cause']}: {_CAUSES[one['cause']]}    {click.style(_state(one), fg=colour)}"
    )
    yield f"  day       {one['gamingday']} · meters in generation {one['generation']}"
    if before is None:
        yield "  before    nothing was booked of this meter in this generation"
    for name, reading in (("before", before), ("after", after)):
        if reading is None:
            continue
        yield (
            f"  {name:<9} {grouped(reading['value']):>16} {plain(one['unit'])} · {reading['width']} bytes · read "
            f"{_when(reading['read_at'], zone)} ({plain(reading['reason'])}) · credit {_worth(reading['worth'])}"
            + ("" if reading["coherent"] else " · not all of one moment")
        )
    if before is not None:
        yield from _growths(one, before, after)
    if one["awaits_reading"]:
        yield click.style(
            "  wait      the next reading of this meter either counts over this one or confirms it; until then "
            "only --none can be decided",
            fg="yellow",
        )
    if one["others"]:
        yield "  beside    the other meters of the same snapshot"
        for other in one["others"]:
            yield (
                f"            {_meter(other):<14} {plain(other['name'])[:40]:<40} {grouped(other['value']):>16} "
                f"{'+' + grouped(other['delta']) if other['delta'] else '—':>12}  {other['verdict']}"
            )
    yield "  events    between the two readings" + ("" if told["events"] else ": none of this machine in the log")
    for event in reversed(told["events"]):
        yield f"            {clock(event['time'], zone)}  {event['sequence']:>8}  {plain(event['text'])}"
    if more:
        yield f"            … and older ones: hallctl event search --egm {one['asset']}"
    if one["open"]:
        yield f"  decide    hallctl review decide {one['review']} --count AMOUNT | --none  --comment TEXT"
        return
    yield (
        f"  decided   {_when(one['decided_at'], zone)} by {plain(one['central'])}: {_CHOICES[one['choice']]}"
        + (f" {grouped(one['amount'])} {plain(one['unit'])} in the day {one['decided_day']}" if one["choice"] == "count" else "")
        + f" · {plain(one['comment'])}"
    )  # fmt: skip


def _growths(one: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    elapsed = one["elapsed_s"]
    yield f"  between   {ago(elapsed)}" if elapsed >= 0 else "  between   unknown: the clock went back"
    if one["unit"] == "credits" and before["worth"] != after["worth"]:
        yield click.style("  worth     a credit was of another worth before: the two cannot be subtracted", fg="yellow")
    if one["rise"] is None:
        yield "  growth    none without a wrap: it stands lower than before"
    else:
        yield f"  growth    {grouped(one['rise']):>16} if it did not wrap"
    yield f"            {grouped(one['wrapped']):>16} if it wrapped once"


def _meter(one: dict[str, Any]) -> str:
    game = f" game {one['game']}" if one["game"] else ""
    denomination = f" denom {one['denomination']:02X}" if one["denomination"] is not None else ""
    return f"{one['code'].upper()}{game}{denomination}"


def _state(one: dict[str, Any]) -> str:
    if one["open"]:
        return "waits"
    return f"counted {grouped(one['amount'])}" if one["choice"] == "count" else _CHOICES[one["choice"]]


def _worth(worth: dict[str, int] | None) -> str:
    if worth is None:
        return "of unknown worth"
    below = "" if worth["denominator"] == 1 else f"/{worth['denominator']}"
    return f"of {worth['numerator']}{below} minor units"


def _when(stamp: str, zone: str) -> str:
    return f"{datetime.fromisoformat(stamp).astimezone(ZoneInfo(zone)):%Y-%m-%d} {clock(stamp, zone)}"


def _digits(amount: str) -> str:
    bare = amount.replace(" ", "")
    if not (bare.isascii() and bare.isdigit()) or len(bare) > 19:
        raise click.UsageError(f"--count: {amount!r} is no whole number of 0 or more.")
    return str(int(bare))
