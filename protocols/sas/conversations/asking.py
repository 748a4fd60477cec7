"""One question, or several in turn, and what the answers amount to. What conversations that only read are made of.

Silence says little: a machine may be out of step, in its own test, or gone. It counts as "does not know this poll" only
when the machine answers another one afterwards (sas-core 2.6, 10 no. 20).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TypeAlias

from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.base import Answer, NoAnswer, Poll, Refused, Unsupported
from protocols.sas.longpoll import Reply, Values

NEIGHBOURS = (Poll(long_poll(0x1F)), Poll(long_poll(0x54)))
"""Every machine since the first version answers the first of these, every newer one both; they consume nothing."""
READS_MAX = 4
"""On a noisy line a poll is read until two answers in a row agree, so often at most (rule 31)."""

Failure: TypeAlias = NoAnswer | Refused | Unsupported
Told: TypeAlias = Generator[Poll, Answer, "Reply | Failure"]


def answers_nothing(answer: Answer) -> bool:
    """Not a sign of life. Damage is one: something was said."""
    return answer.reply is None and answer.why == "silent"


def about_game(question: Poll, values: Values) -> bool:
    """The answer is about the game asked for; otherwise it is an older one repeated."""
    return "game" not in question.values or values.get("game") == question.values["game"]


def is_there() -> Generator[Poll, Answer, bool]:
    """Ask what every machine answers."""
    for question in NEIGHBOURS:
        answer = yield question
        if not answers_nothing(answer):
            return True
    return False


def once(question: Poll) -> Told:
    """The reply to a question, asked one time; or why there is none. A reply is data or an acknowledgement."""
    answer = yield question
    return (yield from judged(question, answer))


def judged(question: Poll, answer: Answer) -> Told:
    """What an answer amounts to; after silence another poll is asked, to tell unsupported from gone."""
    reply = answer.reply
    if reply is not None:
        if reply.status == "nack":
            return Refused()
        return reply if about_game(question, reply.values) else NoAnswer()
    if answer.why == "busy":
        return Refused()
    if answer.why == "damaged":
        return NoAnswer()
    return Unsupported() if (yield from is_there()) else NoAnswer()


def confirmed(question: Poll) -> Told:
    """The same for what consumes nothing: on a noisy line it is read until two answers in a row agree."""
    answer = yield question
    for _ in range(READS_MAX - 1):
        if not answer.suspect or answer.reply is None:
            break
        again = yield question
        if again.reply is None or again.reply == answer.reply:
            answer = Answer(again.reply, again.why)
            break
        answer = again
    else:
        if answer.suspect:
            return NoAnswer()
    return (yield from judged(question, answer))


class Survey:
    """Questions that consume nothing, asked in turn: what was told, and why the rest was not. Keyed by poll and game."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, int], Values] = {}
        self.unsupported: set[int] = set()
        "Long polls the machine is silent to, or says no to, while it answers others."
        self.damaged: set[int] = set()
        "Long polls whose answers could not be used or were not heard: ask again later."
        self._answered: set[int] = set()
        self._silent: list[Poll] = []
        "Since something was heard last."
        self._again: list[Poll] = []
        self._neighbour = NEIGHBOURS[0]

    def ask(self, questions: Iterable[Poll]) -> Generator[Poll, Answer, None]:
        """In the order given; what came damaged once more at the end. ``finish`` afterwards settles the silent ones."""
        for question in questions:
            yield from self._ask(question, self._again)
        again, self._again = self._again, []
        for question in again:
            yield from self._ask(question, None)

    def finish(self) -> Generator[Poll, Answer, bool]:
        """Is the silence at the end the machine's, or only that poll's? Gives whether anything was told at all."""
        if self._silent and self._answered:
            answer = yield self._neighbour
            if answers_nothing(answer):
                self.damaged.update(question.poll.code for question in self._silent)
            else:
                self._heard()
        self.unsupported -= self._answered
        self.damaged -= self.unsupported
        return bool(self.found)

    def told(self, code: int, game: int = 0) -> Values:
        """The answer's values; nothing where there is none."""
        return self.found.get((code, game), {})

    def is_silent(self) -> bool:
        """Nothing was heard after the last question."""
        return bool(self._silent)

    def _ask(self, question: Poll, again: list[Poll] | None) -> Generator[Poll, Answer, None]:
        answer = yield question
        code = question.poll.code
        if answers_nothing(answer):
            self._silent.append(question)
            return
        self._heard()
        reply = answer.reply
        if reply is not None and reply.status == "data" and about_game(question, reply.values):
            game = question.values.get("game", 0)
            self.found[code, game if isinstance(game, int) else 0] = reply.values
            self._answered.add(code)
            self.damaged.discard(code)
            self._neighbour = question
        elif reply is not None and reply.status != "data":
            self.unsupported.add(code)
        else:
            self.damaged.add(code)
            if again is not None:
                again.append(question)

    def _heard(self) -> None:
        self.unsupported.update(question.poll.code for question in self._silent)
        self._silent.clear()


def number(values: Values, name: str) -> int | None:
    """A number of an answer; None where it was not told."""
    value = values.get(name)
    return value if isinstance(value, int) else None


def text(values: Values, name: str) -> str | None:
    """A text of an answer without the blanks around it; None where it was not told."""
    value = values.get(name)
    return value.strip() if isinstance(value, str) else None


def raw(values: Values, name: str) -> bytes:
    """Bytes of an answer as they came; empty where they were not told."""
    value = values.get(name)
    return value if isinstance(value, bytes) else b""


def numbers(values: Values, name: str) -> tuple[int, ...] | None:
    """Several numbers of an answer; None where they were not told."""
    value = values.get(name)
    return tuple(one for one in value if isinstance(one, int)) if isinstance(value, tuple) else None
