"""Reading after reading: how much a meter grew, and why one fell.

Exact integers only. Nothing is ever counted on a guess: a growth is booked when exactly one explanation fits what the
machine could have done in the time; otherwise the verdict says why not, and `delta` is None. Tables are elsewhere.

The six causes of a falling meter are those of MTR-03 to MTR-05; the order in which they are tried is that of
sas-core 9.6: replaced, denomination change, RAM clear, then the single meter: rollover, corrupt read, ambiguous.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from edge.hall.meters import Reading, Unit, meter

Kind = Literal[
    "first", "equal", "delta", "level", "rollover", "ambiguous", "ram_clear", "replaced", "denomination_change",
    "corrupt_read",
]  # fmt: skip
NEEDS_REVIEW = frozenset({"ambiguous", "corrupt_read"})
NEW_GENERATION = frozenset({"ram_clear", "replaced"})
Cleared = Literal["certain", "possible"]
Together = Literal["nothing", "ram_clear", "undecided"]
"What the meters of a snapshot did as a group."
MeterKey = tuple[int, int | None, int]
"Game, denomination code, meter code."


class Verdict(NamedTuple):
    """What a reading is against the last one that was booked."""

    kind: Kind
    delta: int | None
    "Growth to be counted; None: nothing may be counted across this place."
    booked: bool
    "True: the next reading is compared with this one. False: it is kept as a suspect, the last booked one stands."


@dataclass(frozen=True, slots=True)
class Pace:
    """The most a machine can plausibly move: at once (one huge win, one transfer) and per hour.

    Ours, and generous: it tells wraps and bad reads from play, it is no tolerance for review (MTR-12). 1,000,000
    credits an hour is a bet of 500 credits every 1.8 s without a pause. At that pace an eight-digit meter can wrap
    twice after about four days unheard, and then its difference is ambiguous.
    """

    credits_at_once: int = 10_000_000
    credits_per_hour: int = 1_000_000
    cents_at_once: int = 100_000_000
    cents_per_hour: int = 100_000_000
    count_at_once: int = 10_000
    count_per_hour: int = 100_000

    def most(self, unit: Unit, elapsed_s: int) -> int:
        """The largest growth that is plausible in this time."""
        at_once, per_hour = {
            "credits": (self.credits_at_once, self.credits_per_hour),
            "cents": (self.cents_at_once, self.cents_per_hour),
            "count": (self.count_at_once, self.count_per_hour),
            "percent": (0, 0),
        }[unit]
        return at_once + per_hour * max(0, elapsed_s) // 3600


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known beside the two values.

    `most` is the plausible largest growth since the last booked reading; None: unknown (no trusted clock), then a
    falling meter is never explained as a wrap. `undecided`: it fell together with others, and wraps would explain it as
    well as a cleared memory. `suspect` is an unbooked reading in between. `confirmed`: a second read
    at once gave the same (True) or not (False); None: not asked.
    """

    most: int | None = None
    replaced: bool = False
    denomination_changed: bool = False
    ram_clear: bool = False
    undecided: bool = False
    suspect: Reading | None = None
    confirmed: bool | None = None


class Last(NamedTuple):
    """What the books have of one meter: the last booked reading, how old it is, and an unconfirmed one after it."""

    reading: Reading
    elapsed_s: int | None
    "Whole seconds since it was read; None: unknown, because the clock was not to be trusted."
    suspect: Reading | None = None


def modulus(width: int) -> int:
    """The first number that a meter of this many BCD bytes cannot show: 4 bytes, 100,000,000."""
    return int(10 ** (2 * width))


def difference(old: Reading | None, new: Reading, evidence: Evidence) -> Verdict:
    """What `new` is against `old`, the last booked reading of the same meter (None: there is none)."""
    if old is None:
        return Verdict("first", None, True)
    if evidence.replaced:
        return Verdict("replaced", None, True)
    if evidence.ram_clear:
        return Verdict("ram_clear", None, True)
    row = meter(new.code)
    if not row.monotonic:
        return Verdict("equal" if new.value == old.value else "level", None, True)
    if evidence.denomination_changed and row.unit == "credits":
        return Verdict("denomination_change", None, True)
    if evidence.undecided:
        return Verdict("ambiguous", None, True)
    return _single(old, new, evidence)


