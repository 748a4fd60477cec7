"""A conversation on a SAS line, written as a play: what the host must send, what comes back, what it must tell.

Time is the playbook's own: it jumps to the moment the host asks for. Bytes are hex.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TypeVar

from protocols.line.line import CHAR_S, Char
from protocols.sas.crc import crc16
from protocols.sas.events import SasEvent
from protocols.sas.host import Host, Start
from protocols.sas.rules import LineRules

E = TypeVar("E", bound=object)


def with_crc(hexes: str) -> str:
    """Hex of a frame without check sum -> the same with it, low byte first."""
    body = bytes.fromhex(hexes)
    return (body + crc16(body).to_bytes(2, "little")).hex(" ")


class Playbook:
    """Drives one Host by script. ``now`` starts at 1,000 so that nobody can mistake it for a duration."""

    def __init__(
        self,
        addresses: Sequence[int] = (1,),
        *,
        rules: LineRules | None = None,
        start: Start = Start.CLEAN,
        last_exceptions: dict[int, int | None] | None = None,
    ) -> None:
        self.now = 1000.0
        self.rules = rules or LineRules()
        self.host = Host(addresses, self.rules, now=self.now, start=start, last_exceptions=last_exceptions)
        self.events: list[SasEvent] = []
        "Told and not yet expected."
        self.wire: list[tuple[float, str]] = []
        "(when the last stop bit left, hex)"
        self.addresses = tuple(addresses)

    # the host's lines -----------------------------------------------------------------------------------------------

    def expect_send(self, hexes: str, *, within_s: float = 1.0) -> Playbook:
        """The next frame is this one, and it leaves in time."""
        began = self.now
        sent = self._next_frame(began + within_s)
        wanted = bytes.fromhex(hexes).hex(" ")
        assert sent is not None, f"{wanted} was expected within {within_s} s; nothing left. Told: {self.events}"
        assert sent == wanted, f"{wanted} was expected, {sent} left at +{self.now - began:.3f} s"
        return self

    def expect_nothing_sent(self, *, for_s: float) -> Playbook:
        until = self.now + for_s
        sent = self._next_frame(until)
        assert sent is None, f"{sent} left {until - self.now:.3f} s too early"
        self.now = until
        return self

    def next_frame(self, *, within_s: float = 10.0) -> str | None:
        """The next frame, whatever it is."""
        return self._next_frame(self.now + within_s)

    def _next_frame(self, until: float) -> str | None:
        assert not self.host.awaiting, "a poll is out: answer it, or let it meet silence"
        for _ in range(100):
            due = self.host.due()
            if due > until:
                return None
            self.now = max(self.now, due)
            turn = self.host.next_turn(self.now)
            self.events.extend(self.host.take_events())
            if turn is None:
                continue
            self.now += len(turn.data) * CHAR_S
            self.host.sent(self.now)
            assert self.host.awaiting == turn.expects_reply
            self.wire.append((self.now, turn.data.hex(" ")))
            return turn.data.hex(" ")
        raise AssertionError("the host asks for a turn again and again and takes none")

    # the machine's lines --------------------------------------------------------------------------------------------

    def answer(self, hexes: str, *, after_s: float = 0.005, wakeup: bool = False) -> Playbook:
        """These bytes come, all in one drain. A lone address byte still needs the gap: ``quiet()``."""
        self.now += after_s
        chars = [Char(value, wakeup, self.now) for value in bytes.fromhex(hexes)]
        self.events.extend(self.host.receive(chars, self.now))
        return self

    def trickle(self, hexes: str, *, after_s: float = 0.005) -> Playbook:
        """These bytes come one by one, each in a drain of its own."""
        self.now += after_s
        for value in bytes.fromhex(hexes):
            self.events.extend(self.host.receive([Char(value, False, self.now)], self.now))
            self.now += CHAR_S
        return self

    def quiet(self) -> Playbook:
        """Nothing more comes: what is there is judged, or the poll has met silence."""
        assert self.host.awaiting, "no poll is out"
        self.now = max(self.now, self.host.due())
        self.events.extend(self.host.no_reply(self.now))
        return self

    silence = quiet

    # what is told ---------------------------------------------------------------------------------------------------

    def expect_event(self, event: SasEvent) -> Playbook:
        """The next thing told is this."""
        assert self.events, f"{event} was expected, nothing was told"
        told = self.events.pop(0)
        assert told == event, f"{event} was expected, {told} was told"
        return self

    def expect(self, kind: type[E]) -> E:
        """The next thing told is of this kind; gives it."""
        assert self.events, f"{kind.__name__} was expected, nothing was told"
        told = self.events.pop(0)
        assert isinstance(told, kind), f"{kind.__name__} was expected, {told} was told"
        return told

    def expect_no_event(self) -> Playbook:
        assert self.events == []
        return self

    def told(self, kind: type[E]) -> list[E]:
        """All of this kind told and not yet expected, taken out."""
        found: list[E] = [event for event in self.events if isinstance(event, kind)]
        self.events = [event for event in self.events if not isinstance(event, kind)]
        return found

    # habits ---------------------------------------------------------------------------------------------------------

    def idle_until_up(self) -> Playbook:
        """Every machine answers "no activity" until all links are up; what was told meanwhile is forgotten."""
        from protocols.sas.link import LinkState

        while any(self.host.stats(address).state is not LinkState.UP for address in self.addresses):
            self.next_frame()
            if self.host.awaiting:
                self.answer("00")
        self.events.clear()
        if len(self.addresses) == 1:
            self.expect_send("80")  # so that a play begins with a poll
        return self

    def wait(self, seconds: float) -> Playbook:
        self.now += seconds
        return self

    @property
    def due_in_s(self) -> float:
        due = self.host.due()
        return due if due == inf else due - self.now
