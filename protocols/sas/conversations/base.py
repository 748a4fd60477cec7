"""What a conversation is, what it asks and how it may end. The host runs it; nothing here knows of lines or time."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, TypeAlias

from protocols.sas.events import Outcome
from protocols.sas.longpoll import LongPoll, Reply, Values

__all__ = [
    "Answer",
    "Conversation",
    "NoAnswer",
    "Outcome",
    "Poll",
    "Refused",
    "Script",
    "Silence",
    "Steps",
    "Talk",
    "Unsupported",
]


@dataclass(frozen=True, slots=True)
class Poll:
    """A long poll a conversation wants sent to its machine."""

    poll: LongPoll
    values: Values = field(default_factory=dict)


Silence: TypeAlias = Literal["silent", "damaged", "busy"]
"""Why there is no answer after all tries: nothing came; nothing came that could be used; the machine stays busy."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a poll: a reply (data, ACK or NACK), or the reason why there is none."""

    reply: Reply | None
    why: Silence | None = None
    suspect: bool = False
    "The line has had errors of late: what counts is read a second time (rule 31)."


class Conversation(Protocol):
    """The host calls ``next_poll``, sends it, and tells what came by ``heard``; until ``outcome`` is there.

    next_poll is called once per poll, heard exactly once after it. abandon may come at any time instead: the machine is
    gone. Polls that consume their answer are asked again first by whoever begins the conversation anew.
    """

    urgent: bool
    "A machine waits for the answer: goes before other conversations and without general polls in between."

    def next_poll(self) -> Poll | None:
        """What to ask now; None when there is nothing more, then outcome is set."""

    def heard(self, answer: Answer) -> None:
        """What came for the last poll."""

    def abandon(self) -> Outcome:
        """The machine is gone or the host stops: how this ends."""

    @property
    def outcome(self) -> Outcome | None:
        """How it ended, or None while it goes on."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The machine did not answer, or is gone. Whether it did what was asked is not known."""

    ok: ClassVar[bool] = False
    slug: ClassVar[str] = "no-answer"


@dataclass(frozen=True, slots=True)
class Refused:
    """The machine understood and said no (NACK three times), or is BUSY for long."""

    ok: ClassVar[bool] = False
    slug: ClassVar[str] = "refused"


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The machine answers other polls but is silent to this one: it does not know it."""

    ok: ClassVar[bool] = False
    slug: ClassVar[str] = "unsupported"


Steps: TypeAlias = Generator[Poll, Answer, Outcome]


class Script:
    """A conversation written down as the steps it takes: each ``yield`` is a poll and gives its answer.

    A subclass sets its own attributes, then calls ``super().__init__()``.
    """

    urgent = False

    def __init__(self) -> None:
        self._outcome: Outcome | None = None
        self._poll: Poll | None = None
        self._steps = self.steps()
        self._go_on(None)

    def steps(self) -> Steps:
        raise NotImplementedError

    def next_poll(self) -> Poll | None:
        return self._poll

    def heard(self, answer: Answer) -> None:
        self._go_on(answer)

    def abandon(self) -> Outcome:
        self._steps.close()
        return NoAnswer()

    @property
    def outcome(self) -> Outcome | None:
        return self._outcome

    def _go_on(self, answer: Answer | None) -> None:
        try:
            self._poll = next(self._steps) if answer is None else self._steps.send(answer)
        except StopIteration as end:
            self._poll = None
            self._outcome = end.value


class Talk:
    """A conversation and its place in the line of one machine; the host's own note."""

    __slots__ = ("began_at", "busy", "conversation", "not_before", "poll", "token")

    def __init__(self, token: int, conversation: Conversation, began_at: float) -> None:
        self.token = token
        self.conversation = conversation
        self.began_at = began_at
        self.not_before = began_at
        self.busy = 0
        self.poll: Poll | None = None
