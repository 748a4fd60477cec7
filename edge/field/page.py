"""What one call to the journal writes: the transaction, the events so far, and what was decided on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from edge.clock import Quality, from_stamp
from edge.hall.devices import Egm, Identity
from edge.hall.events import Fact, check, schema_path
from edge.hall.shapes import Json
from edge.rules.balance import BalanceRules
from edge.rules.gaming_day import GamingDays
from edge.rules.identity import Kind
from edge.rules.meters import Pace
from edge.store import days
from sync import inbox, outbox
from sync.db import Transaction
from sync.envelope import Envelope

Policy = Literal["hold", "go_on"]
_DOUBTS = {"hall.egm.data.gap.v1": "gap", "hall.egm.meters.missed.v1": "missed"}
"Events that say that the day does not know all of their machine."
_SILENT = "hall.egm.link.down.v1"


@dataclass(frozen=True, slots=True)
class Decision:
    """Who sits there, by the books: what may be taken from it now."""

    kind: Kind | Literal["held"]
    "held: another than enrolled; nothing is taken from it until a person confirms it."
    identity: Identity
    "What it told, with what the same machine told before."
    generation: int
    wrong: str | None = None
    "Against the enrolment; None: right, or nothing is enrolled."


class Watch(NamedTuple):
    """By what the time without data is counted (MTR-16)."""

    calendar: GamingDays
    current_s: float
    "So long after they were read meters are current."


@dataclass(frozen=True, slots=True)
class Ways:
    """What does not change while the gateway runs: how facts become records."""

    source: str
    gaming_day: Callable[[datetime], str]
    "The label of the gaming day of an instant; which day of the books a record is in is `Page.day`."
    pace: Pace
    on_wrong_machine: Policy = "go_on"
    balance: Mapping[int, BalanceRules] = field(default_factory=dict)
    "By asset, of machines whose meters are not held against each other as the standard says."
    watch: Watch | None = None
    "None: it is not counted."


@dataclass(slots=True)
class Page:
    """What one call to ``record`` has written so far, inside its transaction."""

    tx: Transaction
    clock: Quality
    ways: Ways
    egms: Mapping[int, Egm]
    events: list[Envelope] = field(default_factory=list)
    identities: dict[int, Decision] = field(default_factory=dict)
    reviews: dict[int, int] = field(default_factory=dict)
    "By asset: how many readings wait for a person now, where this page has changed it."
    _day: str | None = None

    @property
    def day(self) -> str:
        """The gaming day in which all of this page is booked, opened before its first record if it is a new one.

        By the clock at writing and not by the time of a fact, so that days are ranges of the log that follow each other.
        """
        if self._day is None:
            label = self.ways.gaming_day(self.tx.now)
            next_position = self.tx.log.position + 1
            self._day = days.open_day(self.tx, label, next_position, self.tx.now, trusted=self.clock != "untrusted")
        return self._day

    def append(self, fact: Fact) -> Envelope:
        """Add one fact to the log. Raises BadFact, then nothing of the page is written."""
        kind = check(fact)
        envelope = outbox.append(
            self.tx,
            outbox.Draft(
                type=fact.kind,
                source=self.ways.source,
                subject=fact.subject,
                time=fact.time,
                data=fact.data,
                live_class=kind.live_class,
                gamingday=self.day,
                clock=self.clock,
                dataschema=schema_path(fact.kind),
            ),
        )
        self.events.append(envelope)
        doubt, asset = _DOUBTS.get(fact.kind), fact.data.get("asset")
        if doubt is not None and isinstance(asset, int):
            days.note_doubt(self.tx, self.day, asset, doubt)
        if fact.kind == _SILENT and isinstance(asset, int) and self.ways.watch is not None:
            heard = fact.data.get("last_heard_at")
            at = from_stamp(heard) if isinstance(heard, str) else fact.time
            days.note_silence(self.tx, asset, at, trusted=self.clock != "untrusted")
        return envelope

    def end_command(self, central: str, command_id: str, fact: Fact) -> None:
        """The event that ends a command, and the inbox closed with what it says for whoever asks after the command."""
        envelope = self.append(fact)
        told: dict[str, Json] = {"event": envelope.id, "type": fact.kind}
        told |= {name: fact.data[name] for name in ("error", "text") if name in fact.data}
        inbox.finish(self.tx, central, command_id, told)
