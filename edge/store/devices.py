"""The registry: which machine hangs where, who it says it is, and which life of its meters runs.

The configuration only seeds it; afterwards the table counts and differences are reported, never applied.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal, NamedTuple

from edge.clock import stamp
from edge.errors import UnknownMachine
from edge.hall.devices import Egm, Identity
from edge.store.tx import Reader, Row, Tx


class Seed(NamedTuple):
    """A machine as the configuration names it."""

    asset: int
    line: str
    address: int
    location: str | None = None
    label: str | None = None


class SeedDifference(NamedTuple):
    """The configuration says otherwise than the registry: shown to the technician, not applied."""

    asset: int
    field: str
    configured: str
    registered: str


@dataclass(frozen=True, slots=True)
class IdentityChange:
    """What an answer to "who are you" means against what was known."""

    kind: Literal["first", "same", "changed", "replaced"]
    before: Identity
    generation: int
    previous_generation: int


_IDENTITY = tuple(field.name for field in fields(Identity))
_COLUMNS = ", ".join(
    ("asset", "line", "address", "location", "label", "enrolled", "generation", "generation_cause", *_IDENTITY)
)


def seed_egms(tx: Tx, seeds: Iterable[Seed]) -> list[SeedDifference]:
    """Register the machines that are not known yet; return where configuration and registry disagree.

    A place (line and address) that another enrolled machine holds is a difference too, and the newcomer waits.
    """
    known = {machine.asset: machine for machine in egms(tx, all_of_them=True)}
    places = {(machine.line, machine.address): machine.asset for machine in known.values() if machine.enrolled}
    differences = []
    for seed in seeds:
        machine = known.get(seed.asset)
        if machine is not None:
            differences += _differences(seed, machine)
            continue
        holder = places.get((seed.line, seed.address))
        if holder is not None:
            place = f"line {seed.line}, address {seed.address}"
            differences.append(SeedDifference(seed.asset, "place", place, f"held by machine {holder}"))
            continue
        tx.execute(
            "INSERT INTO egms (asset, line, address, location, label, registered_at) VALUES (?, ?, ?, ?, ?, ?)",
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
    asset, line, address, location, label, enrolled, generation, cause, *identity, identified_at = row
    return Egm(
        asset, line, address, location, label, bool(enrolled), generation, cause, Identity(*identity), identified_at
    )


def note_identity(tx: Tx, asset: int, identity: Identity) -> IdentityChange:
    """Write down who answered. Another serial number than before is another machine: a new meter generation opens.

    A serial number that was not told this time does not erase the known one. Raises UnknownMachine.
    """
    machine = egm(tx, asset)
    if machine is None:
        raise UnknownMachine(f"Machine {asset} is not registered", asset=asset)
    before = machine.identity
    known = asdict(before)
    told = {name: value for name, value in asdict(identity).items() if value is not None}
    now = Identity(**{**known, **told})
    generation = machine.generation
    kind: Literal["first", "same", "changed", "replaced"] = "same" if now == before else "changed"
    if machine.identified_at is None:
        kind = "first"
    elif before.serial is not None and now.serial != before.serial:
        kind = "replaced"
        now = identity
        generation = open_generation(tx, asset, "replaced")
    assignments = ", ".join(f"{name} = ?" for name in _IDENTITY)
    values: Sequence[str | int | None] = [getattr(now, name) for name in _IDENTITY]
    tx.execute(f"UPDATE egms SET {assignments}, identified_at = ? WHERE asset = ?", (*values, stamp(tx.now), asset))
    return IdentityChange(kind, before, generation, machine.generation)


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
