"""Personas as files: one TOML each in `simulators/personas`, named as the persona. A scenario's own tables are read here too.

A file has the fields of `Persona`, a table ``rules`` with those of `EgmRules` that differ, and ``titles``, a list of games.
``base`` names the persona it differs from (plain, unless told).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from protocols.sas.catalog.denominations import DENOMINATIONS
from protocols.sas.egm import EgmRules
from simulators.egm.persona import Persona, Title

SHIPPED = Path(__file__).parent.parent / "personas"

_SETS = ("unsupported_polls", "unsupported_meters")
_KEYS = {one.name for one in fields(Persona)} - {"name"} | {"base"}
_RULES = {one.name for one in fields(EgmRules)}
_CHOICES: Mapping[str, tuple[object, ...]] = {
    "handpays": ("legacy", "queued"), "clock": ("sets", "refuses", "ignores"), "reel_stops_told": (9, 5),
    "repeat_compares": ("command", "frame"), "bad_crc": ("nack", "silence"), "third_repeat": ("silence", "answer"),
    "rte_idle": ("frame", "byte", "silence"), "rte_over_power": ("off", "kept"),
}  # fmt: skip


class BadPersona(Exception):
    """The table describes no machine; the text says what is wrong."""


def names() -> tuple[str, ...]:
    """The personas we ship."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def load(name: str) -> Persona:
    """A persona we ship. Raises BadPersona: there is none of this name, or its file makes no sense."""
    if name not in names():
        raise BadPersona(f"there is no persona {name!r}; there are {', '.join(names())}")
    try:
        told = tomllib.loads((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as broken:
        raise BadPersona(f"{name}.toml: {broken}") from broken
    return from_table(name, told)


def from_table(name: str, told: Mapping[str, Any]) -> Persona:
    """A persona from decoded TOML. Raises BadPersona."""
    _only(told, _KEYS)
    base = load(str(told["base"])) if "base" in told else Persona()
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}
    values.pop("base", None)
    try:
        if "credit" in values:
            values["credit"] = Fraction(str(values["credit"]))
        for key in _SETS:
            if key in values:
                values[key] = frozenset(values[key])
        if "meters_at_start" in values:
            values["meters_at_start"] = {int(code, 16): int(value) for code, value in values["meters_at_start"].items()}
        if "titles" in values:
            values["titles"] = tuple(Title(**title) for title in values["titles"])
            values["games"] = len(values["titles"])
        if "rules" in values:
            values["rules"] = _rules(base.rules, values["rules"])
        _choose(values)
        persona = replace(base, **values, name=name)
        _check(persona)
    except (TypeError, ValueError, ZeroDivisionError) as wrong:
        raise BadPersona(f"persona {name}: {wrong}") from wrong
    return persona


def _rules(base: EgmRules, told: Mapping[str, Any]) -> EgmRules:
    _only(told, _RULES)
    _choose(told)
    values = dict(told)
    if "also_priority" in values:
        values["also_priority"] = frozenset(values["also_priority"])
    return replace(base, **values)


def _choose(told: Mapping[str, Any]) -> None:
    for key, choices in _CHOICES.items():
        if key in told and told[key] not in choices:
            raise BadPersona(f"{key} is one of {', '.join(map(str, choices))}, not {told[key]!r}")


def _only(told: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(told) - known)
    if unknown:
        raise BadPersona(f"unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}")


def _check(persona: Persona) -> None:
    """What the machine could not live with."""
    if not 1 <= persona.games <= 9999 or any(title.max_bet < 1 for title in persona.titles):
        raise BadPersona("a machine has 1 to 9999 games, each with a bet of at least 1")
    if persona.credit <= 0:
        raise BadPersona("a credit is worth something")
    for code in persona.denominations:
        value = DENOMINATIONS.get(code)
        if value is None or (value / persona.credit).denominator != 1:
            raise BadPersona(f"denomination {code:02X} is no whole number of credits of {persona.credit}")
    if persona.hopper_coins and (persona.coin / persona.credit).denominator != 1:
        raise BadPersona("a coin is no whole number of credits")
