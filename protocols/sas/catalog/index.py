"""All long polls of the catalogue by code. A code that stands twice is refused at import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocols.sas.catalog import control, identity, meters, state
from protocols.sas.longpoll import LongPoll


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


def poll(code: int) -> LongPoll:
    """The row of this code. Raises KeyError."""
    return BY_CODE[code]
