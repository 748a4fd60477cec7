"""(pure) One reading of a machine as a gateway gets it, and the truth beside it."""

from __future__ import annotations

from typing import Literal, NamedTuple

Cause = Literal[
    "play", "rollover", "clear_told", "clear_possible", "clear_silent", "clear_between", "memory_error", "swap_told",
    "swap_untold", "denomination", "denomination_in_part", "lie_asked_twice", "lie_far", "lie_near", "jump", "hang",
    "counted_twice", "silence", "narrow", "no_clock", "power", "part",
]  # fmt: skip
CAUSES: dict[Cause, str] = {
    "play": "nothing but play",
    "rollover": "a register passed its end",
    "clear_told": "memory cleared, and 7A told",
    "clear_possible": "memory cleared, and only a memory error told (3A)",
    "clear_silent": "memory cleared, and nothing told but power (18, 17)",
    "clear_between": "memory cleared while its meters were being read",
    "memory_error": "a memory error told, and nothing lost",
    "swap_told": "another machine at the address, with another serial number",
    "swap_untold": "another machine at the address; neither tells its serial number",
    "denomination": "another accounting denomination",
    "denomination_in_part": "another accounting denomination, first seen where only some meters were read",
    "lie_asked_twice": "a wrong number on a doubtful line: the second read gave another",
    "lie_far": "a wrong number, once, that play cannot explain; nobody asked twice",
    "lie_near": "a wrong number, once, that play explains; nobody asked twice: no rule can see it when it comes",
    "jump": "one register lost its value for good",
    "hang": "the machine hung between two meters: they are of different moments",
    "counted_twice": "a game counted twice",
    "silence": "so long unheard that a meter may have wrapped once more than it shows",
    "narrow": "polls of four bytes between extended ones",
    "no_clock": "no clock to be trusted since the last reading",
    "power": "power off and on (18, 17)",
    "part": "only some of the meters read",
}


class Told(NamedTuple):
    """One value as read, and what only the simulator knows of it."""

    place: int
    "In `simulators.lives.counters.SLOTS`."
    value: int
    width: int
    total: int
    "Truly counted at this place until this reading."
    era: int
    "Readings of two eras differ by nothing anybody knows."
    error: int = 0
    "A wrong number: how far it is from what the register holds."


class Moment(NamedTuple):
    """A snapshot."""

    at: int
    "Seconds since the life began."
    told: tuple[Told, ...]
    cause: Cause
    worth: int
    "Accounting denomination, minor units."
    serial: int | None = None
    "Number of the machine as it told it; None: it does not."
    exceptions: tuple[int, ...] = ()
    "That came since the snapshot before."
    clock_trusted: bool = True
    coherent: bool = True
    confirmed: bool | None = None
    doubtful: frozenset[int] = frozenset()
    "Places whose reading nobody can be certain of: to be reviewed, or cut off with all the others."
    hidden: bool = False
    "Registers began anew, nothing told of it, and each of them stands where play could have brought the old ones."
