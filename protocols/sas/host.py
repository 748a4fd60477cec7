"""The host of one line: characters and moments in, turns and events out. No I/O, no clock, no opinion about halls.

How a caller drives it (one tick for all lines)::

    events = host.receive(line.drain(now), now)      # make what it tells durable before the next turn
    if now >= host.due():
        if host.awaiting:
            events = host.no_reply(now)
        else:
            turn = host.next_turn(now)               # None: see take_events() and due()
            host.sent(line.send(turn.data, wakeup=True, now=now))

What it keeps (sas-core 2, decisions 10 to 12 and 31):

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

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from math import inf

from protocols.errors import BadRequest, NotNow
from protocols.sas.catalog.exception_codes import EXCEPTIONS
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.frame import encode_poll, general_poll
from protocols.sas.longpoll import LongPoll, Reply

from protocols.line.line import Char
from protocols.sas.answer import BUFFER_MAX, IDLE_CODES, Bad, Busy, Code, EventFrame, meaning
from protocols.sas.conversations.base import Answer, Conversation, Poll, Silence, Talk
from protocols.sas.events import (
    NOTHING,
    BadReply,
    ExceptionSeen,
    Finished,
    Gap,
    LinkDown,
    LinkUp,
    Missed,
    Outcome,
    SasEvent,
    SilenceBegan,
    SilenceEnded,
)
from protocols.sas.link import ANY_CODE, Happening, Link, LinkState, LinkStats
from protocols.sas.rules import LINK_DOWN_S, LineRules
from protocols.sas.schedule import RESYNC, Schedule, Turn
from protocols.sas.unasked import TOLD_MAX, Unasked

__all__ = ["Host", "LinkStats", "Start", "Turn"]

ALMOST_DOWN_S = 0.9 * LINK_DOWN_S
"""After so long without a frame a machine with a fast clock may have declared its link down already."""

RTE_OFF = Poll(long_poll(0x0E), {"enable": 0})

UP = LinkState.UP


class Start(Enum):
    CLEAN = "clean"
    "The marker of the last run says: what was acknowledged was stored, and the last answer was acknowledged."
    UNCLEAN = "unclean"
    "Anything else. The line is silent first (decisions 11)."


class Host:
    """Drives the machines of one line. See the module for how it is called and what it keeps."""

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
        self._rules = rules
        self._links: dict[int, Link] = {}
        for address in addresses:
            if not 1 <= address <= 127 or address in self._links:
                raise BadRequest("Addresses are 1 to 127, each once on a line.", address=address)
            turn = Turn(address=address, data=general_poll(address), expects_reply=True)
            self._links[address] = Link(address, turn, rules.poll_interval_s, rules.proof_polls if rules.prove else ())
        if not self._links:
            raise BadRequest("A line needs at least one address.")
        links = tuple(self._links.values())
        self._only = links[0] if len(links) == 1 else None
        opens_at = now + (rules.silence_s if start is Start.UNCLEAN else rules.clean_pause_s)
        self._schedule = Schedule(links, first_poll_at=max(opens_at, first_poll_at or now))
        self._reply_within_s = rules.reply_within_s
        self._turnaround_s = rules.turnaround_s
        self._confirms_always = rules.confirm == "always"

        self.awaiting = False
        "A poll is out: feed receive(), and no_reply() at due()."
        self._due = opens_at
        self._calm = False
        "Nothing unusual: the next turn is 80 or a general poll, and takes the short way."
        self._quick: Link | None = None
        "The link whose first-try general poll is out on a calm line; its idle answer takes the short way."

        self._link: Link | None = None
        "The link whose poll is out or is to be repeated; with it the next six."
        self._turn = RESYNC
        self._poll: LongPoll | None = None
        self._talk: Talk | None = None
        self._tries = 0
        self._first_try_at = 0.0
        self._refusals = 0
        self._codes: list[int] = []
        self._sent_at = now

        self._last_to: Link | None = None
        "Whom the last frame was for; None after 80."
        self._last_end = now
        self._must_resync = True
        self._silent_until: float | None = None
        self._silence_for: Link | None = None
        self._gap_in_silence = False
        self._held = False
        self._stopping = False
        self._stopped = False
        self._noise = 0
        self._quiet_until = -inf
        self._babble_since: float | None = None
        self._buffer = bytearray()
        self._unasked = Unasked()
        self._pending: list[SasEvent] = []
        self._tokens = 0
        if start is Start.UNCLEAN:
            for link in links:
                known = ANY_CODE if last_exceptions is None else last_exceptions.get(link.address, ANY_CODE)
                if known is not None:
                    link.doubt.add(known)
            self._silent_until = opens_at
            self._pending.append(SilenceBegan(until=opens_at))
            self._due = now

    # what the caller asks -------------------------------------------------------------------------------------------

    def due(self) -> float:
        """When next_turn(), or while awaiting no_reply(), wants to be called. Infinite: not until something is asked."""
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
                if link.state is UP and link.unproven < 0 and not (link.talks or link.chores or link.doubt):
                    self._last_to = self._link = self._quick = link
                    link.last_was_long = False
                    link.polls += 1
                    link.next_at = now + link.interval_s
                    self._sent_at = self._first_try_at = now
                    self._turn = link.turn
                    self._poll = None
                    self._tries = 1
                    return link.turn
        return self._unusual_turn(now)

    def sent(self, ends_at: float) -> None:
        """The frame of next_turn() was handed to the line; its last stop bit leaves at ends_at, whence time-outs count."""
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

    def _plan(self, now: float) -> None:
        """Nothing is outstanding: when may the next frame leave?"""
        link = self._only or self._schedule.next_link()
        at = link.next_at if link is not self._last_to else self._sent_at + link.interval_s / 2
        soonest = now + self._turnaround_s
        if at < soonest:
            at = soonest
        if at < self._quiet_until:
            at = self._quiet_until
        self._due = at

    def _unusual_turn(self, now: float) -> Turn | None:
        if self._pending:
            self._due = now
            return None
        if self._held or self._stopped or now < self._due:
            return None
        if self._silent_until is not None:
            return self._sit_silence_out(now)
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

    def _mind_the_gap(self, now: float) -> None:
        """No frame for so long that machines may, or must, have dropped their link: held, a slow disk, a lost cable."""
        since_s = now - self._last_end
        if since_s < ALMOST_DOWN_S:
            return
        for link in self._links.values():
            link.resynchronised()
        if since_s >= self._rules.silence_s:
            # Each machine has surely declared it and keeps what was not acknowledged: no repeat, 80 may lead.
            if self._link is not None:
                self._drop_poll("silent", now, self._pending)
            self._must_resync = True
        elif self._link is None:
            self._must_resync = True

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
        if link.talks or link.chores or link.unproven >= 0:
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
        link.next_at = now + link.interval_s
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
            if talk.not_before <= now and (talk.conversation.urgent or not link.last_was_long):
                if talk.poll is None:
                    talk.poll = talk.conversation.next_poll()
                if talk.poll is not None:
                    return talk, talk.poll
                self._finish(link, talk, talk.conversation.outcome or talk.conversation.abandon(), self._pending)
        if link.wants_proof() and not link.last_was_long:
            return None, Poll(long_poll(link.proof[0]))
        return None, None

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

    # hearing --------------------------------------------------------------------------------------------------------

    def receive(self, chars: Sequence[Char], now: float) -> Sequence[SasEvent]:
        """Characters came. Make what this tells durable before the next turn. Idle answers give the shared empty tuple."""
        link = self._quick
        if link is not None and len(chars) == 1:
            value, wakeup, _ = chars[0]
            if (value == 0x00 or value == 0x1F) and not wakeup and not self._buffer and self.awaiting:
                self._quick = self._link = None
                self.awaiting = False
                link.answers += 1
                link.last_heard_at = now
                if self._only is None:
                    self._plan(now)
                    return NOTHING
                at = self._sent_at + link.interval_s / 2
                soonest = now + self._turnaround_s
                self._due = at if at > soonest else soonest
                return NOTHING
        events: list[SasEvent] = []
        for value, wakeup, _ in chars:
            if not self.awaiting or wakeup:
                self._hear_unasked(value, wakeup, now, events)
            elif len(self._buffer) < BUFFER_MAX:
                self._buffer.append(value)
            else:
                self._unasked.stray(value)
        self._unasked.tell(now, events)
        if self.awaiting and self._buffer:
            self._due = now + self._rules.gap_within_s
            self._weigh(now, events, ended=len(self._buffer) == BUFFER_MAX)
        return events or NOTHING

    def no_reply(self, now: float) -> Sequence[SasEvent]:
        """The time for the answer, or for the rest of it, is over. Call while awaiting, at due()."""
        if not self.awaiting:
            raise NotNow("No poll is out.", due=self._due)
        events: list[SasEvent] = []
        if self._buffer:
            self._weigh(now, events, ended=True)
            return events or NOTHING
        link = self._out()
        self.awaiting = False
        link.misses += 1
        reported = link.state in (LinkState.UP, LinkState.SHAKY)
        self._missed(link)
        if reported:
            events.append(Missed(link.address, self._tries))
        self._try_again("silent", now, events)
        return events or NOTHING

    def _hear_unasked(self, value: int, wakeup: bool, now: float, events: list[SasEvent]) -> None:
        silent = self._silent_until is not None
        if (wakeup and 1 <= value <= 127) or (silent and value in self._links):
            self._unasked.chirp(value, now, events)
            self._mind_the_chirp(value, now, events)
            return
        self._unasked.stray(value)
        if not silent and not self.awaiting:
            self._noise = self._rules.noisy_polls
            self._calm = False
            self._quiet_until = now + self._rules.quiet_s
            if self._babble_since is None:
                self._babble_since = now
            if self._due < self._quiet_until:
                self._due = self._quiet_until
            if now - self._babble_since > self._rules.silence_s:
                self._give_up_for_babble(now, events)

    def _give_up_for_babble(self, now: float, events: list[SasEvent]) -> None:
        """Characters keep coming that nobody asked for; polling into them would take noise for answers."""
        self._babble_since = now
        if self._link is not None:
            self._drop_poll("damaged", now, events)
        for link in self._links.values():
            self._give_link_up(link, events)

    def _mind_the_chirp(self, address: int, now: float, events: list[SasEvent]) -> None:
        """On a loop the silent machine hears this chirp as a frame for somebody else: an acknowledgement.

        Both count their 5 s from the same last byte of ours, each by its own clock, so the chirp may come a moment
        before the silent machine has declared its link down. Its reply may be lost then; only its own: every other
        machine's last reply was stored, and acknowledged by the polls that led to the silence.
        """
        owing = self._silence_for
        if self._rules.loop and owing is not None and owing.address != address and not self._gap_in_silence:
            self._gap_in_silence = True
            events.append(Gap(owing.address, self._first_try_at, now, "chirp-may-have-acknowledged"))

    def _weigh(self, now: float, events: list[SasEvent], *, ended: bool) -> None:
        link = self._out()
        what = meaning(self._poll, link.address, self._turn.data, bytes(self._buffer), ended=ended)
        if what is None:
            return
        self.awaiting = False
        self._quick = None
        data = bytes(self._buffer[:TOLD_MAX])
        self._buffer.clear()
        if isinstance(what, Code):
            self._general_answer(link, what.code, now, events)
        elif isinstance(what, Bad):
            self._bad_reply(link, what.slug, data, now, events)
        elif isinstance(what, EventFrame):
            self._event_frame(link, what, now, events)
        elif isinstance(what, Busy):
            self._busy(link, now, events)
        elif what.status == "nack":
            self._nack(link, what, now, events)
        elif what.status == "busy":
            self._busy(link, now, events)
        else:
            self._long_answer(link, what, now, events)

    def _general_answer(self, link: Link, code: int, now: float, events: list[SasEvent]) -> None:
        if (self._codes or self._needs_confirming(code)) and code not in self._codes:
            if self._codes:
                self._count_bad(link, "unconfirmed", bytes((*self._codes, code)), events)
            self._codes.append(code)
            self._try_again("damaged" if len(self._codes) > 1 else "unconfirmed", now, events)
            return
        self._heard(link, now, events)
        if code in IDLE_CODES:
            link.proven()
            link.doubt.clear()
        else:
            self._exception(link, code, b"", events)
        self._answered(now)

    def _needs_confirming(self, code: int) -> bool:
        """One byte without check sum: on a noisy line, or where no machine should say this, it must come twice."""
        if self._confirms_always:
            return True
        if code not in EXCEPTIONS and code not in IDLE_CODES:
            return True
        return self._noise > 0 and self._rules.confirm == "noisy"

    def _exception(self, link: Link, code: int, data: bytes, events: list[SasEvent]) -> None:
        link.exceptions += 1
        known = EXCEPTIONS.get(code)
        queued = known is not None and known.klass == "Q"
        events.append(ExceptionSeen(link.address, code, link.judge(code, queued=queued), data))
        self._calm = False

    def _event_frame(self, link: Link, frame: EventFrame, now: float, events: list[SasEvent]) -> None:
        """Real-time events are on, left so by a previous host: the poll was not executed; switch them off."""
        if not link.real_time:
            link.real_time = True
            link.chores.append(RTE_OFF)
        self._heard(link, now, events)
        if frame.code in IDLE_CODES:
            link.proven()
            link.doubt.clear()
        else:
            self._exception(link, frame.code, frame.data, events)
        # A talk keeps its poll and asks again after another frame has acknowledged this one.
        self._answered(now)

    def _long_answer(self, link: Link, reply: Reply, now: float, events: list[SasEvent]) -> None:
        talk, poll = self._talk, self._poll
        self._heard(link, now, events)
        link.proven()
        link.proof_strikes = 0
        if talk is None and link.chores and poll is link.chores[0].poll:
            link.chores.popleft()
            if poll is RTE_OFF.poll:
                link.real_time = False
        self._answered(now)
        if talk is not None:
            self._tell(link, talk, Answer(reply, suspect=self._noise > 0), events)

    def _busy(self, link: Link, now: float, events: list[SasEvent]) -> None:
        talk = self._talk
        link.busy += 1
        self._heard(link, now, events)
        link.proven()
        self._answered(now)
        if talk is not None:
            talk.busy += 1
            talk.not_before = now + self._rules.busy_pause_s
            if talk.busy >= self._rules.busy_tries:
                self._tell(link, talk, Answer(None, "busy"), events)

    def _nack(self, link: Link, reply: Reply, now: float, events: list[SasEvent]) -> None:
        link.nacks += 1
        self._refusals += 1
        self._heard(link, now, events)
        if self._tries < self._limit(link) or self._refusals < self._tries:
            self._try_again("refused", now, events)
            return
        talk = self._talk
        self._failed_chore(link)
        self._answered(now)
        self._must_resync = True
        self._calm = False
        if talk is not None:
            self._tell(link, talk, Answer(reply), events)

    def _bad_reply(self, link: Link, slug: str, data: bytes, now: float, events: list[SasEvent]) -> None:
        self._count_bad(link, slug, data, events)
        self._missed(link)
        self._try_again("damaged", now, events)

    def _count_bad(self, link: Link, slug: str, data: bytes, events: list[SasEvent]) -> None:
        if slug == "bad-crc":
            link.bad_crc += 1
        else:
            link.bad_other += 1
        self._noise = self._rules.noisy_polls
        self._calm = False
        events.append(BadReply(link.address, slug, data))

    def line_reopened(self, now: float) -> Sequence[SasEvent]:
        """The wire was lost and is back, within this run (decisions 11). Then call next_turn() at due().

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

    # what follows ---------------------------------------------------------------------------------------------------

    def _out(self) -> Link:
        assert self._link is not None, "a poll is out"
        return self._link

    def _answered(self, now: float) -> None:
        """The poll is done with; the next frame acknowledges what was heard."""
        after_repeats = self._tries > 1
        self._forget_poll()
        if after_repeats:
            # The answer to an earlier try may still be under way.
            self._quiet_until = now + self._rules.quiet_s
        if self._stopping:
            self._due = max(now + self._turnaround_s, self._quiet_until)
            return
        self._plan(now)

    def _forget_poll(self) -> None:
        self._link = self._quick = self._talk = None
        self._poll = None
        self._codes.clear()
        self._buffer.clear()

    def _heard(self, link: Link, now: float, events: list[SasEvent]) -> None:
        link.answers += 1
        link.last_heard_at = now
        link.misses_in_row = 0
        link.heard_in_row += 1
        if link.gap_since is not None:
            if link.gap_missed:
                events.append(Gap(link.address, link.gap_since, now, "still-without-answer"))
            link.gap_since = None
            link.gap_missed = False
        if link.state is UP:
            return
        back = link.state is not LinkState.SHAKY
        enough = link.heard_in_row >= self._rules.valid_answers_for_up
        if link.happened(Happening.HEARD_THRICE if enough else Happening.HEARD) and back:
            events.append(LinkUp(link.address))

    def _missed(self, link: Link) -> None:
        link.misses_in_row += 1
        link.heard_in_row = 0
        self._calm = False
        link.happened(Happening.MISSED)

    def _limit(self, link: Link) -> int:
        """A machine that is missing from a line that goes on is asked once a second, not three times."""
        return 1 if link.gap_since is not None else self._rules.tries

    def _try_again(self, why: str, now: float, events: list[SasEvent]) -> None:
        """The identical poll, before anything else; or, when the tries are over, what must follow."""
        link = self._out()
        self._quick = None
        self._calm = False
        self._buffer.clear()
        rules = self._rules
        if self._tries >= self._limit(link):
            self._give_poll_up("silent" if why == "silent" else "damaged", now, events)
            return
        if why == "silent":
            after_s = link.interval_s if rules.retry_after_s is None else rules.retry_after_s
            self._due = max(now + rules.quiet_s, self._sent_at + after_s)
        elif why == "damaged":
            self._due = now + rules.quiet_s
        else:
            self._due = now + rules.turnaround_s

    def _give_poll_up(self, why: Silence, now: float, events: list[SasEvent]) -> None:
        """The tries are over. What the acknowledgement could delete is protected by silence, or told as a Gap."""
        link, poll = self._out(), self._poll
        consumes = poll is None or poll.consumes or link.real_time
        self._failed_chore(link)
        self._drop_poll(why, now, events)
        if consumes and self._rules.after_three_tries == "silence":
            self._begin_silence(link, self._last_end + self._rules.silence_s, events)
            return
        self._must_resync = True
        if consumes:
            if link.gap_since is None:
                link.gap_since = self._first_try_at
                events.append(Gap(link.address, self._first_try_at, now, "went-on-without-answer"))
            else:
                link.gap_missed = True
            link.next_at = now + self._rules.slow_poll_s
        if link.misses_in_row >= self._rules.misses_for_down and (
            link.last_heard_at is None or now - link.last_heard_at >= LINK_DOWN_S
        ):
            self._give_link_up(link, events)
        self._due = max(now + self._turnaround_s, self._quiet_until)

    def _failed_chore(self, link: Link) -> None:
        if self._poll is None or self._talk is not None:
            return
        if link.chores and self._poll is link.chores[0].poll:
            link.chores.popleft()
        else:
            link.proof_failed()

    def _drop_poll(self, why: Silence, now: float, events: list[SasEvent]) -> None:
        """No more tries. Whether the machine acknowledged-away or kept its last exception is open now."""
        link, talk = self._out(), self._talk
        link.resynchronised()
        self.awaiting = False
        self._forget_poll()
        self._quiet_until = now + self._rules.quiet_s
        if talk is not None:
            self._tell(link, talk, Answer(None, why), events)

    def _begin_silence(self, link: Link, until: float, events: list[SasEvent]) -> None:
        for other in self._links.values():
            other.resynchronised()
        self._silent_until = self._due = until
        self._silence_for = link
        self._gap_in_silence = False
        self._calm = False
        events.append(SilenceBegan(until))

    def _sit_silence_out(self, now: float) -> None:
        assert self._silent_until is not None
        if now < self._silent_until:
            self._due = self._silent_until
            return
        link = self._silence_for
        self._silent_until = self._silence_for = None
        self._must_resync = True
        self._pending.append(SilenceEnded())
        if link is not None:
            self._give_link_up(link, self._pending)
            others = any(o.state is UP for o in self._links.values())
            link.next_at = now + (self._rules.round_every_s if others else 0.0)
        self._due = now

    def _give_link_up(self, link: Link, events: list[SasEvent]) -> None:
        if link.happened(Happening.GAVE_UP):
            self._abandon(link, events)
            events.append(LinkDown(link.address, link.last_heard_at, link.misses_in_row))
        link.heard_in_row = 0
        link.real_time = False

    def _abandon(self, link: Link, events: list[SasEvent]) -> None:
        for talk in tuple(link.talks):
            self._finish(link, talk, talk.conversation.abandon(), events)

    def _tell(self, link: Link, talk: Talk, answer: Answer, events: list[SasEvent]) -> None:
        talk.poll = None
        talk.busy = 0
        talk.conversation.heard(answer)
        outcome = talk.conversation.outcome
        if outcome is not None:
            self._finish(link, talk, outcome, events)

    def _finish(self, link: Link, talk: Talk, outcome: Outcome, events: list[SasEvent]) -> None:
        link.talks.remove(talk)
        events.append(Finished(link.address, talk.token, outcome))
