"""The three books from their files, for the judge: machines (JSON), the gateway's log and central's books (SQLite).

Read them in this order: machines, gateway, central. A later book may then hold more than an earlier one, never less.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from simulators.alignment import Given
from simulators.central.books import Record, identity, summarize
from simulators.central.store import CentralStore
from simulators.reconcile import LogFacts, MachineFacts, Verdict, reconcile


def machine_facts(book: Mapping[str, Any]) -> list[MachineFacts]:
    """From a hall's book, as written at its end or given by the control socket."""
    return [_machine(machine) for machine in book["machines"]]


def _machine(told: Mapping[str, Any]) -> MachineFacts:
    return MachineFacts(
        asset=int(told["asset"]),
        given=[Given(int(serial), int(code), bool(acknowledged)) for serial, code, acknowledged in told["told"]],
        raised=int(told["raised"]),
        acknowledged=int(told["acknowledged"]),
        dropped=int(told["dropped"]),
        waiting=int(told["waiting"]),
        meters={int(code): int(value) for code, value in told["meters"].items()},
        meters_told={int(code): frozenset(values) for code, values in told["meters_told"].items()},
        is_frozen=bool(told["frozen"]),
    )


def central_facts(store: CentralStore) -> LogFacts:
    """From central's books."""
    summary = store.summary()
    return LogFacts({(r.streamid, r.sequence): sha256(r.body).digest() for r in store.records()}, summary)


def gateway_facts(database: Path) -> LogFacts:
    """From the gateway's own log, read only; the gateway may be running. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None, timeout=10.0)
    try:
        connection.execute("PRAGMA query_only = 1")
        connection.execute("BEGIN")
        summary = summarize(_log(connection))
        bodies = {(r.streamid, r.sequence): sha256(r.body).digest() for r in _log(connection)}
        connection.execute("COMMIT")
    finally:
        connection.close()
    return LogFacts(bodies, summary)


def _log(connection: sqlite3.Connection) -> Iterator[Record]:
    for body, chain in connection.execute("SELECT body, chain FROM log ORDER BY position"):
        streamid, epoch, sequence = identity(body)
        yield Record(streamid, epoch, sequence, body, chain)


def judge(machines: Path, central: Path, gateway: Path | None = None, *, final: bool = False) -> Verdict:
    """Read the files and lay them side by side."""
    facts = machine_facts(json.loads(machines.read_text(encoding="utf-8")))
    log = gateway_facts(gateway) if gateway is not None else None
    with CentralStore(central, read_only=True) as store:
        return reconcile(facts, central_facts(store), log, final=final)
