"""Which test shows what, as a page made from the tests: docs/proofs.md. Written anew with: python -m tests.architecture.proofs

Rows are demands of regulators (EVT, COM, IDN, MTR, RPT-03) and faults of a serial line (SR) as far as they concern machines.
A test belongs to a row when its name (test_sr_3_..., test_mtr_04_...), its docstring or its text cites the id, or the
docstring of its file does.
"""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "proofs.md"

ROWS: Mapping[str, tuple[str, str]] = {
    "EVT-01": ("each event has its time, machine, a unique code and a text in the language of the hall", ""),
    "EVT-02": ("every kind of event that a machine can report is collected and sent on", ""),
    "EVT-03": ("acknowledged to the machine only when it is on durable storage", ""),
    "EVT-04": (
        "loss of a machine, damaged memory, what disables play or moves money goes at once, past any backlog",
        "",
    ),
    "EVT-05": ("an id unique in the hall and a sequence: central can drop what comes twice", ""),
    "EVT-06": ("a handpay carries amount and kind", ""),
    "EVT-07": ("door switches of our own merged with the machine's door events", "there are no inputs of our own yet"),
    "EVT-08": ("nothing on a shared screen says where money is", "no shared screens yet; the page is for staff"),
    "EVT-09": ("the log is searched by time, by device and by code", ""),
    "EVT-10": (
        "faults that keep a machine disabled until an authorised release",
        "needs roles and releases of persons",
    ),
    "EVT-11": ("events are checked for their logical order", "ticket and bill order belongs to the money step"),
    "EVT-12": ("who opened which locked area, when and why", "needs persons and their cards"),
    "COM-01": ("while a link is down everything is kept and sent when it returns", ""),
    "COM-02": ("30 days of buffer, stated in days left", "belongs to the store under any fault"),
    "COM-03": ("a full buffer never drops what was not sent", ""),
    "COM-04": ("a ladder of named receivers for a lost link", "needs alarm escalation and persons"),
    "COM-05": ("a link that returns: who it is, meters, what waits; then the gap is booked", ""),
    "COM-06": ("a backlog is delivered without starving live events", ""),
    "COM-07": ("after an outage both sides prove that they are equal", ""),
    "COM-08": ("the loss of a link is itself an event", ""),
    "COM-09": ("a communication test is recorded at installation, change and after an interruption", ""),
    "COM-10": ("after a restart no device is commanded before its tests are complete", ""),
    "COM-11": ("what machines do without us is a choice of the profile", "belongs to the profile of limits"),
    "COM-12": ("remote shutdown that outlives a restart", "belongs to authority and roles"),
    "COM-13": ("a command has an expiry and an order; outdated ones are refused, repeated ones do nothing twice", ""),
    "COM-14": ("links detect damage and count it", ""),
    "COM-15": ("data are protected for the whole outage", "belongs to the store under any fault"),
    "IDN-01": ("who a machine is stands in the books, and another one is noticed", ""),
    "MTR-01": ("every meter the law names is stored as read; one the machine lacks is unsupported, not 0", ""),
    "MTR-02": ("money is exact: integers of minor units, credits with their denomination, no floats", ""),
    "MTR-03": ("a roll-over is counted; more than one possible wrap is flagged and not guessed", ""),
    "MTR-04": ("a RAM clear: last good before less opening, plus closing less first good after", ""),
    "MTR-05": ("a falling meter is one of six causes, decided and not assumed", ""),
    "MTR-06": ("a period is a difference of two stored readings; nothing resets or lowers one", ""),
    "MTR-07": ("snapshots at interval, end of the day, demand, drop, service, change, access, clear and event", ""),
    "MTR-08": ("read on demand: complete or failed within the limit", ""),
    "MTR-09": (
        "games of a machine against its cabinet",
        "wager categories and the weighted theoretical percentage need the paytables' percentages in the profile",
    ),
    "MTR-10": ("credits on the machine are what came in less what went out", ""),
    "MTR-11": ("bills by value against the bill meter", "tickets and transfers belong to the money step"),
    "MTR-12": (
        "what cannot be explained goes to a queue and is decided with a comment",
        "tolerances per meter and machine type, and a day that cannot be closed before, "
        "need the profile of limits and a day close",
    ),
    "MTR-13": ("readings entered by hand", "needs persons with roles"),
    "MTR-14": ("a quarter of the floor compared with its displays each quarter", "needs persons and incidents"),
    "MTR-15": ("first and last readings say so", "the other columns of that state's form are those of its report"),
    "MTR-16": ("each value has its age; an old one is shown as old", ""),
    "MTR-17": ("all meters of a snapshot belong to one moment, or it says that they do not", ""),
    "RPT-03": (
        "formulas have one place, a name and a version",
        "those of tickets, fills, slips and theoretical hold need what the money step and the profile bring",
    ),
    "SR-1": ("a cable pulled, and back after a second, an hour, three days", ""),
    "SR-2": ("an adapter pulled and back as another port", ""),
    "SR-3": ("noise: flipped, lost, added bytes", ""),
    "SR-4": ("another machine answers", ""),
    "SR-5": ("a machine is replaced", ""),
    "SR-6": ("RAM clear", ""),
    "SR-7": ("a meter rolls over, or falls", ""),
    "SR-8": ("a machine chirps", ""),
    "SR-9": ("an endless stream of bytes", ""),
    "SR-10": ("one byte in four seconds", ""),
    "SR-11": ("two machines at one address", ""),
    "SR-12": ("a late answer in the next window", ""),
    "SR-13": (
        "a machine loses power in the middle of a transfer or ticket",
        "transfers and tickets belong to the money step; "
        "the handpay, which is also asked for by a question that consumes its answer, is shown",
    ),
    "SR-14": ("overflow of the exception queue (70)", ""),
    "SR-15": ("busy for ever, refused for ever", ""),
    "SR-16": ("a port that takes nothing more", ""),
    "SR-17": (
        "a device server that kept old bytes",
        "asking again before a void belongs to the money step; that old bytes are no answers is shown",
    ),
    "SR-18": ("three tries without an answer", ""),
}
"""Id -> what must hold, and why it is not shown, or not wholly, yet."""

