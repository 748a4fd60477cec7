"""What a reading of meters gives: values with the width they came in, and what was not read, and why. Types only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from protocols.sas.catalog.meter_codes import METERS

Use: TypeAlias = Literal["auto", "extended", "selected", "single"]
"""extended: 6F and its twin AF; selected: 2F; single: one poll per meter, or one of the group polls."""


class MeterReading(NamedTuple):
    """One meter at one moment, as the machine said it."""

    game: int
    denomination_code: int | None
    "None: not asked per denomination."
    code: int
    size: int
    "Bytes of BCD it came in: it wraps at 100 ** size. The same meter read in two ways may have two sizes."
    value: int

    @property
    def declared_size(self) -> int:
        """Bytes the table gives this meter: its fixed size in 2F, its smallest in 6F and AF."""
        return METERS[self.code].min_size


class Way(NamedTuple):
    """How this machine's meters are read best; give it back to the next reading of the same machine and program."""

    use: Use
    twin: bool = True
    "It knows AF too."


@dataclass(frozen=True, slots=True)
class MetersRead:
    """What was read. Readings stand in the order asked for: games, then each game's denominations, then codes."""

    ok: ClassVar[bool] = True
    slug: ClassVar[str] = "meters-read"

    readings: tuple[MeterReading, ...]
    unsupported: tuple[tuple[int, int], ...]
    """(game, code) the machine does not have: size 00, left out, or silence while it answers others. Also what is no meter
    of a single game by the standard, which is not asked for."""
    unread: tuple[tuple[int, int], ...]
    """(game, code) that could not be read now: damaged, busy, gone, or no two reads agreed on a noisy line. Ask again. Also
    codes to be avoided that nothing else reads."""
    coherent: bool
    "All values belong to one moment: one poll gave them, or the key meters stood still from before to after."
    unsupported_by_denomination: tuple[tuple[int, int, int], ...] = ()
    "(game, denomination code, code), as above."
    unread_by_denomination: tuple[tuple[int, int, int], ...] = ()
    confirmed: bool | None = None
    """True: a second read at once gave the same for each of these values, as on a noisy line each is asked for until two
    agree. None: not for each. Values that two reads contradicted are unread, so it is never False."""
    way: Way | None = field(default=None, compare=False)
    rounds: int = field(default=1, compare=False)
    "How often all was read until the key meters stood still, or the patience was over."
