"""Vectors from their files, with values as our codec has them."""

import tomllib
from pathlib import Path
from typing import Any

from protocols.sas.fields import MeterValue

HERE = Path(__file__).parent


def polls() -> list[dict[str, Any]]:
    """Every conversation of both files, in their order."""
    files = (HERE / "polls.toml", HERE / "polls_further.toml")
    return [row for file in files for row in tomllib.loads(file.read_text())["poll"]]


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
