"""What the SAS core tells upward: past tense, one fact each, frozen.

No behaviour, no hall words (those are made above, where it is known what stands at an address), no time of day:
moments are monotonic seconds of the caller's ``now``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias


class Outcome(Protocol):
    """How a conversation ended. Each conversation has its own classes; these two are common to all."""

    ok: ClassVar[bool]
    "What was asked for has happened."
    slug: ClassVar[str]
    "The same in one stable word, for logs and for results of commands."


@dataclass(frozen=True, slots=True)
class ExceptionSeen:
    """A machine reported an exception. The next frame acknowledges it, so store it first (rule 10)."""

    address: int
    code: int
    "00 and 1F (no activity) never come here. A code outside the catalogue does, after the machine said it twice."
    doubtful: bool = False
    "This may be the last one stored, said again: its acknowledgement was not proven (rule 12)."
    data: bytes = b""
    "What a real-time event frame carried beside the code; empty for an answer to a general poll."


@dataclass(frozen=True, slots=True)
class LinkUp:
    """Three valid answers in a row. The caller begins ``Identify()``."""

    address: int


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The machine is not there. Comes once; conversations with it have ended before."""

    address: int
    last_heard_at: float | None
    "None: not heard in this run."
    misses: int
    "Polls in a row without a valid answer."


@dataclass(frozen=True, slots=True)
class Gap:
    """Replies of this machine may have been acknowledged unheard between two moments: compare meters, tell people."""

    address: int
    since: float
    until: float
    reason: str
    "went-on-without-answer, still-without-answer, answer-in-doubt or chirp-may-have-acknowledged."


@dataclass(frozen=True, slots=True)
class Missed:
    """A poll was not answered in time. Not told of a machine that is down: there it is no news."""

    address: int
    tries: int
    "How often this poll has been sent by now, 1 to 3."


@dataclass(frozen=True, slots=True)
class BadReply:
    """An answer came and cannot be used; the poll is repeated."""

    address: int
    slug: str
    "The slug of the FrameError: bad-crc, bad-length, bad-field, bad-echo; or unconfirmed (rule 31)."
    data: bytes
    "At most 64 bytes of it."


@dataclass(frozen=True, slots=True)
class Contested:
    """More than one machine seems to answer for this address: again and again a second answer follows the first, or two
    come at once. Told once in a minute while it lasts (SR-11)."""

    address: int
    second_answers: int
    "How many in the last minute."


@dataclass(frozen=True, slots=True)
class Echo:
    """The line gives back what is sent on it: an adapter or a converter does that. The echo is left out from now on."""

    poll: bytes
    "The frame that came back."


@dataclass(frozen=True, slots=True)
class Chirp:
    """A machine says its address into the silence: it hears no host."""

    address: int


@dataclass(frozen=True, slots=True)
class Stray:
    """Characters nobody asked for: noise, a late answer, an echo. Told at most once a second, at most 64 bytes."""

    data: bytes
    count: int
    "How many came since the last such event, beyond what data holds."


@dataclass(frozen=True, slots=True)
class Finished:
    """A conversation has ended."""

    address: int
    token: int
    "What begin() returned."
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class SilenceBegan:
    """Nothing leaves on this line until then, on purpose: the machines shall declare their link down (rule 11)."""

    until: float


@dataclass(frozen=True, slots=True)
class SilenceEnded:
    """The line speaks again; 80 is next."""


SasEvent: TypeAlias = (
    ExceptionSeen
    | LinkUp
    | LinkDown
    | Gap
    | Missed
    | BadReply
    | Contested
    | Echo
    | Chirp
    | Stray
    | Finished
    | SilenceBegan
    | SilenceEnded
)

NOTHING: tuple[SasEvent, ...] = ()
"The one empty answer: an idle poll allocates nothing."
