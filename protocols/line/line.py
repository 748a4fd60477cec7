"""What a line is: send a frame (wake-up on its first byte), drain characters (value, flag, time), close.

Here live the words all lines share: character, settings, statistics. No port is opened here, no byte is understood
here, and no line knows of another. Time is monotonic seconds and comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

BAUD = 19200
"""Speed of a SAS line in both directions (sas-core 1.1)."""

CHAR_BITS = 11
"""Start, eight data bits, the wake-up bit where a parity bit would be, stop."""

CHAR_S = CHAR_BITS / BAUD
"""One character on the wire: 0.573 ms."""

DRAIN_MAX = 4096
"""Characters one drain returns at most: 2.3 s of honest traffic. Over time `budget.py` allows less."""

GAP_LIMIT_S = 0.005
"""A machine may drop a frame whose bytes are further apart (sas-core 1.8). Not ours to choose."""


WakeupBy: TypeAlias = "Literal['mark_space', 'two_stop_bits', 'even_parity']"
"""How a local port makes the ninth bit. Only the first makes the real one; the others are quirks (sas-core 1.2)."""

Facts: TypeAlias = "Mapping[str, bool | int | float | str | None]"
"""What a line found out about its port, for status: plain values under short names."""


class Char(NamedTuple):
    """One character as it came."""

    value: int
    "0 to 255."
    wakeup: bool
    "The ninth bit. A line that cannot see it says False."
    at: float
    "Monotonic seconds. Memory lines: the exact moment of arrival. Ports and sockets: when drained, up to a tick late."


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How a line is driven electrically and in time; which of it matters depends on the kind of line."""

    baud: int = BAUD
    gap_s: float = 0.0015
    """tty: silence on the wire between byte 0 of a frame and the rest, while the parity is switched. 1 to 3 ms is where
    the field works (BITBOSS 3, SPARK 1 to 3, CNET 0.3), over 5 ms machines drop the frame. A number of the profile, per
    adapter and machine."""
    settle_s: float = 0.001
    """tty: from the computed end of a frame to the return to mark. Covers a USB frame of 1 ms; too early and the last
    bytes carry the wake-up bit, too late and the switch meets the answer."""
    dtr: bool = True
    rts: bool = True
    "tty, rfc2217: vendor level converters are powered from these two (sas-core 1.1)."
    wakeup_by: WakeupBy = "mark_space"
    """tty: ``two_stop_bits`` (8N2, each byte carries the wake-up bit) and ``even_parity`` are for boards that ignore the
    ninth bit; a frame then leaves in one piece. Never by default (sas-core 1.2)."""
    wakeup_by_server: bool = False
    "tcp: the device server itself sets the wake-up bit on the first byte of each frame. Without that tcp is refused."
    parity_proven: bool = False
    """rfc2217: take a server that answers from memory instead of asking its port, because the parity was seen on the wire
    (a second adapter that reports parity errors). Never by default."""
    stuck_s: float = 0.050
    """tty: bytes that have not left so long after they should have make the line lost. Later polls must not queue up behind
    them: let go all at once, the second frame would acknowledge an answer that was never heard."""
    connect_timeout_s: float = 3.0
    "Sockets: so long until a device server has answered; then LineLost, and whoever opens tries again."
    peer_timeout_s: float = 4.0
    """Sockets: characters that the other end's kernel does not acknowledge for so long make the line lost. Below the 5 s of
    a silence, for the same reason as ``stuck_s``."""
    allow_no_parity: bool = False
    "tty: take a port that drops parity (a pty). Proves the plumbing only: no machine would hear a wake-up bit."

    def __post_init__(self) -> None:
        if not 1200 <= self.baud <= 921600:
            raise ValueError(f"A line runs at 1200 to 921600 baud, not at {self.baud}.")
        if not 0.0 <= self.gap_s <= GAP_LIMIT_S - 0.0005:
            raise ValueError(f"The gap after the wake-up byte is 0 to 4.5 ms, not {self.gap_s * 1000:g} ms.")
        if not 0.0 <= self.settle_s <= 0.020:
            raise ValueError(f"The return to mark is 0 to 20 ms after the frame, not {self.settle_s * 1000:g} ms.")
        if self.wakeup_by not in ("mark_space", "two_stop_bits", "even_parity"):
            raise ValueError(f"A line makes the wake-up bit by mark and space, not by {self.wakeup_by!r}.")
        if self.connect_timeout_s <= 0 or self.peer_timeout_s <= 0:
            raise ValueError("Time-outs of a line are above 0 s.")
        if not 0.010 <= self.stuck_s <= 5.0:
            raise ValueError(f"A line is stuck after 10 ms to 5 s, not after {self.stuck_s * 1000:g} ms.")

    @property
    def char_s(self) -> float:
        """Seconds one character takes at this speed."""
        return CHAR_BITS / self.baud


