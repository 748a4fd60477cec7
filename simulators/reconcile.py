"""Does central have what the machines raised, and do their meters agree? The judgement of demos and crash tests. Pure.

Three books are laid side by side: each machine's own, the gateway's log (where it can be read), and central's. What is
still on its way is not a fault but unsettled; after everything had time to arrive, nothing may be unsettled either.
Reading the books from files is `evidence.py`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from simulators.alignment import Alignment, Given, Kept, TooDifferent, align
from simulators.central.books import Summary

FAULTS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What one machine knows of itself."""

    asset: int
    given: Sequence[Given]
    "Answers in the order they left; equal answers in a row count once."
    raised: int
    acknowledged: int
    dropped: int
    waiting: int
    meters: Mapping[int, int]
    "As the machine shows them now."
    meters_told: Mapping[int, frozenset[int]]
    "Every value it ever told a host, by code."
    is_frozen: bool
    "False: it plays on, so its meters run ahead of any reading."


@dataclass(frozen=True, slots=True)
class LogFacts:
    """A log by stream and sequence, and what it says of the machines."""

    bodies: Mapping[tuple[str, int], bytes]
    "SHA-256 of each body, or the body itself: anything that differs when the body does."
    summary: Summary


class MeterRow(NamedTuple):
    """One meter in all books. state: equal, unsettled, differs (frozen machine, everything read), altered."""

    code: int
    machine: int
    stored: int | None
    central: int | None
    state: str


@dataclass(slots=True)
class MachineVerdict:
    """One machine in all books."""

    asset: int
    raised: int = 0
    acknowledged: int = 0
    dropped: int = 0
    waiting: int = 0
    stored: int | None = None
    at_central: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    "Flagged maybe_repeat, and a repeat indeed."
    flagged: list[str] = field(default_factory=list)
    "All flagged maybe_repeat."
    meters: list[MeterRow] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        """How much is wrong with this machine."""
        wrong = (self.lost, self.doubled, self.invented, self.altered, self.moved)
        return sum(map(len, wrong)) + sum(row.state in ("altered", "differs") for row in self.meters)


@dataclass(slots=True)
class Verdict:
    """All of it. `ok`: nothing is wrong; `settled`: nothing is on its way any more."""

    machines: list[MachineVerdict] = field(default_factory=list)
    log_faults: list[str] = field(default_factory=list)
    "Records lost, altered or made up between the gateway's log and central, and broken books."
    unsettled: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """No fault anywhere."""
        return not self.log_faults and not any(machine.faults for machine in self.machines)

    @property
    def settled(self) -> bool:
        """Every comparison has been made for good."""
        return not self.unsettled and not any(machine.unsettled for machine in self.machines)

    def total(self, name: str) -> int:
        """Sum over machines of a list's length (lost, doubled ...) or of a figure (raised, acknowledged ...)."""
        values = [getattr(machine, name) for machine in self.machines]
        return sum(len(value) if isinstance(value, list) else int(value or 0) for value in values)

    def as_json(self) -> dict[str, Any]:
        """One object for the last line of a run."""
        figures = ("raised", "acknowledged", "dropped", "waiting", "stored", "at_central")
        lists = ("lost", "doubled", "invented", "altered", "moved", "repeated", "flagged")
        return {
            "ok": self.ok,
            "settled": self.settled,
            **{name: self.total(name) for name in (*figures, *lists)},
            "meters": dict(Counter(row.state for machine in self.machines for row in machine.meters)),
            "log_faults": self.log_faults[:FAULTS_SHOWN],
            "unsettled": self.unsettled,
            "machines": [_machine_json(machine) for machine in self.machines],
        }


def _machine_json(machine: MachineVerdict) -> dict[str, Any]:
    told = asdict(machine)
    told["faults"] = machine.faults
    told["meters"] = [row._asdict() for row in machine.meters]
    return {name: value[:FAULTS_SHOWN] if name in _LISTS else value for name, value in told.items()}


_LISTS = frozenset({"lost", "doubled", "invented", "altered", "moved", "repeated"})


def reconcile(
    machines: Sequence[MachineFacts], central: LogFacts, stored: LogFacts | None = None, *, final: bool = False
) -> Verdict:
    """Lay the books side by side.

    ``final``: everything had time to arrive (machines frozen, queues fetched, meters read since, central at the head):
    what is missing now is lost, and a meter that differs is wrong. Without it the same is only unsettled.
    """
    verdict = Verdict()
    behind = _compare_logs(stored, central, verdict, final=final) if stored is not None else 0
    for finding in central.summary.findings:
        if finding.is_fault:
            verdict.log_faults.append(f"central {finding.kind} at {finding.sequence}: {finding.text}")
    for facts in machines:
        machine = MachineVerdict(facts.asset, facts.raised, facts.acknowledged, facts.dropped, facts.waiting)
        _compare_exceptions(facts, central, stored, machine, final=final, behind=behind)
        _compare_meters(facts, central, stored, machine, final=final)
        verdict.machines.append(machine)
    known = {facts.asset for facts in machines}
    for asset in sorted(central.summary.machines.keys() - known):
        if central.summary.machines[asset].exceptions:
            verdict.log_faults.append(f"central has exceptions of machine {asset}, which does not exist")
    return verdict


