"""(pure) What a device server must say before it may carry SAS: options, settings, and a parity that it changes at once.

One question at a time, each with its answer, then ten changes of parity with their times. What does not hold is LineUnfit
with the figures. Nothing is sent from here: `take` says what to send.
"""

from __future__ import annotations

import statistics
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from protocols.errors import LineUnfit
from protocols.line.line import GAP_LIMIT_S, LineSettings
from protocols.line.telnet import BINARY, COM_PORT, DO, DONT, SUPPRESS_GO_AHEAD, WILL, WONT, Option, Sub, option, sub

SET_BAUDRATE, SET_DATASIZE, SET_PARITY, SET_STOPSIZE, SET_CONTROL = 1, 2, 3, 4, 5
SET_LINESTATE_MASK, SET_MODEMSTATE_MASK, PURGE_DATA = 10, 11, 12
SERVER = 100
"""A server's answers carry the number of the question and this."""

EVEN, MARK, SPACE = 3, 4, 5
PARITY_NAMES = {1: "NONE", 2: "ODD", EVEN: "EVEN", MARK: "MARK", SPACE: "SPACE"}
NO_FLOW_CONTROL, DTR_ON, DTR_OFF, RTS_ON, RTS_OFF = 1, 8, 9, 11, 12

ANSWER_WITHIN_S = 1.0
"""To each question. A server that needs longer is of no use here."""

CHANGES = 10
"""Changes of parity that are measured at each opening."""

MARGIN_S = 0.002
"""Of the 5 ms between byte 0 and the rest: half a millisecond until byte 0 has surely left, up to one until we look again
(the event loop counts in milliseconds), and half of one for a tick that is busy with other lines."""

PARITY_LIMIT_S = GAP_LIMIT_S - MARGIN_S
"""The slowest change of parity must be faster than that."""


def set_parity(parity: int) -> bytes:
    """``FF FA 2C 03 05 FF F0``: SPACE from now on, please confirm."""
    return sub(COM_PORT, bytes((SET_PARITY, parity)))


@dataclass(frozen=True, slots=True)
class _Ask:
    what: str
    code: int
    value: bytes
    measured: bool = False