@dataclass(slots=True)
class LineStats:
    """Counters of one line since it was first opened; whoever reopens hands the same object on."""

    chars_sent: int = 0
    chars_received: int = 0
    frames_sent: int = 0
    wakeups_received: int = 0
    "Characters that came with the flag: chirps, or another host on the wire. Always 0 where a line cannot see it."
    opened: int = 0
    "1: never lost yet."
    busy: int = 0
    "Frames that could not be taken: the frame before has not left, or a buffer is full."
    parity_switches: int = 0
    gap_worst_s: float = 0.0
    "tty, rfc2217: the longest silence between byte 0 and the rest, as computed from the moments of the writes."
    gaps_missed: int = 0
    "tty, rfc2217: frames whose gap came out over 5 ms; a machine may have dropped them."
    flooded: int = 0
    "Drains that found more than a line may deliver; memory lines keep the rest, all others throw it away."
    thrown_away: int = 0
    "Characters that no wire can have carried."
    stuck: int = 0
    "Times the line was given up because what was written did not leave."
    deaf_reopens: int = 0
    "Times it was closed and opened because it sent for long and heard nothing (sas-core 9.4)."


class Line(Protocol):
    """A wire on which each character carries a ninth bit: the wake-up flag.

    Implementations: tty and rfc2217 (mark/space parity), tcp9, tcp (8 bit), memory. A Tap wraps any of them. No call blocks.
    """

    @property
    def name(self) -> str:
        """What the hall calls this line; it stands in every error."""

    @property
    def stats(self) -> LineStats:
        """Counters, live."""

    @property
    def facts(self) -> Facts:
        """What the port could be told and what not. Empty where there is no port. The key ``warning``, where there is
        one, is a sentence for people."""

    def fileno(self) -> int:
        """For one epoll over all lines; -1 for memory lines: drain those every tick. Fixed while the line is open."""

    def ready(self, now: float) -> bool:
        """Can it send? True at once for tty and memory; sockets: once connected. Call again every 50 ms or so until
        True. Raises LineLost when there will be no connection."""

    def send(self, data: bytes, *, wakeup: bool, now: float) -> float:
        """Put one frame on the wire, its first byte with the flag if ``wakeup``. Returns at once, and says at what
        monotonic moment the last stop bit has left (computed, at the latest ``now`` plus a few characters).

        Raises LineBusy: nothing of it has left, the frame before is still on its way or a buffer is full. Raises
        LineLost. Next: look at ``service_at``."""

    def service_at(self) -> float | None:
        """tty and rfc2217: the moment ``service`` must be called, by an exact timer. None: nothing is left to do."""

    def service(self, now: float) -> None:
        """Do what stands for this moment: the rest of a frame after its gap, later the way back to mark. Too early does
        nothing. Raises LineLost. Next: look at ``service_at`` again."""

    def drain(self, now: float) -> Sequence[Char]:
        """Characters that have come, at most `DRAIN_MAX`, oldest first; ``()`` when none: silence is an answer. Raises
        LineLost, once everything that came before the loss has been handed out where the line allows it."""

    def close(self) -> None:
        """Let go of the port or socket. Twice is once."""


def flags(length: int, *, wakeup: bool) -> bytes:
    """The flag of each byte of a frame: ``01 00 00 ...`` with wake-up, else zeros. Empty for length 0."""
    if length <= 0:
        return b""
    return (b"\x01" if wakeup else b"\x00") + bytes(length - 1)
