"""What of SAS is there, as a page made from the code: docs/sas.md. Written anew with: python -m tests.vectors.coverage

For each long poll, exception and meter code: who of the host's conversations asks for it, whether the machine's side
answers it, which vector shows its bytes, and the source. A cell that is empty is a hole; tests/vectors/test_coverage.py
lets none pass.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from protocols.sas.catalog.companion import COMPANION
from protocols.sas.catalog.exception_codes import EXCEPTIONS
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.catalog.meter_codes import METERS
from protocols.sas.longpoll import LongPoll
from simulators.egm.answers import answered_polls

ROOT = Path(__file__).parents[2]
VECTORS = Path(__file__).parent
PAGE = ROOT / "docs" / "sas.md"
LATER = "money step"

_HEAD = """# SAS: what is there

Every long poll, exception and meter code of the standard as far as it is public. This page is made from the code:
`python -m tests.vectors.coverage > docs/sas.md`.

- **host**: the conversation that asks for it; *any* means that `Control` or a probe sends it on request
- **machine**: the simulated machine answers it, and `protocols/sas/egm.py` frames it
- **vector**: file and row under `tests/vectors` that shows the bytes, decoded by our codec and by an independent one
- **source**: section of `docs/sources.md`
- *money step*: belongs to tickets, transfers, bonuses, progressives or signatures; known by name, never polled yet
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD, "## Long polls\n", *_polls(), "\n## Exceptions\n", *_exceptions(), "\n## Meters\n", *_meters()]
    return "\n".join(parts) + "\n"


def asked_by() -> Mapping[int, list[str]]:
    """Code of a long poll -> modules of the host that ask for it of their own accord."""
    named: dict[str, int] = {}
    for file in (ROOT / "protocols/sas/catalog").glob("*.py"):
        for name, code in re.findall(r"^([A-Z][A-Z0-9_]+)(?::[^=]+)? = (?:LongPoll|_order|_single|_group)\(\s*0x([0-9A-F]{2})",
                                     file.read_text(), re.M):  # fmt: skip
            named[name] = int(code, 16)
    found: dict[int, list[str]] = defaultdict(list)
    files = [*sorted((ROOT / "protocols/sas/conversations").glob("*.py")), ROOT / "protocols/sas/hearing.py"]
    for file in files:
        text = file.read_text()
        codes = {int(code, 16) for code in re.findall(r"long_poll\(0x([0-9A-F]{2})\)", text)}
        codes |= {code for name, code in named.items() if re.search(rf"\b{name}\b", text)}
        for code in sorted(codes):
            found[code].append(file.stem)
    return found


def _polls() -> Iterator[str]:
    asked, answered, shown = asked_by(), answered_polls(), poll_vectors()
    yield "| code | name | kind | host | machine | vector | source |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    rows: dict[int, str] = {}
    for code, poll in BY_CODE.items():
        meters = "meters" if poll.meters else ""
        host = ", ".join(asked.get(code, [])) or meters or "any"
        machine = "yes" if code in answered else ""
        rows[code] = (
            f"| {code:02X} | {poll.name} | {_kind(poll)} | {host} | {machine} | {shown.get(code, '')} | {poll.source} |"
        )
    for code, later in COMPANION.items():
        rows[code] = f"| {code:02X} | {later.name} | {later.kind} | *{LATER}* | *{LATER}* | *{LATER}* | sas-core 5.1 |"
    yield from (rows[code] for code in sorted(rows))


def _kind(poll: LongPoll) -> str:
    return poll.kind.name + ("/G" if poll.broadcast else "")


def _exceptions() -> Iterator[str]:
    shown = exception_vectors()
    yield "| code | name | class | host | machine | vector | source |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for code, row in sorted(EXCEPTIONS.items()):
        name = row.name + (f" [{row.version}]" if row.version else "") + ("" if row.certain else " (one source)")
        host = "decoded, stored, then acknowledged"
        yield f"| {code:02X} | {name} | {row.klass} | {host} | raised | {shown.get(code, '')} | {row.source} |"


def _meters() -> Iterator[str]:
    shown = meter_vectors()
    yield "| code | name | unit | least size | single poll | host | machine | vector | source |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for code, row in sorted(METERS.items()):
        single = f"{row.single_poll:02X}" if row.single_poll is not None else "-"
        yield (
            f"| {code:02X} | {row.name} | {row.unit} | {row.min_size} | {single} | 6F, AF, 2F | 6F, AF, 2F "
            f"| {shown.get(code, '')} | {row.source} |"
        )


def _tables(name: str) -> Iterator[tuple[str, dict[str, object]]]:
    """(file: row, table) of every table called so in the vectors."""
    for file in sorted(VECTORS.glob("*.toml")):
        for place, row in enumerate(tomllib.loads(file.read_text()).get(name, []), 1):
            yield f"{file.stem} {place}", row


def poll_vectors() -> Mapping[int, str]:
    """Code of a long poll -> its first vector, and how many there are."""
    return _first((int(str(row["code"])), where) for where, row in _tables("poll"))


def exception_vectors() -> Mapping[int, str]:
    return _first((int(str(row["code"])), where) for where, row in _tables("exception"))


def meter_vectors() -> Mapping[int, str]:
    """From the replies that list meters by code."""
    found = []
    for table in ("poll", "meter"):
        for where, row in _tables(table):
            found += [(code, where) for code in _meters_in(row)]
    return _first(found)


def _meters_in(row: dict[str, object]) -> Iterator[int]:
    values = row.get("values") or row.get("reply_values")
    if row.get("code") in (0x2F, 0x6F, 0xAF) and isinstance(values, dict):
        for item in values.get("meters", ()):
            yield int((item["meter"] if isinstance(item, dict) else item)[0])


def _first(found: Iterator[tuple[int, str]] | list[tuple[int, str]]) -> Mapping[int, str]:
    places: dict[int, list[str]] = defaultdict(list)
    for code, where in found:
        places[code].append(where)
    return {
        code: where[0] + (f" and {len(where) - 1} more" if len(where) > 1 else "") for code, where in places.items()
    }


if __name__ == "__main__":
    print(page(), end="")
