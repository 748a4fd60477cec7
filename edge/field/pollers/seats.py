"""A machine as the field knows it in this run: where it sits, how far it has come, and what is under way with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Literal

from edge.field.found import Found
from edge.field.journal import Written
from edge.field.pollers.sas import Wire
from edge.hall.devices import Egm
from edge.hall.money import Denomination
from edge.rules.gaming_day import GamingDays
from protocols.sas.conversations.meters import Way

Occasion = Literal["installation", "replacement", "conversion", "interruption"]


class Stage(Enum):
    """How far a machine has come since its link is up. What may be asked of it depends on this alone."""

    DOWN = "down"
    GREETING = "greeting"
    "It is being asked who it is; nothing else is asked, nothing is taken from it."
    HELD = "held"
    "Another than enrolled answers: as before, until a person confirms it."
    ACCEPTED = "accepted"
    "It is known who it is, and stored. The gateway's own questions go out; commands wait for the first meters (COM-10)."
    READY = "ready"


@dataclass(slots=True)
class LinkTest:
    """A communication test under way (COM-09): what the counters of the link said when it began."""

    occasion: Occasion
    polls: int
    answers: int
    misses: int
    damaged: int


@dataclass(slots=True)
class Seat:
    """One machine at its line and address."""

    egm: Egm
    wire: Wire
    up: bool = False
    "Its link is up."
    stage: Stage = Stage.DOWN
    down_since: datetime | None = None
    next_snapshot_at: float = float("inf")
    new: bool = True
    "Of the machine that stands here now no meters were ever read: the next reading is its first (MTR-15)."
    missed: bool = False
    "Its last reading failed, and that was told."
    closed: date | None = None
    "The gaming day for whose end it was read last, or is being read."
    close_again_at: float = float("-inf")
    follows: bool = False
    "Its meters were read in this run, and the wall clock has not jumped since."
    stepped: bool = False
    "The wall clock has jumped since its meters were read."

    # what it told of itself
    features: bytes = b""
    "SAS A0; empty: not known."
    games: int = 0
    denominations: tuple[int, ...] | None = None
    "Codes of those to be read apart; empty: it has none such. None: not told in this run."
    version: str | None = None
    way: Way | None = None
    "How its meters were read last in this run; None: tried from the best."
    worth: Denomination | None = None
    identity: Literal["right", "wrong", "unknown"] = "unknown"
    identity_tries: int = 0
    identity_again_at: float = float("inf")
    describe_again_at: float = float("inf")
    unsupported_polls: set[int] = field(default_factory=set)
    unsupported_meters: set[int] = field(default_factory=set)
    "Codes it does not have, learnt since it was identified last: not asked for again, and listed with each reading."

    beside: set[int] = field(default_factory=set)
    "Meters that an occasion added to a snapshot once (``translate.followups.BESIDE``): read with each from then on."

    # what is under way
    test: LinkTest | None = None
    handpay_open: bool = False
    "A question for a handpay is written down and has no answer yet."
    handpay_again_at: float = float("-inf")
    handpay_tries: int = 0
    "How often it was asked in vain, in a row."
    collecting: str | None = None
    "Id of the announcement of a meter change that the machine waits with; None: none."
    collect_tries: int = 0
    tokens: dict[int, bool] = field(default_factory=dict)
    "Conversations under way: True for one the machine waits for."

    # counted for the board
    exceptions: int = 0
    gaps: int = 0

    @property
    def asset(self) -> int:
        return self.egm.asset


@dataclass(frozen=True, slots=True)
class Habits:
    """How the gateway asks of its own accord."""

    currency: str
    snapshot_codes: tuple[int, ...]
    snapshot_every_s: float = 900.0
    days: GamingDays | None = None
    "Gaming days of the hall, for a reading at the end of each; None: no such reading."
    day_end_within_s: float = 60.0
    "The closing readings are spread over so long before the day ends."
    fast_poll_s: float = 0.040
    per_game: Literal["never", "link_up", "always"] = "link_up"
    game_codes: tuple[int, ...] = (0x00, 0x01, 0x02, 0x05)
    language: str = "en"
    hall_time: Callable[[], datetime] = field(kw_only=True)
    "Local time of the hall, for a machine's clock."


@dataclass(slots=True)
class Heard:
    """What one batch of events of a line comes to: what is to be written down, and what follows once it is."""

    found: list[Found] = field(default_factory=list)
    then: list[Callable[[Written], object]] = field(default_factory=list)


Seats = Mapping[int, Seat]
