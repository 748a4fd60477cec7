"""Where in which file a key of the configuration stands, and the files put together into one table.

Pure text work: TOML's own parser gives values without places, so the lines are walked once more for `[table]`,
`[[array]]` and `key =`. A place that cannot be found falls back to the table it belongs to.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from re import compile as pattern_of
from typing import Any, NamedTuple

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """A line of a file, counted from 1."""

    file: str
    line: int


_TABLE = pattern_of(r"^\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_ARRAY = pattern_of(r"^\s*\[\[\s*([^\[\]]+?)\s*\]\]\s*(#.*)?$")
_KEY = pattern_of(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=(.*)$""")
_STRINGS = pattern_of(r""""(?:\\.|[^"\\])*"|'[^']*'|#.*$""")
_AT_LINE = pattern_of(r"\(at line (\d+), column \d+\)")


@dataclass
class Sources:
    """What all files say together: values, and where each stands."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, Place] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    def add(self, file: str, content: str) -> None:
        """Put one file on top: tables are merged key by key, arrays of tables grow. Raises tomllib.TOMLDecodeError."""
        values = tomllib.loads(content)
        shifts = {name: len(self.values.get(name, ())) for name, part in values.items() if _is_tables(part)}
        for path, line in places(content).items():
            if len(path) > 1 and isinstance(path[1], int):
                path = (path[0], path[1] + shifts.get(str(path[0]), 0), *path[2:])
            self.places[path] = Place(file, line)
        _merge(self.values, values)
        self.files.append(file)

    def place(self, path: Path) -> Place | None:
        """The place of this key, or of the nearest table around it."""
        for length in range(len(path), 0, -1):
            found = self.places.get(path[:length])
            if found is not None:
                return found
        return None

    def has(self, path: Path) -> bool:
        """Does a file say this very key?"""
        return path in self.places


def places(content: str) -> dict[Path, int]:
    """The line of each table and key of a TOML text."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    depth = 0
    quotes: str | None = None
    for number, text in enumerate(content.splitlines(), 1):
        if quotes is not None:
            quotes = None if quotes in text else quotes
            continue
        if depth > 0:
            depth += _depth(text)
            continue
        if match := _ARRAY.match(text):
            name = _resolve(_parts(match[1]), counts)
            counts[name] = counts.get(name, -1) + 1
            table = (*name, counts[name])
            found[table] = number
        elif match := _TABLE.match(text):
            table = _resolve(_parts(match[1]), counts)
            found.setdefault(table, number)
        elif match := _KEY.match(text):
            path = (*table, *_parts(match[1]))
            found.setdefault(path, number)
            rest = match[2]
            for mark in ('"""', "'''"):
                if rest.count(mark) == 1:
                    quotes = mark
            depth = max(0, _depth(rest))
    return found


def error_line(error: tomllib.TOMLDecodeError, content: str) -> tuple[int, str]:
    """The line and the bare text of a TOML error; at the end of the file it is the last line."""
    text = str(error)
    match = _AT_LINE.search(text)
    if match is None:
        return max(1, len(content.splitlines())), text.removesuffix(" (at end of document)")
    return int(match[1]), text[: match.start()].strip()


def _depth(text: str) -> int:
    bare = _STRINGS.sub("", text)
    return bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")


def _parts(dotted: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _resolve(path: Path, counts: Mapping[Path, int]) -> Path:
    """`[line.extra]` below `[[line]]` belongs to the newest line."""
    resolved: Path = ()
    for number, part in enumerate(path, 1):
        resolved = (*resolved, part)
        if number < len(path) and resolved in counts:
            resolved = (*resolved, counts[resolved])
    return resolved


def _is_tables(part: object) -> bool:
    return isinstance(part, list) and bool(part) and all(isinstance(item, dict) for item in part)


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for name, value in above.items():
        known = below.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            _merge(known, value)
        elif _is_tables(known) and _is_tables(value) and isinstance(known, list):
            below[name] = [*known, *value]
        else:
            below[name] = value
