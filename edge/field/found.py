"""(pure) What a wire or the gateway itself has found, in hall words, before the books have had their say.

translate/ makes these; the journal turns each into an event of the catalogue inside its transaction, because what an
event says may depend on what the books already hold (was this exception stored before? by how much did a meter grow?).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from edge.hall.devices import Identity
from edge.hall.events import Fact
from edge.hall.meters import Reading
from edge.hall.money import Denomination

Reason = Literal["first", "interval", "event", "command", "link_up", "stop"]


@dataclass(frozen=True, slots=True)
class ExceptionFound:
    """A machine reported an exception."""

    asset: int
    code: int
    time: datetime
    doubtful: bool
    "It may be the repeat of the last one stored: the machine may not have heard our acknowledgement (rule 12)."


@dataclass(frozen=True, slots=True)
class SnapshotFound:
    """A machine's meters, read in one go."""

    asset: int
    time: datetime
    reason: Reason
    because: str | None
    "Id of the event that caused it; that event was committed first (rule 14)."
    coherent: bool
    denomination: Denomination | None
    "Worth of a credit when the meters were read; None: the machine does not tell."
    readings: Sequence[Reading]
    unsupported: Sequence[int]
    follows: bool = False
    "The one before was read in this run and the wall clock has not jumped since: the time between is known for certain."


@dataclass(frozen=True, slots=True)
class IdentityFound:
    """What a machine said of itself. None: it did not say."""

    asset: int
    time: datetime
    identity: Identity
    unsupported: Sequence[int]
    "Polls it is silent on though others are answered."


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """A command has its outcome; the inbox is closed in the same transaction."""

    central: str
    command_id: str
    fact: Fact


Found = ExceptionFound | SnapshotFound | IdentityFound | CommandEnded | Fact
