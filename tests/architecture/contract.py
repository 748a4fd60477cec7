"""The published contract, docs/contract/, made from the code. Written anew with: python -m tests.architecture.contract

What is recorded from a real run (docs/contract/examples/) is written by tests.harness.contract instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from re import findall
from typing import Any

from edge.config.model import Settings
from edge.field.commands.devices import ASSET_BODY, CONFIRM_BODY
from edge.field.commands.meters import DECIDE_BODY, READ_BODY
from edge.front.api.openapi import document
from edge.front.api.shapes import REF, SHAPES
from edge.front.app import application, build
from edge.hall.events import KINDS, schema
from tests.architecture import asyncapi

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "contract"
EXAMPLES = FOLDER / "examples"
WIDTH = 118
DIALECT = "https://json-schema.org/draft/2020-12/schema"
BODIES = {
    "egm.enable": ASSET_BODY,
    "egm.disable": ASSET_BODY,
    "egm.clock.set": ASSET_BODY,
    "egm.confirm": CONFIRM_BODY,
    "egm.meters.read": READ_BODY,
    "egm.meters.decide": DECIDE_BODY,
}
_NOWHERE: Mapping[str, Any] = {
    "hall": {"id": "7", "name": "Hall 7", "time_zone": "UTC"},
    "gateway": {"id": "hg-07", "run_directory": "/nonexistent"},
    "store": {"directory": "/nonexistent"},
}


def readable(value: object, indent: int = 0) -> str:
    """JSON for people and machines: what fits on a line stands on one."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    inner = " " * (indent + 1)
    if isinstance(value, list):
        rows = [inner + readable(part, indent + 1) for part in value]
        return "[\n" + ",\n".join(rows) + "\n" + " " * indent + "]"
    rows = [f"{inner}{json.dumps(name)}: {readable(part, indent + 1)}" for name, part in value.items()]
    return "{\n" + ",\n".join(rows) + "\n" + " " * indent + "}"


def openapi() -> dict[str, Any]:
    """As the front serves it, for any configuration."""
    front, live, _ = build(Settings.model_validate(_NOWHERE))
    return document(application(front, live))


def alone(shape: object) -> Any:
    """A shape in a file of its own: what it refers to lies beside it."""
    if isinstance(shape, dict):
        return {
            name: f"{part.removeprefix(REF)}.json" if name == "$ref" else alone(part) for name, part in shape.items()
        }
    return [alone(part) for part in shape] if isinstance(shape, list) else shape


def vector() -> dict[str, Any]:
    """The worked vector of docs/chain.md, read from the page and computed with SHA-256 alone."""
    page = (ROOT / "docs" / "chain.md").read_text(encoding="utf-8")
    bodies = findall(r"^    (\{.*\})$", page, flags=8)
    streamid = json.loads(bodies[0])["streamid"]
    value = sha256(b"hall-edge log v1\n" + streamid.encode()).digest()
    start, records = value.hex(), []
    for number, body in enumerate(bodies, start=1):
        value = sha256(value + number.to_bytes(8, "big") + body.encode()).digest()
        records.append({"sequence": number, "body": body, "chain": value.hex()})
    return {"streamid": streamid, "h0": start, "records": records}


def files() -> Iterator[tuple[str, str]]:
    """Every file that is made and not recorded: its name below docs/contract, its text."""
    yield "openapi.json", readable(openapi()) + "\n"
    yield "asyncapi.json", readable(asyncapi.document()) + "\n"
    for name, shape in SHAPES.items():
        yield f"schemas/{name}.json", readable({"$schema": DIALECT, **alone(shape)}) + "\n"
    for kind, body in BODIES.items():
        yield f"schemas/command-body.{kind}.json", readable({"$schema": DIALECT, **body}) + "\n"
    for kind in KINDS:
        yield f"schemas/{kind}.json", readable(schema(kind)) + "\n"
    yield "examples/chain.json", readable(vector()) + "\n"


def write() -> int:
    """Write all of them and take away schemas of what is no more; how many were written."""
    made = dict(files())
    for name, text in made.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in (FOLDER / "schemas").glob("*.json"):
        if f"schemas/{path.name}" not in made:
            path.unlink()
    return len(made)


if __name__ == "__main__":
    print(f"{write()} files in {FOLDER.relative_to(ROOT)}")
