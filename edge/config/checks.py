"""What must fit together in a configuration beyond each key alone: names once, references that exist, doors shut.

Pure, and on raw tables: so these findings come together with those about single keys. A part that is not even of the
right shape is left to the model, which says so better.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any, NamedTuple

from edge.config.locate import Path
from edge.config.model import SECRETS


class Finding(NamedTuple):
    """Something that does not fit: where, and what to do."""

    path: Path
    code: str
    text: str
    remedy: str


def misfits(values: Mapping[str, Any]) -> Iterator[Finding]:
    """All that does not fit together in these tables."""
    yield from _twice(values, "line", "name")
    yield from _twice(values, "egm", "asset")
    yield from _twice(values, "consumer", "name")
    yield from _twice(values, "key", "id")
    yield from _machines(values)
    yield from _consumers(values)
    yield from _open_doors(values)


def secrets_in(values: Mapping[str, Any]) -> Iterator[Finding]:
    """Secrets that stand in the files: they are refused, not used."""
    for path in sorted(SECRETS):
        part: Any = values
        for name in path:
            part = part.get(name) if isinstance(part, Mapping) else None
        if part is not None:
            credential = "hall_edge__" + "_".join(path)
            yield Finding(
                path,
                "HE1011",
                "is a secret, and secrets do not stand in files of the configuration",
                f"Take it out and give it to the unit: LoadCredential={credential}:FILE, with a file of root alone.",
            )


def _tables(values: Mapping[str, Any], name: str) -> list[tuple[int, Mapping[str, Any]]]:
    part = values.get(name, ())
    if not isinstance(part, list | tuple):
        return []
    return [(number, table) for number, table in enumerate(part) if isinstance(table, Mapping)]


def _twice(values: Mapping[str, Any], array: str, key: str) -> Iterator[Finding]:
    seen: set[object] = set()
    for number, table in _tables(values, array):
        value = table.get(key)
        if not isinstance(value, str | int):
            continue
        if value in seen:
            yield Finding(
                (array, number, key), "HE1007", f"{key} {value} stands twice", f"Give each [[{array}]] its own {key}."
            )
        seen.add(value)


def _machines(values: Mapping[str, Any]) -> Iterator[Finding]:
    lines = {name: table for _, table in _tables(values, "line") if isinstance(name := table.get("name"), str)}
    holders: dict[tuple[object, object], object] = {}
    for number, table in _tables(values, "egm"):
        line, address, asset = table.get("line"), table.get("address", 1), table.get("asset")
        if not isinstance(line, str):
            continue
        if line not in lines:
            names = ", ".join(sorted(lines)) or "none"
            yield Finding(
                ("egm", number, "line"), "HE1008", f'there is no line "{line}" (lines: {names})',
                f'Add a [[line]] with name = "{line}", or name another one here.',
            )  # fmt: skip
        elif str(lines[line].get("url", "")).startswith("modbus-"):
            yield Finding(
                ("egm", number, "line"), "HE1008", f'line "{line}" is a Modbus bus, slot machines speak SAS',
                "Name a SAS line here.",
            )  # fmt: skip
        if not isinstance(address, int):
            continue
        holder = holders.setdefault((line, address), asset)
        if holder != asset:
            yield Finding(
                ("egm", number, "address"), "HE1009",
                f"machine {holder} already has address {address} on line {line}",
                "Give the machine another SAS address in its operator menu, and write that one here.",
            )  # fmt: skip


def _consumers(values: Mapping[str, Any]) -> Iterator[Finding]:
    names = {name for _, table in _tables(values, "consumer") if isinstance(name := table.get("name"), str)}
    known = ", ".join(sorted(names)) or "none"
    wanted: list[tuple[Path, object]] = [
        (("key", number, "consumer"), table.get("consumer")) for number, table in _tables(values, "key")
    ]
    mqtt = values.get("mqtt")
    if isinstance(mqtt, Mapping):
        wanted.append((("mqtt", "consumer"), mqtt.get("consumer", "central-mqtt")))
    for path, name in wanted:
        if isinstance(name, str) and name not in names:
            yield Finding(
                path, "HE1015", f'there is no consumer "{name}" (consumers: {known})',
                f'Add a [[consumer]] with name = "{name}", or name another one here.',
            )  # fmt: skip


def _open_doors(values: Mapping[str, Any]) -> Iterator[Finding]:
    web = values.get("web")
    if isinstance(web, Mapping) and not (web.get("cert") and web.get("key")):
        for name in ("listen", "listen_central"):
            for number, address in enumerate(_strings(web.get(name))):
                if not is_loopback(address.rpartition(":")[0]):
                    yield Finding(
                        ("web", name, number), "HE1013", f"{address} can be reached from outside, without TLS",
                        "Set cert and key in [web], or listen on 127.0.0.1.",
                    )  # fmt: skip
    mqtt = values.get("mqtt")
    if isinstance(mqtt, Mapping) and isinstance(mqtt.get("host"), str) and not mqtt.get("ca"):
        host = str(mqtt["host"])
        if not is_loopback(host):
            yield Finding(
                ("mqtt", "host"), "HE1013", f"events would go to {host} without TLS",
                "Set ca in [mqtt] to the file with the broker's authority.",
            )  # fmt: skip
        for number, address in enumerate(_strings(mqtt.get("spare"))):
            if not is_loopback(address.rpartition(":")[0]):
                yield Finding(
                    ("mqtt", "spare", number), "HE1013", f"events would go to {address} without TLS",
                    "Set ca in [mqtt] to the file with the brokers' authority.",
                )  # fmt: skip


def _strings(part: object) -> list[str]:
    return [item for item in part if isinstance(item, str)] if isinstance(part, list | tuple) else []


def is_loopback(host: str) -> bool:
    """Is this this very box, and nobody else?"""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
