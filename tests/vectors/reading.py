"""Vectors from their files, with values as our codec has them."""

import tomllib
from pathlib import Path
from typing import Any

from protocols.sas.fields import MeterValue

HERE = Path(__file__).parent


def polls() -> list[dict[str, Any]]:
    """Every conversation of the three files, in their order."""
    return [row for name in ("polls", "polls_further", "polls_later") for row in _rows(name, "poll")]


def meters() -> list[dict[str, Any]]:
    """Conversations that together hold every meter code twice."""
    return _rows("meters", "meter")


def exceptions() -> list[dict[str, Any]]:
    """Every exception, as a byte and as an event frame."""
    return _rows("exceptions", "exception")


def _rows(name: str, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tomllib.loads((HERE / f"{name}.toml").read_text())[table]
    return rows


def named(row: dict[str, Any]) -> str:
    """A name for a test."""
    return f"{row['code']:02X} {row['meaning']}"


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """As the oracle gives them: lists, integers, text, bytes."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return value["meter"] if "meter" in value else bytes.fromhex(value["hex"])


def ours(values: dict[str, Any]) -> dict[str, Any]:
    """As our codec gives them: tuples, and meters of replies as MeterValue."""
    return {name: _ours(value) for name, value in values.items()}


def _ours(value: Any) -> Any:
    if isinstance(value, dict):
        return _item(value["meter"]) if "meter" in value else bytes.fromhex(value["hex"])
    return tuple(_item(item) for item in value) if isinstance(value, list) else value


def _item(item: Any) -> Any:
    if not isinstance(item, list):
        return item
    code, size, *rest = item
    return MeterValue(code, size, rest[0] if rest else None)
