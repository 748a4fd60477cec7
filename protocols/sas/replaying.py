"""(pure) Play a capture through a host, and tell what it tells. For tests, and for whoever looks at a capture of a hall.

How the host was set up then stands in the capture, in remarks that its readers skip::

    # host: addresses 1 2, start clean
    # host: identify
    # host: ask 01 1A

``start`` is clean or unclean; ``greet``: a machine is asked who it is before general polls; ``identify``: asked at each
link-up, and accepted then; ``ask``: long polls that one conversation puts to the first machine when its link comes up, in
this order. Without such remarks the addresses are those that were polled, and the start is a clean one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar

from protocols.line.capture import BadCapture, Reader, Record
from protocols.line.replay import ReplayLine
from protocols.sas.conversations.base import Answer, Poll, Script, Steps
from protocols.sas.conversations.identity import Identified, Identify
from protocols.sas.driving import step
from protocols.sas.events import Finished, LinkUp, SasEvent
from protocols.sas.frame import decode_poll
from protocols.sas.host import Host, Start
from protocols.sas.rules import LineRules

REMARK = "# host: "
SILENT_FOR_S = 30.0
"""A host that sends nothing for so long, where the capture goes on, will not."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The host of a capture."""

    addresses: tuple[int, ...] = ()
    "Empty: those polled in the capture."
    start: Start = Start.CLEAN
    greet: bool = False
    identify: bool = False
    asks: tuple[bytes, ...] = ()

    def host(self, now: float) -> Host:
        """The host that this describes."""
        return Host(self.addresses, LineRules(greet=self.greet), now=now, start=self.start)


@dataclass(frozen=True, slots=True)
class Answered:
    """Outcome of the polls that ``ask`` names: what came for each."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "answered"

    answers: tuple[Answer, ...]


class Ask(Script):
    """Put these long polls, as frames, one after the other. Outcome: Answered."""

    def __init__(self, frames: Sequence[bytes]) -> None:
        self._polls = [Poll(poll, values) for poll, _, values in map(decode_poll, frames)]
        super().__init__()

    def steps(self) -> Steps:
        answers: list[Answer] = []
        for poll in self._polls:
            answers.append((yield poll))
        return Answered(tuple(answers))


def setup_of(lines: Iterable[str]) -> Setup:
    """Read the remarks. Raises BadCapture for one that does not read."""
    found = Setup()
    for number, line in enumerate(lines, start=1):
        if line.startswith(REMARK):
            for word in line[len(REMARK) :].strip().split(", "):
                found = _with(found, word, number)
    return found


def _with(setup: Setup, words: str, number: int) -> Setup:
    verb, _, rest = words.strip().partition(" ")
    try:
        if verb == "addresses":
            return replace(setup, addresses=tuple(map(int, rest.split())))
        if verb == "start":
            return replace(setup, start=Start(rest))
        if verb == "ask":
            return replace(setup, asks=(*setup.asks, bytes.fromhex(rest)))
        if words == "greet":
            return replace(setup, greet=True)
        if words == "identify":
            return replace(setup, identify=True)
    except ValueError as error:
        raise BadCapture(f"Line {number}: {error}.", line_number=number) from None
    raise BadCapture(f"Line {number}: nothing is known of a host that {words!r}.", line_number=number)


@dataclass(frozen=True, slots=True)
class Played:
    """What the host told, and when, in seconds since the first record."""

    events: tuple[tuple[float, SasEvent], ...]
    frames: int
    "Frames it sent, all as recorded."


def play(records: Sequence[Record], setup: Setup) -> Played:
    """Play it to its end. Raises Diverged where the host sends something else; BadCapture for one without a poll."""
    addresses = setup.addresses or tuple(_polled(records))
    if not addresses:
        raise BadCapture("No machine is polled in this capture.", line_number=0)
    now = 1000.0
    line = ReplayLine(records, now=now)
    host = replace(setup, addresses=addresses).host(now)
    player = Player(host, setup, began=now)
    sent_at, frames = now, 0
    while not line.is_over or host.awaiting:
        player.now = now
        at = step(line, host, now, player.tell)
        if line.stats.frames_sent != frames:
            sent_at, frames = now, line.stats.frames_sent
        if now - sent_at > SILENT_FOR_S and line.frames_left:
            raise BadCapture(
                f"The host has sent nothing for {SILENT_FOR_S:g} s after frame {frames}; the capture goes on.",
                line_number=0,
            )
        arrival = line.next_arrival()
        now = max(now + 0.0001, min(at, inf if arrival is None else arrival))
    return Played(tuple(player.events), frames)


class Player:
    """Does what a caller of a host does: begins talks, accepts who has said its name."""

    def __init__(self, host: Host, setup: Setup, *, began: float) -> None:
        self.now = self._began = began
        self.events: list[tuple[float, SasEvent]] = []
        self._host = host
        self._setup = setup
        self._asked = False

    def tell(self, events: Sequence[SasEvent]) -> None:
        for event in events:
            self.events.append((self.now - self._began, event))
            if isinstance(event, LinkUp):
                self._link_up(event.address)
            if isinstance(event, Finished) and isinstance(event.outcome, Identified):
                self._host.accept(event.address)

    def _link_up(self, address: int) -> None:
        if self._setup.identify:
            self._host.begin(address, Identify())
        if self._setup.asks and not self._asked:
            self._asked = True
            self._host.begin(address, Ask(self._setup.asks))


def _polled(records: Iterable[Record]) -> Iterator[int]:
    seen: set[int] = set()
    for record in records:
        first = record.data[0]
        address = first & 0x7F
        if record.direction == ">" and record.flags[0] and address and address not in seen:
            seen.add(address)
            yield address


def read(lines: Sequence[str]) -> tuple[Reader, list[Record], Setup]:
    """Header, records and set-up of a capture, given its lines. Raises BadCapture."""
    reader = Reader(lines)
    return reader, list(reader), setup_of(lines)