_HEAD = """# Which test shows what

Demands of regulators on events (EVT), links (COM), identity (IDN), meters (MTR) and their formulas (RPT-03), and faults of a
serial line (SR), as far as machines are concerned; what has no test yet says why. Made from the tests:
`python -m tests.architecture.proofs > docs/proofs.md`.

| id | what must hold | shown by | not yet |
|---|---|---|---|
"""
SHOWN_MAX = 6


def page() -> str:
    """The whole page."""
    proofs = shown_by()
    rows = []
    for number, (what, why_not) in ROWS.items():
        tests = proofs.get(number, [])
        told = "<br>".join(f"`{name}`" for name in tests[:SHOWN_MAX])
        more = f"<br>and {len(tests) - SHOWN_MAX} more" if len(tests) > SHOWN_MAX else ""
        rows.append(f"| {number} | {what} | {told}{more} | {why_not} |")
    return _HEAD + "\n".join(rows) + "\n"


def shown_by(rows: Collection[str] = ROWS) -> Mapping[str, list[str]]:
    """Id -> tests that cite it, as file::name, or the file where its docstring cites it for all of them."""
    kinds = "|".join(sorted({row.partition("-")[0] for row in rows}))
    in_text = re.compile(rf"\b({kinds})-(\d+)\b")
    in_names = re.compile(rf"(?:\btest|_)_?({kinds.lower()})_(\d+)(?=_|\b)")

    def cited(text: str) -> Iterator[str]:
        found = {f"{kind.upper()}-{number}" for kind, number in (*in_text.findall(text), *in_names.findall(text))}
        yield from sorted(found & set(rows))

    found: dict[str, list[str]] = defaultdict(list)
    for where, about, tests in _all_tests():
        for number in cited(about):
            found[number].append(where)
        for name, text in tests:
            for number in cited(text):
                if where not in found[number]:
                    found[number].append(f"{where}::{name}")
    return found


@functools.cache
def _all_tests() -> Sequence[tuple[str, str, Sequence[tuple[str, str]]]]:
    """File, its docstring, and each test with its text; read once, for there are many rows."""
    told = []
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        if file.parent.name == "architecture":
            continue
        text = file.read_text(encoding="utf-8")
        tree, lines = ast.parse(text), text.splitlines()
        tests = [
            (node.name, "\n".join(lines[node.lineno - 1 : node.end_lineno]))
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        ]
        told.append((file.relative_to(ROOT / "tests").as_posix(), ast.get_docstring(tree) or "", tests))
    return told


if __name__ == "__main__":
    print(page(), end="")
