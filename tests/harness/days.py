"""``./dev days``: machines of every kind on lines with every fault, for days of virtual time; both ends' books compared.

For each persona a good line and for each kind of bad wire a plain machine; and what is named on the command line. What
must hold: each exception that a machine had acknowledged is in the books of the gateway, once (or flagged as a possible
repeat), or inside a gap record of that machine; no value stands in the books that the machine never told; the link is
found up again when the wire is good. Wires that change bytes have a rate that no check can bring to zero, because a
general-poll answer is one byte without a check sum: it is counted and printed, and must stay below what the host states.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from protocols.sas.rules import LineRules
from simulators.alignment import Given, TooDifferent, align
from simulators.egm.dice import Dice
from simulators.egm.machine import Habits
from simulators.egm.personas import load, names
from simulators.egm.wired import WiredEgm
from simulators.faults.wires import WIRES
from tests.harness.virtualline import WALL, Books, VirtualLine, given

DAY_S = 86_400.0
PIECE = 1_500
"""Exceptions laid beside each other at once; the rows of days are compared in pieces between settled moments."""
WRONG_MOST = 1 / 500
"""Of polls, however bad the wire is; a lighter one has a lower limit of its own (``BadWire.wrong_most``)."""


@dataclass(frozen=True, slots=True)
class Case:
    """One run."""

    persona: str
    wire: str
    machines: int = 1
    after_three_tries: str = "silence"
    confirm: str = "noisy"

    @property
    def name(self) -> str:
        more = "" if self.machines == 1 else f" x{self.machines} {self.after_three_tries}"
        return f"{self.persona} / {self.wire}{more}" + ("" if self.confirm == "noisy" else f" confirm={self.confirm}")


@dataclass(slots=True)
class Result:
    """What was seen; ``broken`` says what must not be."""

    case: str
    hours: float = 0.0
    polls: int = 0
    raised: int = 0
    acknowledged: int = 0
    stored: int = 0
    lost: int = 0
    lost_in_gaps: int = 0
    given_up: int = 0
    "Lost by the machine itself: overflow, or its own link-down."
    doubled: int = 0
    invented: int = 0
    flagged: int = 0
    gaps: int = 0
    snapshots: int = 0
    readings: int = 0
    wrong_readings: int = 0
    unread: int = 0
    downs: int = 0
    ups: int = 0
    longest_quiet_s: float = 0.0
    contested: int = 0
    speed: float = 0.0
    broken: list[str] = field(default_factory=list)


def cases(personas: Sequence[str], wires: Sequence[str]) -> Iterator[Case]:
    """All personas on a good line, all wires with a plain machine, the wires again on shared lines of both settings."""
    for persona in personas:
        if persona != "duplicate_address":
            yield Case(persona, "good")
        if persona not in ("plain", "duplicate_address"):
            yield Case(persona, "pulled_for_1_s", machines=1)
    for wire in wires:
        if wire != "good":
            yield Case("plain", wire)
            yield Case("plain", wire, machines=3)
            yield Case("plain", wire, machines=3, after_three_tries="go_on")
            if WIRES[wire].touches_values:
                yield Case("plain", wire, confirm="exceptions")
    if "duplicate_address" in personas:
        yield Case("duplicate_address", "good", machines=2)


def run(case: Case, *, days: float, seed: int) -> Result:
    """One line through its days."""
    persona = load(case.persona)
    shares = case.persona == "duplicate_address"
    habits = Habits(games_per_minute=2.0, events_per_minute=0.5, queue_limit=0 if case.persona == "chatty" else 15)
    machines = [
        WiredEgm(
            100_001 + place, 1 if shares else 1 + place, persona, Dice(seed * 31 + place), serial=f"SN{place:04d}", now=0.0,
            wall=WALL, habits=habits,
        )
        for place in range(case.machines)
    ]  # fmt: skip
    rules = LineRules(greet=True, after_three_tries=case.after_three_tries, confirm=case.confirm)  # type: ignore[arg-type]  # words of the table
    line = VirtualLine(machines, WIRES[case.wire], rules, seed=seed)
    result = Result(case.name, hours=days * 24)
    began = time.process_time()
    line.run(days * DAY_S)
    _settle(line, machines)
    result.speed = days * DAY_S / max(1e-6, time.process_time() - began)
    result.polls, result.longest_quiet_s = line.frames, round(line.longest_quiet_s, 2)
    if shares:
        result.contested = sum(books.contested for books in line.books.values())
        if not result.contested:
            result.broken.append("two machines at one address were not noticed")
        return result
    for one in machines:
        _judge(case, one, line.books[one.address], result)
    wrong = result.lost + result.doubled + result.invented
    most = min(WRONG_MOST, WIRES[case.wire].wrong_most(shared=case.machines > 1)) * result.polls
    if wrong > most:
        result.broken.append(f"{wrong} wrong in {result.polls} polls; {most:.0f} is what the wire must cost")
    return result


def _settle(line: VirtualLine, machines: Sequence[WiredEgm]) -> None:
    """The wire is good again, nothing new happens, and there is time to tell what waits."""
    line.wire = replace(WIRES["good"])
    for one in machines:
        one.freeze(line.now)
    line.run(line.now + 180.0)


def _judge(case: Case, one: WiredEgm, books: Books, result: Result) -> None:
    counts = one.book.counts()
    result.raised += counts["raised"]
    result.acknowledged += counts["acknowledged"]
    result.given_up += counts["dropped"]
    result.stored += len(books.exceptions)
    result.gaps += len(books.gaps)
    result.snapshots += books.snapshots
    result.readings += books.readings
    result.wrong_readings += len(books.wrong_readings)
    result.unread += books.unread
    result.downs += len(books.downs)
    result.ups += len(books.ups)
    touches = WIRES[case.wire].touches_values
    try:
        # What lies in a gap record may be missing; so it is the first to be taken for what is.
        answers = [
            answer._replace(acknowledged=answer.acknowledged and not _in_a_gap(one, answer, books))
            for answer in given(one)
        ]
        aligned = align(answers, books.exceptions)
    except TooDifferent as error:
        result.broken.append(str(error))
        return
    result.flagged += len(aligned.flagged)
    result.doubled += len(aligned.doubled)
    result.invented += len(aligned.invented) + len(aligned.altered)
    told = [*aligned.lost, *aligned.tail, *(pair[0] for pair in aligned.altered), *(pair[0] for pair in aligned.moved)]
    uncovered = [answer for answer in told if answer.acknowledged]
    result.lost += len(uncovered)
    result.lost_in_gaps += counts["acknowledged"] - aligned.matched - len(uncovered)
    if uncovered and not touches:
        result.broken.append(f"{len(uncovered)} acknowledged and neither stored nor in a gap: {uncovered[:3]}")
    if (aligned.doubled or aligned.invented) and not touches:
        result.broken.append(f"doubled or invented: {[*aligned.doubled, *aligned.invented][:3]}")
    if books.wrong_readings:
        result.broken.append(f"meters that the machine never told: {books.wrong_readings[:3]}")
    if counts["waiting"] and case.persona != "address_lost":
        result.broken.append(
            f"{counts['waiting']} exceptions wait though the wire is good: the link was not found again"
        )


def _in_a_gap(one: WiredEgm, answer: Given, books: Books) -> bool:
    entry = one.book.entries[answer.serial - 1]
    first, last = entry.first_answered_at or 0.0, entry.acknowledged_at or 0.0
    return any(gap.since - 0.1 <= last and first <= gap.until + 0.1 for gap in books.gaps)


def rate(results: Sequence[Result]) -> tuple[int, int]:
    """(exceptions lost, doubled or invented by wires that change bytes, polls), over all runs."""
    wrong = sum(result.lost + result.doubled + result.invented for result in results)
    return wrong, sum(result.polls for result in results)


COLUMNS = (
    "hours", "polls", "raised", "stored", "lost", "lost_in_gaps", "given_up", "doubled", "invented", "flagged", "gaps",
    "readings", "wrong_readings", "downs", "ups", "speed",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev days", description=__doc__)
    parser.add_argument("--days", type=float, default=1.0, help="virtual days of each run")
    parser.add_argument("--persona", nargs="*", default=None, choices=names(), help="only these; none: no persona runs")
    parser.add_argument("--wire", nargs="*", default=None, choices=tuple(WIRES), help="only these; none: no wire runs")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(31))
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args(arguments)
    personas = names() if asked.persona is None else tuple(asked.persona)
    wires = tuple(WIRES) if asked.wire is None else tuple(asked.wire)
    print(f"seed {asked.seed}")
    print(f"{'machine / wire':48}" + " ".join(f"{column:>12}" for column in COLUMNS))
    results = []
    for case in cases(personas, wires):
        result = run(case, days=asked.days, seed=asked.seed)
        results.append(result)
        print(f"{result.case:48}" + " ".join(f"{getattr(result, column):>12.10g}" for column in COLUMNS), flush=True)
        for broken in result.broken:
            print(f"    BROKEN: {broken}")
    failed = sum(bool(result.broken) for result in results)
    wrong, polls = rate(results)
    hours = sum(result.hours for result in results)
    print(
        f"{len(results)} runs, {hours / 24:.1f} days, {polls} polls; {wrong} exceptions wrong by damaged bytes; "
        f"{failed} runs broken"
    )
    if asked.json:
        print(
            json.dumps(
                {"seed": asked.seed, "days": asked.days, "ok": not failed, "runs": [asdict(one) for one in results]}
            )
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
