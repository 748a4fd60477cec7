"""The commands `hallctl sim central ...`: take what a gateway has, tell what came, send commands."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import click

from simulators.console import EXIT_NOT_HELD, FILE, FILE_THERE, FOR, JSON, say, until_told


@click.group(invoke_without_command=True)
@click.pass_context
@click.option("--pull", "url", help="Base URL of the gateway: http://127.0.0.1:8443")
@click.option("--key-file", type=FILE_THERE, help="API key of this consumer.")
@click.option("--ca", help="File with the authority of the gateway or broker.")
@click.option("--mqtt", "broker", help="HOST:PORT of the broker.")
@click.option("--username", help="At the broker; its password from --key-file.")
@click.option("--hall", "hall_id", default="7", help="Id of the hall, as it stands in topics.")
@click.option("--gateway", default="hg-07", help="Id of the gateway.")
@click.option("--consumer", default="central-1", help="Our name at the gateway.")
@click.option("--books", type=FILE, help="SQLite file of what arrived.")
@click.option("--wait", "wait_s", type=int, default=25, help="Seconds a long poll may take.")
@click.option("--limit", type=int, default=500, help="Records a page.")
@FOR
@JSON
def central(ctx: click.Context, /, **told: Any) -> None:
    """A central: pulls over HTTP or takes MQTT, stores, acknowledges what is whole; sends commands."""
    ctx.obj = told
    if ctx.invoked_subcommand is not None:
        return
    if (told["url"] is None) == (told["broker"] is None) or told["books"] is None:
        raise click.UsageError("either --pull URL or --mqtt HOST:PORT, and --books FILE")
    from simulators.central.store import CentralStore

    with CentralStore(told["books"]) as store:
        stats = _pull(store, told) if told["url"] is not None else _mqtt(store, told)
        here = store.position
    outcome = {"event": "closed", "position": None if here is None else here.sequence, **stats}
    say(outcome, told["as_json"], "  ".join(f"{name} {value}" for name, value in outcome.items()))


def _secret(path: Path | None) -> str:
    return "" if path is None else path.read_text(encoding="utf-8").strip()


def _pull(store: Any, told: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    from simulators.central.pull import Http, PullCentral

    http_ = Http(told["url"], _secret(told["key_file"]), ca=told["ca"])
    puller = PullCentral(http_, store, told["consumer"], limit=told["limit"], wait_s=told["wait_s"])
    stopped: list[int] = []

    def stop(number: int, _frame: object) -> None:
        stopped.append(number)
        http_.interrupt()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    until = None if told["for_s"] is None else time.monotonic() + told["for_s"]
    puller.run(lambda: bool(stopped), until)
    http_.close()
    return {**asdict(puller.stats), "last_error": puller.last_error}


def _broker(told: dict[str, Any]) -> Any:
    from simulators.central.mqtt import Broker

    host, _, port = told["broker"].rpartition(":")
    if not host or not port.isdigit():
        raise click.BadParameter(f"{told['broker']} is not HOST:PORT", param_hint="--mqtt")
    password = _secret(told["key_file"]) if told["username"] else None
    return Broker(host, int(port), told["username"], password, told["ca"])


def _mqtt(store: Any, told: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    from simulators.central.mqtt import MqttCentral

    taker = MqttCentral(_broker(told), store, told["consumer"], hall=told["hall_id"], gateway=told["gateway"])
    asyncio.run(until_told(lambda stop: taker.run(stop), told["for_s"]))
    return {**asdict(taker.stats), "last_error": taker.last_error}


@central.command()
@click.option("--books", type=FILE_THERE, required=True)
@JSON
def report(books: Path, as_json: bool) -> None:
    """What arrived: gaps, doubles, order, hashes; exit code 1 when the books are not whole."""
    from simulators.central.store import CentralStore

    with CentralStore(books, read_only=True) as store:
        told = store.report()
    lines = [f"{told['records']} records, {told['repeats']} came again, {told['faults']} faults"]
    lines += [f"epoch {s['epoch']}  {s['streamid'][:8]}  {s['first']} to {s['last']}" for s in told["streams"]]
    lines += [f"{f['kind']}  {f['sequence']}  {f['text']}" for f in told["findings"] if f["is_fault"]]
    say(told, as_json, "\n".join(lines))
    if not told["is_whole"]:
        sys.exit(EXIT_NOT_HELD)


@central.command("new-key")
@click.argument("file", type=FILE)
@JSON
def new_key(file: Path, as_json: bool) -> None:
    """Make a key to sign commands with; prints the public half for the gateway's [[commands.key]]."""
    from simulators.central.commands import new_key as make_key

    public = make_key(file)
    say({"ed25519": public}, as_json, public)


@central.command()
@click.argument("kind")
@click.option("--asset", type=int, help="The machine; becomes a member of the body.")
@click.option("--body", default="{}", help="Further members of the body, as JSON.")
@click.option("--streamid", help="The stream we believe in; default: from --books.")
@click.option("--term", type=int, default=1)
@click.option("--id", "command_id", help="Send this id again instead of a new one.")
@click.option("--valid", "valid_s", type=float, default=60.0, help="Seconds until it expires; negative: expired.")
@click.option("--central", "central_id", default=None, help="Who we are; default: the consumer.")
@click.option("--sign-with", type=FILE_THERE, help="Private key file.")
@click.option("--key-id", help="Name of that key at the gateway.")
@JSON
@click.pass_context
def command(ctx: click.Context, /, kind: str, as_json: bool, sign_with: Path | None, **of: Any) -> None:
    """Send a command: enable, disable, read-meters, set-clock, or a kind by its full name.

    Where to and which books is said before it: central --pull URL --key-file F --books FILE command disable --asset 7
    """
    from contextlib import nullcontext

    from simulators.central import commands
    from simulators.central.pull import GatewayAway, Http
    from simulators.central.store import CentralStore

    told = ctx.obj
    with CentralStore(told["books"]) if told["books"] is not None else nullcontext() as store:
        here = store.position if store is not None else None
        streamid = of["streamid"] or (here.streamid if here is not None else None)
        if streamid is None:
            raise click.UsageError("--streamid, or --books that are not empty")
        made = commands.make(
            kind,
            {**json.loads(of["body"]), **({} if of["asset"] is None else {"asset": of["asset"]})},
            central=of["central_id"] or told["consumer"],
            gateway=told["gateway"],
            streamid=streamid,
            term=of["term"],
            valid_s=of["valid_s"],
            command_id=of["command_id"],
            key_id=of["key_id"],
        )
        secret = commands.read_key(sign_with) if sign_with is not None else None
        try:
            if told["url"] is not None:
                http_ = Http(told["url"], _secret(told["key_file"]), ca=told["ca"])
                answer = commands.send_http(http_, made, store, secret)
                http_.close()
            elif told["broker"] is not None and secret is not None:
                answer = asyncio.run(commands.send_mqtt(_broker(told), told["hall_id"], made, secret, store))
            else:
                raise click.UsageError("--pull URL, or --mqtt HOST:PORT with --sign-with")
        except (GatewayAway, TimeoutError) as away:
            raise click.ClickException(f"no answer; send it again with --id {made.command_id}: {away}") from away
    say(answer, as_json, f"{made.command_id}  {json.dumps(answer['answer'])}")
