"""A conversation held with a machine that is a table of answers; every poll and reply goes through real frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from protocols.sas.conversations.base import Answer, Conversation, Outcome, Silence
from protocols.sas.crc import with_crc
from protocols.sas.frame import decode_poll, decode_reply, encode_ack, encode_nack, encode_poll, encode_reply
from protocols.sas.longpoll import Kind, LongPoll, Values

ACK, NACK, DAMAGED, SILENT, BUSY = "ack", "nack", "damaged", "silent", "busy"

Says = Any
"""Values of a reply, ACK, NACK, DAMAGED, SILENT or BUSY (after all its tries); a function of the values asked with; a list of
these: one after the other, the last for ever."""

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
        talk.heard(_answer(poll, says, frame, suspect(len(asked))))
    assert talk.next_poll() is None
    return asked, talk.outcome


def dialogue(talk: Conversation, *lines: tuple[str, str], suspect: bool = False) -> Outcome:
    """Hold it word for word. Each line: the poll that has to leave, and what comes back; hex without check sum.

    What comes back may also be SILENT, DAMAGED or BUSY (after all its tries). One byte is an ACK or a NACK.
    """
    for number, (leaves, comes) in enumerate(lines, start=1):
        question = talk.next_poll()
        assert question is not None, f"it ended before line {number}: {talk.outcome}"
        frame = encode_poll(question.poll, 1, question.values)
        bare = frame if question.poll.kind is Kind.R else frame[:-2]
        assert bare.hex(" ").upper() == leaves, f"line {number}"
        if comes in (SILENT, DAMAGED, BUSY):
            talk.heard(_answer(question.poll, comes, frame, suspect))
            continue
        data = bytes.fromhex(comes)
        reply = decode_reply(question.poll, 1, data if len(data) == 1 else with_crc(data), frame)
        talk.heard(Answer(reply, suspect=suspect))
    assert talk.outcome is not None, f"it goes on after the last line with {talk.next_poll()}"
    assert talk.next_poll() is None
    return talk.outcome


def _answer(poll: LongPoll, says: Says, request: bytes, suspect: bool) -> Answer:
    if isinstance(says, str) and says in (DAMAGED, SILENT, BUSY):
        why: Silence = "damaged" if says == DAMAGED else "silent" if says == SILENT else "busy"
        return Answer(None, why)
    if says == ACK:
        data = encode_ack(1)
    elif says == NACK:
        if poll.kind is Kind.R:
            # 81 after a read poll is no answer to it (QUIRKS X2).
            return Answer(None, "damaged")
        data = encode_nack(1)
    else:
        data = encode_reply(poll, 1, says)
    return Answer(decode_reply(poll, 1, data, request), suspect=suspect)