def _compare_logs(stored: LogFacts, central: LogFacts, verdict: Verdict, *, final: bool) -> int:
    """Record by record. Returns how many central lacks at the end."""
    tops: dict[str, int] = {}
    for streamid, sequence in central.bodies:
        tops[streamid] = max(tops.get(streamid, 0), sequence)
    behind = 0
    for place, body in stored.bodies.items():
        theirs = central.bodies.get(place)
        if theirs is None:
            if final or place[1] < tops.get(place[0], 0):
                verdict.log_faults.append(f"record {place[1]} of {place[0]} is not at central")
            else:
                behind += 1
        elif theirs != body:
            verdict.log_faults.append(f"record {place[1]} of {place[0]} differs at central")
    oldest: dict[str, int] = {}
    newest: dict[str, int] = {}
    for streamid, sequence in stored.bodies:
        oldest[streamid] = min(oldest.get(streamid, sequence), sequence)
        newest[streamid] = max(newest.get(streamid, sequence), sequence)
    for streamid, sequence in central.bodies.keys() - stored.bodies.keys():
        # Below its oldest: deleted by age. Above its newest: made after the log was read, before the books were.
        if oldest.get(streamid, 0) <= sequence <= newest.get(streamid, sequence):
            verdict.log_faults.append(f"record {sequence} of {streamid} is at central and not in the gateway's log")
    if behind:
        verdict.unsettled.append(f"{behind} records are not at central yet")
    return behind


def _kept(summary: Summary, asset: int) -> list[Kept]:
    machine = summary.machines.get(asset)
    if machine is None:
        return []
    return [
        Kept(seen.code, seen.maybe_repeat, f"{seen.streamid[:8]}:{seen.sequence}") for seen in machine.exceptions
    ]


def _compare_exceptions(
    facts: MachineFacts,
    central: LogFacts,
    stored: LogFacts | None,
    machine: MachineVerdict,
    *,
    final: bool,
    behind: int,
) -> None:
    at_central = _kept(central.summary, facts.asset)
    machine.at_central = len(at_central)
    if facts.waiting:
        machine.unsettled.append(f"{facts.waiting} exceptions still wait at the machine")
    gone: dict[int, str] = {}
    if stored is not None:
        in_store = _kept(stored.summary, facts.asset)
        machine.stored = len(in_store)
        beside = _align(facts.given, in_store, machine)
        if beside is not None:
            # Storing comes before acknowledging: what the log lacks now it will never have.
            gone = {answer.serial: f"{_name(answer)} (not in the log)" for answer in (*beside.lost, *beside.tail)}
    found = _align(facts.given, at_central, machine)
    if found is not None:
        gone |= {answer.serial: _name(answer) for answer in found.lost if answer.serial not in gone}
        late = [answer for answer in found.tail if answer.serial not in gone]
        if late and final and not behind:
            gone |= {answer.serial: _name(answer) for answer in late}
        elif late:
            machine.unsettled.append(f"{len(late)} acknowledged exceptions are not at central yet")
        _write(machine, found)
    machine.lost += [name for _, name in sorted(gone.items())]


def _align(given: Sequence[Given], kept: Sequence[Kept], machine: MachineVerdict) -> Alignment | None:
    try:
        return align(given, kept)
    except TooDifferent as different:
        machine.lost.append(str(different))
        return None


def _name(answer: Given) -> str:
    return f"#{answer.serial} {answer.code:02X}"


def _write(machine: MachineVerdict, found: Alignment) -> None:
    machine.doubled += [f"{event.code:02X} at {event.place}" for event in found.doubled]
    machine.invented += [f"{event.code:02X} at {event.place}" for event in found.invented]
    machine.altered += [f"{_name(answer)} became {event.code:02X} at {event.place}" for answer, event in found.altered]
    machine.moved += [f"{_name(answer)} stands at {event.place}" for answer, event in found.moved]
    machine.repeated += [f"{event.code:02X} at {event.place}" for event in found.repeated]
    machine.flagged += [f"{event.code:02X} at {event.place}" for event in found.flagged]


def _compare_meters(
    facts: MachineFacts, central: LogFacts, stored: LogFacts | None, machine: MachineVerdict, *, final: bool
) -> None:
    theirs = central.summary.machines.get(facts.asset)
    ours = stored.summary.machines.get(facts.asset) if stored is not None else None
    for code, value in sorted(facts.meters.items()):
        seen = theirs.newest(code) if theirs is not None else None
        kept = ours.newest(code) if ours is not None else None
        if seen is None and code not in facts.meters_told:
            continue  # nobody ever asked for it
        told = facts.meters_told.get(code, frozenset())
        came = (theirs.values.get(code, set()) if theirs is not None else set()) - told
        if came:
            state = "altered"
            machine.altered.append(f"meter {code:02X}: central has {min(came)}, which the machine never told")
        elif seen is not None and seen.value == value % 10 ** (2 * seen.width) and (kept is None or kept.value == seen.value):
            state = "equal"
        elif final and facts.is_frozen:
            state = "differs"
        else:
            state = "unsettled"
        machine.meters.append(
            MeterRow(
                code,
                value,
                kept.value if kept is not None else None,
                seen.value if seen is not None else None,
                state,
            )
        )
    late = sum(row.state == "unsettled" for row in machine.meters)
    if late:
        machine.unsettled.append(
            f"{late} meters have moved since central's last reading"
            if facts.is_frozen
            else f"{late} meters move: the machine plays on"
        )
