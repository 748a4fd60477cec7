"""Who are you: version and serial number, game, features, how many games. Asked at every link-up.

Asks only what consumes nothing. Real-time events, left on by a previous host, are switched off first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.base import Answer, NoAnswer, Poll, Script, Steps
from protocols.sas.longpoll import Values

RTE_OFF = Poll(long_poll(0x0E), {"enable": 0})
VERSION_AND_SERIAL = Poll(long_poll(0x54))
MACHINE_INFO = Poll(long_poll(0x1F))
FEATURES = Poll(long_poll(0xA0), {"game": 0})
NUMBER_OF_GAMES = Poll(long_poll(0x51))

FAST_POLLING_BIT = 0x01
"""Features, third byte: the machine may be polled every 40 ms."""
EXTENDED_METERS_BIT = 0x08
"""Features, second byte, bit 3: 6F and AF (sas-core 5.3)."""


@dataclass(frozen=True, slots=True)
class Identified:
    """What a machine says it is. None: it did not answer that poll; unsupported and damaged say why."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "identified"

    version: str | None
    "SAS version, such as 602."
    serial: str | None
    "Trimmed; empty where the machine has none."
    game_id: str | None
    additional_id: str | None
    denomination_code: int | None
    "Accounting denomination (catalogue of denominations); 0 or unknown: credits cannot be converted."
    paytable: str | None
    max_bet: int | None
    "255: that or more."
    features: bytes
    "Six bytes of A0 as they came; empty where it is not answered, then every feature counts as off."
    games: int | None
    "0: no multi-game support."
    unsupported: frozenset[int]
    "Long polls this machine is silent to while it answers others."
    damaged: frozenset[int] = frozenset()
    "Long polls whose answers could not be used, twice three tries: ask again later."

    @property
    def polls_fast(self) -> bool:
        """The machine declares 40 ms polling."""
        return len(self.features) >= 3 and bool(self.features[2] & FAST_POLLING_BIT)

    @property
    def has_extended_meters(self) -> bool:
        return len(self.features) >= 2 and bool(self.features[1] & EXTENDED_METERS_BIT)


class Identify(Script):
    """Outcome: Identified, or NoAnswer when the machine is silent to everything."""

    def __init__(self, *, real_time_events_off: bool = True) -> None:
        self._events_off = real_time_events_off
        super().__init__()

    def steps(self) -> Steps:
        if self._events_off:
            yield RTE_OFF
        found: dict[int, Values] = {}
        silent: set[int] = set()
        damaged: set[int] = set()
        asked = (VERSION_AND_SERIAL, MACHINE_INFO, FEATURES, NUMBER_OF_GAMES)
        for question in asked:
            _note(question, (yield question), found, silent, damaged)
        for question in asked:
            if question.poll.code in damaged:
                damaged.discard(question.poll.code)
                _note(question, (yield question), found, silent, damaged)
        if not found:
            return NoAnswer()
        info = found.get(MACHINE_INFO.poll.code, {})
        return Identified(
            version=_text(found.get(VERSION_AND_SERIAL.poll.code, {}), "version"),
            serial=_text(found.get(VERSION_AND_SERIAL.poll.code, {}), "serial"),
            game_id=_text(info, "game_id"),
            additional_id=_text(info, "additional_id"),
            denomination_code=_number(info, "denomination"),
            paytable=_text(info, "paytable_id"),
            max_bet=_number(info, "max_bet"),
            features=_features(found.get(FEATURES.poll.code, {})),
            games=_number(found.get(NUMBER_OF_GAMES.poll.code, {}), "games"),
            unsupported=frozenset(silent),
            damaged=frozenset(damaged),
        )


def _note(question: Poll, answer: Answer, found: dict[int, Values], silent: set[int], damaged: set[int]) -> None:
    code = question.poll.code
    if answer.reply is not None and answer.reply.status == "data":
        found[code] = answer.reply.values
    elif answer.why == "silent" or answer.reply is not None:
        silent.add(code)
    else:
        damaged.add(code)


def _text(values: Values, name: str) -> str | None:
    value = values.get(name)
    return value.strip() if isinstance(value, str) else None


def _number(values: Values, name: str) -> int | None:
    value = values.get(name)
    return value if isinstance(value, int) else None


def _features(values: Mapping[str, object]) -> bytes:
    value = values.get("features")
    return value if isinstance(value, bytes) else b""
