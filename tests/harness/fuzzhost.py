"""A host driven the way the field drives it, on a wire where everything may come back: nothing, noise, answers, babble.

The driver is sane (it keeps to what Host's module says); the wire is not. Buffers are looked at after every step.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import isfinite

from protocols.line.line import CHAR_S, Char
from protocols.sas.answer import BUFFER_MAX
from protocols.sas.catalog.control import SHUTDOWN, STARTUP
from protocols.sas.conversations.base import Conversation
from protocols.sas.conversations.control import Control, SetClock
from protocols.sas.conversations.identity import Identify
from protocols.sas.conversations.meters import ReadMeters
from protocols.sas.crc import with_crc
from protocols.sas.host import Host, Start
from protocols.sas.rules import LineRules
from tests.vectors import reading

STEPS_MAX = 60
TALKS_MAX = 4
REPLIES = {
    row["code"]: bytes.fromhex(row["reply"])
    for row in reading.polls()
    if row["address"] == 1 and row["status"] != "none"
}


def host_case(dice: random.Random) -> float:
    """One life of a host, at most `STEPS_MAX` turns. Returns the fullest of its buffers, as a share of its limit."""
    addresses = dice.choice(((1,), (1,), (1, 2), (1, 7, 127)))
    rules = LineRules(
        after_three_tries=dice.choice(("silence", "go_on")),
        confirm=dice.choice(("never", "noisy", "always")),
        prove=dice.random() < 0.7,
        tries=dice.randint(1, 3),
        loop=dice.random() < 0.2,
    )
    now, talks, worst = 0.0, 0, 0.0
    host = Host(addresses, rules, now=now, start=dice.choice((Start.CLEAN, Start.UNCLEAN)))
    for _ in range(dice.randint(1, STEPS_MAX)):
        if talks < TALKS_MAX and dice.random() < 0.1:
            host.begin(dice.choice(addresses), _conversation(dice))
            talks += 1
        due = host.due()
        if not isfinite(due):
            host.release(now)
            continue
        if dice.random() < 0.15:  # between the turns, where nobody was asked anything
            now += dice.uniform(0.0, 0.05)
            host.receive(_chars(_noise(dice), now, dice), now)
        now = max(now, host.due()) + dice.choice((0.0, 0.0, 0.001, 0.03, 7.0 if dice.random() < 0.05 else 0.0))
        if host.awaiting:
            host.no_reply(now)
        else:
            turn = host.next_turn(now)
            host.take_events()
            if turn is None:
                if dice.random() < 0.02:
                    host.hold()
                continue
            now += len(turn.data) * CHAR_S
            host.sent(now)
            if turn.expects_reply:
                now = _answer(host, turn.data, now, dice)
        worst = max(worst, len(host._buffer) / BUFFER_MAX, len(host._pending) / 64, len(host._codes) / 8)
        worst = max(worst, max(len(link.talks) + len(link.chores) for link in host._links.values()) / (2 * TALKS_MAX))
    host.stop(now)
    for address in addresses:
        host.stats(address)
    return worst


def _answer(host: Host, request: bytes, now: float, dice: random.Random) -> float:
    """Something comes back, in one drain or in pieces; silence is left to no_reply()."""
    data = _reply(request, dice)
    while data:
        size = dice.choice((1, 2, len(data)))
        now += dice.choice((0.001, 0.004, 0.019))
        host.receive(_chars(data[:size], now, dice), now)
        data = data[size:]
    return now


def _reply(request: bytes, dice: random.Random) -> bytes:
    good = b"\x00" if len(request) == 1 else REPLIES.get(request[1], b"\x01")
    if len(request) > 1 and request[0] != 1:
        good = bytes([request[0]]) + good[1:]
        good = good if len(good) < 4 else with_crc(good[:-2])
    match dice.randrange(8):
        case 0:
            return b""
        case 1:
            return _noise(dice)
        case 2:
            at = dice.randrange(len(good))
            return good[:at] + bytes([good[at] ^ 1 << dice.randrange(8)]) + good[at + 1 :]
        case 3:
            return bytes([dice.randrange(256)])
        case 4:
            return good + _noise(dice)[:4]
        case 5:
            return with_crc(
                bytes([request[0] & 0x7F, 0xFF, dice.randrange(256)]) + dice.randbytes(dice.choice((0, 0, 6)))
            )
        case _:
            return good


def _noise(dice: random.Random) -> bytes:
    return (
        dice.randbytes(dice.choice((1, 1, 2, 5, 40, 400)))
        if dice.random() < 0.8
        else bytes([dice.choice((0, 1, 0x81))]) * 5
    )


def _chars(data: bytes, now: float, dice: random.Random) -> Sequence[Char]:
    flagged = dice.random() < 0.1
    return [Char(value, flagged and dice.random() < 0.3, now) for value in data]


def _conversation(dice: random.Random) -> Conversation:
    match dice.randrange(4):
        case 0:
            return Identify()
        case 1:
            return ReadMeters((0, 1, 0x0D), use=dice.choice(("auto", "extended", "selected", "single")))
        case 2:
            return Control(dice.choice((SHUTDOWN, STARTUP)))
        case _:
            return SetClock("01312026", "235959")
