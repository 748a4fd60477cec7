"""Who are you: version and serial number, game, features, how many games. Asked at every link-up.

Asks only what consumes nothing. Real-time events, left on by a previous host, are switched off first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.asking import Survey, number, raw, text
from protocols.sas.conversations.base import NoAnswer, Poll, Script, Steps

RTE_OFF = Poll(long_poll(0x0E), {"enable": 0})
VERSION_AND_SERIAL = Poll(long_poll(0x54))
MACHINE_INFO = Poll(long_poll(0x1F))
FEATURES = Poll(long_poll(0xA0), {"game": 0})
NUMBER_OF_GAMES = Poll(long_poll(0x51))

FAST_POLLING_BIT = 0x01
"""Features, third byte: the machine may be polled every 40 ms."""
EXTENDED_METERS_BIT = 0x08
"""Features, second byte, bit 3: 6F and AF (sas-core 5.3)."""
MULTI_DENOMINATION_BIT = 0x80
"""Features, second byte, bit 7: B0 around another poll."""


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
    "Long polls whose answers could not be used, twice three tries, or not heard: ask again later."
    base_percentage: str | None = None
    "Theoretical payback at the largest bet, as told: 9250 is 92.50 %."
    progressive_group: int | None = None

    @property
    def polls_fast(self) -> bool:
        """The machine declares 40 ms polling."""
        return len(self.features) >= 3 and bool(self.features[2] & FAST_POLLING_BIT)

    @property
    def has_extended_meters(self) -> bool:
        return len(self.features) >= 2 and bool(self.features[1] & EXTENDED_METERS_BIT)

    @property
    def has_denominations(self) -> bool:
        """The machine may be asked for one denomination (B0)."""
        return len(self.features) >= 2 and bool(self.features[1] & MULTI_DENOMINATION_BIT)


class Identify(Script):
    """Outcome: Identified, or NoAnswer when the machine is silent to everything, or says nothing that can be used.

    Urgent: while it is not known who is there, nothing is taken from the machine's queue.
    """

    urgent = True

    def __init__(self, *, real_time_events_off: bool = True) -> None:
        self._events_off = real_time_events_off
        super().__init__()

    def steps(self) -> Steps:
        if self._events_off:
            yield RTE_OFF
        survey = Survey()
        yield from survey.ask((VERSION_AND_SERIAL, MACHINE_INFO, FEATURES, NUMBER_OF_GAMES))
        if not (yield from survey.finish()):
            return NoAnswer()
        software, info = survey.told(VERSION_AND_SERIAL.poll.code), survey.told(MACHINE_INFO.poll.code)
        return Identified(
            version=text(software, "version"),
            serial=text(software, "serial"),
            game_id=text(info, "game_id"),
            additional_id=text(info, "additional_id"),
            denomination_code=number(info, "denomination"),
            paytable=text(info, "paytable_id"),
            max_bet=number(info, "max_bet"),
            features=raw(survey.told(FEATURES.poll.code), "features"),
            games=number(survey.told(NUMBER_OF_GAMES.poll.code), "games"),
            unsupported=frozenset(survey.unsupported),
            damaged=frozenset(survey.damaged),
            base_percentage=text(info, "base_percentage"),
            progressive_group=number(info, "progressive_group"),
        )
