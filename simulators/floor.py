"""A whole hall from one TOML: machines, lines, personas, how lively they are; and the gateway's part of it.

Demo and harness read the same file that the machines are made from, so that addresses and assets are said once. Ports
given as 0 are chosen when the hall opens; `gateway_tables` is then made from the floor with its real ports.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from simulators.egm.game import GameRules
from simulators.egm.machine import Habits
from simulators.egm.persona import Persona
from simulators.egm.personas import BadPersona, from_table
from simulators.egm.personas import load as load_persona

SCENARIOS = Path(__file__).with_name("scenarios")
ADDRESS_MAX = 127


class BadFloor(Exception):
    """The TOML does not describe a hall; the text says where and what."""


@dataclass(frozen=True, slots=True)
class EgmPlan:
    """One machine of the floor."""

    asset: int
    address: int = 1
    location: str | None = None
    label: str | None = None
    serial: str = ""
    persona: Persona = field(default_factory=Persona)


@dataclass(frozen=True, slots=True)
class LinePlan:
    """One line: its listening socket and the machines on it."""

    name: str
    egms: tuple[EgmPlan, ...]
    host: str = "127.0.0.1"
    port: int = 0

    @property
    def url(self) -> str:
        """As the gateway's configuration has it."""
        return f"tcp9:{self.host}:{self.port}"

    @property
    def known(self) -> tuple[EgmPlan, ...]:
        """The machines a gateway can know: of those that were set to one address, the first."""
        first: dict[int, EgmPlan] = {}
        for egm in self.egms:
            first.setdefault(egm.address, egm)
        return tuple(first.values())


@dataclass(frozen=True, slots=True)
class Floor:
    """The hall."""

    lines: tuple[LinePlan, ...]
    seed: int = 7
    speed: float = 1.0
    habits: Habits = field(default_factory=Habits)
    game_rules: GameRules = field(default_factory=GameRules)
    poll_ms: int = 200

    @property
    def egms(self) -> tuple[EgmPlan, ...]:
        """All machines, line after line."""
        return tuple(egm for line in self.lines for egm in line.egms)

    def with_ports(self, ports: Mapping[str, int]) -> "Floor":
        """The same floor with the ports that were found when it opened, by name of line."""
        return replace(self, lines=tuple(replace(line, port=ports.get(line.name, line.port)) for line in self.lines))

    def gateway_tables(self) -> str:
        """The [[line]] and [[egm]] tables of the gateway's configuration, as TOML."""
        out: list[str] = []
        for line in self.lines:
            out += ["[[line]]", f'name = "{line.name}"', f'url = "{line.url}"', f"poll_ms = {self.poll_ms}", ""]
        for line in self.lines:
            for egm in line.known:
                out += ["[[egm]]", f"asset = {egm.asset}", f'line = "{line.name}"', f"address = {egm.address}"]
                out += [f'location = "{egm.location}"'] if egm.location else []
                out += [f'label = "{egm.label}"'] if egm.label else []
                out.append("")
        return "\n".join(out)


def load(path: Path) -> Floor:
    """Read a floor. A name without a slash that is no file here is one of our scenarios. Raises BadFloor, OSError."""
    if not path.exists() and path.parent == Path():
        path = SCENARIOS / path.with_suffix(".toml").name
    try:
        return read(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as broken:
        raise BadFloor(f"{path}: {broken}") from broken
    except BadFloor as wrong:
        raise BadFloor(f"{path}: {wrong}") from wrong


def simple(machines: int, **hall: Any) -> Floor:
    """A floor without a file: so many machines, and the other keys of [hall]."""
    return read({"hall": {"machines": machines, **hall}})


def read(told: Mapping[str, Any]) -> Floor:
    """A floor from decoded TOML. Raises BadFloor."""
    _only(told, "the file", {"hall", "line", "persona", "game"})
    hall = dict(told.get("hall", {}))
    _only(hall, "[hall]", _HALL_KEYS)
    personas = _written(told.get("persona", {}))
    host, base_port = str(hall.get("host", "127.0.0.1")), int(hall.get("base_port", 0))
    if "line" in told:
        if "machines" in hall:
            raise BadFloor("either [hall] machines or [[line]] tables, not both")
        usual = str(hall.get("persona", "plain"))
        lines = tuple(_line(table, host, personas, usual) for table in told["line"])
    else:
        lines = _laid_out(hall, host, base_port, personas)
    _check(lines)
    try:
        return Floor(
            lines=lines,
            seed=int(hall.get("seed", 7)),
            speed=float(hall.get("speed", 1.0)),
            habits=Habits(**{name: _habit(name, hall[name]) for name in _HABITS if name in hall}),
            game_rules=GameRules(**{**told.get("game", {}), **_tuples(told.get("game", {}))}),
            poll_ms=int(hall.get("poll_ms", 200)),
        )
    except (TypeError, ValueError) as wrong:
        raise BadFloor(str(wrong)) from wrong


_HABITS = tuple(f.name for f in fields(Habits))
_HALL_KEYS = {
    "machines", "lines", "shared", "seed", "speed", "host", "base_port", "first_asset", "poll_ms", "persona", "personas",
    *_HABITS,
}  # fmt: skip
_WHOLE_HABITS = {"queue_limit", "keep_waiting"}


def _habit(name: str, value: Any) -> Any:
    return int(value) if name in _WHOLE_HABITS else float(value)


def _only(table: Mapping[str, Any], where: str, known: set[str]) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise BadFloor(f"{where}: unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}")


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) for name, value in table.items() if isinstance(value, list)}


