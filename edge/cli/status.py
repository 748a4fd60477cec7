"""One screen: what a technician wants to know first."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from edge.cli.box import Box
from edge.cli.show import ago, asks_box, clock, emit, grouped, plain, shape

WATCH_S = 2.0
LINES_IN_A_ROW = 6


@click.command()
@click.option("--watch", is_flag=True, help="Draw it anew every two seconds, until Ctrl-C.")
@asks_box
def status(box: Box, as_json: bool, watch: bool) -> None:
    """One screen: machines, lines, queue, central, both halves."""
    while True:
        told = box.get("/status")
        if watch and not as_json:
            click.clear()
        emit(told, lambda told=told: screen(told), as_json=as_json)  # type: ignore[misc] # told is bound now
        if not watch:
            return
        time.sleep(WATCH_S)


def screen(told: dict[str, Any]) -> Iterator[str]:
    """The lines of the screen."""
    now = datetime.fromisoformat(told["time"])
    hall, machines, field, front = told["hall"], told["machines"], told["field"], told["front"]
    hall_time = now.astimezone(ZoneInfo(hall["time_zone"])).strftime("%a %d %b %Y %H:%M:%S")
    yield (
        f"{click.style(plain(hall['name']), bold=True)} · gateway {told['gateway']} · {told['version']}"
        f"    {hall_time} (hall time)"
    )
    yield f"  state      {_state(told)}"
    yield from _why_so(told.get("why"))
    yield f"  machines   {machines['up']} of {machines['all']} on line"
    for one in machines["not_up"][:8]:
        place = one["location"] or one["asset"]
        yield f"             {shape(one['link'])} {plain(place)}  {_why(one, hall['time_zone'])}"
    yield from _lines(told["lines"])
    for line in told["lines"]:
        if line["error"]:
            yield f"             {click.style('■', fg='red')} {plain(line['name'])}  {plain(line['error'])}"
    yield from _errors(told["errors"])
    yield from _central(told)
    yield f"  log        record {grouped(told['log']['sequence'])} of epoch {told['log']['epoch']}"
    yield f"  disk       {_room(told['room'])}"
    yield f"  clock      {_clock(told['clock'])}"
    started = field["started_at"]
    up = None if started is None else (now - datetime.fromisoformat(started)).total_seconds()
    age_ms = front["mirror_age_ms"]
    if field["connected"]:
        yield f"  field      up {ago(up)}, {_own(field['own'])}"
    else:
        yield f"  field      {click.style('■ away', fg='red')}: {plain(field['trouble'] or 'not connected')}"
    up = (now - datetime.fromisoformat(front["started_at"])).total_seconds()
    mirror = "the field was never heard" if age_ms is None else f"mirror {ago(age_ms / 1000)} old"
    yield f"  front      up {ago(up)}, {mirror}"


def _lines(lines: list[dict[str, Any]]) -> Iterator[str]:
    if not lines:
        yield "  lines      none configured"
    words = [f"{plain(line['name'])} {_line(line)} {line['machines_up']}/{line['machines']}" for line in lines]
    for at in range(0, len(words), LINES_IN_A_ROW):
        yield f"  {'lines' if at == 0 else '':9}  " + "   ".join(words[at : at + LINES_IN_A_ROW])


def _errors(errors: dict[str, int]) -> Iterator[str]:
    """What came wrong since the start, where anything did; `hallctl line list` says where."""
    words = {
        "misses": "unanswered", "bad_crc": "bad CRC", "bad_other": "damaged", "busy": "busy", "nacks": "refused",
        "gaps": "gaps", "stray_bytes": "strays",
    }  # fmt: skip
    shown = [f"{words[name]} {grouped(count)}" for name, count in errors.items() if count and name in words]
    if shown:
        yield f"  errors     {' · '.join(shown)}"


def _state(told: dict[str, Any]) -> str:
    words = {
        "running": click.style("running", fg="green"),
        "held": click.style("held: the disk is full, machines keep their events", fg="red"),
        "safe": click.style("■ SAFE MODE: nothing is polled, nothing is written", fg="red", bold=True),
        "guarded": click.style("▲ guarded: polled and stored, no machine is changed", fg="yellow"),
        "field away": click.style("field away: shown is how it was", fg="red"),
    }
    return words.get(told["state"], str(told["state"]))


def _why_so(why: dict[str, Any] | None) -> Iterator[str]:
    """Of safe and guarded mode: what is wrong and what to do, before anything else."""
    if why is not None:
        yield f"             {plain(why.get('text', ''))} ({plain(why.get('code', ''))})"
        yield f"             {click.style('Do this:', bold=True)} {plain(why.get('remedy', ''))}"


def _why(one: dict[str, Any], zone: str) -> str:
    heard = clock(one["last_heard_at"], zone)
    if one["link"] == "unknown":
        return "not heard yet"
    if one["link"] == "silent":
        return "its line is silent on purpose, some seconds"
    since = clock(one["since"], zone)
    return f"no answer since {since}" + (f", last heard {heard}" if heard != "—" else "")


def _line(line: dict[str, Any]) -> str:
    colour = {"up": "green", "opening": "white", "silent": "yellow"}.get(line["state"], "red")
    return click.style("●" if line["state"] == "up" else "■", fg=colour)


def _central(told: dict[str, Any]) -> Iterator[str]:
    consumers = told["consumers"]
    if consumers is None and told.get("why"):
        yield "  central    the books are not read in safe mode"
        return
    if consumers is None:
        yield "  central    the books are not read while the field is away"
        return
    if not consumers:
        yield "  central    no consumer is configured: events are kept here"
    for one in consumers:
        acknowledged = one["acknowledged"]
        upto = (
            "nothing acknowledged yet"
            if not acknowledged["sequence"]
            else f"acknowledged up to {grouped(acknowledged['sequence'])}"
        )
        yield f"  central    {plain(one['name'])}: {upto}, {grouped(one['behind'])} waiting"
    held = told.get("retention_held")
    if held is not None:
        since = f"last heard {held['since'][:10]}"
        words = f"nothing is deleted by age: {plain(held['consumer'])} lacks old records ({since})"
        yield f"             {click.style(words, fg='yellow')}"
    for one in told.get("certificates", ()):
        if one["step"] is not None or one["days"] is None:
            yield f"             {click.style(plain(one['text']), fg='red' if one['step'] == 0 else 'yellow')}"
    uplink = told["uplink"]
    if uplink is not None:
        yield f"  broker     {plain(uplink.get('text') or uplink.get('state', '—'))}"


def _clock(quality: str) -> str:
    return {
        "synced": "synchronised",
        "holdover": click.style("not synchronised at the moment, was so lately", fg="yellow"),
    }.get(quality, click.style("cannot be believed: give it a time server (timedatectl)", fg="yellow"))


def _room(room: dict[str, Any]) -> str:
    colour = {"ok": None, "low": "yellow"}.get(room["level"], "red")
    return click.style(room["text"], fg=colour) if colour else str(room["text"])


def _own(own: dict[str, Any] | None) -> str:
    if own is None:
        return "did not tell its figures in time"
    told = [
        f"{grouped(own['commits'])} commits" if "commits" in own else "",
        f"{own['waiting']} waiting" if own.get("waiting") else "",
    ]
    return ", ".join(part for part in told if part) or "answers"
