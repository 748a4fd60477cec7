"""Words for the shape of an event's data: a small part of JSON Schema, and a quick check against it.

The same tables make the published schemas and the check before a fact is recorded, so the two cannot drift apart.
Our subset has no floats (decisions on the envelope) and no unbounded strings.
"""

from collections.abc import Callable, Mapping, Sequence
from re import Pattern
from re import compile as pattern_of
from typing import TypeAlias

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"
Schema: TypeAlias = Mapping[str, Json]
Check: TypeAlias = Callable[[object], str | None]
"None: fits; otherwise what is wrong, as the end of a sentence."

INT_MAX = 2**53 - 1
"Integers beyond this are not the same number in every reader of JSON."


def text(max_length: int = 200, *, about: str = "") -> dict[str, Json]:
    """A string."""
    return _told({"type": "string", "maxLength": max_length}, about)


def integer(low: int = 0, high: int = INT_MAX, *, about: str = "") -> dict[str, Json]:
    """A whole number, bounds included."""
    return _told({"type": "integer", "minimum": low, "maximum": high}, about)


def boolean(*, about: str = "") -> dict[str, Json]:
    """True or false."""
    return _told({"type": "boolean"}, about)


def choice(*words: str, about: str = "") -> dict[str, Json]:
    """One of these words."""
    return _told({"type": "string", "enum": list(words)}, about)


def digits(max_length: int = 18, *, about: str = "") -> dict[str, Json]:
    """A number as a string of digits, without sign or leading zeros: nine-byte meters exceed 2^53."""
    return _told({"type": "string", "pattern": rf"^(0|[1-9][0-9]{{0,{max_length - 1}}})$"}, about)


def hexadecimal(max_bytes: int, *, about: str = "") -> dict[str, Json]:
    """Bytes as lower-case hex."""
    return _told({"type": "string", "pattern": rf"^([0-9a-f]{{2}}){{0,{max_bytes}}}$"}, about)


def instant(*, about: str = "") -> dict[str, Json]:
    """UTC with milliseconds: 2026-11-23T00:11:07.320Z."""
    return _told({"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}, about)


def event_id(*, about: str = "") -> dict[str, Json]:
    """The id of another event: stream id, colon, sequence."""
    return _told({"type": "string", "pattern": r"^[0-9a-f]{32}:[1-9][0-9]{0,18}$"}, about)


def nullable(schema: Schema) -> dict[str, Json]:
    """This, or null."""
    return {"anyOf": [dict(schema), {"type": "null"}]}


def several(items: Schema, *, most: int, about: str = "") -> dict[str, Json]:
    """A list of these."""
    return _told({"type": "array", "items": dict(items), "maxItems": most}, about)


def record(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> dict[str, Json]:
    """An object with these members. A reader must tolerate more; we never make more (see `checker`)."""
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


def anything(*, about: str) -> dict[str, Json]:
    """An object whose members are said elsewhere (a command's own result)."""
    return _told({"type": "object"}, about)


def _told(schema: dict[str, Json], about: str) -> dict[str, Json]:
    return {**schema, "description": about} if about else schema


def checker(schema: Schema) -> Check:
    """Compile a schema of this subset into a check. Stricter than the schema: unknown members are refused."""
    if "anyOf" in schema:
        return _check_any([checker(part) for part in _schemas(schema["anyOf"])])
    match schema["type"]:
        case "null":
            return lambda value: None if value is None else "must be null"
        case "boolean":
            return lambda value: None if isinstance(value, bool) else "must be true or false"
        case "integer":
            return _check_integer(_whole(schema["minimum"]), _whole(schema["maximum"]))
        case "string":
            return _check_string(schema)
        case "array":
            return _check_array(checker(_schema(schema["items"])), _whole(schema["maxItems"]))
        case "object" if "properties" in schema:
            members = {name: checker(_schema(part)) for name, part in _schema(schema["properties"]).items()}
            return _check_object(members, frozenset(_words(schema["required"])))
        case "object":
            return _check_free
    raise ValueError(f"not in our subset of JSON Schema: {schema!r}")


def _check_any(parts: Sequence[Check]) -> Check:
    def check(value: object) -> str | None:
        wrong = None
        for part in parts:
            found = part(value)
            if found is None:
                return None
            wrong = wrong or found
        return wrong

    return check


def _check_integer(low: int, high: int) -> Check:
    def check(value: object) -> str | None:
        if type(value) is not int:
            return f"must be a whole number, not {type(value).__name__}"
        return None if low <= value <= high else f"must be {low} to {high}, not {value}"

    return check


def _check_string(schema: Schema) -> Check:
    words = frozenset(_words(schema["enum"])) if "enum" in schema else None
    pattern: Pattern[str] | None = pattern_of(str(schema["pattern"])) if "pattern" in schema else None
    longest = _whole(schema["maxLength"]) if "maxLength" in schema else None

    def check(value: object) -> str | None:
        if not isinstance(value, str):
            return f"must be a string, not {type(value).__name__}"
        if words is not None and value not in words:
            return f"must be one of {', '.join(sorted(words))}, not {value!r}"
        if pattern is not None and (pattern.match(value) is None or value.endswith("\n")):
            return f"does not look right: {value[:60]!r}"
        if longest is not None and len(value) > longest:
            return f"is longer than {longest} characters"
        return None

    return check


def _check_array(item: Check, most: int) -> Check:
    def check(value: object) -> str | None:
        if not isinstance(value, list | tuple):
            return f"must be a list, not {type(value).__name__}"
        if len(value) > most:
            return f"has {len(value)} items, more than {most}"
        for number, part in enumerate(value):
            wrong = item(part)
            if wrong is not None:
                return f"[{number}] {wrong}"
        return None

    return check


def _check_object(members: Mapping[str, Check], required: frozenset[str]) -> Check:
    def check(value: object) -> str | None:
        if not isinstance(value, Mapping):
            return f"must be an object, not {type(value).__name__}"
        for name in required:
            if name not in value:
                return f".{name} is missing"
        for name, part in value.items():
            known = members.get(name)
            if known is None:
                return f".{name} is not in the catalogue"
            wrong = known(part)
            if wrong is not None:
                return f".{name} {wrong}"
        return None

    return check


def _check_free(value: object) -> str | None:
    """Any JSON of ours in an object: no floats, integers within 2^53."""
    return "must be an object" if not isinstance(value, Mapping) else _check_json(value)


def _check_json(value: object) -> str | None:
    if value is None or isinstance(value, bool | str):
        return None
    if isinstance(value, int):
        return None if -INT_MAX <= value <= INT_MAX else f"{value} is beyond 2^53 - 1"
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            return "has a member whose name is not a string"
        return next((wrong for part in value.values() if (wrong := _check_json(part))), None)
    if isinstance(value, list | tuple):
        return next((wrong for part in value if (wrong := _check_json(part))), None)
    return f"cannot hold a {type(value).__name__}"


def _schema(part: Json) -> Schema:
    if not isinstance(part, Mapping):
        raise TypeError(f"a schema is an object, not {part!r}")
    return part


def _schemas(parts: Json) -> list[Schema]:
    if not isinstance(parts, Sequence) or isinstance(parts, str):
        raise TypeError(f"a list of schemas, not {parts!r}")
    return [_schema(part) for part in parts]


def _words(part: Json) -> list[str]:
    if not isinstance(part, Sequence) or isinstance(part, str):
        raise TypeError(f"a list of words, not {part!r}")
    return [str(word) for word in part]


def _whole(part: Json) -> int:
    if not isinstance(part, int):
        raise TypeError(f"a whole number, not {part!r}")
    return part
