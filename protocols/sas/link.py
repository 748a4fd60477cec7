"""One address's link: its states as a table, its counters, and what is not yet proven about its last exception.

No time passes here and nothing is sent; the host of the line drives it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocols.sas.conversations.base import Poll, Talk
    from protocols.sas.turn import Turn


class LinkState(Enum):
    UNKNOWN = "unknown"
    "Not heard in this run."
    UP = "up"
    SHAKY = "shaky"
    "Was up; the last poll was not answered. It is repeated, which is a negative acknowledgement."
    DOWN = "down"


class Happening(Enum):
    HEARD = "a valid answer, not yet enough of them"
    HEARD_THRICE = "valid answers in a row, as many as the rules want"
    MISSED = "no answer, or one that cannot be used"
    GAVE_UP = "5 s without a valid answer and 10 polls, or the end of a silence kept because of this machine"


TRANSITIONS: dict[tuple[LinkState, Happening], LinkState] = {
    (LinkState.UNKNOWN, Happening.HEARD): LinkState.UNKNOWN,
    (LinkState.UNKNOWN, Happening.HEARD_THRICE): LinkState.UP,
    (LinkState.UNKNOWN, Happening.MISSED): LinkState.UNKNOWN,
    (LinkState.UNKNOWN, Happening.GAVE_UP): LinkState.DOWN,
    (LinkState.UP, Happening.HEARD): LinkState.UP,
    (LinkState.UP, Happening.HEARD_THRICE): LinkState.UP,
    (LinkState.UP, Happening.MISSED): LinkState.SHAKY,
    (LinkState.UP, Happening.GAVE_UP): LinkState.DOWN,
    (LinkState.SHAKY, Happening.HEARD): LinkState.UP,
    (LinkState.SHAKY, Happening.HEARD_THRICE): LinkState.UP,
    (LinkState.SHAKY, Happening.MISSED): LinkState.SHAKY,
    (LinkState.SHAKY, Happening.GAVE_UP): LinkState.DOWN,
    (LinkState.DOWN, Happening.HEARD): LinkState.DOWN,
    (LinkState.DOWN, Happening.HEARD_THRICE): LinkState.UP,
    (LinkState.DOWN, Happening.MISSED): LinkState.DOWN,
    (LinkState.DOWN, Happening.GAVE_UP): LinkState.DOWN,
}
"""A pair that is missing is a bug and raises; "nothing changes" is written down."""

CONTESTED_S = 60.0
NO_CODE = -1
ANY_CODE = 256


@dataclass(frozen=True, slots=True)
class LinkStats:
    """Counters of one address since the host was made; a snapshot."""

    state: LinkState
    polls: int
    answers: int
    misses: int
    bad_crc: int
    bad_other: int
    busy: int
    nacks: int
    exceptions: int
    last_heard_at: float | None


class Link:
    """What a host knows of one address. Plain attributes: the idle poll touches five of them and calls nothing.

    unproven    code of the last exception reported, until any later poll is answered; NO_CODE: proven or none
    doubt       codes that may come once more (the machine has, or may have, declared its link down with them
                unacknowledged); ANY_CODE: after an unclean start of which nothing else is known
    accepted    the caller knows who it is; until then no general poll takes anything from its queue
    greeting    long polls that ask who it is, the next one first; empty on a line that does not greet
    """

    __slots__ = (
        "accepted",
        "address",
        "answers",
        "asked_since",
        "bad_crc",
        "bad_other",
        "busy",
        "chores",
        "doubt",
        "doubt_told_at",
        "exceptions",
        "gap_missed",
        "gap_since",
        "greeted_in_vain",
        "greeting",
        "heard_in_row",
        "interval_s",
        "last_heard_at",
        "last_was_long",
        "late_code",
        "late_until",
        "misses",
        "misses_in_row",
        "nacks",
        "next_at",
        "polls",
        "proof",
        "proof_strikes",
        "real_time",
        "round_at",
        "rounds",
        "second_answers",
        "second_since",
        "state",
        "talks",
        "turn",
        "unproven",
        "unsure_since",
        "unsure_until",
    )

    def __init__(
        self, address: int, turn: Turn, interval_s: float, proof: Sequence[int], greeting: Sequence[int] = ()
    ) -> None:
        self.address = address
        self.turn = turn
        self.interval_s = interval_s
        self.proof = deque(proof)
        self.proof_strikes = 0
        self.state = LinkState.UNKNOWN
        self.next_at = 0.0
        self.polls = 0
        self.answers = 0
        self.misses = 0
        self.bad_crc = 0
        self.bad_other = 0
        self.busy = 0
        self.nacks = 0
        self.exceptions = 0
        self.last_heard_at: float | None = None
        self.heard_in_row = 0
        self.misses_in_row = 0
        self.unproven = NO_CODE
        self.doubt: set[int] = set()
        self.real_time = False
        self.rounds = 0
        self.last_was_long = False
        self.gap_since: float | None = None
        self.gap_missed = False
        self.talks: deque[Talk] = deque()
        self.chores: deque[Poll] = deque()
        self.greeting = deque(greeting)
        self.accepted = not greeting
        self.greeted_in_vain = 0
        self.round_at = 0.0
        self.asked_since: float | None = None
        self.unsure_since: float | None = None
        self.unsure_until = 0.0
        self.doubt_told_at = float("-inf")
        self.late_code = NO_CODE
        self.late_until = 0.0
        self.second_answers = 0
        self.second_since = 0.0

    def happened(self, happening: Happening) -> bool:
        """Move by the table. True if the state is another one now."""
        before = self.state
        self.state = TRANSITIONS[before, happening]
        return self.state is not before

    def answered_twice(self, now: float, limit: int) -> int:
        """A second answer came where one was due. How many in this minute once they pass the limit, else 0."""
        if now - self.second_since > CONTESTED_S:
            self.second_since, self.second_answers = now, 0
        self.second_answers += 1
        return self.second_answers if self.second_answers == limit else 0

    def resynchronised(self) -> None:
        """The machine has, or may have, dropped its link: an exception not proven acknowledged may come again."""
        if self.unproven != NO_CODE:
            self.doubt.add(self.unproven)
            self.unproven = NO_CODE

    def judge(self, code: int, *, queued: bool) -> bool:
        """An exception came: may it be the one that was reported last, said again?

        queued: it comes from the machine's queue (class Q). Priority exceptions overtake an older queued one, so they
        leave the doubt standing; the first queued one, or silence in the queue, ends it.
        """
        doubt = self.doubt
        doubtful = code == self.unproven or code in doubt or ANY_CODE in doubt
        if queued:
            doubt.clear()
        elif doubt:
            doubt.discard(ANY_CODE)
            doubt.discard(code)
        self.unproven = code
        return doubtful

    def proven(self) -> None:
        """A later poll was answered: what was reported before has been acknowledged."""
        self.unproven = NO_CODE

    def proof_failed(self) -> None:
        """The poll that should prove was not answered though the machine is there.

        Twice in a row and the next kind is tried; when each has been tried so, this machine is not asked again.
        """
        self.proof_strikes += 1
        if self.proof_strikes >= 2 * len(self.proof):
            self.proof.clear()
        elif self.proof_strikes % 2 == 0:
            self.proof.rotate(-1)

    def wants_proof(self) -> bool:
        return self.unproven != NO_CODE and bool(self.proof)

    def stats(self) -> LinkStats:
        return LinkStats(
            state=self.state,
            polls=self.polls,
            answers=self.answers,
            misses=self.misses,
            bad_crc=self.bad_crc,
            bad_other=self.bad_other,
            busy=self.busy,
            nacks=self.nacks,
            exceptions=self.exceptions,
            last_heard_at=self.last_heard_at,
        )
