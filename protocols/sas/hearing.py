"""What comes on a line: answers, damage, chirps and rubbish, and what each means for the poll that is out.

What is heard becomes events here; when to repeat and when to fall silent is in tries.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from protocols.errors import NotNow
from protocols.line.line import Char
from protocols.sas.answer import BUFFER_MAX, Bad, Busy, Code, EventFrame, meaning
from protocols.sas.catalog.exception_codes import EXCEPTIONS, IDLE_CODES
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.base import Answer, Poll
from protocols.sas.events import NOTHING, BadReply, Contested, Echo, ExceptionSeen, Gap, Missed, SasEvent
from protocols.sas.link import Link, LinkState
from protocols.sas.longpoll import Reply
from protocols.sas.tries import Tries
from protocols.sas.unasked import TOLD_MAX

RTE_OFF = Poll(long_poll(0x0E), {"enable": 0})
LATE_WITHIN_S = 1.0
"""An answer to an earlier try comes within this, or never."""
SECOND_WITHIN_S = 0.025
"""A machine begins to answer within 20 ms; a second machine at its address does so too."""


class Hearing(Tries):
    """The ears of a host. Host is the class to use."""

    __slots__ = ()

    def receive(self, chars: Sequence[Char], now: float) -> Sequence[SasEvent]:
        """Characters came. Make what this tells durable before the next turn. Idle answers give the shared ``()``."""
        link = self._quick
        if link is not None and len(chars) == 1:
            value, wakeup, _ = chars[0]
            is_idle = (value == 0x00 or value == 0x1F) and not wakeup
            # Strays that wait to be told go the long way, or a line that is idle again would never tell of them.
            if is_idle and not self._buffer and self.awaiting and not self._unasked.count:
                self._quick = self._link = None
                self._once = link
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
        self._nothing_came(link, events)
        self._try_again("silent", now, events)
        return events or NOTHING

    def _nothing_came(self, link: Link, events: list[SasEvent]) -> None:
        link.misses += 1
        reported = link.state in (LinkState.UP, LinkState.SHAKY)
        self._missed(link)
        if reported:
            events.append(Missed(link.address, self._tries))
        if self._noise and self._poll is None and link.state is not LinkState.DOWN:
            self._unsure = True

    def _hear_unasked(self, value: int, wakeup: bool, now: float, events: list[SasEvent]) -> None:
        silent = self._silent_until is not None
        if (wakeup and 1 <= value <= 127) or (silent and value in self._links):
            self._unasked.chirp(value, now, events)
            self._mind_the_chirp(value, now, events)
            return
        self._unasked.stray(value)
        if self._once is not None and not self.awaiting:
            # Right behind an answer whose poll met no silence, so it is no late one: somebody else answers too.
            link, self._once = self._once, None
            if now - (link.last_heard_at or 0.0) <= SECOND_WITHIN_S:
                self._mind_a_second_answer(link, now, events)
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

    def _mind_a_second_answer(self, link: Link, now: float, events: list[SasEvent]) -> None:
        count = link.answered_twice(now, self._rules.contested_after)
        if count:
            events.append(Contested(link.address, count))

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
        heard = self._without_echo(bytes(self._buffer))
        if not heard:
            if ended:
                self._buffer.clear()
                self.awaiting = False
                self._quick = None
                self._nothing_came(link, events)
                self._try_again("silent", now, events)
            return
        what = meaning(self._poll, link.address, self._turn.data, heard, ended=ended)
        if what is None:
            return
        if self._look_for_echo(what, heard, events):
            heard = heard[len(self._turn.data) :]
            what = meaning(self._poll, link.address, self._turn.data, heard, ended=True) or what
        self.awaiting = False
        self._quick = None
        data = bytes(self._buffer[:TOLD_MAX])
        self._buffer.clear()
        if isinstance(what, Bad) and not self._met_silence and self._poll is None and len(data) == 2:
            self._mind_a_second_answer(link, now, events)
        self._once = None if self._met_silence or isinstance(what, Bad) else link
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
            self._long_answer(link, what, heard, now, events)

    def _without_echo(self, heard: bytes) -> bytes:
        """On a line that echoes: what follows the poll itself."""
        poll = self._turn.data
        if not self._echoes or not heard.startswith(poll[: len(heard)]):
            return heard
        return heard[len(poll) :]

    def _look_for_echo(self, what: object, heard: bytes, events: list[SasEvent]) -> bool:
        """Several answers in a row begin with the poll and make no sense as they are; or, later, none does any more.

        True: just found out."""
        poll = self._turn.data
        if self._echoes:
            came_back = bytes(self._buffer).startswith(poll)
            self._echo_signs = self._rules.echo_after if came_back else self._echo_signs - 1
            self._echoes = self._echo_signs > 0
            return False
        if isinstance(what, Bad) and len(heard) > len(poll) and heard.startswith(poll):
            self._echo_signs += 1
            if self._echo_signs >= self._rules.echo_after:
                self._echoes = True
                events.append(Echo(poll))
                return True
        elif not isinstance(what, Bad):
            self._echo_signs = 0
        return False

    def _general_answer(self, link: Link, code: int, now: float, events: list[SasEvent]) -> None:
        if (self._codes or self._needs_confirming(link, code, now)) and code not in self._codes:
            if self._codes:
                self._count_bad(link, "unconfirmed", bytes((*self._codes, code)), events)
            self._codes.append(code)
            self._try_again("damaged" if len(self._codes) > 1 else "unconfirmed", now, events)
            return
        self._heard(link, now, events)
        if any(other != code and other not in IDLE_CODES for other in self._codes):
            self._unsure = True
        self._tell_doubt(link, now, events)
        if code in IDLE_CODES:
            link.proven()
            link.doubt.clear()
        else:
            is_late = code == link.late_code and now < link.late_until
            self._exception(link, code, b"", events, doubtful=is_late)
            if self._met_silence:
                if self._tries >= self._rules.tries:
                    # Perhaps the answer to an earlier try, and the machine has given up after the third: then it keeps it.
                    link.doubt.add(code)
                link.late_code, link.late_until = code, now + LATE_WITHIN_S
        self._answered(now)

    def _needs_confirming(self, link: Link, code: int, now: float) -> bool:
        """One byte without check sum: on a noisy line, or where no machine should say this, it must come twice.

        So must what an earlier try of the last poll may only now be answering."""
        if self._confirms_always or (code == link.late_code and now < link.late_until):
            return True
        if code not in IDLE_CODES and (self._rules.confirm == "exceptions" or code not in EXCEPTIONS):
            return True
        return self._noise > 0 and self._rules.confirm != "never"

    def _exception(self, link: Link, code: int, data: bytes, events: list[SasEvent], *, doubtful: bool = False) -> None:
        link.exceptions += 1
        known = EXCEPTIONS.get(code)
        queued = known is not None and known.klass == "Q"
        doubtful = link.judge(code, queued=queued) or doubtful
        events.append(ExceptionSeen(link.address, code, doubtful, data))
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

    def _long_answer(self, link: Link, reply: Reply, heard: bytes, now: float, events: list[SasEvent]) -> None:
        talk, poll = self._talk, self._poll
        if self._noise and poll is not None and poll.consumes and heard != self._once_read:
            # Its acknowledgement deletes it in the machine: on a noisy line it is read twice alike before that.
            self._once_read = heard
            self._try_again("unconfirmed", now, events)
            return
        self._heard(link, now, events)
        link.proven()
        link.proof_strikes = link.greeted_in_vain = 0
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
        if self._poll is None:
            self._unsure = True
        self._try_again("damaged", now, events)

    def _count_bad(self, link: Link, slug: str, data: bytes, events: list[SasEvent]) -> None:
        if slug == "bad-crc":
            link.bad_crc += 1
        else:
            link.bad_other += 1
        self._noise = self._rules.noisy_polls
        self._calm = False
        events.append(BadReply(link.address, slug, data))
