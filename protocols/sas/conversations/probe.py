"""All that a machine says of itself: every poll of the catalogue that is answered with data and consumes nothing.

Which polls those are follows from their rows, not from a list here. Meters come as ReadMeters reads them (6F and AF, else
2F, else one by one), games by 53 and B5 each, as many as are worth a person's time. Nothing is set or switched: a machine in
real-time event mode is left in it.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

from protocols.sas.catalog.index import BY_CODE
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.catalog.meter_codes import METERS
from protocols.sas.conversations.base import Answer, NoAnswer, Poll, Script, Steps
from protocols.sas.conversations.meters import MetersRead, ReadMeters
from protocols.sas.longpoll import Kind, LongPoll, Values

GAMES_MAX = 20
"""53 and B5 of so many games; a machine may have hundreds."""
FIRST = (0x54, 0x1F, 0xA0, 0x51, 0x55, 0x56, 0xB1, 0xB2, 0xB3, 0x7E)
"""Asked in this order, so that a talk that breaks off has the most telling answers; then the others by code."""
LISTS = frozenset({0x2F, 0x6F, 0xAF, 0x09})
"""Read by codes (meters), or a set poll of type M."""


def consumes_nothing(poll: LongPoll) -> bool:
    """A read poll, for the machine or for a game, whose acknowledgement deletes nothing."""
    return poll.kind in (Kind.R, Kind.M) and poll.reply is not None and not poll.consumes


def _says_only_meters(poll: LongPoll) -> bool:
    """What it says comes by list, and singly where there is no list. 1C has two figures more that have no code."""
    return bool(poll.meters) and len(poll.meters) == len(poll.reply or ())


def _asked() -> tuple[LongPoll, ...]:
    rest = [poll for code, poll in sorted(BY_CODE.items()) if code not in FIRST and code not in LISTS]
    polls = (*map(long_poll, FIRST), *rest)
    return tuple(poll for poll in polls if consumes_nothing(poll) and not _says_only_meters(poll))


ASKED = _asked()
PER_GAME = (long_poll(0x53), long_poll(0xB5))


@dataclass(frozen=True, slots=True)
class Said:
    """One answer with data."""

    code: int
    game: int | None
    "None: the poll names no game; 0: the whole machine."
    values: Values


@dataclass(frozen=True, slots=True)
class Probed:
    """What the machine said, and to what it said nothing."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "probed"

    said: tuple[Said, ...]
    unsupported: tuple[tuple[int, int | None], ...]
    "(poll, game) it is silent to while it answers others."
    refused: tuple[tuple[int, int | None], ...]
    "Answered with NACK."
    unread: tuple[tuple[int, int | None], ...]
    "Damaged or busy for long: ask again."
    meters: MetersRead | None
    "None: none could be read in any way."
    games_left_out: int
    "Games beyond ``GAMES_MAX`` that were not asked for."

    def values(self, code: int, game: int | None = None) -> Values | None:
        """What it said to this poll."""
        return next((one.values for one in self.said if (one.code, one.game) == (code, game)), None)


class Probe(Script):
    """Outcome: Probed; NoAnswer when the machine is silent to everything."""

    def __init__(self, *, games_max: int = GAMES_MAX) -> None:
        self._games_max = games_max
        self._said: list[Said] = []
        self._lacking: dict[str, list[tuple[int, int | None]]] = {"silent": [], "refused": [], "unread": []}
        super().__init__()

    def steps(self) -> Steps:
        for poll in ASKED:
            yield from self._ask(poll, 0 if poll.kind is Kind.M else None)
        games = self._number(0x51, "games")
        for game in range(1, min(games, self._games_max) + 1):
            for poll in PER_GAME:
                if (poll.code, 0) not in self._lacking["silent"]:
                    yield from self._ask(poll, game)
        meters = yield from self._meters()
        if not self._said and meters is None:
            return NoAnswer()
        return Probed(
            said=tuple(self._said),
            unsupported=tuple(self._lacking["silent"]),
            refused=tuple(self._lacking["refused"]),
            unread=tuple(self._lacking["unread"]),
            meters=meters,
            games_left_out=max(0, games - self._games_max),
        )

    def _ask(self, poll: LongPoll, game: int | None) -> Generator[Poll, Answer, None]:
        values = {one.name: game or 0 if one.name == "game" else 0 for one in poll.request}
        answer = yield Poll(poll, values)
        if answer.reply is None and answer.why == "damaged":
            answer = yield Poll(poll, values)
        if answer.reply is None:
            self._lacking["silent" if answer.why == "silent" else "unread"].append((poll.code, game))
        elif answer.reply.status == "data":
            self._said.append(Said(poll.code, game, answer.reply.values))
        else:
            self._lacking["refused"].append((poll.code, game))

    def _meters(self) -> Generator[Poll, Answer, MetersRead | None]:
        features = next((one.values["features"] for one in self._said if one.code == 0xA0), b"")
        reading = ReadMeters(tuple(METERS), features=features if isinstance(features, bytes) else b"")
        while reading.outcome is None:
            question = reading.next_poll()
            assert question is not None
            reading.heard((yield question))
        return reading.outcome if isinstance(reading.outcome, MetersRead) else None

    def _number(self, code: int, name: str) -> int:
        value = next((one.values[name] for one in self._said if one.code == code), 0)
        return value if isinstance(value, int) else 0
