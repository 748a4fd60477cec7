"""The catalogue of events as a page for people: docs/events.md. Written anew with: python -m edge.hall.document"""

from collections.abc import Iterator, Mapping, Sequence

from edge.hall.events import KINDS
from edge.hall.exceptions import MEANINGS, UNKNOWN
from edge.hall.shapes import Json

_HEAD = """# Events

Every kind of event that the gateway writes into its log. This page is made from the catalogue in
`edge/hall/catalogue/`; change it there and write it anew: `python -m edge.hall.document > docs/events.md`.

A kind ends with its version. Within a version members are only added, so a reader must accept members that it does not
know. Numbers that may exceed 2^53 (meters) are strings of digits. Times are UTC with milliseconds.

- **priority**: alarm (a person must look now), high, normal, low
- **live**: class of the live lane, where a single copy travels ahead of a backlog; the ordered lane has every event
- **shed**: what may be given up when the disk gets short
"""


def pages() -> str:
    """The whole page."""
    parts = [_HEAD, "## Overview\n", *_overview(), "## Kinds\n", *_kinds(), "## From SAS exception to kind\n"]
    return "\n".join([*parts, *_exceptions()]) + "\n"


def _overview() -> Iterator[str]:
    yield "| kind | what | class | priority | live | shed |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for kind in KINDS.values():
        yield (
            f"| `{kind.kind}` | {kind.title} | {kind.klass} | {kind.priority} | {kind.live_class or '-'} "
            f"| {kind.shed} |"
        )
    yield ""


def _kinds() -> Iterator[str]:
    for kind in KINDS.values():
        yield f"### {kind.kind}\n"
        yield f"{kind.text}\n"
        yield "| member | required | shape | meaning |"
        yield "| --- | --- | --- | --- |"
        for required, members in (("yes", kind.required), ("no", kind.optional)):
            for name, schema in members.items():
                yield f"| `{name}` | {required} | {_shape(schema)} | {_about(schema)} |"
        yield ""


def _exceptions() -> Iterator[str]:
    yield f"Codes without a row are reserved or new and become `{UNKNOWN}`; 00 and 1F are no activity.\n"
    yield "| code | kind | data |"
    yield "| --- | --- | --- |"
    for code, (kind, data) in sorted(MEANINGS.items()):
        told = ", ".join(f"{name} {value}" for name, value in data.items())
        yield f"| {code:02X} | `{kind}` | {told or '-'} |"


def _about(schema: Mapping[str, Json]) -> str:
    about = schema.get("description")
    if about is None and isinstance(any_of := schema.get("anyOf"), Sequence) and isinstance(any_of[0], Mapping):
        about = any_of[0].get("description")
    return str(about or "")


def _shape(schema: Mapping[str, Json]) -> str:
    any_of = schema.get("anyOf")
    if isinstance(any_of, Sequence):
        return " or ".join(_shape(part) for part in any_of if isinstance(part, Mapping))
    words = schema.get("enum")
    if isinstance(words, Sequence):
        return " · ".join(f"`{word}`" for word in words)
    kind = str(schema["type"])
    if kind == "integer":
        return f"integer {schema['minimum']} to {schema['maximum']}"
    if kind == "string":
        return f"text matching `{schema['pattern']}`".replace("|", "\\|") if "pattern" in schema else "text"
    if kind == "array":
        items = schema["items"]
        return f"list, at most {schema['maxItems']}, of " + (_shape(items) if isinstance(items, Mapping) else "")
    properties = schema.get("properties")
    if kind == "object" and isinstance(properties, Mapping):
        inner = "; ".join(f"`{name}` {_shape(part)}" for name, part in properties.items() if isinstance(part, Mapping))
        return f"{{ {inner} }}"
    return kind


if __name__ == "__main__":
    print(pages(), end="")
