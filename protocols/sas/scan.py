"""Who is on a line: listen for chirps, then ask each address who it is, and take nothing from anybody's queue.

Driven as a host is (due, awaiting, next_turn, sent, receive, no_reply), by the tick or by a loop of its own. Begin only
when nothing is out on the line and all that was heard is durable: the first frame acknowledges the last answer.

What it sends is 80, then 1F to each address, twice where the first was not answered (a machine answers only after it has
seen a foreign address; the others are foreign to it), then 54 to those that did answer. Both consume nothing. A general
poll, which would be answered with an exception, goes out only when asked for, and only to who was silent to 1F.

An exception may come all the same: from a machine in real-time event mode, or as the answer to such a general poll. Then it
is told and left where it is: the same poll says "not acknowledged" until its third time, and a silence follows in which the
machine declares its link down. The same after damage that may have been one. Such silences are counted; when there were
``QUIETS_MAX`` the scan ends and says whom it has not asked. Not protected: an exception in an answer of which no
character is heard, and what a machine that forgets over its link-down has told to a line that is this bad.
Source: sas-core 1.5 to 1.10, 2, 6, 9.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf

from protocols.errors import BadRequest, NotNow
from protocols.line.line import Char
from protocols.sas.answer import BUFFER_MAX, Bad, Busy, Code, EventFrame, Meaning, meaning
from protocols.sas.catalog.exception_codes import IDLE_CODES, RTE_BYTES
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.events import NOTHING, SasEvent
from protocols.sas.frame import encode_poll, general_poll
from protocols.sas.longpoll import LongPoll, Reply
from protocols.sas.rules import LineRules
from protocols.sas.scanned import Damaged, Exceptional, Heard, Scanned
from protocols.sas.turn import RESYNC, Turn

WHO = long_poll(0x1F)
SERIAL = long_poll(0x54)
ADDRESSES = range(1, 128)
LISTEN_S = 6.8
"""Machines chirp after 5 s, five times a second: long enough for several of each."""
CHIRPS_MIN = 2
"""On a line that cannot show the wake-up bit a lone byte is a chirp when it came so often."""
TRIES_MAX = 3
QUIETS_MAX = 3
DAMAGED_MAX = 4
"""Damaged answers kept of one address; more are only counted."""
TOLD_MAX = 64
EVENT_MAX = 5 + max(RTE_BYTES.values())
"""Bytes of the longest event frame (sas-core 6.1)."""


class Scan:
    """One scan of one line. ``ended`` when it is over; then ``result``."""

    def __init__(
        self,
        rules: LineRules,
        *,
        now: float,
        listen: bool = False,
        general_polls: bool = False,
        addresses: Iterable[int] = ADDRESSES,
    ) -> None:
        """listen: silence first, over 5 s; every machine of the line declares its link down by it. Raises BadRequest."""
        self._addresses = tuple(dict.fromkeys(addresses))
        if not self._addresses or any(address not in ADDRESSES for address in self._addresses):
            raise BadRequest("A scan asks addresses 1 to 127.", addresses=self._addresses[:8])
        self._rules = rules
        self._listens = listen
        self._general_polls = general_polls
        self._began_at = now
        self._heard: dict[int, Heard] = {}
        self._asked: dict[int, int] = dict.fromkeys(self._addresses, 0)
        self._chirped: dict[int, int] = {}
        self._echo = False
        self._strays = 0
        self._quiets = 0
        self._quiet_until: float | None = now + LISTEN_S if listen else None
        "Nothing leaves: the line is listened to, or machines shall declare their link down."
        self._must_resync = True
        self._stopped = False
        self._closing = False
        self.awaiting = False
        self.ended = False
        self._due = now if self._quiet_until is None else self._quiet_until
        self._buffer = bytearray()
        self._plan: Iterator[tuple[int, LongPoll | None]] = self._passes()
        self._out: tuple[int, LongPoll | None] | None = None
        "Whose poll is out or is to be repeated; None as the poll: the general poll."
        self._turn = RESYNC
        self._tries = 0
        self._protects = False
        "What came for the poll that is out may be an exception: it must not be acknowledged."
        self._asks_so_far = 1
        self._ended_at = now

    # driving --------------------------------------------------------------------------------------------------------

    def due(self) -> float:
        """When next_turn(), or while awaiting no_reply(), wants to be called. Infinite: it is over."""
        return inf if self.ended else self._due

    def take_events(self) -> Sequence[SasEvent]:
        """None ever: what a scan finds is its result."""
        return NOTHING

    def next_turn(self, now: float) -> Turn | None:
        """The frame to send now, then call sent(). None: not yet, or ``ended``. Raises NotNow while awaiting."""
        if self.awaiting:
            raise NotNow("The last poll has neither been answered nor timed out.", due=self._due)
        if self.ended or now < self._due:
            return None
        if self._quiet_until is not None:
            if now < self._quiet_until:
                self._due = self._quiet_until
                return None
            self._quiet_until = None
            self._note_chirps()
            self._must_resync = True
        if self._must_resync:
            self._must_resync = False
            return self._send(RESYNC)
        if self._out is None and not self._stopped:
            self._out = next(self._plan, None)
            self._tries = 0
            self._protects = False
        if self._out is None:
            if self._closing:
                self._end(now)
                return None
            self._closing = True  # A last 80 acknowledges the last answer, which was no exception.
            return self._send(RESYNC)
        address, poll = self._out
        self._tries += 1
        data = general_poll(address) if poll is None else encode_poll(poll, address)
        return self._send(Turn(address=address, data=data, expects_reply=True))

    def _send(self, turn: Turn) -> Turn:
        self._turn = turn
        self._buffer.clear()
        return turn

    def sent(self, ends_at: float) -> None:
        """The frame of next_turn() was handed to the line; its last stop bit leaves at ends_at."""
        self.awaiting = self._turn.expects_reply
        self._due = ends_at + (self._rules.reply_within_s if self.awaiting else self._rules.quiet_s)

    def receive(self, chars: Sequence[Char], now: float) -> Sequence[SasEvent]:
        """Characters came. They are judged when the line has been quiet for the gap."""
        for value, wakeup, _ in chars:
            if wakeup and value in ADDRESSES:
                self._heard_of(value).chirps += 1
            elif self.awaiting and len(self._buffer) < BUFFER_MAX:
                self._buffer.append(value)
            elif self._quiet_until is not None and value in ADDRESSES:
                self._chirped[value] = self._chirped.get(value, 0) + 1
            else:
                self._strays += 1
                if not self.awaiting:
                    self._due = max(self._due, now + self._rules.quiet_s)
        if self.awaiting and self._buffer:
            self._due = now + self._rules.gap_within_s
        return NOTHING

    def no_reply(self, now: float) -> Sequence[SasEvent]:
        """The time for the answer, or for the rest of it, is over. Call while awaiting, at due()."""
        if not self.awaiting or self._out is None:
            raise NotNow("No poll is out.", due=self._due)
        self.awaiting = False
        address, poll = self._out
        data = self._without_echo(bytes(self._buffer))
        self._buffer.clear()
        self._asked[address] = max(self._asked[address], self._asks_so_far)
        self._due = now + self._rules.turnaround_s
        if data:
            self._judge(self._heard_of(address), poll, data, now)
        elif self._protects:
            self._go_quiet(now)
        else:
            self._out = None
        return NOTHING

    def stop(self, now: float) -> None:
        """Ask nobody else; finish what is out. See may_stop()."""
        self._stopped = True
        if not self.awaiting:
            self._due = min(self._due, max(now, self._quiet_until or now))

    def may_stop(self) -> bool:
        """It is over, and nothing that was heard waits for a word of ours."""
        return self.ended

    def line_reopened(self, now: float) -> Sequence[SasEvent]:
        """The wire was lost: the scan is over with what it has. What was said meanwhile was heard by nobody, and nothing
        of ours may acknowledge it: whoever drives the line next decides."""
        self._stopped = True
        self.awaiting = False
        self._end(now)
        return NOTHING

    @property
    def is_quiet(self) -> bool:
        """Nothing leaves at present, on purpose."""
        return self._quiet_until is not None

    @property
    def result(self) -> Scanned:
        """What was found. Raises NotNow before the end."""
        if not self.ended:
            raise NotNow("The scan is not over.", due=self._due)
        found = tuple(one for _, one in sorted(self._heard.items()) if one.is_there)
        there = {one.address for one in found}
        silent = tuple(address for address, asks in self._asked.items() if asks >= 2 and address not in there)
        unasked = tuple(address for address, asks in self._asked.items() if asks < 2 and not self._answered(address))
        return Scanned(
            found=found,
            silent=silent,
            unasked=unasked,
            listened=self._listens,
            general_polls=self._general_polls,
            echo=self._echo,
            strays=self._strays,
            took_s=self._ended_at - self._began_at,
            stopped=self._stopped,
        )

    def _answered(self, address: int) -> bool:
        one = self._heard.get(address)
        return one is not None and bool(one.answers or one.exceptions)

    # whom to ask ----------------------------------------------------------------------------------------------------

    def _passes(self) -> Iterator[tuple[int, LongPoll | None]]:
        for address in self._addresses:
            yield address, WHO
        self._asks_so_far = 2
        for address in self._addresses:
            if not self._may_be_asked_no_more(address):
                yield address, WHO
        for address in self._addresses:
            if (one := self._heard.get(address)) is not None and one.info is not None:
                yield address, SERIAL
        for address in self._addresses if self._general_polls else ():
            if (one := self._heard.get(address)) is None or not (one.answers or one.exceptions or one.damages):
                yield address, None

    def _may_be_asked_no_more(self, address: int) -> bool:
        """It has answered who it is, or its answer cost a silence."""
        one = self._heard.get(address)
        return one is not None and (one.info is not None or bool(one.exceptions))

    # what came ------------------------------------------------------------------------------------------------------

    def _judge(self, one: Heard, poll: LongPoll | None, data: bytes, now: float) -> None:
        what = self._meaning(one, poll, data)
        if isinstance(what, Reply) and what.status == "data":
            one.answers += 1
            if poll is WHO:
                one.info = what.values
            else:
                one.serial = what.values
        elif isinstance(what, Busy) or (isinstance(what, Reply) and what.status == "busy"):
            one.busy += 1
            one.answers += 1
        elif isinstance(what, Code | EventFrame):
            one.answers += 1
            if what.code in IDLE_CODES:
                one.idle = True
            else:
                seen = Exceptional(what.code, isinstance(what, EventFrame))
                if seen not in one.exceptions:
                    one.exceptions.append(seen)
                self._protects = True
        else:
            slug = what.slug if isinstance(what, Bad) else "refused"
            self._damage(one, slug, data)
            # What begins like 1F or 54 and is longer than any event frame is one. Anything else may have been an event.
            is_read = poll is not None and len(data) > EVENT_MAX and data[:2] == bytes([one.address, poll.code])
            self._protects = self._protects or not is_read
            self._again(now)
            return
        if self._protects:
            self._again(now)
        else:
            self._out = None

    def _meaning(self, one: Heard, poll: LongPoll | None, data: bytes) -> Meaning | None:
        what = meaning(poll, one.address, self._turn.data, data, ended=True)
        size = None if poll is None else poll.reply_size
        if isinstance(what, Bad) and size is not None and len(data) > size:
            first = meaning(poll, one.address, self._turn.data, data[:size], ended=True)
            if isinstance(first, Reply) and first.status == "data":
                one.second = True
                return first
        return what

    def _damage(self, one: Heard, slug: str, data: bytes) -> None:
        one.damages += 1
        if len(one.damaged) < DAMAGED_MAX:
            one.damaged.append(Damaged(slug, data[:TOLD_MAX]))

    def _again(self, now: float) -> None:
        """The identical poll: not acknowledged. After its third time, on; or silence, where an exception may be out."""
        if self._tries < TRIES_MAX:
            self._due = now + self._rules.quiet_s
        elif self._protects:
            self._go_quiet(now)
        else:
            self._out = None
            self._due = now + self._rules.quiet_s

    def _go_quiet(self, now: float) -> None:
        self._out = None
        self._quiets += 1
        self._quiet_until = self._due = now + self._rules.silence_s
        if self._quiets >= QUIETS_MAX:
            self._stopped = True

    def _without_echo(self, data: bytes) -> bytes:
        """What came without our own poll in front. An answer to 1F begins like the poll, so only a poll that stands alone,
        or twice, is an echo; once one was seen, each first bytes that are ours are."""
        ours = self._turn.data
        if data[: len(ours)] != ours:
            return data
        rest = data[len(ours) :]
        if len(ours) > 1 and (not rest or rest.startswith(ours)):
            self._echo = True
        return rest if self._echo else data

    def _note_chirps(self) -> None:
        for address, count in self._chirped.items():
            if count >= CHIRPS_MIN:
                self._heard_of(address).chirps += count
            else:
                self._strays += count
        self._chirped.clear()

    def _heard_of(self, address: int) -> Heard:
        return self._heard.setdefault(address, Heard(address))

    def _end(self, now: float) -> None:
        self.ended = True
        self._note_chirps()
        self._ended_at = now
