"""The catalogue of hall events, and a fact: one thing that happened, in the words of the catalogue.

This is the contract with central. `check` is called before a fact is recorded; `schema` is what is published.
Which exception makes which kind is in `edge.hall.exceptions`; how an envelope looks is the log's business.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from re import compile as pattern_of

from edge.errors import BadFact
from edge.hall.catalogue.answers import ANSWER_KINDS
from edge.hall.catalogue.balance import BALANCE_KINDS
from edge.hall.catalogue.cabinet import DOOR_KINDS, FAULT_KINDS, PLAY_KINDS, SERVICE_KINDS
from edge.hall.catalogue.house import COMMAND_KINDS, GATEWAY_KINDS, LINK_KINDS
from edge.hall.catalogue.kind import Class, EventKind, LiveClass, Priority, Shed
from edge.hall.catalogue.machine import IDENTITY_KINDS, TEST_KINDS
from edge.hall.catalogue.meters import METER_KINDS
from edge.hall.catalogue.money import CASHLESS_KINDS, MONEY_KINDS, TICKET_KINDS
from edge.hall.shapes import Json
from edge.hall.texts import sentence

__all__ = [
    "KINDS", "BadFact", "Class", "EventKind", "Fact", "LiveClass", "Priority", "Shed", "check", "is_money", "schema",
    "schema_path", "text_of",
]  # fmt: skip


def _by_name(*groups: Iterable[EventKind]) -> Mapping[str, EventKind]:
    table: dict[str, EventKind] = {}
    for group in groups:
        for kind in group:
            if kind.kind in table:
                raise ValueError(f"{kind.kind} stands twice in the catalogue")
            table[kind.kind] = kind
    return table


KINDS: Mapping[str, EventKind] = _by_name(
    DOOR_KINDS, FAULT_KINDS, MONEY_KINDS, ANSWER_KINDS, TICKET_KINDS, CASHLESS_KINDS, METER_KINDS,
    BALANCE_KINDS, IDENTITY_KINDS, TEST_KINDS, LINK_KINDS, COMMAND_KINDS, GATEWAY_KINDS, SERVICE_KINDS, PLAY_KINDS,
)  # fmt: skip
"Every kind there is, by its name."

_SUBJECT = pattern_of(r"^(egm/[1-9][0-9]{0,9}|(line|gateway|command)/[A-Za-z0-9][A-Za-z0-9._:-]{0,79})\Z")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened: kind, whom it concerns, when by our clock, and its data."""

    kind: str
    subject: str
    time: datetime
    data: Mapping[str, Json]


def check(fact: Fact) -> EventKind:
    """Hold a fact against its kind; returns the kind. Raises BadFact: it must not be recorded so."""
    kind = KINDS.get(fact.kind)
    if kind is None:
        raise BadFact(f"{fact.kind} is not in the catalogue of events", kind=fact.kind)
    if _SUBJECT.match(fact.subject) is None:
        raise BadFact(f"{fact.kind}: subject {fact.subject[:80]!r} is not one of ours", kind=fact.kind)
    if fact.time.tzinfo is None:
        raise BadFact(f"{fact.kind}: its time has no time zone", kind=fact.kind)
    wrong = kind.check(fact.data)
    if wrong is not None:
        raise BadFact(f"{fact.kind}: data{'' if wrong.startswith('.') else ' '}{wrong}", kind=fact.kind)
    return kind


def is_money(kind: str) -> bool:
    """Is it kept as long as money is (RET-03)? A kind this release does not know is: nobody can say that it is not."""
    known = KINDS.get(kind)
    return known is None or known.klass in ("money", "ticket", "cashless")


def schema_path(kind: str) -> str:
    """Where the schema is served; stands in each envelope as `dataschema`."""
    return f"/api/v1/schemas/{kind}.json"


def schema(kind: str) -> dict[str, Json]:
    """The full JSON Schema (2020-12) of the data of this kind. Raises KeyError for an unknown one."""
    known = KINDS[kind]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_path(kind),
        "title": known.title,
        "description": f"class {known.klass}, priority {known.priority}, "
        f"live lane {known.live_class or 'no'}, shed {known.shed}",
        **known.data_schema(),
    }


def text_of(kind: str, data: Mapping[str, Json], language: str = "en") -> str:
    """The short sentence people read. A member that the data lacks is shown as a dash; see `edge.hall.texts`."""
    return sentence(kind, KINDS[kind].text, data, language)
