"""The registry: which machine hangs where, who it says it is, and which life of its meters runs.

The configuration only seeds it; afterwards the table counts and differences are reported, never applied.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Literal, NamedTuple

from edge.clock import stamp
from edge.errors import UnknownMachine
from edge.hall.devices import Egm, Identity
from edge.rules.identity import Comparison, compare
from edge.store.tx import Reader, Row, Tx


class Seed(NamedTuple):
    """A machine as the configuration names it."""

    asset: int
    line: str
    address: int
    location: str | None = None
    label: str | None = None
    serial: str | None = None
    "Serial number that should answer there; None: not said."


class SeedDifference(NamedTuple):
    """The configuration says otherwise than the registry: shown to the technician, not applied."""

    asset: int
    field: str
    configured: str
    registered: str


class IdentityChange(NamedTuple):
    """What an answer to "who are you" has changed in the registry."""

    found: Comparison
    before: Identity
    generation: int
    previous_generation: int


_IDENTITY = tuple(field.name for field in fields(Identity))
_COLUMNS = ", ".join(
    (
        "asset", "line", "address", "location", "label", "enrolled", "generation", "generation_cause",
        "enrolled_serial", *_IDENTITY,
    )
)  # fmt: skip


def seed_egms(tx: Tx, seeds: Iterable[Seed]) -> list[SeedDifference]:
    """Register the machines that are not known yet; return where configuration and registry disagree.

    A place (line and address) that another enrolled machine holds is a difference too, and the newcomer waits. A serial
    number for a machine that has none enrolled is taken over: that contradicts nothing.
    """
    known = {machine.asset: machine for machine in egms(tx, all_of_them=True)}
    places = {(machine.line, machine.address): machine.asset for machine in known.values() if machine.enrolled}
    differences = []
    for seed in seeds:
        machine = known.get(seed.asset)
        if machine is not None:
            differences += _differences(seed, machine)
            if seed.serial is not None and machine.enrolled_serial is None:
                enrol_serial(tx, seed.asset, seed.serial)
            continue
        holder = places.get((seed.line, seed.address))
        if holder is not None:
            place = f"line {seed.line}, address {seed.address}"
            differences.append(SeedDifference(seed.asset, "place", place, f"held by machine {holder}"))
            continue
        tx.execute(
            "INSERT INTO egms (asset, line, address, location, label, enrolled_serial, registered_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*seed, stamp(tx.now)),
        )
        places[seed.line, seed.address] = seed.asset
    return differences


def _differences(seed: Seed, machine: Egm) -> list[SeedDifference]:
    pairs = (
        ("line", seed.line, machine.line),
        ("address", seed.address, machine.address),
        ("location", seed.location, machine.location),
        ("label", seed.label, machine.label),
        ("serial", seed.serial, machine.enrolled_serial if seed.serial and machine.enrolled_serial else seed.serial),
    )
    return [SeedDifference(seed.asset, name, str(new), str(old)) for name, new, old in pairs if new != old]


def egms(conn: Reader, *, all_of_them: bool = False) -> list[Egm]:
    """The enrolled machines by line and address; with `all_of_them` also those that were retired."""
    where = "" if all_of_them else "WHERE enrolled = 1"
    rows = conn.execute(f"SELECT {_COLUMNS}, identified_at FROM egms {where} ORDER BY line, address, asset")
    return [_egm(row) for row in rows.fetchall()]


def egm(conn: Reader, asset: int) -> Egm | None:
    """One machine, retired ones too."""
    row = conn.execute(f"SELECT {_COLUMNS}, identified_at FROM egms WHERE asset = ?", (asset,)).fetchone()
    return None if row is None else _egm(row)


def _egm(row: Row) -> Egm:
    asset, line, address, location, label, enrolled, generation, cause, serial, *identity, identified_at = row
    return Egm(
        asset, line, address, location, label, bool(enrolled), generation, cause, serial, Identity(*identity),
        identified_at,
    )  # fmt: skip


def compared(conn: Reader, asset: int, told: Identity) -> Comparison:
    """What this answer would mean; nothing is changed. Raises UnknownMachine."""
    machine = _known(conn, asset)
    known = None if machine.identified_at is None else machine.identity
    return compare(known, told, machine.enrolled_serial)


def note_identity(tx: Tx, asset: int, identity: Identity) -> IdentityChange:
    """Write down who answered. Another serial number than before is another machine: a new meter generation opens.

    A serial number that was not told this time does not erase the known one. Raises UnknownMachine.
    """
    machine = _known(tx, asset)
    found = compared(tx, asset, identity)
    generation = open_generation(tx, asset, "replaced") if found.kind == "replaced" else machine.generation
    assignments = ", ".join(f"{name} = ?" for name in _IDENTITY)
    values: Sequence[str | int | None] = [getattr(found.now, name) for name in _IDENTITY]
    tx.execute(f"UPDATE egms SET {assignments}, identified_at = ? WHERE asset = ?", (*values, stamp(tx.now), asset))
    return IdentityChange(found, machine.identity, generation, machine.generation)


def registered_at(conn: Reader, asset: int) -> str:
    """Stamp of the moment a machine came into the registry. Raises UnknownMachine."""
    row = conn.execute("SELECT registered_at FROM egms WHERE asset = ?", (asset,)).fetchone()
    if row is None:
        raise UnknownMachine(f"Machine {asset} is not registered", asset=asset)
    return str(row[0])


def enrol_serial(tx: Tx, asset: int, serial: str | None) -> None:
    """From now on the machine with this serial number should answer here; None: whoever answers is taken."""
    tx.execute("UPDATE egms SET enrolled_serial = ? WHERE asset = ?", (serial, asset))


def _known(conn: Reader, asset: int) -> Egm:
    machine = egm(conn, asset)
    if machine is None:
        raise UnknownMachine(f"Machine {asset} is not registered", asset=asset)
    return machine


def open_generation(tx: Tx, asset: int, cause: Literal["ram_clear", "replaced"]) -> int:
    """End the present life of a machine's meters and begin the next; returns its number."""
    tx.execute(
        "UPDATE egms SET generation = generation + 1, generation_cause = ?, clear_pending = NULL WHERE asset = ?",
        (cause, asset),
    )
    row = tx.execute("SELECT generation FROM egms WHERE asset = ?", (asset,)).fetchone()
    if row is None:
        raise UnknownMachine(f"Machine {asset} is not registered", asset=asset)
    return int(row[0])
