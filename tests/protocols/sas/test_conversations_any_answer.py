"""Whatever a machine answers, in whatever order: every conversation ends, within a bounded number of polls, with an outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import FrameError
from protocols.sas import denominated
from protocols.sas.catalog import control
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.catalog.meter_codes import METERS, MeterValue
from protocols.sas.conversations.base import Answer, Conversation, Poll
from protocols.sas.conversations.changes import CollectMeters, SetMachineNumbers
from protocols.sas.conversations.control import Control, SetClock
from protocols.sas.conversations.description import Describe
from protocols.sas.conversations.handpay import ReadHandpay
from protocols.sas.conversations.identity import Identify
from protocols.sas.conversations.meters import MetersRead, ReadMeters, Way
from protocols.sas.conversations.orders import EnableGame
from protocols.sas.conversations.state import ReadCards, ReadHopper, ReadLastBill, ReadReels, ReadSelection
from protocols.sas.conversations.wagers import ReadWagers
from protocols.sas.frame import decode_poll, decode_reply, encode_ack, encode_nack, encode_poll, encode_reply
from protocols.sas.longpoll import LongPoll, Values
from tests.support.fieldvalues import replies

FEATURES = bytes.fromhex("008801000000")
CODES = (0x00, 0x01, 0x02, 0x05, 0x0B, 0x0C, 0x0D, 0x17, 0x25, 0x28, 0x40, 0x7F, 0x80, 0xA0)

CONVERSATIONS: dict[str, tuple[Callable[[], Conversation], int]] = {
    "identify": (Identify, 12),
    "describe": (lambda: Describe(3, FEATURES, version="603"), 45),
    "handpay": (ReadHandpay, 3),
    "last bill": (ReadLastBill, 6),
    "hopper": (ReadHopper, 6),
    "selection": (ReadSelection, 9),
    "cards": (ReadCards, 6),
    "reels": (ReadReels, 6),
    "wagers": (lambda: ReadWagers(1, 4), 25),
    "collect": (lambda: CollectMeters(1), 3),
    "machine numbers": (lambda: SetMachineNumbers(asset_number=7, location="A"), 10),
    "order": (lambda: Control(control.SHUTDOWN), 3),
    "clock": (lambda: SetClock("12312025", "235958"), 2),
    "game": (lambda: EnableGame(2, enabled=True), 4),
    "game of a denomination": (lambda: EnableGame(2, enabled=True, denomination_code=4), 4),
    "meters": (lambda: ReadMeters(CODES), 150),
    "meters of games": (lambda: ReadMeters(CODES, (1, 0, 2), avoid={0x28}, features=FEATURES), 200),
    "meters of denominations": (lambda: ReadMeters(CODES, (0, 1), denominations=(1, 4), features=FEATURES), 200),
    "meters by the way known": (lambda: ReadMeters(CODES, known_way=Way("extended")), 150),
    "meters one by one": (lambda: ReadMeters(CODES, (0, 1), "single"), 100),
}
"""How to begin it, and polls it may take at most; a lie in each of them costs some more than an honest machine."""

KINDS = ("honest", "honest", "honest", "any", "silent", "damaged", "busy", "nack", "ack")


def fitting(poll: LongPoll, asked: Values, drawn: Values, number: int) -> Values:
    """An answer to what was asked: this game, these meters, this denomination."""
    values: dict[str, Any] = {**drawn, **{name: asked[name] for name in ("game", "category") if name in asked}}
    if "meters" in values:
        sizes = {code: METERS[code].min_size for code in asked["meters"]}
        if poll.code == 0x2F:
            values["meters"] = tuple(MeterValue(code, size, number) for code, size in sizes.items())
        else:
            values["meters"] = tuple(
                MeterValue(code, 0, None) if code % 7 == 3 else MeterValue(code, size, number)
                for code, size in sizes.items()
            )
    if poll.code == 0xB0:
        values |= {"denomination": asked["denomination"], "base": asked["base"]}
        base = BY_CODE[asked["base"]]
        if base.reply is not None and "meters" in {one.name for one in base.reply}:
            _, base, inner = denominated.read_request(asked)
            values = dict(
                denominated.reply_values(base, 1, asked["denomination"], fitting(base, inner, {"meters": ()}, number))
            )
    return values


def said(data: st.DataObject, question: Poll, kind: str, number: int, suspect: bool) -> Answer:
    """What reaches a conversation: only what the host lets through."""
    poll = question.poll
    frame = encode_poll(poll, 1, question.values)
    _, _, asked = decode_poll(frame)
    if kind in ("silent", "damaged", "busy"):
        return Answer(None, kind)
    if kind == "ack" or (poll.reply is None and kind != "nack"):
        heard = encode_ack(1)
    elif kind == "nack":
        heard = encode_nack(1)
    else:
        drawn = data.draw(replies(poll))
        heard = encode_reply(poll, 1, fitting(poll, asked, drawn, number) if kind == "honest" else drawn)
    try:
        return Answer(decode_reply(poll, 1, heard, frame), suspect=suspect)
    except FrameError:
        return Answer(None, "damaged")


@pytest.mark.parametrize("name", CONVERSATIONS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_a_machine_answers_a_conversation_ends(name, data):
    begin, most = CONVERSATIONS[name]
    talk = begin()
    kinds = data.draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=12))
    noisy = data.draw(st.booleans())
    polls = 0
    while talk.outcome is None:
        question = talk.next_poll()
        assert question is not None, "neither a poll nor an outcome"
        polls += 1
        assert polls <= most, "it never ends"
        # The first answers as drawn; after them one kind for ever, so that every loop meets each.
        kind = kinds[min(polls, len(kinds)) - 1]
        talk.heard(said(data, question, kind, polls if len(kinds) % 2 else 7, noisy))
    assert talk.next_poll() is None
    assert isinstance(talk.outcome.ok, bool)
    assert talk.outcome.slug
    if isinstance(talk.outcome, MetersRead):
        read = talk.outcome
        keys = [(one.game, one.denomination_code, one.code) for one in read.readings]
        keys += [(game, None, code) for game, code in (*read.unsupported, *read.unread)]
        keys += [*read.unsupported_by_denomination, *read.unread_by_denomination]
        assert len(keys) == len(set(keys)), "each meter is told once"
        assert len(keys) % len(CODES) == 0, "and none is forgotten"


@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("kind", ["silent", "damaged", "busy", "nack"])
def test_a_machine_that_only_ever_answers_so_ends_every_conversation_without_success(name, kind):
    begin, most = CONVERSATIONS[name]
    talk = begin()
    for _ in range(most + 1):
        question = talk.next_poll()
        if question is None:
            break
        if kind == "nack" and question.poll.kind.name != "R":
            talk.heard(Answer(decode_reply(question.poll, 1, encode_nack(1))))
        else:
            talk.heard(Answer(None, "damaged" if kind == "nack" else kind))
    assert talk.outcome is not None
    assert not talk.outcome.ok