def _single(old: Reading, new: Reading, evidence: Evidence) -> Verdict:
    """One rising meter, no larger cause at work: count the growths that fit, and book only if it is one."""
    # Readings of different widths (a four-byte poll, then an extended one) agree only in the digits both have.
    narrow = min(old.width, new.width)
    wrap = modulus(narrow)
    before, after = old.value % wrap, new.value % wrap
    growth = after - before
    fell = growth < 0
    if fell:
        growth += wrap
    most = evidence.most
    if most is None:
        # Without a bound on the time a rise is what it looks like, but a fall could be anything.
        fits = not fell and old.width == new.width
        return _risen(growth) if fits else _doubtful(new, evidence)
    if growth + wrap <= most:
        return Verdict("ambiguous", None, True)  # one wrap more would be plausible too: more than one explanation
    if growth <= most:
        return Verdict("rollover", growth, True) if fell and old.width == new.width else _risen(growth)
    return _doubtful(new, evidence)


def _risen(growth: int) -> Verdict:
    return Verdict("delta", growth, True) if growth else Verdict("equal", 0, True)


def _doubtful(new: Reading, evidence: Evidence) -> Verdict:
    """No plausible explanation. Unconfirmed it is a corrupt read and not booked; confirmed it is for a person.

    The next reading confirms a suspect when it stands at or above it, and so did not return to the old line.
    """
    confirmed = evidence.confirmed
    if confirmed is None and evidence.suspect is not None:
        confirmed = new.value >= evidence.suspect.value
    if confirmed:
        return Verdict("ambiguous", None, True)
    return Verdict("corrupt_read", None, False)


@dataclass(frozen=True, slots=True)
class SnapshotEvidence:
    """What is known of a machine beside the values of a snapshot."""

    serial_changed: bool = False
    denomination_changed: bool = False
    cleared: Cleared | None = None
    "certain: it said that its meters restarted (7A); possible: memory was hurt or reset (3A, 31 to 33)."
    pace: Pace = Pace()
    confirmed: bool | None = None


def snapshot_verdicts(
    last: Mapping[MeterKey, Last], readings: Sequence[Reading], evidence: SnapshotEvidence
) -> tuple[Verdict, ...]:
    """The verdict of each reading, in order; what many meters did together decides first."""
    together = _together(last, readings, evidence)
    verdicts = []
    for new in readings:
        known = last.get(key_of(new))
        most = None
        if known is not None and known.elapsed_s is not None:
            most = evidence.pace.most(meter(new.code).unit, known.elapsed_s)
        verdicts.append(
            difference(
                known.reading if known else None,
                new,
                Evidence(
                    most=most,
                    replaced=evidence.serial_changed,
                    # A game asked for in its own denomination is not re-scaled by the machine's accounting one.
                    denomination_changed=evidence.denomination_changed and new.denomination is None,
                    ram_clear=together == "ram_clear",
                    undecided=together == "undecided" and known is not None and _fell(known, new),
                    suspect=known.suspect if known else None,
                    confirmed=evidence.confirmed,
                ),
            )
        )
    return tuple(verdicts)


def key_of(reading: Reading) -> MeterKey:
    """Which meter a reading is of."""
    return reading.game, reading.denomination, reading.code


def _together(last: Mapping[MeterKey, Last], readings: Sequence[Reading], evidence: SnapshotEvidence) -> Together:
    """Was the machine's memory wiped: it says so, or at least half of its rising meters that could fall fell together.

    A meter that stood at 0 cannot fall and so says nothing. One falling meter alone is never "together". Games of a
    multi-game machine repeat the cabinet's story, so only the cabinet's meters vote, unless there are none. When each
    of the fallen could as well have wrapped, the values prove nothing: undecided, and nothing that fell is counted.
    """
    if evidence.cleared == "certain":
        return "ram_clear"
    voters = [new for new in readings if new.game == 0 and meter(new.code).monotonic]
    voters = voters or [new for new in readings if meter(new.code).monotonic]
    if evidence.denomination_changed:
        voters = [new for new in voters if meter(new.code).unit != "credits"]
    could_fall = fell = wrapped = 0
    for new in voters:
        known = last.get(key_of(new))
        if known is None or known.reading.width != new.width or known.reading.value == 0:
            continue
        could_fall += 1
        if _fell(known, new):
            fell += 1
            wrapped += _could_wrap(known, new, evidence.pace)
    if evidence.cleared == "possible":
        return "ram_clear" if fell else "nothing"
    if fell < 2 or 2 * fell < could_fall:
        return "nothing"
    return "ram_clear" if wrapped < fell else "undecided"


def _fell(known: Last, new: Reading) -> bool:
    return meter(new.code).monotonic and new.width == known.reading.width and new.value < known.reading.value


def _could_wrap(known: Last, new: Reading, pace: Pace) -> bool:
    if known.elapsed_s is None:
        return False
    growth = new.value + modulus(new.width) - known.reading.value
    return growth <= pace.most(meter(new.code).unit, known.elapsed_s)