class Opening:
    """The talk with one server after the connection stands."""

    def __init__(self, settings: LineSettings, unfit: Callable[[str], LineUnfit]) -> None:
        """``unfit`` makes the error out of the end of a sentence that begins with the server's name."""
        self._settings = settings
        self._unfit = unfit
        self._got: set[Option] = set()
        self._script = self._questions()
        self._asked: _Ask | None = None
        self._asked_at = 0.0
        self._until = float("inf")
        self.changes_s: list[float] = []
        "What each change of parity took, seconds from question to the arrival of its answer."
        self.done = False

    def begin(self, now: float) -> bytes:
        """The options to send first."""
        self._until = now + ANSWER_WITHIN_S
        wanted = ((WILL, COM_PORT), (WILL, BINARY), (DO, BINARY), (WILL, SUPPRESS_GO_AHEAD), (DO, SUPPRESS_GO_AHEAD))
        return b"".join(option(*pair) for pair in wanted)

    def take(self, said: Sequence[Option | Sub], arrived_wall: float, now: float) -> bytes:
        """What came, when it arrived (wall seconds, as the kernel saw it), and now (monotonic). Returns what to send at
        once. Raises LineUnfit."""
        answer = b""
        for part in said:
            if isinstance(part, Option):
                answer += self._option(part)
            elif part.option == COM_PORT and part.data:
                self._answered(part.data, arrived_wall)
        if now > self._until:
            raise self._unfit(self._silence())
        return answer

    def next(self, now: float, wall: float) -> bytes:
        """The next question, when its turn has come; b"" while an answer is due. Sets ``done`` after the last."""
        if self.done or self._asked is not None or not self._agreed:
            return b""
        ask = next(self._script, None)
        if ask is None:
            self._judge()
            self.done = True
            return b""
        self._asked, self._asked_at, self._until = ask, wall, now + ANSWER_WITHIN_S
        before = b""
        if ask.code == SET_BAUDRATE:
            # Not everybody confirms these, and none of them decides.
            lines = (DTR_ON if self._settings.dtr else DTR_OFF, RTS_ON if self._settings.rts else RTS_OFF)
            before = b"".join(sub(COM_PORT, bytes((SET_CONTROL, line))) for line in lines)
            before += sub(COM_PORT, bytes((SET_LINESTATE_MASK, 0))) + sub(COM_PORT, bytes((SET_MODEMSTATE_MASK, 0)))
        return before + sub(COM_PORT, bytes((ask.code,)) + ask.value)

    # the talk --------------------------------------------------------------------------------------------------------

    def _questions(self) -> Iterator[_Ask]:
        baud = self._settings.baud
        yield _Ask(f"{baud} baud", SET_BAUDRATE, struct.pack(">I", baud))
        yield _Ask("8 data bits", SET_DATASIZE, b"\x08")
        yield _Ask("1 stop bit", SET_STOPSIZE, b"\x01")
        yield _Ask("no flow control", SET_CONTROL, bytes((NO_FLOW_CONTROL,)))
        # What each server does to its port is not seen from here; but one that keeps a note of what it was told, and
        # reads its answers from there, gives itself away at EVEN after MARK (docs/lines.md).
        yield _Ask("MARK parity", SET_PARITY, bytes((MARK,)))
        yield _Ask("EVEN parity", SET_PARITY, bytes((EVEN,)))
        for number in range(CHANGES):
            parity = MARK if number % 2 else SPACE
            yield _Ask(f"{PARITY_NAMES[parity]} parity", SET_PARITY, bytes((parity,)), measured=True)

    @property
    def _agreed(self) -> bool:
        return {Option(DO, COM_PORT), Option(DO, BINARY), Option(WILL, BINARY)} <= self._got

    def _option(self, said: Option) -> bytes:
        if said == Option(DONT, COM_PORT):
            raise self._unfit("is no RFC 2217 server: it refuses the COM-PORT-OPTION")
        if said in (Option(DONT, BINARY), Option(WONT, BINARY)):
            raise self._unfit("does not go into binary mode, so bytes like 0D would arrive changed")
        self._got.add(said)
        if said.option in (BINARY, SUPPRESS_GO_AHEAD, COM_PORT) or said.verb in (WONT, DONT):
            return b""
        return option(DONT if said.verb == WILL else WONT, said.option)

    def _answered(self, data: bytes, arrived_wall: float) -> None:
        ask = self._asked
        if ask is None or data[0] != SERVER + ask.code:
            return  # a notice of modem lines, or the answer to something that does not decide
        if data[1:] != ask.value:
            self._contradicts(ask, data[1:])
        if ask.measured:
            self.changes_s.append(max(0.0, arrived_wall - self._asked_at))
        self._asked = None
        self._until = float("inf")

    def _contradicts(self, ask: _Ask, value: bytes) -> None:
        if ask.code != SET_PARITY:
            raise self._unfit(f"was told {ask.what} and confirms {value.hex(' ').upper() or 'nothing'}")
        got = PARITY_NAMES.get(value[0], f"{value[0]}") if value else "nothing"
        if ask.value == bytes((EVEN,)):
            if self._settings.parity_proven:
                return
            raise self._unfit(
                f"was told {ask.what} and confirms {got}: it answers from memory and not from its port, so its word for "
                f"mark and space is worth nothing either. If a second adapter has shown them on the wire, set parity_proven"
            )
        raise self._unfit(f"was told {ask.what} and confirms {got}")

    def _silence(self) -> str:
        if self._asked is not None:
            return f"was told {self._asked.what} and did not confirm it within {ANSWER_WITHIN_S:g} s"
        return f"did not agree to RFC 2217 within {ANSWER_WITHIN_S:g} s; is it set to Telnet with RFC 2217?"

    @property
    def figures(self) -> str:
        """``median 0.21 ms, worst 0.40 ms of 10``."""
        median, worst = statistics.median(self.changes_s), max(self.changes_s)
        return f"median {median * 1000:.2f} ms, worst {worst * 1000:.2f} ms of {len(self.changes_s)}"

    def _judge(self) -> None:
        if max(self.changes_s) > PARITY_LIMIT_S:
            raise self._unfit(
                f"changes parity too slowly: {self.figures}; the limit is {PARITY_LIMIT_S * 1000:g} ms, because a machine "
                f"drops a frame after {GAP_LIMIT_S * 1000:g} ms and {MARGIN_S * 1000:g} ms of those are byte 0 and our own "
                f"timer. Use a device server that makes the ninth bit itself (tcp9:), or a local port (tty:)"
            )
