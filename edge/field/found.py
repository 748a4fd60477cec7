"""(pure) What a wire or the gateway itself has found, in hall words, before the books have had their say.

translate/ makes these; the journal turns each into events of the catalogue inside its transaction, because what an
event says may depend on what the books already hold (was this exception stored before? by how much did a meter grow?).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from edge.hall.devices import Identity
from edge.hall.events import Fact
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.hall.requests import SnapshotReason
from edge.hall.shapes import Json


@dataclass(frozen=True, slots=True)
class ExceptionFound:
    """A machine reported an exception."""

    asset: int
    code: int
    time: datetime
    doubtful: bool
    "It may be the repeat of the last one stored: the machine may not have heard our acknowledgement (rule 12)."
    frame: Mapping[str, Json] = field(default_factory=dict)
    "What a real-time frame carried beside the code, in the members of the event's data."
    unidentified: bool = False
    "It came before it was known who sits there, and could not be left with the machine."


@dataclass(frozen=True, slots=True)
class SnapshotFound:
    """A machine's meters, read in one go."""

    asset: int
    time: datetime
    reason: SnapshotReason
    because: str | None
    "Id of the event that caused it; that event was committed first (rule 14)."
    coherent: bool
    denomination: Denomination | None
    "Worth of a credit when the meters were read; None: the machine does not tell."
    readings: Sequence[Reading]
    unsupported: Sequence[int]
    follows: bool = False
    "The one before was read in this run and the wall clock has not jumped since: the time between is known for certain."
    stepped: bool = False
    "The wall clock has jumped since the one before: the time between is not what the two labels say."
    confirmed: bool | None = None
    "A second read at once gave the same for each of these values (True), or not (False); None: not asked for each."


@dataclass(frozen=True, slots=True)
class IdentityFound:
    """What a machine said of itself. None: it did not say."""

    asset: int
    time: datetime
    identity: Identity
    unsupported: Sequence[int]
    "Polls it is silent on though others are answered."
    answered: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class ConfirmFound:
    """A person says: the machine that answers there now is the right one. Part of a command, which ends with it."""

    asset: int
    time: datetime
    serial: str | None
    "The serial number that was seen; None: whichever answers."
    central: str
    command_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class DecisionFound:
    """A person decides a doubtful reading. Part of a command, which ends with it."""

    asset: int
    time: datetime
    review: int
    choice: Literal["count", "none"]
    amount: int
    "To be counted, in the unit of the meter; 0 with ``none``."
    comment: str
    central: str
    command_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class DescriptionFound:
    """What a machine offers, and the asset number it tells of itself where it tells one."""

    asset: int
    time: datetime
    told: Mapping[str, Json]
    "Members of ``hall.egm.described.v1`` beside the asset."
    asset_told: int | None
    unsupported: Sequence[int]
    answered: Sequence[int]


@dataclass(frozen=True, slots=True)
class HandpayFound:
    """The answer to the question for a handpay; with it the question is answered."""

    asset: int
    time: datetime
    record: Mapping[str, Json] | None
    "What the machine told, as numbers, to know it again by; None: nothing, see why."
    told: Mapping[str, Json] = field(default_factory=dict)
    "Members of ``hall.egm.handpay.recorded.v1`` beside asset and because."
    why: Literal["no_record", "unsupported", "no_answer"] = "no_record"
    "Without a record: it has none, does not know the question, or was asked in vain too often."


@dataclass(frozen=True, slots=True)
class PollsFound:
    """Which long polls a machine answered, and on which it is silent though it answers others. Makes no event."""

    asset: int
    answered: Sequence[int] = ()
    unsupported: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """A command has its outcome; the inbox is closed in the same transaction."""

    central: str
    command_id: str
    fact: Fact


Found = (
    ExceptionFound
    | SnapshotFound
    | IdentityFound
    | ConfirmFound
    | DecisionFound
    | DescriptionFound
    | HandpayFound
    | PollsFound
    | CommandEnded
    | Fact
)
