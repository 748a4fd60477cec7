"""Slot machines."""

from collections.abc import Iterator
from typing import Any

import click

from edge.cli.box import Box
from edge.cli.faults import CONFLICT, NOT_FOUND, Fault
from edge.cli.orders import confirm, disable, enable, read
from edge.cli.show import ago, asks_box, clock, emit, grouped, plain, shape, table

_LINKS = {"up": "on line", "down": "OFF LINE", "silent": "line silent on purpose", "shaky": "answers badly"}

PROBE_TIMEOUT_S = 200.0
"Seconds with lists of meters; minutes for a machine that reads them one by one."


@click.group()
def egm() -> None:
    """Slot machines."""


for _order in (confirm, disable, enable, read):
    egm.add_command(_order)


@egm.command("list")
@click.option("--line", help="Of one line.")
@click.option("--state", help="Of one state: up, down, shaky, unknown.")
@asks_box
def list_(box: Box, as_json: bool, line: str | None, state: str | None) -> None:
    """All machines."""
    told = box.get("/egms", line=line, state=state)
    zone = told["live"]["time_zone"]

    def text() -> Iterator[str]:
        rows = [
            [
                shape(one["link"]),
                plain(one["location"] or "—"),
                str(one["asset"]),
                f"{one['line']}:{one['address']}",
                plain(one["serial"] or "—"),
                _LINKS.get(one["link"], "not heard yet"),
                ", ".join(door for door, is_ in sorted(one["doors"].items()) if is_ == "open") or "—",
                clock(one["last_heard_at"], zone),
            ]
            for one in told["egms"]
        ]
        if not rows:
            yield "No machine."
        else:
            yield from table(rows, ["", "place", "asset", "line", "serial", "state", "open doors", "heard"])
        yield from _age(told)

    emit(told, text, as_json=as_json)


@egm.command()
@click.argument("machine")
@asks_box
def show(box: Box, as_json: bool, machine: str) -> None:
    """One machine: by location, asset number, serial or a unique part of them."""
    told = box.get(f"/egms/{find(box, machine)}")
    emit(told, lambda: page(told), as_json=as_json)


@egm.command()
@click.argument("machine", required=False)
@click.option("--url", help="Without the daemon: open this line, alone. tcp9:HOST:PORT or tty:/dev/serial/by-path/...")
@click.option("--address", type=click.IntRange(1, 127), help="With --url: the machine's SAS address.")
@asks_box
def probe(box: Box, as_json: bool, machine: str | None, url: str | None, address: int | None) -> None:
    """All that a machine says of itself. Asks only what takes nothing out of the machine."""
    from edge.cli.findings import probe_page

    if (machine is None) == (url is None) or (url is None) != (address is None):
        raise click.UsageError("Say a MACHINE, or --url and --address.")
    if url is not None and address is not None:
        from edge.cli import alone

        told = alone.probe(url, address, said=lambda text: click.echo(text, err=True)).model_dump(mode="json")
    else:
        asset = find(box, str(machine))
        click.echo("asking; games go on meanwhile", err=True)
        told = box.post(f"/egms/{asset}/probe", timeout_s=PROBE_TIMEOUT_S)
    emit(told, lambda: probe_page(told), as_json=as_json)


def find(box: Box, word: str) -> int:
    """The asset number somebody means. Raises Fault: not found, or ambiguous with the list of choices."""
    found = box.get("/egms", find=word)["egms"]
    if not found:
        raise Fault(
            NOT_FOUND, f"No machine is known as {plain(word)}.", "Nothing was changed.",
            "Look for it in: hallctl egm list.", code="HE2103",
        )  # fmt: skip
    if len(found) > 1:
        choices = ", ".join(f"{one['location'] or '—'} (asset {one['asset']})" for one in found[:8])
        raise Fault(
            CONFLICT, f"{plain(word)} may be {len(found)} machines: {choices}.", "Nothing was changed.",
            "Say the asset number.", code="HE2103",
        )  # fmt: skip
    return int(found[0]["asset"])


