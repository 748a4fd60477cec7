"""The poll that is out on a line: its tries, and what follows when they are over. The ground a host stands on.

Nothing is read or chosen here (hearing.py, host.py): only what a failed try, an answer, a lost link and a silence mean
for what may leave next.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from protocols.sas.catalog.exception_codes import IDLE_CODES
from protocols.sas.conversations.base import Answer, Silence, Talk
from protocols.sas.events import Finished, Gap, LinkDown, LinkUp, Outcome, SasEvent, SilenceBegan, SilenceEnded
from protocols.sas.link import Happening, Link, LinkState
from protocols.sas.longpoll import LongPoll
from protocols.sas.rules import LINK_DOWN_S, LineRules
from protocols.sas.schedule import Schedule
from protocols.sas.turn import RESYNC
from protocols.sas.unasked import Unasked

UP = LinkState.UP

DOUBTS_TOGETHER_S = 10.0

ALMOST_DOWN_S = 0.9 * LINK_DOWN_S
"""After so long without a frame a machine with a fast clock may have declared its link down already."""


class Tries:
    """State of one line, and the rules for going on or giving up. Host is the class to use.

    Slots, because a poll touches a dozen of these on a thousand lines: in a dictionary they would be strewn over memory."""

    __slots__ = (
        "_babble_since",
        "_buffer",
        "_calm",
        "_codes",
        "_confirms_always",
        "_due",
        "_echo_signs",
        "_echoes",
        "_first_try_at",
        "_gap_in_silence",
        "_held",
        "_last_end",
        "_last_to",
        "_link",
        "_links",
        "_met_damage",
        "_met_silence",
        "_must_resync",
        "_noise",
        "_once",
        "_once_read",
        "_only",
        "_pending",
        "_phase_slack_s",
        "_poll",
        "_quick",
        "_quiet_until",
        "_refusals",
        "_reply_within_s",
        "_rules",
        "_schedule",
        "_sent_at",
        "_silence_for",
        "_silent_until",
        "_stopped",
        "_stopping",
        "_talk",
        "_tokens",
        "_tries",
        "_turn",
        "_turnaround_s",
        "_unasked",
        "_unsure",
        "awaiting",
    )

    def __init__(self, links: Sequence[Link], rules: LineRules, *, now: float, opens_at: float, first_poll_at: float):
        self._rules = rules
        self._links = {link.address: link for link in links}
        self._only = links[0] if len(links) == 1 else None
        self._schedule = Schedule(links, first_poll_at=first_poll_at)
        self._turnaround_s = rules.turnaround_s
        self._phase_slack_s = rules.phase_slack_s
        self._reply_within_s = rules.reply_within_s
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
        self._once: Link | None = None
        "Who answered the last poll, no try of it having met silence, until something else comes."
        self._met_silence = False
        self._met_damage = False
        self._once_read: bytes | None = None
        "On a noisy line: an answer that will be deleted by its acknowledgement, as it came first."
        self._unsure = False
        """An answer to the general poll that is out was heard and not understood. The repeat that asks for it again may be
        damaged too, and then acknowledges it: what it told is lost, and the doubt is told as a gap."""
        self._echo_signs = 0
        self._echoes = False
        "What we send comes back to us: some converters do that."
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
        self._met_silence = self._met_damage = self._unsure = False
        self._once_read = None
        self._poll = None
        self._codes.clear()
        self._buffer.clear()

    def _heard(self, link: Link, now: float, events: list[SasEvent]) -> None:
        link.answers += 1
        link.last_heard_at = now
        link.misses_in_row = 0
        link.rounds = 0
        link.asked_since = None
        self._babble_since = None
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
        """A machine that is missing is greeted once a second, and so asked on a line that goes on: not three times."""
        is_greeted = self._poll is not None and not link.accepted and link.state is LinkState.DOWN
        return 1 if is_greeted or link.gap_since is not None else self._rules.tries

    def _try_again(self, why: str, now: float, events: list[SasEvent]) -> None:
        """The identical poll, before anything else; or, when the tries are over, what must follow."""
        link = self._out()
        self._quick = None
        self._calm = False
        self._buffer.clear()
        rules = self._rules
        if self._tries >= self._limit(link):
            # One damaged answer in three tries says that the machine knows the poll: only silence alone is silence.
            self._give_poll_up("silent" if why == "silent" and not self._met_damage else "damaged", now, events)
            return
        if why == "silent":
            self._met_silence = True
            after_s = link.interval_s if rules.retry_after_s is None else rules.retry_after_s
            self._due = max(now + rules.quiet_s, self._sent_at + after_s)
        elif why == "damaged":
            self._met_damage = True
            self._due = now + rules.quiet_s
        else:
            self._due = now + rules.turnaround_s

    def _give_poll_up(self, why: Silence, now: float, events: list[SasEvent]) -> None:
        """The tries are over. What the acknowledgement could delete is protected by silence, or told as a Gap."""
        link, poll = self._out(), self._poll
        consumes = poll is None or poll.consumes or link.real_time
        if any(code not in IDLE_CODES for code in self._codes):
            self._unsure = True
        self._tell_doubt(link, now, events)
        greeted = poll is not None and self._talk is None and not link.accepted
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
        since = link.asked_since if link.last_heard_at is None else link.last_heard_at
        if link.misses_in_row >= self._rules.misses_for_down and (since is None or now - since >= LINK_DOWN_S):
            self._give_link_up(link, events)
        if greeted:
            link.greeted_in_vain += 1
            link.greeting.rotate(-1)  # Old machines may not know the first.
            if link.state is LinkState.DOWN:
                link.next_at = now + self._rules.slow_poll_s
        self._due = max(now + self._turnaround_s, self._quiet_until)

    def _tell_doubt(self, link: Link, now: float, events: list[SasEvent], *, at_once: bool = False) -> None:
        """The first doubt is told at once; those of the next seconds together, or a bad line would tell little else."""
        if self._unsure:
            self._unsure = False
            # On a shared line a damaged poll may have been another machine's: what that one told is in doubt as well.
            for other in self._links.values():
                if other is link or other.state is not LinkState.DOWN:
                    other.unsure_until = now
                    if other.unsure_since is None:
                        other.unsure_since = self._first_try_at
        since = link.unsure_since
        if since is not None and (at_once or now >= link.doubt_told_at + DOUBTS_TOGETHER_S):
            link.unsure_since = None
            link.doubt_told_at = now
            events.append(Gap(link.address, since, link.unsure_until, "answer-in-doubt"))

    def _failed_chore(self, link: Link) -> None:
        if self._poll is None or self._talk is not None:
            return
        if link.chores and self._poll is link.chores[0].poll:
            link.chores.popleft()
        elif link.wants_proof():
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
            link.rounds += 1
            others = any(other.state is UP for other in self._links.values())
            # At once again, it may have been a moment's trouble; then rarely, each round costs the others a silence.
            link.round_at = now + (self._rules.round_every_s if others and link.rounds > 1 else 0.0)
            link.next_at = now if link.greeting else link.round_at
            link.greeted_in_vain = 0
        self._due = now

    def _give_link_up(self, link: Link, events: list[SasEvent]) -> None:
        self._tell_doubt(link, link.unsure_until, events, at_once=True)
        if link.happened(Happening.GAVE_UP):
            self._abandon(link, events)
            events.append(LinkDown(link.address, link.last_heard_at, link.misses_in_row))
        link.heard_in_row = 0
        link.real_time = False
        link.accepted = not link.greeting

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
