"""The published contract says what the code does: every file made anew, every example held against its shape."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from edge.field.commands.dispatch import Dispatch
from edge.hall.events import KINDS
from tests.architecture import asyncapi
from tests.architecture.contract import BODIES, EXAMPLES, FOLDER, ROOT, files, vector

MADE = dict(files())
SCHEMAS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (FOLDER / "schemas").glob("*.json")}
REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(one)) for name, one in SCHEMAS.items()
)
DELIVERY = (ROOT / "docs" / "delivery.md").read_text(encoding="utf-8")


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"{name}.json"}, registry=REGISTRY)


def refs(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from refs(part)
    elif isinstance(value, list):
        for part in value:
            yield from refs(part)


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_file_of_the_contract_is_as_the_code_makes_it(name: str) -> None:
    stored = (FOLDER / name).read_text(encoding="utf-8")
    assert stored == MADE[name], "write it anew: python -m tests.architecture.contract"


def test_no_schema_is_left_over() -> None:
    assert {f"schemas/{name}" for name in SCHEMAS} == {name for name in MADE if name.startswith("schemas/")}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_valid_and_refers_only_to_what_lies_beside_it(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert set(refs(SCHEMAS[name])) <= set(SCHEMAS)


def test_the_worked_vector_is_reproduced_with_sha_256_alone() -> None:
    told = json.loads((EXAMPLES / "chain.json").read_text(encoding="utf-8"))
    value = sha256(f"hall-edge log v1\n{told['streamid']}".encode("ascii")).digest()
    assert value.hex() == told["h0"]
    assert len(told["records"]) == 2
    for one in told["records"]:
        value = sha256(value + one["sequence"].to_bytes(8, "big") + one["body"].encode("utf-8")).digest()
        assert value.hex() == one["chain"]
    page = (ROOT / "docs" / "chain.md").read_text(encoding="utf-8")
    assert {told["h0"], *(one["chain"] for one in told["records"])} <= set(re.findall("[0-9a-f]{64}", page))
    assert vector() == told


def test_every_kind_of_command_that_is_known_has_the_schema_of_its_body() -> None:
    source = Path(Dispatch.admit.__code__.co_filename).read_text(encoding="utf-8")
    known = set(re.findall(r'^ +"(egm\.[a-z.]+)": (?:Order|Act)\(', source, flags=re.MULTILINE))
    assert len(known) > 4
    assert known == set(BODIES) == set(SCHEMAS["command.json"]["properties"]["kind"]["enum"])


# MQTT -------------------------------------------------------------------------------------------------------------------


def test_each_topic_of_the_code_is_a_channel_and_the_other_way_round() -> None:
    document = asyncapi.document()
    filled = {"{hall}": "H", "{gateway}": "G", "{class}": "C", "{consumer}": "K", "{kind}": "Q"}
    told = {}
    for name, channel in document["channels"].items():
        address = channel["address"]
        for word, value in filled.items():
            address = address.replace(word, value)
        told[name] = address
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"])
    assert told == asyncapi.addresses()
    for ref in refs(document):
        at: Any = document
        for part in ref.removeprefix("#/").split("/"):
            at = at[part]


@pytest.mark.parametrize("name", asyncapi.CHANNELS)
def test_a_channel_is_told_alike_in_the_page_of_delivery(name: str) -> None:
    address, _, who, qos, retain, _, _ = asyncapi.CHANNELS[name]
    row = next(line for line in DELIVERY.splitlines() if line.startswith(f"| `{address}`"))
    _, _, speaker, quality, _ = (cell.strip() for cell in row.split("|", 4))
    assert speaker == who
    assert int(quality[0]) == qos
    assert ("retained" in quality.replace("**not** retained", "")) is retain


# Recorded ---------------------------------------------------------------------------------------------------------------

SHAPE_OF = {
    "event": "envelope", "page": "page", "ack": "cursor", "ack-answer": "acknowledged", "refusal": "problem",
    "command": "command", "command-answer": "command-answer", "command-mqtt": "command", "command-state": "command-state",
    "command-response": "command-response",
}  # fmt: skip
RECORDED = sorted(path for path in EXAMPLES.glob("*.json") if path.stem not in ("chain", "batch"))


def shape_of(path: Path) -> str:
    return SHAPE_OF[path.stem.partition(".")[0]]


def test_there_is_an_example_of_everything() -> None:
    assert {path.stem.partition(".")[0] for path in RECORDED} == set(SHAPE_OF)
    told = {path.stem.partition(".")[2] for path in EXAMPLES.glob("refusal.*.json")}
    assert {"chain-mismatch", "ack-beyond-head", "epoch-changed", "cursor-expired", "not-found", "validation"} <= told
    assert {"field-away", "unauthenticated", "forbidden"} <= told


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: str(path.stem))
def test_an_example_has_the_shape_that_is_promised(path: Path) -> None:
    told = json.loads(path.read_text(encoding="utf-8"))
    validator(shape_of(path)).validate(told)
    events = told["events"] if "events" in told else [told] if path.stem.startswith("event.") else []
    for event in events:
        assert event["type"] in KINDS
        Draft202012Validator(SCHEMAS[f"{event['type']}.json"]).validate(event["data"])
    if path.stem.startswith("refusal."):
        assert told["type"] == f"urn:hall-edge:problem:{path.stem.partition('.')[2]}"
    if "body" in told and "kind" in told and "state" not in told:
        Draft202012Validator(SCHEMAS[f"command-body.{told['kind']}.json"]).validate(told["body"])


def canonical(value: object) -> bytes:
    """The form of docs/chain.md, by nothing but the standard library."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def test_the_recorded_page_and_the_recorded_batch_are_of_one_chain() -> None:
    page = json.loads((EXAMPLES / "page.json").read_text(encoding="utf-8"))
    batch = json.loads((EXAMPLES / "batch.json").read_text(encoding="utf-8"))
    Draft202012Validator(asyncapi.PROPERTIES).validate(batch["user_properties"])
    beside, behind, following = batch["user_properties"], batch["after"], page["next"]
    start = sha256(b"hall-edge log v1\n" + following["streamid"].encode()).digest()
    for value, first, events, last, claimed in (
        (start, 1, page["events"], following["sequence"], following["sha256"]),
        (
            bytes.fromhex(behind["sha256"]), behind["sequence"] + 1, batch["payload"], int(beside["last"]),
            beside["sha256"],
        ),
    ):  # fmt: skip
        assert [int(event["sequence"]) for event in events] == list(range(first, last + 1))
        for event in events:
            validator("envelope").validate(event)
            value = sha256(value + int(event["sequence"]).to_bytes(8, "big") + canonical(event)).digest()
        assert value.hex() == claimed


def test_the_signature_of_the_recorded_command_holds() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    for name in ("command", "command-mqtt"):
        told = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
        signature = bytes.fromhex(told.pop("signature"))
        key = (EXAMPLES / "command-key.txt").read_text(encoding="ascii").strip()
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, canonical(told))


def test_the_client_is_a_shell_script_with_nothing_of_ours() -> None:
    script = FOLDER / "client.sh"
    assert script.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(script)], check=True)
    text = script.read_text(encoding="utf-8")
    assert "python" not in text.lower()
    assert max(len(line) for line in text.splitlines()) <= 130
