"""All long polls of the catalogue by code. A code that stands twice is refused at import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocols.sas.catalog import control, identity, meters, state
from protocols.sas.catalog.companion import COMPANION, RESERVED, CompanionPoll
from protocols.sas.longpoll import LongPoll

__all__ = ["BY_CODE", "COMPANION", "RESERVED", "CompanionPoll", "by_code", "name_of", "poll"]


def by_code(*groups: Iterable[LongPoll]) -> Mapping[int, LongPoll]:
    """Raises ValueError for a duplicate."""
    table: dict[int, LongPoll] = {}
    for group in groups:
        for row in group:
            if row.code in table:
                raise ValueError(f"long poll {row.code:02X} stands twice: {table[row.code].name}, {row.name}")
            table[row.code] = row
    return table


BY_CODE: Mapping[int, LongPoll] = by_code(control.POLLS, identity.POLLS, meters.POLLS, state.POLLS)
"""What may be polled. COMPANION is known by name and left to other steps, RESERVED is left alone for ever."""


def poll(code: int) -> LongPoll:
    """The row of this code. Raises KeyError."""
    return BY_CODE[code]


def name_of(code: int) -> str | None:
    """What a long poll is called, whether it may be polled here or not; None: nobody public knows it."""
    if code in BY_CODE:
        return BY_CODE[code].name
    return COMPANION[code].name if code in COMPANION else RESERVED.get(code)