def page(told: dict[str, Any]) -> Iterator[str]:
    """The lines about one machine."""
    one, zone = told["egm"], told["live"]["time_zone"]
    title = one["label"] or f"Machine {one['location'] or one['asset']}"
    state = _LINKS.get(one["link"], "not heard yet")
    yield (
        f"{click.style(plain(title), bold=True)} · asset {one['asset']} · serial {plain(one['serial'] or '—')} · "
        f"line {plain(one['line'])}, address {one['address']}    {shape(one['link'])} {state}"
        + (f" since {clock(one['link_since'], zone)}" if one["link_since"] else "")
    )
    yield (
        f"  heard     {clock(one['last_heard_at'], zone)} · polls {grouped(one['polls'])}, answers {grouped(one['answers'])}"
    )
    yield (
        f"  errors    unanswered {grouped(one['misses'])} · bad CRC {grouped(one['bad_crc'])} · damaged otherwise "
        f"{grouped(one['bad_other'])} · busy {grouped(one['busy'])} · refused {grouped(one['nacks'])}"
    )
    if one["stranger"]:
        yield click.style(
            f"  another   machine answers here: {plain(one['stranger'])}. Is it the right one now? "
            f"hallctl egm confirm {one['asset']} (HE2102)",
            fg="red",
        )
        if one["stage"] == "held":
            yield click.style("            Nothing is taken from it until then.", fg="red")
    if one["handpay"]:
        yield click.style(f"  handpay   waits for an attendant{_amount(one['handpay'])}", fg="yellow")
    if one["gaps"]:
        yield click.style(
            f"  gaps      {one['gaps']} times since the start something of it may be missing (HE2106)", fg="yellow"
        )
    if one["features"]:
        yield f"  can       {plain(', '.join(one['features']))}"
    if one["unsupported_polls"]:
        yield f"  silent to {' '.join(f'{code:02X}' for code in one['unsupported_polls'])}"
    doors = ", ".join(f"{door} {is_}" for door, is_ in sorted(one["doors"].items()))
    yield f"  doors     {doors or 'nothing told yet'}"
    if one["last_event"]:
        yield f"  last      {clock(one['last_event'].get('time'), zone)} {plain(one['last_event'].get('text', ''))}"
    yield f"  game      {plain(one['game_id'] or '—')} · meters in generation {one['generation']}"
    if one["review"]:
        yield click.style(
            f"  review    {one['review']} meter readings wait for a person's decision: "
            f"hallctl review list --egm {one['asset']} (HE2107)",
            fg="yellow",
        )
    meters = [
        meter for meter in told.get("latest_meters", []) if meter["game"] == 0 and meter.get("denomination") is None
    ]
    if meters:
        newest = max(meters, key=lambda meter: str(meter["read_at"]))
        yield f"  meters    read {clock(newest['read_at'], zone)}, {ago(newest['age_s'])} ago"
        if why := one["meters_stale_because"]:
            yield click.style(f"            STALE: {_STALE[why]}. The machine may have counted on since.", fg="red")
        for meter in meters:
            code, value = meter["code"].upper(), grouped(meter["value"])
            old = "" if not meter["stale"] or why else click.style(f"  stale, {ago(meter['age_s'])} old", fg="yellow")
            yield f"            {code}  {meter['name']:<44} {value:>16} {meter['unit']}{old}"
    yield from _age(told)


_STALE = {
    "field-away": "the field is away",
    "link-down": "the machine does not answer",
    "never-read": "not read since the field started",
    "too-old": "no reading came for two intervals",
}


def _amount(handpay: dict[str, Any]) -> str:
    amount = handpay.get("amount")
    return "" if amount is None else f": {grouped(amount)} {plain(handpay.get('unit', ''))}"


def _age(told: dict[str, Any]) -> Iterator[str]:
    live = told["live"]
    if not live["connected"]:
        age_ms = live["age_ms"]
        old = "never heard" if age_ms is None else f"as of {age_ms / 1000:.0f} s ago"
        yield click.style(f"The field is away; machines {old}. (HE6001)", fg="red")
