"""The hall's meters: each code with its name, what it counts, and whether it only ever rises; and readings of them.

The codes are SAS's (table C-7) as bare numbers; a test holds this table against the protocol's own. Arithmetic on
readings is in `edge.rules.meters`.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

Unit = Literal["credits", "cents", "count", "percent"]


class Meter(NamedTuple):
    """One meter of a machine."""

    code: int
    unit: Unit
    monotonic: bool
    "False: a level, which may fall without anything being wrong."


class Reading(NamedTuple):
    """One value as it was read."""

    game: int
    "0 is the machine as a whole."
    denomination: int | None
    "The denomination code it was asked for; None: the machine's accounting denomination."
    code: int
    value: int
    width: int
    "Bytes of BCD as received; the meter wraps at 10^(2 x width)."


CREDITS_NOW = 0x0C
LEVELS = frozenset({0x0C, 0x1B, 0x25, 0x26, 0x3E, 0x3F, 0x7F})
"Not counters: credits on the machine, games since power or door, bills in the stacker, theoretical payback."
COIN_IN, COIN_OUT, JACKPOT, GAMES_PLAYED = 0x00, 0x01, 0x02, 0x05
FIRST_SNAPSHOT = (
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0B, 0x0C, 0x15, 0x16, 0x17, 0x18, 0x24,
)  # fmt: skip
"Read when nothing else is configured: what revenue and the self-audit (MTR-10) need, and what shows a RAM clear."

_COUNTS = frozenset(
    {0x05, 0x06, 0x07, *range(0x11, 0x15), 0x25, 0x26, *range(0x35, 0x3A), 0x3E, *range(0x40, 0x58)}
    | {*range(0x59, 0x63), *range(0x64, 0x6E), *range(0x6F, 0x79)}
    | {*range(0x81, 0x94, 2), *range(0xA1, 0xB2, 2), 0xB9, 0xBB, 0xBD}
)
_CENTS = frozenset({*range(0x0D, 0x11), *range(0x80, 0x93, 2), *range(0xA0, 0xB1, 2), 0xB8, 0xBA, 0xBC})
_RESERVED = frozenset(
    {*range(0x3A, 0x3E), *range(0x79, 0x7F), *range(0x94, 0xA0), *range(0xB2, 0xB8), *range(0xBE, 0xFA)}
)


def _rows() -> Iterator[Meter]:
    for code in range(0x100):
        if code in _RESERVED:
            continue
        unit: Unit = "credits"
        if code == 0x7F:
            unit = "percent"
        elif code in _COUNTS:
            unit = "count"
        elif code in _CENTS:
            unit = "cents"
        yield Meter(code, unit, code not in LEVELS)


METERS: Mapping[int, Meter] = {row.code: row for row in _rows()}


def meter(code: int) -> Meter:
    """The meter of this code. A code without a row (reserved, or a maker's own) is taken as a rising count."""
    return METERS.get(code) or Meter(code, "count", True)
