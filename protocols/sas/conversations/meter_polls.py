"""One poll that reads meters: how it is asked, for which game and denomination, and what its answer says by meter code.

Which polls are asked, and what follows when one gives nothing, is in meters.py.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from protocols.sas.catalog.index import BY_CODE
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.catalog.meter_codes import METERS
from protocols.sas.conversations import inside
from protocols.sas.conversations.asking import READS_MAX, about_game, answers_nothing, is_there
from protocols.sas.conversations.base import Answer, Poll
from protocols.sas.conversations.meter_readings import Use
from protocols.sas.fields import Bcd
from protocols.sas.longpoll import LongPoll, Reply, Values

EXTENDED = long_poll(0x6F)
EXTENDED_TWIN = long_poll(0xAF)
SELECTED = long_poll(0x2F)
EXTENDED_MAX = 12
SELECTED_MAX = 10

KEY = (0x05, 0x00, 0x01, 0x02, 0x0C)
"""Games played, coin in and out, jackpot, credits: nothing happens in a machine without one of them moving."""
OF_GAME = frozenset({0x00, 0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x08, 0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x21, 0x22, 0x7F})
"""Meters a game may have of its own (sas-core 8, notes; 03 by poll 2D)."""


class Target(NamedTuple):
    """Whose meters. Game 0 without denomination is the machine as a whole."""

    game: int
    denomination_code: int | None = None


TOTAL = Target(0)


class Found(NamedTuple):
    """What an answer says of one meter."""

    size: int
    value: int | None
    "None: not supported."


UNSETTLED = Found(-1, None)
"""No two reads in a row agreed."""


class Request(NamedTuple):
    """One poll to be asked."""

    use: Use
    target: Target
    codes: tuple[int, ...]
    poll: LongPoll
    fields: Mapping[str, int] = MappingProxyType({})
    "Reply field -> meter code, for polls without a list of codes."


NothingBecause: TypeAlias = Literal["silent", "refused", "damaged", "busy", "cannot", "no-denomination"]
"""cannot: not in this form, not for a denomination; no-denomination: the machine does not have this one."""
Heard: TypeAlias = "dict[int, Found] | NothingBecause"
"""Meters by code; or why there are none."""


class Offer(NamedTuple):
    """A poll without a list of codes, and which meters its reply carries."""

    poll: LongPoll
    fields: Mapping[str, int]


def _offer(code: int) -> Offer:
    return Offer(long_poll(code), long_poll(code).meters)


FIRST_GROUPS = (_offer(0x1C), _offer(0x0F), _offer(0x19))
"""They hold most of the key meters."""
OTHER_GROUPS = (_offer(0x1E), _offer(0x18))
GAME_GROUP = Offer(long_poll(0x52), {"coin_in": 0x00, "coin_out": 0x01, "jackpot": 0x02, "games_played": 0x05})
HAND_PAID = Offer(long_poll(0x2D), {"hand_paid": 0x03})


def groups(target: Target) -> tuple[tuple[Offer, ...], tuple[Offer, ...]]:
    """Polls with several meters at once, those before the key meters and those after."""
    if target.denomination_code is not None:
        return (), ()
    return ((GAME_GROUP,), ()) if target.game else (FIRST_GROUPS, OTHER_GROUPS)


def alone(target: Target, code: int) -> Offer | None:
    """The poll that reads this meter, if possible no other with it; None: there is none."""
    if target.denomination_code is None and code == 0x03:
        return HAND_PAID
    if target.game:
        is_in_group = target.denomination_code is None and code in GAME_GROUP.fields.values()
        return GAME_GROUP if is_in_group else None
    number = METERS[code].single_poll
    poll = None if number is None else BY_CODE.get(number)
    if poll is None or code not in poll.meters.values():
        return None
    return Offer(poll, poll.meters) if target.denomination_code is None or poll.multi_denom else None


class MeterPolls:
    """Asks one poll after the other, and remembers what it learns of the machine while doing so."""

    def __init__(self, *, has_twin: bool = True) -> None:
        self.has_twin = has_twin
        self.heard = 0
        "How often anything but silence came."
        self.silent_in_row = 0
        self.refused = False
        self.has_preamble = False
        "B0 was answered."
        self.has_extended = False
        "6F or AF was answered with data."
        self.read_twice = False
        "All that the last poll gave stood in two reads that followed each other at once, or is unsettled."
        self._last_extended = EXTENDED_TWIN
        self._has_used_twin = False

    def is_there(self) -> Generator[Poll, Answer, bool]:
        """Ask what every machine answers, whatever it knows of meters."""
        there = yield from is_there()
        if there:
            self.silent_in_row = 0
            self.heard += 1
        return there

    def confirmed(self, request: Request) -> Generator[Poll, Answer, Heard]:
        """One poll; a damaged answer is asked for once more, and on a noisy line what it says until two agree."""
        self.read_twice = False
        heard, suspect = yield from self._once(request)
        if heard == "damaged":
            heard, suspect = yield from self._once(request)
            if heard == "silent":
                # It did say something to this poll, so that it does not know it is not so.
                return "damaged"
        if isinstance(heard, str) or not suspect:
            return heard
        before = heard
        for _ in range(READS_MAX - 1):
            again, _ = yield from self._once(request)
            if isinstance(again, str) or again == heard:
                self.read_twice = not isinstance(again, str)
                return again
            before, heard = heard, again
        self.read_twice = True
        return {code: found if before.get(code) == found else UNSETTLED for code, found in heard.items()}

    def _once(self, request: Request) -> Generator[Poll, Answer, tuple[Heard, bool]]:
        poll, question = self._question(request)
        answer = yield question
        self._note(answer)
        reply = answer.reply
        denomination = request.target.denomination_code
        if reply is None:
            twin_is_new = poll is EXTENDED_TWIN and self.has_extended and not self._has_used_twin
            if twin_is_new and answer.why == "silent" and denomination is None:
                # A machine that knows 6F may not know its twin; 80 between serves then.
                self.has_twin = False
                heard, suspect = yield from self._once(request)
                self.has_twin = heard == "silent"
                return heard, suspect
            return answer.why or "silent", False
        if denomination is not None and reply.status == "data":
            self.has_preamble = True
        told = inside.unwrapped(poll, denomination, reply)
        if isinstance(told, inside.Refusal):
            return "no-denomination" if told.error == inside.NO_DENOMINATION else "cannot", False
        if told is None or told.status == "busy":
            return "damaged", False
        if told.status != "data":
            self.refused = True
            return "refused", False
        # Another list or another game than was asked for: a machine that repeats an older answer.
        found = _meters(request, told) if about_game(Poll(poll, self._values(request)), told.values) else None
        if found is None:
            return "damaged", False
        self.has_extended = self.has_extended or request.use == "extended"
        self._has_used_twin = self._has_used_twin or poll is EXTENDED_TWIN
        return found, answer.suspect

    def _question(self, request: Request) -> tuple[LongPoll, Poll]:
        poll = request.poll
        if request.use == "extended":
            use_twin = self.has_twin and self._last_extended is EXTENDED
            self._last_extended = poll = EXTENDED_TWIN if use_twin else EXTENDED
        return poll, inside.question(poll, self._values(request), request.target.denomination_code)

    @staticmethod
    def _values(request: Request) -> Values:
        known: Values = {"game": request.target.game, "meters": request.codes}
        return {one.name: known[one.name] for one in request.poll.request}

    def _note(self, answer: Answer) -> None:
        if answers_nothing(answer):
            self.silent_in_row += 1
        else:
            self.silent_in_row = 0
            self.heard += 1


def _meters(request: Request, reply: Reply) -> dict[int, Found] | None:
    """Meters of a reply by code, those asked for; None if it answers something else."""
    if request.use == "single":
        return _by_field(request.fields, reply)
    meters = reply.values["meters"]
    if not isinstance(meters, tuple):
        return None
    found = {meter.code: Found(meter.size, meter.value) for meter in meters}
    return found if len(found) == len(meters) and set(found) <= set(request.codes) else None


def _by_field(fields: Mapping[str, int], reply: Reply) -> dict[int, Found]:
    sizes = {one.name: one.size for one in reply.poll.reply or () if isinstance(one, Bcd)}
    return {
        code: Found(sizes[name], value)
        for name, code in fields.items()
        if isinstance(value := reply.values.get(name), int)
    }


def chunks(codes: Sequence[int], use: Use) -> list[tuple[int, ...]]:
    """As many codes as fit one list each."""
    most = EXTENDED_MAX if use == "extended" else SELECTED_MAX
    return [tuple(codes[at : at + most]) for at in range(0, len(codes), most)]
