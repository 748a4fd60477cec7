"""What arrived at central: is it dense, in order, unaltered, and what does it say of each machine. Pure.

The chain and the splitting of batches are written here once more from the contract alone, and share no code with the
gateway: a witness who copies the accused is none. Keeping books on disk is `store.py`.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_LOG_TITLE = b"hall-edge log v1\n"
_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"


class BadBatch(Exception):
    """What arrived is not a batch of records; nothing of it is taken."""


class Position(NamedTuple):
    """The last record of a stream that is surely here; sequence 0 and the chain's start before the first."""

    streamid: str
    epoch: int
    sequence: int
    chain: bytes


class Record(NamedTuple):
    """One record as it goes into the books."""

    streamid: str
    epoch: int
    sequence: int
    body: bytes
    chain: bytes


class Finding(NamedTuple):
    """Something a person should know of. `is_fault` is False for what the contract allows (a repeat, a new epoch)."""

    kind: str
    streamid: str
    sequence: int
    text: str
    is_fault: bool = True


class Claim(NamedTuple):
    """What the sender says stands at the end of a batch."""

    streamid: str
    sequence: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What `take` makes of a batch. Store `records`, count `repeats`, then acknowledge `position`."""

    records: tuple[Record, ...]
    repeats: tuple[tuple[str, int], ...]
    findings: tuple[Finding, ...]
    position: Position | None


def chain_start(streamid: str) -> bytes:
    """h(0) of a stream (rule 9)."""
    return hashlib.sha256(_LOG_TITLE + streamid.encode("ascii")).digest()


def chain_next(before: bytes, sequence: int, body: bytes) -> bytes:
    """h(n) = SHA-256(h(n-1) + n as 8 bytes, big end first + body)."""
    return hashlib.sha256(before + sequence.to_bytes(8, "big") + body).digest()


def split_array(text: str, start: int = 0) -> tuple[list[str], int]:
    """The members of a JSON array exactly as they stand in the text, and where the array ends. Raises BadBatch."""
    members: list[str] = []
    at = _skip(text, start)
    if text[at : at + 1] != "[":
        raise BadBatch("a batch is a JSON array")
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        try:
            _, end = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as broken:
            raise BadBatch(f"not JSON at character {broken.pos}: {broken.msg}") from broken
        members.append(text[at:end])
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "]":
            raise BadBatch(f"the array is broken at character {at}")
    return members, at + 1


def split_page(text: str) -> tuple[list[bytes], dict[str, Any]]:
    """A page of the pull feed: the events exactly as they were sent, and the other members. Raises BadBatch."""
    events: list[str] = []
    others: dict[str, Any] = {}
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise BadBatch("a page is a JSON object")
    at = _skip(text, at + 1)
    try:
        while text[at : at + 1] != "}":
            name, at = _DECODER.raw_decode(text, at)
            at = _skip(text, at)
            if text[at : at + 1] != ":" or not isinstance(name, str):
                raise BadBatch(f"the page is broken at character {at}")
            at = _skip(text, at + 1)
            if name == "events":
                events, at = split_array(text, at)
            else:
                others[name], at = _DECODER.raw_decode(text, at)
            at = _skip(text, at)
            if text[at : at + 1] == ",":
                at = _skip(text, at + 1)
            elif text[at : at + 1] != "}":
                raise BadBatch(f"the page is broken at character {at}")
    except json.JSONDecodeError as broken:
        raise BadBatch(f"not JSON at character {broken.pos}: {broken.msg}") from broken
    return [event.encode() for event in events], others


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def identity(body: bytes) -> tuple[str, int, int]:
    """Stream id, epoch, sequence of a record. Raises BadBatch."""
    try:
        event = json.loads(body)
        return str(event["streamid"]), int(event["epoch"]), int(event["sequence"])
    except (ValueError, KeyError, TypeError) as broken:
        raise BadBatch(f"a record without stream id, epoch or sequence: {broken!r}") from broken


def take(
    position: Position | None,
    bodies: Sequence[bytes],
    claim: Claim | None,
    stored: Callable[[str, int], bytes | None],
    *,
    anchor: Position | None = None,
) -> Taken:
    """Take what follows on the position without a gap; say what of the rest is odd. Raises BadBatch.

    ``stored`` gives the body of a record that is already here. ``anchor`` is the oldest record the sender still has,
    for books that start after earlier ones were deleted by age: its hash has to be believed, all later ones hang on
    it. A batch whose end does not have the claimed hash is refused as a whole: nothing of it may be acknowledged.
    """
    records: list[Record] = []
    repeats: list[tuple[str, int]] = []
    findings: list[Finding] = []
    here = position
    for body in bodies:
        streamid, epoch, sequence = identity(body)
        if here is None or (streamid != here.streamid and epoch > here.epoch):
            findings.append(Finding("new-stream", streamid, sequence, f"epoch {epoch} begins here", is_fault=False))
            if anchor is not None and (streamid, sequence) == (anchor.streamid, anchor.sequence):
                here = Position(streamid, epoch, sequence, anchor.chain)
                records.append(Record(streamid, epoch, sequence, body, here.chain))
                continue
            here = Position(streamid, epoch, 0, chain_start(streamid))
        if streamid != here.streamid or sequence <= here.sequence:
            known = stored(streamid, sequence)
            if known == body or any(r[0] == streamid and r[2] == sequence and r[3] == body for r in records):
                repeats.append((streamid, sequence))
            elif known is None:
                findings.append(Finding("stray", streamid, sequence, "a record of a stream that is over"))
            else:
                findings.append(Finding("altered", streamid, sequence, "arrived again with other bytes"))
            continue
        if sequence > here.sequence + 1:
            # At the head of a batch this is a lost batch that will come again; inside one it is a sender's fault.
            text = f"arrived while {here.sequence + 1} is missing; not taken"
            findings.append(Finding("early", streamid, sequence, text, is_fault=bool(records)))
            return Taken((), tuple(repeats), tuple(findings), position)
        here = Position(streamid, epoch, sequence, chain_next(here.chain, sequence, body))
        records.append(Record(streamid, epoch, sequence, body, here.chain))
    if claim is not None and here is not None and (claim.streamid, claim.sequence) == (here.streamid, here.sequence):
        if claim.sha256 != here.chain.hex():
            findings.append(Finding("chain", here.streamid, here.sequence, "the chain does not have the claimed hash"))
            return Taken((), tuple(repeats), tuple(findings), position)
    elif records and claim is not None:
        findings.append(Finding("claim", claim.streamid, claim.sequence, "the batch does not end where it says"))
        return Taken((), tuple(repeats), tuple(findings), position)
    return Taken(tuple(records), tuple(repeats), tuple(findings), here)


# reading the books


class SeenException(NamedTuple):
    """One exception of a machine as central has it."""

    code: int
    maybe_repeat: bool
    streamid: str
    sequence: int


class MeterKey(NamedTuple):
    """What a series of meter values belongs to."""

    generation: int
    game: int
    denomination: int | None
    code: int


class MeterSeen(NamedTuple):
    """The newest value of a series."""

    value: int
    width: int
    time: str


@dataclass(slots=True)
class MachineSeen:
    """One machine as central's books tell it."""

    exceptions: list[SeenException] = field(default_factory=list)
    meters: dict[MeterKey, MeterSeen] = field(default_factory=dict)
    values: dict[int, set[int]] = field(default_factory=dict)
    "All values that ever arrived, by code."
    growth: dict[MeterKey, int] = field(default_factory=dict)
    "Sum of the differences that were booked."
    snapshots: int = 0
    kinds: dict[str, int] = field(default_factory=dict)

    def newest(self, code: int) -> MeterSeen | None:
        """The value of the machine as a whole in its newest generation."""
        keys = [key for key in self.meters if key.code == code and key.game == 0 and key.denomination is None]
        return self.meters[max(keys)] if keys else None


