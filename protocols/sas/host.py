"""The host of one line: characters and moments in, turns and events out. No I/O, no clock, no opinion about halls.

How a caller drives it (one tick for all lines)::

    events = host.receive(line.drain(now), now)      # make what it tells durable before the next turn
    if now >= host.due():
        if host.awaiting:
            events = host.no_reply(now)
        else:
            turn = host.next_turn(now)               # None: see take_events() and due()
            host.sent(line.send(turn.data, wakeup=True, now=now))

What it keeps (sas-core 2, rules 10 to 12 and 31):

- The next frame on the line, whatever it is and to whom, acknowledges the last answer. So the caller asks for no turn
  while an answer is not durable, and the host never sends a frame to the machine it spoke to last unless "not
  acknowledged" is meant: then it is the identical frame, at most three times, before anything else.
- After three tries without a good answer, of a poll whose answer the acknowledgement would delete, the line falls
  silent until every machine has declared its link down. Machines keep what was not acknowledged.
- After an exception a long poll must be answered before the next general poll, because nobody answers 80: were it
  lost, the same exception would come again and be counted twice.
- What may nevertheless come twice is flagged doubtful, what may have been lost is told as a Gap.

What remains, and is not claimed away: a general-poll answer is one byte without check sum. On a quiet line a damaged
byte passes as another code at the rate of undetected noise. Once an error was seen the line counts as noisy for
``noisy_polls`` polls, and each answer must come twice the same: where one answer in E is damaged, to a random value,
about one in 255 * E**2 passes; a burst that damages both alike is not seen. A damaged *poll* that turns into the poll
of another machine on a shared line is answered by that machine in this one's name. An answer later than a repeat's
own answer and ``quiet_s`` could meet the next general poll.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from math import inf

from protocols.errors import BadRequest, NotNow
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.base import Conversation, Poll, Talk
from protocols.sas.events import NOTHING, SasEvent, SilenceBegan
from protocols.sas.frame import encode_poll, general_poll
from protocols.sas.hearing import Hearing
from protocols.sas.link import ANY_CODE, Link, LinkStats
from protocols.sas.longpoll import LongPoll, Values
from protocols.sas.rules import LINK_DOWN_S, LineRules
from protocols.sas.tries import ALMOST_DOWN_S, UP
from protocols.sas.turn import RESYNC, Turn

__all__ = ["Host", "LinkStats", "Start", "Turn"]


class Start(Enum):
    CLEAN = "clean"
    "The marker of the last run says: what was acknowledged was stored, and the last answer was acknowledged."
    UNCLEAN = "unclean"
    "Anything else. The line is silent first (rule 11)."


class Host(Hearing):
    """Drives the machines of one line. See the module for how it is called and what it keeps."""

    __slots__ = ("_broadcasts",)

    def __init__(
        self,
        addresses: Iterable[int],
        rules: LineRules,
        *,
        now: float,
        start: Start,
        first_poll_at: float | None = None,
        last_exceptions: Mapping[int, int | None] | None = None,
    ) -> None:
        """addresses: 1 to 127. first_poll_at: spreads many lines over the interval; None: as soon as allowed.

        last_exceptions: per address the code stored last, None where none ever was. With it doubtful is said only of
        that code, also when priority exceptions overtake it. Without it, of the first exception after an unclean start.
        """
        links: dict[int, Link] = {}
        for address in addresses:
            if not 1 <= address <= 127 or address in links:
                raise BadRequest("Addresses are 1 to 127, each once on a line.", address=address)
            turn = Turn(address=address, data=general_poll(address), expects_reply=True)
            links[address] = Link(
                address,
                turn,
                rules.poll_interval_s,
                rules.proof_polls if rules.prove else (),
                rules.greet_polls if rules.greet else (),
            )
        if not links:
            raise BadRequest("A line needs at least one address.")
        opens_at = now + (rules.silence_s if start is Start.UNCLEAN else rules.clean_pause_s)
        first_poll_at = opens_at if first_poll_at is None else max(opens_at, first_poll_at)
        super().__init__(tuple(links.values()), rules, now=now, opens_at=opens_at, first_poll_at=first_poll_at)
        self._broadcasts: deque[Turn] = deque()
        if start is Start.UNCLEAN:
            for link in links.values():
                known = ANY_CODE if last_exceptions is None else last_exceptions.get(link.address, ANY_CODE)
                if known is not None:
                    link.doubt.add(known)
            self._silent_until = opens_at
            self._pending.append(SilenceBegan(until=opens_at))
            self._due = now

    # what the caller asks -------------------------------------------------------------------------------------------

    def due(self) -> float:
        """When next_turn(), or while awaiting no_reply(), wants to be called. Infinite: not until more is asked."""
        if self._held and not self.awaiting:
            return inf
        return self._due

    def take_events(self) -> Sequence[SasEvent]:
        """What happened without a character: silences, links given up. Call after next_turn() gave None."""
        if not self._pending:
            return NOTHING
        events = tuple(self._pending)
        self._pending.clear()
        return events

    def stats(self, address: int) -> LinkStats:
        return self._links[address].stats()

    def set_poll_interval(self, address: int, interval_s: float) -> None:
        """The machine declared 40 ms in A0 (features 3, bit 0), or did so no longer."""
        if not 0.040 <= interval_s <= LINK_DOWN_S:
            raise BadRequest("A machine is polled every 40 ms to 5 s.", address=address, interval_s=interval_s)
        self._links[address].interval_s = interval_s

    def accept(self, address: int) -> None:
        """It is known who sits there, and stored: from now on its exceptions may be taken (``LineRules.greet``).

        Holds until its link goes down. Without it a machine is only asked what consumes nothing."""
        link = self._links[address]
        if not link.accepted:
            link.accepted = True
            link.greeted_in_vain = 0

    def decline(self, address: int) -> None:
        """It is another one than was thought: nothing more is taken from it until it is accepted anew."""
        link = self._links[address]
        link.accepted = not link.greeting
        self._calm = False

    def broadcast(self, poll: LongPoll, values: Values) -> None:
        """Send a type G frame to all machines of this line, when its turn comes: nobody answers, and it acknowledges like
        any frame. Raises BadField for a poll that is not for all, BadRequest while the line is being stopped."""
        if self._stopping:
            raise BadRequest("The line is being stopped; nothing new begins.")
        data = encode_poll(poll, 0, values)
        self._broadcasts.append(Turn(address=None, data=data, expects_reply=False))
        self._calm = False

    def begin(self, address: int, conversation: Conversation) -> int:
        """Start a talk with a machine; it waits its turn. Its token comes back in Finished. Raises BadRequest."""
        link = self._links.get(address)
        if link is None:
            raise BadRequest("No such address on this line.", address=address)
        if self._stopping:
            raise BadRequest("The line is being stopped; nothing new begins.", address=address)
        self._tokens += 1
        talk = Talk(self._tokens, conversation, self._last_end)
        if conversation.urgent:
            link.talks.appendleft(talk)
        else:
            link.talks.append(talk)
        return talk.token

    def hold(self) -> None:
        """Nothing leaves until release(): the machine keeps its item. An answer that is out may still come."""
        self._held = True
        self._calm = False

    @property
    def held(self) -> bool:
        """Nothing leaves until release()."""
        return self._held

    def release(self, now: float) -> None:
        """The line may go on. Where it was held for long, 80 comes first."""
        self._held = False
        if not self.awaiting:
            self._due = max(now, self._silent_until or now)

    def stop(self, now: float) -> None:
        """From now on: finish the poll that is out, prove the last exceptions acknowledged, send 80. See may_stop()."""
        if self._stopping:
            return
        self._stopping = True
        self._calm = False
        for link in self._links.values():
            self._abandon(link, self._pending)
            self._tell_doubt(link, now, self._pending, at_once=True)
        if not self.awaiting and self._silent_until is None:
            self._due = now

    def may_stop(self) -> bool:
        """Nothing is outstanding and the last answer has been acknowledged: the marker of a clean stop may be written.

        Never in a silence, while held, or while an exception may come again: then let the time for stopping pass, and
        write no marker.
        """
        return self._stopped

    @property
    def cannot_stop_clean(self) -> bool:
        """After stop(): waiting for may_stop() is of no use in the next seconds."""
        return (
            self._stopping
            and not self._stopped
            and (self._held or self._silent_until is not None or any(link.doubt for link in self._links.values()))
        )

    @property
    def rests(self) -> bool:
        """No poll is out or waits to be repeated, and the line is not silent: once all that was told is durable, frames of
        somebody else (a scan) may follow the last one, which they acknowledge. Hold the host meanwhile."""
        return self._link is None and self._silent_until is None and not self._pending and not self._stopping

    # turns ----------------------------------------------------------------------------------------------------------

    def next_turn(self, now: float) -> Turn | None:
        """The frame to send now, then call sent(). None: not yet; see take_events() and due().

        Never call it while what was heard on this line is not durable: the frame acknowledges it. Raises NotNow while
        awaiting.
        """
        if self.awaiting:
            raise NotNow("The last poll has neither been answered nor timed out.", due=self._due)
        if self._calm:
            if now < self._due:
                return None
            if now - self._last_end < ALMOST_DOWN_S:
                link = self._only or self._schedule.next_link()
                if link is self._last_to:
                    self._last_to = None
                    return RESYNC
                if (
                    link.state is UP
                    and link.accepted
                    and link.unproven < 0
                    and not (link.talks or link.chores or link.doubt)
                ):
                    self._last_to = self._link = self._quick = link
                    link.last_was_long = False
                    link.polls += 1
                    at = link.next_at + link.interval_s + self._phase_slack_s
                    link.next_at = at if at > now + link.interval_s else now + link.interval_s
                    self._sent_at = self._first_try_at = now
                    self._turn = link.turn
                    self._poll = None
                    self._tries = 1
                    return link.turn
        return self._unusual_turn(now)

    def sent(self, ends_at: float) -> None:
        """The frame of next_turn() was handed to the line; its last stop bit leaves at ends_at. Time-outs count so."""
        self._last_end = ends_at
        if self._link is not None:
            self.awaiting = True
            self._due = ends_at + self._reply_within_s
            return
        self._babble_since = None
        if self._stopping:
            links = self._links.values()
            wants_proof = any(link.wants_proof() for link in links)
            self._stopped = not wants_proof and not any(link.doubt for link in links)
            self._due = ends_at + self._turnaround_s if wants_proof else inf
            return
        self._plan(ends_at)

    def _unusual_turn(self, now: float) -> Turn | None:
        if self._pending:
            self._due = now
            return None
        if self._held or self._stopped or now < self._due:
            return None
        if self._silent_until is not None:
            self._sit_silence_out(now)
            return None
        if now < self._quiet_until:
            self._due = self._quiet_until
            return None
        self._mind_the_gap(now)
        if self._link is not None:
            return self._repeat(now)
        if self._must_resync:
            return self._resync()
        if self._stopping:
            return self._stopping_turn(now)
        if self._broadcasts:
            return self._to_all(now)
        link = self._only or self._schedule.next_link()
        if link is self._last_to:
            return self._resync()
        if now < link.next_at:
            self._plan(now)
            return None
        turn = self._poll_of(link, now)
        self._calm = not (self._noise or self._confirms_always or self._pending)
        return turn

    def _resync(self) -> Turn:
        self._must_resync = False
        self._last_to = None
        self._calm = not (self._noise or self._stopping or self._confirms_always)
        return RESYNC

    def _to_all(self, now: float) -> Turn:
        turn = self._broadcasts.popleft()
        self._last_to = None
        self._sent_at = now
        for place, link in enumerate(sorted(self._links.values(), key=lambda link: link.next_at)):
            # Each machine has been spoken to: its interval counts from here, and whose turn was next goes first.
            link.next_at = max(link.next_at, now + link.interval_s + place * self._phase_slack_s)
        return turn

    def _repeat(self, now: float) -> Turn:
        link = self._link
        assert link is not None
        self._tries += 1
        link.polls += 1
        link.next_at = now + link.interval_s
        self._sent_at = now
        self._last_to = link
        if self._noise:
            self._noise -= 1
        return self._turn

    def _poll_of(self, link: Link, now: float) -> Turn:
        """What this machine is asked now: chores, questions, conversations, proofs, else the general poll."""
        talk: Talk | None = None
        poll: Poll | None = None
        if link.asked_since is None and link.state is not UP:
            link.asked_since = now
        if link.talks or link.chores or link.unproven >= 0 or not link.accepted:
            talk, poll = self._long_poll_of(link, now)
        if poll is None:
            turn = link.turn
            self._poll = None
        else:
            turn = Turn(
                address=link.address, data=encode_poll(poll.poll, link.address, poll.values), expects_reply=True
            )
            self._poll = poll.poll
        link.last_was_long = poll is not None
        link.polls += 1
        link.next_at = max(link.next_at + link.interval_s + self._phase_slack_s, now + link.interval_s)
        if self._noise:
            self._noise -= 1
        self._last_to = self._link = link
        self._turn = turn
        self._talk = talk
        self._tries = 1
        self._refusals = 0
        self._codes.clear()
        self._sent_at = self._first_try_at = now
        return turn

    def _long_poll_of(self, link: Link, now: float) -> tuple[Talk | None, Poll | None]:
        if link.state is not UP:
            for talk in tuple(link.talks):
                if now - talk.began_at > self._rules.conversation_wait_s:
                    self._finish(link, talk, talk.conversation.abandon(), self._pending)
        if link.chores and not link.last_was_long:
            return None, link.chores[0]
        for talk in tuple(link.talks) if link.state is UP else ():
            if talk.not_before <= now and (talk.conversation.urgent or not (link.last_was_long and link.accepted)):
                if talk.poll is None:
                    talk.poll = talk.conversation.next_poll()
                if talk.poll is not None:
                    return talk, talk.poll
                self._finish(link, talk, talk.conversation.outcome or talk.conversation.abandon(), self._pending)
        if link.wants_proof() and not link.last_was_long:
            return None, Poll(long_poll(link.proof[0]))
        if not link.accepted and not self._falls_back(link, now):
            return None, Poll(long_poll(link.greeting[0]))
        return None, None

    def _falls_back(self, link: Link, now: float) -> bool:
        """It does not answer who it is: the general poll has a turn, for machines that hear one byte only."""
        return link.state is not UP and link.greeted_in_vain >= self._rules.greet_misses and now >= link.round_at

    def _stopping_turn(self, now: float) -> Turn | None:
        for link in self._links.values():
            if link.wants_proof():
                if link is self._last_to:
                    return self._resync()
                if now < link.next_at:
                    self._due = link.next_at
                    return None
                link.last_was_long = False
                return self._poll_of(link, now)
        return self._resync()

    def line_reopened(self, now: float) -> Sequence[SasEvent]:
        """The wire was lost and is back, within this run (rule 11). Then call next_turn() at due().

        A poll that was out is repeated, identically; where its tries or 5 s are over, what follows is as after three
        tries. With nothing out, 80 leads: whether the last frame left the wire before it was lost is not known.
        """
        events: list[SasEvent] = []
        self._calm = False
        self._buffer.clear()
        self._quiet_until = now + self._rules.quiet_s
        if self._silent_until is not None:
            return NOTHING
        link = self._link
        if link is None:
            self._must_resync = True
            self._due = self._quiet_until
            return NOTHING
        self.awaiting = False
        self._quick = None
        self._missed(link)
        if now - self._last_end < ALMOST_DOWN_S:
            self._try_again("damaged", now, events)
        else:
            self._give_poll_up("silent", now, events)
        if self._silent_until is not None:
            # What the port said while it was lost is not known; the silence counts from its return.
            self._silent_until = self._due = now + self._rules.silence_s
            events = [SilenceBegan(self._due) if isinstance(event, SilenceBegan) else event for event in events]
        return events