def _persona(name: str, written: Mapping[str, Persona], where: str) -> Persona:
    """One that the file writes out, or one we ship."""
    if name in written:
        return written[name]
    try:
        return load_persona(name)
    except BadPersona as bad:
        raise BadFloor(f"{where}: {bad}") from bad


def _written(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Persona]:
    out: dict[str, Persona] = {}
    for name, table in tables.items():
        try:
            out[name] = from_table(name, table)
        except BadPersona as bad:
            raise BadFloor(f"[persona.{name}]: {bad}") from bad
    return out


def _egm(asset: int, address: int, persona: Persona, location: str | None = None, label: str | None = None) -> EgmPlan:
    return EgmPlan(asset, address, location, label, f"SIM{asset}", persona)


def _line(table: Mapping[str, Any], host: str, personas: Mapping[str, Persona], usual: str) -> LinePlan:
    _only(table, "[[line]]", {"name", "host", "port", "egm"})
    name = str(table.get("name", ""))
    egms: list[EgmPlan] = []
    for place, egm in enumerate(table.get("egm", ())):
        _only(egm, f"line {name}, egm {place + 1}", {"asset", "address", "persona", "location", "label", "serial"})
        where = f"line {name}, egm {place + 1}"
        if "asset" not in egm:
            raise BadFloor(f"{where}: needs an asset")
        persona = _persona(str(egm.get("persona", usual)), personas, where)
        made = _egm(int(egm["asset"]), int(egm.get("address", 1)), persona, egm.get("location"), egm.get("label"))
        egms.append(replace(made, serial=str(egm["serial"])) if "serial" in egm else made)
    return LinePlan(name, tuple(egms), str(table.get("host", host)), int(table.get("port", 0)))


def _laid_out(
    hall: Mapping[str, Any], host: str, base_port: int, personas: Mapping[str, Persona]
) -> tuple[LinePlan, ...]:
    machines = int(hall.get("machines", 1))
    sizes = [int(size) for size in hall.get("shared", ())]
    if machines < 1 or sum(sizes) > machines or any(size < 2 for size in sizes):
        raise BadFloor("[hall] machines is at least 1, and shared lists how many machines hang on each shared line")
    singles = machines - sum(sizes)
    lines = hall.get("lines")
    if lines is None:
        sizes += [1] * singles
    else:
        rest = int(lines) - len(sizes)
        if (rest < 1 and singles) or rest < 0 or (rest and singles < rest):
            raise BadFloor(f"[hall] {machines} machines do not fit on {lines} lines")
        sizes += [singles // rest + (place < singles % rest) for place in range(rest)] if rest else []
    names = [str(name) for name in hall.get("personas", (hall.get("persona", "plain"),))]
    if not names or {"persona", "personas"} <= set(hall):
        raise BadFloor("[hall] has one persona, or personas in turn, or neither")
    models = [_persona(name, personas, "[hall]") for name in names]
    first = int(hall.get("first_asset", 100401))
    out: list[LinePlan] = []
    number = 0
    for place, size in enumerate(sizes):
        egms = []
        for address in range(1, size + 1):
            egms.append(
                _egm(first + number, address, models[number % len(models)], str(number + 1), f"Slot {number + 1}")
            )
            number += 1
        out.append(LinePlan(f"L{place + 1:02d}", tuple(egms), host, base_port + place if base_port else 0))
    return tuple(out)


def _check(lines: tuple[LinePlan, ...]) -> None:
    if not lines or any(not line.name or not line.egms for line in lines):
        raise BadFloor("a hall has lines, and each has a name and at least one machine")
    if len({line.name for line in lines}) != len(lines):
        raise BadFloor("two lines have the same name")
    assets = [egm.asset for line in lines for egm in line.egms]
    if len(set(assets)) != len(assets):
        raise BadFloor("two machines have the same asset number")
    for line in lines:
        # Twice the same is a mistake here, and a machine of its own when its persona says so.
        addresses = [egm.address for egm in line.egms if not egm.persona.shares_address]
        shared = {egm.address for egm in line.egms if egm.persona.shares_address}
        fit = all(1 <= address <= ADDRESS_MAX for address in (*addresses, *shared))
        if len(set(addresses)) != len(addresses) or shared & set(addresses) or not fit:
            raise BadFloor(f"line {line.name}: addresses are 1 to {ADDRESS_MAX}, each once")
