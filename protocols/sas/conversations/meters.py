"""Read the meters somebody wants, in as few polls as the machine allows; what it does not have is said, never read as
0.

Three ways, from best to oldest: extended (6F and its twin AF, 12 codes, sizes in the frame), selected (2F, 10 codes,
sizes by table), single (one poll per meter, or one of the group polls). A way the machine is silent to is left for
the next one.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from protocols.errors import BadRequest
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.catalog.meter_codes import METERS
from protocols.sas.conversations.base import Answer, NoAnswer, Outcome, Poll, Refused, Script, Steps
from protocols.sas.conversations.identity import EXTENDED_METERS_BIT
from protocols.sas.longpoll import LongPoll, Reply

EXTENDED = long_poll(0x6F)
EXTENDED_TWIN = long_poll(0xAF)
SELECTED = long_poll(0x2F)
GROUPS = (long_poll(0x1C), long_poll(0x0F), long_poll(0x19))
GAMES_PLAYED = 0x05

EXTENDED_MAX = 12
SELECTED_MAX = 10
SINGLE_SIZE = 4
"""Bytes of BCD in single and group polls."""
READS_MAX = 4
"""On a noisy line a poll is read until two answers in a row agree, so often at most."""

Use: TypeAlias = Literal["auto", "extended", "selected", "single"]
WAYS: dict[Use, tuple[Use, ...]] = {
    "auto": ("extended", "selected", "single"),
    "extended": ("extended",),
    "selected": ("selected",),
    "single": ("single",),
}


class MeterReading(NamedTuple):
    """One meter at one moment, as the machine said it."""

    game: int
    denomination_code: int | None
    "None: not asked per denomination."
    code: int
    size: int
    "Bytes of BCD it came in: it wraps at 100 ** size."
    value: int


@dataclass(frozen=True, slots=True)
class MetersRead:
    """What was read. Readings stand in the order asked for."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "meters-read"

    readings: tuple[MeterReading, ...]
    unsupported: tuple[tuple[int, int], ...]
    "(game, code) the machine does not have: size 00, left out, or silence while it answers others."
    unread: tuple[tuple[int, int], ...]
    "(game, code) that could not be read now: damaged, busy, or no two reads agreed on a noisy line. Ask again."
    coherent: bool
    "All values belong to one moment: one poll gave them, or games played stood still from before to after."


class Found(NamedTuple):
    size: int
    value: int | None
    "None: not supported."


UNSETTLED = Found(-1, None)
"""No two reads in a row agreed."""


class Request(NamedTuple):
    """One poll to be asked."""

    use: Use
    game: int
    codes: tuple[int, ...]
    poll: LongPoll


Heard: TypeAlias = dict[int, Found] | str
"""Meters by code; or why there are none: silent, refused, damaged, busy."""


