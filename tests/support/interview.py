"""A conversation held with a machine that is a table of answers; every poll and reply goes through real frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from protocols.sas.conversations.base import Answer, Conversation, Outcome, Silence
from protocols.sas.frame import decode_poll, decode_reply, encode_ack, encode_nack, encode_poll, encode_reply
from protocols.sas.longpoll import LongPoll, Values

ACK, NACK, DAMAGED, SILENT = "ack", "nack", "damaged", "silent"

Says = Any
"""Values of a reply, ACK, NACK, DAMAGED or SILENT; a list: one after the other, the last for ever; a function of values."""

POLLS_MAX = 500


def interview(
    talk: Conversation, machine: Mapping[int, Says], *, suspect: Callable[[int], bool] = lambda number: False
) -> tuple[list[tuple[LongPoll, Values]], Outcome]:
    """Hold it to its end. Gives what was asked, in order, and the outcome. suspect: is the line noisy at poll number n?"""
    asked: list[tuple[LongPoll, Values]] = []
    heard = dict.fromkeys(machine, 0)
    while talk.outcome is None:
        question = talk.next_poll()
        assert question is not None, "neither a poll nor an outcome"
        assert len(asked) < POLLS_MAX, "it never ends"
        frame = encode_poll(question.poll, 1, question.values)
        poll, address, values = decode_poll(frame)
        assert (poll, address) == (question.poll, 1)
        asked.append((poll, values))
        says = machine.get(poll.code, SILENT)
        if isinstance(says, list):
            says = says[min(heard[poll.code], len(says) - 1)]
        if poll.code in heard:
            heard[poll.code] += 1
        if callable(says):
            says = says(values)
        talk.heard(_answer(poll, says, suspect(len(asked))))
    assert talk.next_poll() is None
    return asked, talk.outcome


def _answer(poll: LongPoll, says: Says, suspect: bool) -> Answer:
    if says in (DAMAGED, SILENT):
        why: Silence = "damaged" if says == DAMAGED else "silent"
        return Answer(None, why)
    if says == ACK:
        data = encode_ack(1)
    elif says == NACK:
        data = encode_nack(1)
    else:
        data = encode_reply(poll, 1, says)
    return Answer(decode_reply(poll, 1, data), suspect=suspect)
