"""(pure, seeded) The life of one place on the floor: play, and what happens to the machine there, for years.

Time is compressed: between happenings a snapshot every half to two days, around each a dense row a quarter of an hour
apart. A machine-year holds about 24 happenings and 430 snapshots of 10 to 12 meters; a gateway that reads every quarter
of an hour has eighty times as many, nearly all of them of quiet play. Happenings come one at a time, with a clean
reading or two before each and four after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulators.egm.dice import Dice
from simulators.lives.counters import LEVEL, RISING, SLOTS, WIDE, Counters, most
from simulators.lives.moments import Cause, Moment, Told

YEAR_S = 365 * 86_400
BETWEEN_S = YEAR_S // 24
"Between two happenings, on average."
DENSE_S = 900
HAPPENINGS: tuple[tuple[Cause, int], ...] = (
    ("clear_told", 4), ("clear_possible", 2), ("clear_silent", 2), ("clear_between", 2), ("memory_error", 2),
    ("swap_told", 3), ("swap_untold", 2), ("denomination", 3), ("denomination_in_part", 2), ("lie_asked_twice", 5),
    ("lie_far", 5), ("lie_near", 1), ("jump", 3), ("hang", 4), ("counted_twice", 4), ("silence", 4), ("narrow", 3),
    ("no_clock", 3), ("power", 4), ("part", 4),
)  # fmt: skip
"What happens, and how often beside the others: far more often than on a floor."
_SILENT = frozenset({"swap_untold", "clear_silent", "clear_between"})
_TICKETS = tuple(cause for cause, weight in HAPPENINGS for _ in range(weight))


class Life:
    """One place on the floor; `moments` tells it from its first reading."""

    def __init__(self, seed: int) -> None:
        self._dice = Dice(seed)
        self._now = 0
        self._serial: int | None = 1 + self._dice.below(10**6)
        self._machine = Counters(self._dice)
        self._busy = 0.5
        self._before: dict[int, tuple[int, Told, int]] = {}
        "Of each counter: when it was told last, what, and in which denomination."

    def moments(self, years: int) -> Iterator[Moment]:
        """The first reading is of a quiet moment and read twice; every machine of the life is as busy as it happens."""
        dice = self._dice
        self._busy = (0.02, 0.1, 0.3, 0.9)[dice.below(4)]
        yield self._read("play", confirmed=True)
        happening = self._now + int(dice.around(BETWEEN_S))
        while self._now < years * YEAR_S:
            if self._now < happening:
                self._pass(43_200 + dice.below(129_600))
                yield self._read("play")
                continue
            cause = _TICKETS[dice.below(len(_TICKETS))]
            yield from self._dense("play", 1 + dice.below(2))
            yield from self._happening(cause)
            yield from self._dense("play", 4)
            happening += int(dice.around(BETWEEN_S))

    def _pass(self, seconds: int) -> None:
        self._now += seconds
        # An old machine of seven digits is never busy enough to wrap and pass its old value between two readings: nobody
        # who does not know its digits could see that.
        self._machine.play(seconds, min(self._busy, 0.1) if self._machine.digits == 7 else self._busy)

    def _dense(self, cause: Cause, times: int) -> Iterator[Moment]:
        for _ in range(times):
            self._pass(DENSE_S)
            yield self._read(cause)

    def _happening(self, cause: Cause) -> Iterator[Moment]:
        yield from getattr(self, f"_{cause}")()

    # --- reading ----------------------------------------------------------------------------------------------------

    def _tell(self, place: int, *, narrow: bool = False) -> Told:
        machine, slot = self._machine, SLOTS[place]
        width = WIDE if machine.digits > 8 and slot.unit in ("credits", "count") and not narrow else slot.width
        value = machine.registers[place] % 10 ** (2 * width)
        return Told(place, value, width, machine.totals[place], machine.eras[place])

    def _places(self) -> Sequence[int]:
        return range(len(SLOTS) if self._machine.multi else len(SLOTS) - 2)

    def _read(
        self,
        cause: Cause,
        told: Sequence[Told] | None = None,
        *,
        exceptions: tuple[int, ...] = (),
        clock_trusted: bool = True,
        coherent: bool = True,
        confirmed: bool | None = None,
        doubtful: Sequence[int] = (),
    ) -> Moment:
        told = tuple(told if told is not None else [self._tell(place) for place in self._places()])
        hidden = cause in _SILENT and not {0x7A, 0x3A} & {*exceptions} and all(self._explained(one) for one in told)
        for one in told:
            if not one.error:
                self._before[one.place] = (self._now, one, self._machine.worth)
        return Moment(
            self._now, told, cause, self._machine.worth, self._serial, exceptions, clock_trusted, coherent, confirmed,
            frozenset(doubtful), hidden,
        )  # fmt: skip

    def _explained(self, told: Told) -> bool:
        """Could play, a wrap or a change of denomination have brought the counter here since it was told last?"""
        slot = SLOTS[told.place]
        if slot.unit == "level" or slot.game or told.place not in self._before:
            return True
        at, old, worth = self._before[told.place]
        value = old.value * worth // self._machine.worth if slot.unit == "credits" else old.value
        wrap = int(10 ** (2 * min(told.width, old.width)))
        growth = (told.value - value) % wrap
        return growth <= most(slot.unit, self._now - at)

    # --- memory and machine -----------------------------------------------------------------------------------------

    def _clear_told(self) -> Iterator[Moment]:
        self._machine.clear()
        if self._dice.happens(0.5):
            self._pass(DENSE_S)
        yield self._read("clear_told", exceptions=(0x18, 0x17, 0x7A))

    def _clear_possible(self) -> Iterator[Moment]:
        self._machine.clear()
        self._machine.play(self._dice.below(600), self._busy)
        self._now += DENSE_S
        yield self._read("clear_possible", exceptions=(0x3A,))

    def _clear_silent(self) -> Iterator[Moment]:
        self._machine.clear()
        self._now += DENSE_S
        if self._dice.happens(0.5):
            self._machine.play(self._dice.below(DENSE_S), self._busy)
        yield self._read("clear_silent", exceptions=(0x18, 0x17))

    def _clear_between(self) -> Iterator[Moment]:
        self._pass(DENSE_S)
        places = self._places()
        cut = 1 + self._dice.below(len(places) - 1)
        before = [self._tell(place) for place in places[:cut]]
        self._machine.clear()
        after = [self._tell(place) for place in places[cut:]]
        yield self._read("clear_between", [*before, *after], coherent=False)
        self._pass(DENSE_S)
        told = self._dice.happens(0.7)
        yield self._read("clear_between", exceptions=(0x18, 0x17, 0x7A) if told else (0x18, 0x17))

    def _memory_error(self) -> Iterator[Moment]:
        self._pass(DENSE_S)
        yield self._read("memory_error", exceptions=(0x31 + self._dice.below(3),))

    def _swap_told(self) -> Iterator[Moment]:
        self._now += DENSE_S * (1 + self._dice.below(12))
        self._machine.fresh()
        self._serial = (self._serial or 0) + 1 + self._dice.below(1_000)
        self._busy = (0.02, 0.1, 0.3, 0.9)[self._dice.below(4)]
        yield self._read("swap_told", exceptions=(0x18, 0x17))

    def _swap_untold(self) -> Iterator[Moment]:
        """Neither the old machine nor the new one tells a serial number."""
        self._serial = None
        yield from self._dense("play", 1)
        self._now += DENSE_S * (1 + self._dice.below(12))
        self._machine.fresh()
        yield self._read("swap_untold", exceptions=(0x18, 0x17))

    def _denomination(self) -> Iterator[Moment]:
        self._pass(DENSE_S)
        self._other_worth()
        yield self._read("denomination", exceptions=(0x3C,))

    def _denomination_in_part(self) -> Iterator[Moment]:
        self._pass(DENSE_S)
        self._other_worth()
        yield self._read("denomination_in_part", [self._tell(place) for place in (0, 4, LEVEL)], exceptions=(0x3C,))
        self._pass(DENSE_S)
        yield self._read("denomination_in_part")

    def _other_worth(self) -> None:
        others = [worth for worth in (1, 5, 25, 100) if worth != self._machine.worth]
        self._machine.rescale(others[self._dice.below(3)])

    # --- numbers that are not true ----------------------------------------------------------------------------------

    def _lie_asked_twice(self) -> Iterator[Moment]:
        """On a doubtful line every snapshot is read twice; one comes differently, whatever else just happened."""
        yield self._calm_read_twice()
        self._pass(DENSE_S)
        exceptions: tuple[int, ...] = ()
        if self._dice.happens(0.3):
            self._machine.clear()
            self._machine.play(self._dice.below(600), self._busy)
            exceptions = (0x18, 0x17, 0x7A) if self._dice.happens(0.5) else (0x3A,)
        elif self._dice.happens(0.2):
            self._other_worth()
        told = [self._tell(place) for place in self._places()]
        place = self._any_rising()
        value = self._dice.below(10 ** (2 * told[place].width))
        if self._dice.happens(0.5):
            value = told[place].value + 1 + self._dice.below(5_000)
        told[place] = _wrong(told[place], value)
        yield self._read("lie_asked_twice", told, exceptions=exceptions, confirmed=False, doubtful=[place])
        yield self._calm_read_twice()

    def _calm_read_twice(self) -> Moment:
        self._pass(DENSE_S)
        return self._read("play", confirmed=True)

    def _lie_far(self) -> Iterator[Moment]:
        place = self._any_rising()
        self._pass(DENSE_S)
        told = [self._tell(one) for one in self._places()]
        value = self._far(place, told[place].value, told[place].width)
        if value is not None:
            told[place] = _wrong(told[place], value)
            yield self._read("lie_far", told, doubtful=[place])

    def _far(self, place: int, value: int, width: int) -> int | None:
        """A number that no play since the last reading explains, often one digit or the whole lost; None: none found."""
        dice, wrap = self._dice, 10 ** (2 * width)
        bound = most(SLOTS[place].unit, 3 * DENSE_S)
        for _ in range(20):
            digit = 10 ** dice.below(2 * width)
            for candidate in (
                0 if dice.happens(0.2) else dice.below(wrap),
                (value + digit * (1 + dice.below(9))) % wrap,
            ):
                if (candidate - value) % wrap > bound and (value - candidate) % wrap > 200_000:
                    return int(candidate)
        return None

    def _lie_near(self) -> Iterator[Moment]:
        place = self._any_rising()
        self._pass(DENSE_S)
        told = [self._tell(one) for one in self._places()]
        value = told[place].value + 1 + self._dice.below(2_000)
        if value < 10 ** (2 * told[place].width):
            told[place] = _wrong(told[place], value)
            yield self._read("lie_near", told)

    def _jump(self) -> Iterator[Moment]:
        place = self._any_rising()
        self._pass(DENSE_S)
        now = self._tell(place)
        value = self._far(place, now.value, min(now.width, self._machine.digits // 2))
        if value is not None and value < self._machine.modulus(place):
            self._machine.jump(place, value)
            yield self._read("jump", doubtful=[place])

    def _any_rising(self) -> int:
        return RISING[self._dice.below(len(RISING) if self._machine.multi else len(RISING) - 2)]

    # --- play and polls ---------------------------------------------------------------------------------------------

    def _hang(self) -> Iterator[Moment]:
        self._pass(DENSE_S)
        places = self._places()
        cut = 1 + self._dice.below(len(places) - 1)
        before = [self._tell(place) for place in places[:cut]]
        self._machine.play(40, 1.0)
        yield self._read("hang", [*before, *(self._tell(place) for place in places[cut:])], coherent=False)

    def _counted_twice(self) -> Iterator[Moment]:
        self._pass(DENSE_S)
        self._machine.count(0, self._machine.bet)
        self._machine.count(4, 1)
        yield self._read("counted_twice")

    def _silence(self) -> Iterator[Moment]:
        """The line is cut for days or weeks while people play: four digit pairs may have turned once more."""
        if self._machine.digits == 7:
            return
        before = [self._tell(place) for place in self._places()]
        seconds = 4 * 86_400 + self._dice.below(40 * 86_400)
        self._pass(seconds)
        told = [self._tell(place) for place in self._places()]
        doubtful = []
        for old, new in zip(before, told, strict=True):
            wrap = 10 ** (2 * new.width)
            if SLOTS[new.place].unit != "level" and (new.value - old.value) % wrap + wrap <= most(
                SLOTS[new.place].unit, seconds
            ):
                doubtful.append(new.place)
        yield self._read("silence", told, doubtful=doubtful)

    def _narrow(self) -> Iterator[Moment]:
        for narrow in (True, False, True, True, False):
            self._pass(DENSE_S)
            yield self._read("narrow", [self._tell(place, narrow=narrow) for place in self._places()])

    def _no_clock(self) -> Iterator[Moment]:
        self._pass(DENSE_S)
        yield self._read("no_clock", clock_trusted=False)

    def _power(self) -> Iterator[Moment]:
        self._pass(DENSE_S)
        yield self._read("power", exceptions=(0x18, 0x17))

    def _part(self) -> Iterator[Moment]:
        for _ in range(2):
            self._pass(300)
            yield self._read("part", [self._tell(place) for place in self._places() if self._dice.happens(0.4)])


def _wrong(told: Told, value: int) -> Told:
    return told._replace(value=value, error=value - told.value)