class ReadMeters(Script):
    """Outcome: MetersRead; NoAnswer when nothing was answered; Refused when all that was answered was no.

    codes: of the catalogue, in the order wanted. games: 0 is the whole machine. features: A0 as Identified gives it;
    empty: not known, then the ways are tried from the best. Raises BadRequest for no codes or a code outside the
    catalogue.
    """

    def __init__(
        self, codes: Sequence[int], games: Sequence[int] = (0,), use: Use = "auto", *, features: bytes = b""
    ) -> None:
        self._codes = tuple(dict.fromkeys(codes))
        self._games = tuple(dict.fromkeys(games))
        unknown = [code for code in self._codes if code not in METERS]
        if unknown or not self._codes or not self._games:
            raise BadRequest("Meters are read by codes of the catalogue and by game.", codes=tuple(unknown))
        ways = WAYS[use]
        if use == "auto" and len(features) >= 2 and not features[1] & EXTENDED_METERS_BIT:
            ways = ways[1:]
        self._ways = list(ways)
        self._worked: set[Use] = set()
        self._found: dict[tuple[int, int], Found] = {}
        self._silent: set[tuple[int, int]] = set()
        self._unread: set[tuple[int, int]] = set()
        self._answers = 0
        self._refused = False
        self._has_twin = True
        self._last_extended = EXTENDED_TWIN
        super().__init__()

    def steps(self) -> Steps:
        witness = (self._games[0], GAMES_PLAYED)
        for game in self._games:
            codes = list(self._codes)
            if game == witness[0] and GAMES_PLAYED not in codes and not self._fills_one_poll():
                codes.insert(0, GAMES_PLAYED)
            yield from self._read(game, codes, 0)
        coherent = self._answers == 1
        before = self._found.get(witness)
        if self._answers > 1 and before is not None and before.value is not None:
            kept = dict(self._found)
            del self._found[witness]
            yield from self._read(witness[0], [GAMES_PLAYED], 0)
            coherent = self._found.get(witness) == before
            self._found = kept
        return self._result(coherent)

    def _fills_one_poll(self) -> bool:
        """There is no room for a witness in the one poll that is needed, and so no need for it."""
        limit = {"extended": EXTENDED_MAX, "selected": SELECTED_MAX, "single": 1}[self._ways[0]]
        return len(self._games) == 1 and len(self._codes) == limit

    def _result(self, coherent: bool) -> Outcome:
        if not self._worked:
            return Refused() if self._refused else NoAnswer()
        wanted = [(game, code) for game in self._games for code in self._codes]
        lacking = {key for key, found in self._found.items() if found.value is None} | self._silent
        return MetersRead(
            readings=tuple(
                MeterReading(game, None, code, found.size, found.value)
                for game, code in wanted
                if (found := self._found.get((game, code))) is not None and found.value is not None
            ),
            unsupported=tuple(key for key in wanted if key in lacking),
            unread=tuple(key for key in wanted if key in self._unread),
            coherent=coherent and not self._unread.intersection(wanted),
        )

    # lists of codes -------------------------------------------------------------------------------------------------

    def _read(self, game: int, codes: list[int], way: int) -> Generator[Poll, Answer, None]:
        """Read these by the given way, and what it does not give by the next ones."""
        while codes:
            if way == len(self._ways):
                self._silent.update((game, code) for code in codes)
                return
            use = self._ways[way]
            if use == "single":
                yield from self._read_singly(game, codes)
                return
            size = EXTENDED_MAX if use == "extended" else SELECTED_MAX
            chunk, codes = codes[:size], codes[size:]
            if use == "selected" and max(chunk) > 0xFF:
                yield from self._read(game, chunk, way + 1)
                continue
            poll = EXTENDED if use == "extended" else SELECTED
            heard = yield from self._confirmed(Request(use, game, tuple(chunk), poll))
            if heard in ("silent", "refused") and use not in self._worked and way + 1 < len(self._ways):
                self._ways.pop(way)
                codes = chunk + codes
            elif heard in ("silent", "refused"):
                # It answers this way otherwise: one code of the list may be what it stumbles over.
                yield from self._read(game, chunk, way + 1)
            else:
                self._keep(game, chunk, heard)

    def _read_singly(self, game: int, codes: list[int]) -> Generator[Poll, Answer, None]:
        """By group polls where at least two wanted meters stand in one, then one by one. Whole machine only."""
        if game != 0:
            self._silent.update((game, code) for code in codes)
            return
        left = list(codes)
        for group in GROUPS:
            chunk = tuple(code for code in group.meters.values() if code in left)
            if len(chunk) < 2:
                continue
            heard = yield from self._confirmed(Request("single", game, chunk, group))
            if isinstance(heard, dict):
                self._keep(game, chunk, heard)
                left = [code for code in left if code not in chunk]
        for code in left:
            number = METERS[code].single_poll
            poll = None if number is None else BY_CODE.get(number)
            if poll is None or code not in poll.meters.values():
                self._silent.add((game, code))
                continue
            heard = yield from self._confirmed(Request("single", game, (code,), poll))
            self._keep(game, (code,), heard)

    def _keep(self, game: int, codes: Sequence[int], heard: Heard) -> None:
        if isinstance(heard, dict):
            self._answers += 1
        for code in codes:
            key = (game, code)
            if isinstance(heard, dict):
                # Left out of the answer: the machine does not have it. Left out by us: no two reads agreed.
                self._found[key] = heard.get(code, Found(0, None))
                if heard.get(code) == UNSETTLED:
                    del self._found[key]
                    self._unread.add(key)
            elif heard in ("silent", "refused"):
                self._silent.add(key)
            else:
                self._unread.add(key)

    # one poll -------------------------------------------------------------------------------------------------------

    def _confirmed(self, request: Request) -> Generator[Poll, Answer, Heard]:
        """One poll; a damaged answer is asked for once more, and on a noisy line what it says until two agree."""
        heard, suspect = yield from self._once(request)
        if heard == "damaged":
            heard, suspect = yield from self._once(request)
        if isinstance(heard, str) or not suspect:
            return heard
        before = heard
        for _ in range(READS_MAX - 1):
            again, _ = yield from self._once(request)
            if isinstance(again, str) or again == heard:
                return again
            before, heard = heard, again
        return {code: found if before.get(code) == found else UNSETTLED for code, found in heard.items()}

    def _once(self, request: Request) -> Generator[Poll, Answer, tuple[Heard, bool]]:
        question = self._question(request)
        answer = yield question
        reply = answer.reply
        if reply is None:
            if question.poll is EXTENDED_TWIN and answer.why == "silent":
                # A machine that knows 6F may not know its twin; 80 between serves then.
                self._has_twin = False
                self._last_extended = EXTENDED_TWIN
                return (yield from self._once(request))
            return answer.why or "silent", False
        if reply.status != "data":
            self._refused = True
            return "refused", False
        found = _meters(request, reply)
        if found is None:
            # Another list than was asked for: a machine that repeats an older answer.
            return "damaged", False
        self._worked.add(request.use)
        return found, answer.suspect

    def _question(self, request: Request) -> Poll:
        if request.use == "single":
            return Poll(request.poll)
        if request.use == "extended":
            use_twin = self._has_twin and self._last_extended is EXTENDED
            self._last_extended = EXTENDED_TWIN if use_twin else EXTENDED
            return Poll(self._last_extended, {"game": request.game, "meters": request.codes})
        return Poll(SELECTED, {"game": request.game, "meters": request.codes})


def _meters(request: Request, reply: Reply) -> dict[int, Found] | None:
    """Meters of a reply by code, those asked for; None if it answers something else."""
    if request.use == "single":
        return {
            code: Found(SINGLE_SIZE, value)
            for name, code in request.poll.meters.items()
            if isinstance(value := reply.values[name], int)
        }
    meters = reply.values["meters"]
    assert isinstance(meters, tuple)
    if reply.values["game"] != request.game or any(meter.code not in request.codes for meter in meters):
        return None
    return {meter.code: Found(meter.size, meter.value) for meter in meters}
