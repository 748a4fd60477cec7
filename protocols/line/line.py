"""What a line is: send a frame (wake-up on its first byte), drain characters (value, flag, time), close.

Here live the words all lines share: character, settings, statistics. No port is opened here, no byte is understood
here, and no line knows of another. Time is monotonic seconds and comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

BAUD = 19200
"""Speed of a SAS line in both directions (sas-core 1.1)."""

CHAR_BITS = 11
"""Start, eight data bits, the wake-up bit where a parity bit would be, stop."""

CHAR_S = CHAR_BITS / BAUD
"""One character on the wire: 0.573 ms."""

DRAIN_MAX = 4096
"""Characters one drain returns at most. A line that floods gets no more of a tick than 2.3 s of honest traffic; the
rest stays in the kernel, where the next tick finds it."""

GAP_LIMIT_S = 0.005
"""A machine may drop a frame whose bytes are further apart (sas-core 1.8). Not ours to choose."""


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
    "tty: vendor level converters are powered from these two (sas-core 1.1)."
    connect_timeout_s: float = 3.0
    "Sockets: so long until a device server has answered; then LineLost, and whoever opens tries again."
    peer_timeout_s: float = 10.0
    "Sockets: characters that the other end's kernel does not acknowledge for so long make the line lost."
    allow_no_parity: bool = False
    "tty: take a port that drops parity (a pty). Proves the plumbing only: no machine would hear a wake-up bit."

    def __post_init__(self) -> None:
        if not 1200 <= self.baud <= 921600:
            raise ValueError(f"A line runs at 1200 to 921600 baud, not at {self.baud}.")
        if not 0.0 <= self.gap_s <= GAP_LIMIT_S - 0.0005:
            raise ValueError(f"The gap after the wake-up byte is 0 to 4.5 ms, not {self.gap_s * 1000:g} ms.")
        if not 0.0 <= self.settle_s <= 0.020:
            raise ValueError(f"The return to mark is 0 to 20 ms after the frame, not {self.settle_s * 1000:g} ms.")
        if self.connect_timeout_s <= 0 or self.peer_timeout_s <= 0:
            raise ValueError("Time-outs of a line are above 0 s.")

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
    "tty: the longest silence between byte 0 and the rest, as computed from the moments of the writes."
    gaps_missed: int = 0
    "tty: frames whose gap came out over 5 ms; a machine may have dropped them."
    flooded: int = 0
    "Drains that were cut off at `DRAIN_MAX` characters."


class Line(Protocol):
    """A wire on which each character carries a ninth bit: the wake-up flag.

    Implementations: tty (mark/space parity), tcp9, tcp (8 bit), memory. A Tap wraps any of them. No call blocks.
    """

    @property
    def name(self) -> str:
        """What the hall calls this line; it stands in every error."""

    @property
    def stats(self) -> LineStats:
        """Counters, live."""

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
        """tty only: the moment ``service`` must be called, by an exact timer. None: nothing is left to do."""

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