@dataclass(slots=True)
class Summary:
    """All of the books, checked once more from the first record."""

    records: int = 0
    streams: list[dict[str, Any]] = field(default_factory=list)
    machines: dict[int, MachineSeen] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def machine(self, asset: int) -> MachineSeen:
        """The page of this machine; made when it is new."""
        return self.machines.setdefault(asset, MachineSeen())


def summarize(records: Iterable[Record], anchors: Mapping[str, Position] | None = None) -> Summary:
    """Read the books in order of stream and sequence: every gap, double and wrong hash becomes a finding."""
    summary = Summary()
    here: Position | None = None
    for record in records:
        begin = (anchors or {}).get(record.streamid)
        is_anchor = begin is not None and begin.sequence == record.sequence
        if here is None or record.streamid != here.streamid:
            here = Position(record.streamid, record.epoch, 0, chain_start(record.streamid))
            if begin is not None and is_anchor:
                here = begin._replace(sequence=begin.sequence - 1)
            summary.streams.append({"streamid": record.streamid, "epoch": record.epoch, "first": record.sequence})
        if record.sequence != here.sequence + 1:
            kind = "gap" if record.sequence > here.sequence + 1 else "order"
            text = f"{here.sequence} is followed by {record.sequence}"
            summary.findings.append(Finding(kind, record.streamid, record.sequence, text))
        chain = chain_next(here.chain, record.sequence, record.body)
        if chain != record.chain and not (begin is not None and is_anchor and begin.chain == record.chain):
            summary.findings.append(
                Finding("chain", record.streamid, record.sequence, "the hash does not fit the body")
            )
        said = identity(record.body)
        if said != (record.streamid, record.epoch, record.sequence):
            summary.findings.append(Finding("identity", record.streamid, record.sequence, f"the body says {said}"))
        here = Position(record.streamid, record.epoch, record.sequence, record.chain)
        summary.streams[-1].update(last=record.sequence, sha256=record.chain.hex())
        summary.records += 1
        _read(summary, record)
    return summary


def _read(summary: Summary, record: Record) -> None:
    event = json.loads(record.body)
    kind, data = str(event.get("type", "")), event.get("data") or {}
    summary.kinds[kind] = summary.kinds.get(kind, 0) + 1
    asset = data.get("asset")
    if not isinstance(asset, int):
        return
    machine = summary.machine(asset)
    machine.kinds[kind] = machine.kinds.get(kind, 0) + 1
    code = data.get("sas_exception")
    if isinstance(code, int):
        repeat = data.get("maybe_repeat") is True
        machine.exceptions.append(SeenException(code, repeat, record.streamid, record.sequence))
    if kind.startswith("hall.egm.meters.snapshot."):
        machine.snapshots += 1
        for key, seen, delta in _readings(event, data):
            machine.meters[key] = seen
            machine.values.setdefault(key.code, set()).add(seen.value)
            if delta is not None:
                machine.growth[key] = machine.growth.get(key, 0) + delta


def _readings(
    event: Mapping[str, Any], data: Mapping[str, Any]
) -> Iterator[tuple[MeterKey, MeterSeen, int | None]]:
    generation = int(data.get("generation", 1))
    for reading in data.get("readings", ()):
        key = MeterKey(generation, int(reading["game"]), reading.get("denomination"), int(reading["code"]))
        delta = reading.get("delta")
        yield (
            key,
            MeterSeen(int(reading["value"]), int(reading["width"]), str(event.get("time", ""))),
            None if delta is None else int(delta),
        )
