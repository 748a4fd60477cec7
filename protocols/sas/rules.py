"""The numbers by which a host drives one line, each with its unit, its reason and its neighbours' choice.

Data only. A hall sets them per line in its configuration; what a machine declares about itself (40 ms polling) comes
by ``Host.set_poll_interval``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from protocols.errors import BadRequest

LINK_DOWN_S = 5.0
"""After so long without an address byte a machine declares its link down (sas-core 1.8). Not ours to choose."""


@dataclass(frozen=True, slots=True)
class LineRules:
    """How one line is driven. Defaults fit a machine on its own port. Raises BadRequest against the standard."""

    poll_interval_s: float = 0.200
    "Shortest time between two polls of one machine until it declares 40 ms in A0 (sas-core 1.8)."
    reply_within_s: float = 0.050
    """First character of an answer, counted from the last stop bit of the poll. Machines must begin within 20 ms;
    CNET allows 50, BITBOSS 100."""
    gap_within_s: float = 0.020
    "Between two characters of one answer. Machines keep 5 ms; the rest is for adapters that lump (FTDI: 16 ms)."
    quiet_s: float = 0.030
    """After a time-out or a stray character nothing leaves before the line was quiet so long: a late answer must not
    meet the next poll."""
    phase_slack_s: float = 0.002
    """A machine's next poll is due so much after its interval, counted from when the last one was due. Counted from when it
    left, lines served in one tick would fall due together for ever, and more with each tick that is late."""
    turnaround_s: float = 0.002
    "Between the end of an answer and the next frame."
    tries: int = 3
    "The same poll so often in a row at most; the standard's limit is 3."
    retry_after_s: float | None = None
    "Between two tries of a poll that met silence, all within 3 s. None: the machine's poll interval."
    silence_s: float = 5.3
    "A silence in which every machine surely declares its link down: 5 s and 6 % for clocks."
    after_three_tries: Literal["silence", "go_on"] = "silence"
    "silence: nothing is lost, the whole line waits. go_on: for lines with many machines; each time a Gap is told."
    clean_pause_s: float = 0.100
    "Before the first frame after a stop that was proven clean."
    slow_poll_s: float = 1.0
    "go_on: a machine that does not answer gets one general poll in so long."
    round_every_s: float = 30.0
    "silence, shared line: from one round for a missing machine to the next, so that the others are served in between."
    loop: bool = False
    """Machines hear each other's chirps (an optical loop): such a chirp may acknowledge what a silence protects, so it
    costs a Gap."""
    valid_answers_for_up: int = 3
    misses_for_down: int = 10
    "Together with 5 s without a valid answer; a lone miss is legal, reels may be spinning."
    noisy_polls: int = 200
    """After a damaged reply, or one that did not come from a machine that is there, the line counts as noisy for so many
    polls: answers to general polls are confirmed by the same poll again."""
    echo_after: int = 2
    "So many answers in a row that begin with the poll itself say that the line echoes; the echo is left out from then on."
    contested_after: int = 10
    """So many second answers to one address within a minute say that two machines share it; fewer are noise or an echo."""
    confirm: Literal["never", "noisy", "exceptions", "always"] = "noisy"
    """When a general-poll answer, one byte without check sum, is asked for twice (rule 31). "exceptions": every exception,
    on any line, and on a noisy one every answer; for lines where the first damaged byte must not pass either."""
    prove: bool = True
    """After an exception a long poll is sent before the next general poll: its answer proves that the acknowledgement
    was heard."""
    proof_polls: tuple[int, ...] = (0x1A, 0x1F, 0x54)
    "Long polls that consume nothing, in the order tried; a machine that ignores all of them is not asked for proof."
    busy_tries: int = 20
    "So many BUSY answers to one poll end it."
    busy_pause_s: float = 0.5
    "Before a poll answered BUSY is sent again; general polls go on meanwhile."
    greet: bool = False
    """Who is there is asked before anything is taken from it: a machine whose link is not up is polled with ``greet_polls``
    instead of the general poll, and gets no general poll until the caller has accepted it (COM-05, IDN-01)."""
    greet_polls: tuple[int, ...] = (0x54, 0x1F)
    "Long polls that consume nothing, in turn."
    greet_misses: int = 4
    """So many of them in vain, and the general poll has its turn: some machines hear one-byte polls only. It is kept with all
    its tries and its silence, in which a chirp may be heard."""
    conversation_wait_s: float = 30.0
    "So long a conversation waits for a machine that is not there."

    def __post_init__(self) -> None:
        if self.silence_s <= LINK_DOWN_S:
            raise BadRequest(
                "A silence must outlast the 5 s after which machines declare their link down.", silence_s=self.silence_s
            )
        if not 1 <= self.tries <= 3:
            raise BadRequest("A poll is sent one to three times in a row.", tries=self.tries)
        if not 0.040 <= self.poll_interval_s <= LINK_DOWN_S:
            raise BadRequest("A machine is polled every 40 ms to 5 s.", poll_interval_s=self.poll_interval_s)
        if self.greet and not self.greet_polls:
            raise BadRequest("A machine is greeted with at least one long poll.", greet_polls=self.greet_polls)
        if self.retry_after_s is not None and self.retry_after_s * (self.tries - 1) > 3.0:
            raise BadRequest("All tries of a poll stay within 3 s.", retry_after_s=self.retry_after_s)
