"""What faults were tried and what came of it, as a page made from tests and long runs: docs/evidence.md.

Written anew with: python -m tests.architecture.evidence > docs/evidence.md. The runs are the sums that the harnesses add to
docs/evidence.json; a fault without a test says why.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.architecture.proofs import ROOT, shown_by

PAGE = ROOT / "docs" / "evidence.md"
SUMS = ROOT / "docs" / "evidence.json"
SHOWN_MAX = 4

GROUPS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Power and process": {
        "PW-1": ("the power goes at any instruction", ""),
        "PW-2": ("the field is killed", ""),
        "PW-3": ("the field is frozen for seconds", ""),
        "PW-4": ("a part of the field is stuck", ""),
        "PW-5": ("a part dies again and again", ""),
        "PW-6": ("the power goes in first start, migration, backup, restore", ""),
        "PW-7": ("the power goes again during recovery", ""),
        "PW-8": ("the front is killed, in mid-drain and between admitting a command and its answer", ""),
        "PW-9": ("the front hangs", ""),
        "PW-10": ("the seam is lost, cut, garbled, or of another version", ""),
        "PW-11": ("the field is gone while the front lives", ""),
    },
    "Storage": {
        "ST-1": ("the disk is full", ""),
        "ST-2": ("no inodes, a quota, a limit of file size", ""),
        "ST-3": ("the file system turns read-only", ""),
        "ST-4": ("an I/O error on write or fsync", ""),
        "ST-5": ("an I/O error on read", ""),
        "ST-6": ("bits rot in the database", ""),
        "ST-7": ("the WAL is torn or rots", ""),
        "ST-8": ("a disk that lies about fsync", ""),
        "ST-9": ("the database is deleted or replaced while it runs", ""),
        "ST-10": ("the database is missing at the start", ""),
        "ST-11": ("a reader keeps the WAL from shrinking", ""),
        "ST-12": ("a second writer", ""),
        "ST-13": ("an fsync takes seconds", ""),
        "ST-14": ("the state directory is put back by hand from last week", ""),
    },
    "Clock": {
        "CK-1": ("the clock jumps back a day, forward a year, and back", ""),
        "CK-2": ("a boot without a clock", ""),
        "CK-3": ("change of daylight saving time, end of a gaming day within a jump", ""),
        "CK-4": ("hostile or broken time servers", ""),
    },
    "Up to central": {
        "UP-1": ("broker or link away for 30 days", ""),
        "UP-2": ("the broker acknowledges, then loses", ""),
        "UP-3": ("duplicates", ""),
        "UP-4": ("reordering", ""),
        "UP-5": ("half of a batch is stored", ""),
        "UP-6": ("PUBACK or answer lost", ""),
        "UP-7": ("publish refused, no subscriber, a broker without MQTT 5", ""),
        "UP-8": ("central confirms garbage", ""),
        "UP-9": ("two centrals at once", ""),
        "UP-10": ("central is put back to an old backup", ""),
        "UP-11": ("central repeats old commands, or the same ids with other bodies", ""),
        "UP-12": ("refusals, a slow, lossy or flapping link", ""),
        "UP-13": ("somebody else connects with our client id", ""),
        "UP-14": ("central refuses one record for ever", ""),
        "UP-15": ("TLS that is expired, not yet valid, of another name or authority, too old", ""),
    },
    "Identity": {
        "ID-1": ("the gateway is restored from an old backup", ""),
        "ID-2": ("two gateways with one id", ""),
        "ID-3": ("both clones make the same epoch number", ""),
        "ID-4": ("the box is swapped in the middle of transfers", "transfers belong to the money step"),
        "ID-5": ("the old box comes back after a take-over", ""),
    },
    "Commands": {
        "CM-1": ("a command is replayed: again, days later, after a restart, after pruning", ""),
        "CM-2": ("a crash between effect and result", ""),
        "CM-3": ("a command expires on its way or while it waits", ""),
        "CM-4": ("the machine it was for was replaced", ""),
        "CM-5": ("10,000 commands at once", ""),
    },
    "Resources": {
        "RS-1": ("the kernel kills field or front for memory", ""),
        "RS-2": ("no memory for one request, or in the writer", ""),
        "RS-3": ("file descriptors run out", ""),
        "RS-4": ("no new thread or process", ""),
        "RS-5": ("both cores are busy with something else", ""),
        "RS-6": ("leaks", "three minutes of soak only; 72 hours were never run"),
        "RS-7": ("200 browsers on live pages, slow readers", ""),
    },
}
"""Id -> the fault, and why it is not shown, or not wholly, yet."""

ROWS: Mapping[str, tuple[str, str]] = {row: told for group in GROUPS.values() for row, told in group.items()}

_HEAD = """# What was broken on purpose, and what came of it

Faults, the tests that make them, and the long runs so far; a violation is an acknowledged fact lost, altered, half there or
doubled without being flagged, a command done twice, or a number used twice. The runs are added up by the harnesses
(`--evidence`); made from them and from the tests: `python -m tests.architecture.evidence > docs/evidence.md`.

"""


def page() -> str:
    """The whole page."""
    return _HEAD + "\n".join(_lines())


def _lines() -> Iterator[str]:
    proofs = shown_by(ROWS)
    runs = _runs()
    for group, rows in GROUPS.items():
        yield f"## {group}\n"
        yield "| id | fault | shown by | long runs | not yet |"
        yield "|---|---|---|---|---|"
        for row, (what, why_not) in rows.items():
            tests = proofs.get(row, [])
            told = "<br>".join(f"`{name}`" for name in tests[:SHOWN_MAX])
            more = f"<br>and {len(tests) - SHOWN_MAX} more" if len(tests) > SHOWN_MAX else ""
            yield f"| {row} | {what} | {told}{more} | {'<br>'.join(runs[row])} | {why_not} |"
        yield ""


def _runs() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    if not SUMS.exists():
        return found
    sums: dict[str, dict[str, Any]] = json.loads(SUMS.read_text(encoding="utf-8"))
    for key, row in sums.items():
        number, _, method = key.partition(" ")
        bad = "" if row["first_bad_seed"] is None else f", first at seed {row['first_bad_seed']}"
        seeds = ", ".join(map(str, row["seeds"]))
        found[number].append(
            f"{row['runs']:,} {method}, {row['violations']} violations{bad}; {row['took_s'] / 60:.0f} min, seeds {seeds}; "
            f"`{row['command']}`"
        )
    return found


if __name__ == "__main__":
    print(page(), end="")
