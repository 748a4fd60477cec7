"""Reading after reading: how much a meter grew, and why one fell.

Exact integers only. Nothing is ever counted on a guess: a growth is booked when exactly one explanation fits what the
machine could have done in the time; otherwise the verdict says why not, and `delta` is None. Tables are elsewhere.

The six causes of a falling meter are those of MTR-03 to MTR-05; the order in which they are tried is that of
sas-core 9.6: replaced, denomination change, RAM clear, then the single meter: rollover, corrupt read, ambiguous.

One meter that nothing explains may be a bad read, or the first seen of another machine or of a cleared memory whose
other meters have already passed their old values. So it puts its whole snapshot in doubt, which is then held: nothing
of it is booked, and the next one says which it was. Only a meter that stands exactly where it stood proves that the
memory is still the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

from edge.hall.meters import Reading, Unit, meter

Kind = Literal[
    "first", "equal", "delta", "level", "rollover", "ambiguous", "ram_clear", "replaced", "denomination_change",
    "corrupt_read",
]  # fmt: skip
NEEDS_REVIEW = frozenset({"ambiguous", "corrupt_read"})
NEW_GENERATION = frozenset({"ram_clear", "replaced"})
Cleared = Literal["certain", "possible"]
Together = Literal["nothing", "ram_clear", "undecided", "held", "open"]
"""What the meters of a snapshot did as a group. undecided: those that fell may have wrapped; held: one is not explained,
and it may be all of them; open: that was confirmed, and nothing tells which."""
STANDS = 50
"""A rising meter of at least this value that stands exactly where it stood proves that memory and machine are the same.
Smaller values come again by chance."""
SETTLES_S = 6 * 3600
"""A suspect is settled by a reading that goes on from the last booked one; but only as long as that was not so long ago
that play could have brought the meter there from the suspect as well."""
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
        at_once, per_hour = self._bounds(unit)
        return at_once + per_hour * max(0, elapsed_s) // 3600

    def usual(self, unit: Unit, elapsed_s: int) -> int:
        """The largest growth by play alone, without the one huge win or transfer."""
        _, per_hour = self._bounds(unit)
        return per_hour * max(0, elapsed_s) // 3600

    def _bounds(self, unit: Unit) -> tuple[int, int]:
        if unit == "credits":
            return self.credits_at_once, self.credits_per_hour
        if unit == "count":
            return self.count_at_once, self.count_per_hour
        return (self.cents_at_once, self.cents_per_hour) if unit == "cents" else (0, 0)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known beside the two values.

    `most` is the plausible largest growth since the last booked reading; None: unknown (no trusted clock), then a
    falling meter is never explained as a wrap. `undecided`: it fell together with others, and wraps would explain it as
    well as a cleared memory. `held`: its whole snapshot is in doubt. `suspect` is an unbooked reading in between.
    `confirmed`: a second read at once gave the same (True) or not (False); None: not asked.
    """

    most: int | None = None
    replaced: bool = False
    denomination_changed: bool = False
    ram_clear: bool = False
    undecided: bool = False
    held: bool = False
    suspect: Reading | None = None
    confirmed: bool | None = None


class Last(NamedTuple):
    """What the books have of one meter: the last booked reading, how old it is, and an unconfirmed one after it."""

    reading: Reading
    elapsed_s: int | None
    "Whole seconds since it was read; None: unknown, because the clock was not to be trusted."
    suspect: Reading | None = None
    scale: Fraction | None = None
    """Where it was read in another accounting denomination than the machine has now: what a credit of then is in credits
    of now. The change may have been seen before, in a snapshot that did not hold this meter. None: the same, or unknown."""


def modulus(width: int) -> int:
    """The first number that a meter of this many BCD bytes cannot show: 4 bytes, 100,000,000."""
    return int(10 ** (2 * width))


def difference(old: Reading | None, new: Reading, evidence: Evidence) -> Verdict:
    """What `new` is against `old`, the last booked reading of the same meter (None: there is none)."""
    if evidence.confirmed is False and meter(new.code).monotonic:
        # Two reads at once that differ: whatever else was told, no number of these can be a base to count from.
        return Verdict("corrupt_read", None, False)
    if old is None:
        return Verdict("first", None, True)
    if evidence.replaced:
        return Verdict("replaced", None, True)
    if evidence.ram_clear:
        return Verdict("ram_clear", None, True)
    row = meter(new.code)
    if not row.monotonic:
        return Verdict("equal" if new.value == old.value else "level", None, True)
    if evidence.held:
        return Verdict("corrupt_read", None, False)
    if evidence.undecided:
        return Verdict("ambiguous", None, True)
    if evidence.denomination_changed and row.unit == "credits":
        return Verdict("denomination_change", None, True)
    return _single(old, new, evidence)


def _single(old: Reading, new: Reading, evidence: Evidence) -> Verdict:
    """One rising meter, no larger cause at work: count the growths that fit, and book only if it is one."""
    # Readings of different widths (a four-byte poll, then an extended one) agree only in the digits both have.
    wrap = modulus(min(old.width, new.width))
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
    same_width = old.width == new.width
    if fell and same_width and before < wrap // 10:
        # It never showed its first digit: a meter of one digit less (seven are common) would have wrapped earlier.
        return _doubtful(new, evidence)
    if growth <= most:
        return Verdict("rollover", growth, True) if fell and same_width else _risen(growth)
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
    coherent: bool = True
    "False: its readings are of different moments, and the memory may have been cleared between two of them."


def snapshot_verdicts(
    last: Mapping[MeterKey, Last], readings: Sequence[Reading], evidence: SnapshotEvidence
) -> tuple[Verdict, ...]:
    """The verdict of each reading, in order; what many meters did together decides first."""
    together = _together(last, readings, evidence)
    verdicts = []
    for new in readings:
        known = last.get(key_of(new))
        rescaled = _rescaled(known, new, evidence)
        undecided = (
            (known is not None and _late(known, new, evidence.pace))
            or together == "open"
            or (together == "undecided" and known is not None and _fell(known, new) and not rescaled)
        )
        verdicts.append(
            difference(
                known.reading if known else None,
                new,
                Evidence(
                    most=_most(known, new, evidence.pace) if known else None,
                    replaced=evidence.serial_changed,
                    denomination_changed=rescaled,
                    ram_clear=together == "ram_clear",
                    undecided=undecided,
                    held=together == "held",
                    suspect=known.suspect if known else None,
                    confirmed=evidence.confirmed,
                ),
            )
        )
    return tuple(verdicts)


def _most(known: Last, new: Reading, pace: Pace) -> int | None:
    return None if known.elapsed_s is None else pace.most(meter(new.code).unit, known.elapsed_s)


def _rescaled(known: Last | None, new: Reading, evidence: SnapshotEvidence) -> bool:
    """Credits were counted in another worth. A game asked for in its own denomination is not re-scaled."""
    changed = evidence.denomination_changed or (known is not None and known.scale is not None)
    return changed and new.denomination is None and meter(new.code).unit == "credits"


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
    if evidence.serial_changed or evidence.confirmed is False:
        return "nothing"
    if evidence.cleared is None and all(_in_order(last.get(key_of(new)), new, evidence.pace) for new in readings):
        return "nothing"  # nearly every snapshot: the votes need not be counted
    votes = _votes(last, readings, evidence)
    if evidence.cleared == "possible" and (cleared := _perhaps_cleared(votes)):
        return cleared
    fallen = [vote for vote in votes if vote.fell]
    could_fall = sum(vote.could_fall for vote in votes)
    stands = any(vote.stands for vote in votes)
    if len(fallen) >= 2 and 2 * len(fallen) >= could_fall:
        if all(vote.could_regrow for vote in fallen) and not all(vote.could_wrap for vote in fallen):
            return "ram_clear"
        if all(vote.could_wrap for vote in fallen) and (stands or not any(vote.doubtful for vote in votes)):
            return "undecided"
    doubts = [vote for vote in votes if vote.doubtful]
    if stands and not (any(vote.unusual for vote in votes) and any(vote.fell for vote in doubts)):
        return "nothing"
    # One lost its value and another rose as play alone does not: another machine, though a meter of it may stand by chance.
    if not doubts:
        return "nothing"
    return "open" if all(vote.confirmed for vote in doubts) else "held"


def _in_order(known: Last | None, new: Reading, pace: Pace) -> bool:
    """Plain play: it rose or stands, no other growth fits the time, and nothing before it is unsettled."""
    if known is None:
        return True
    old, elapsed_s, suspect, scale = known
    row = meter(new.code)
    if not row.monotonic:
        return True
    if elapsed_s is None or suspect is not None or scale is not None or old.width != new.width:
        return False
    growth, most = new.value - old.value, pace.most(row.unit, elapsed_s)
    return 0 <= growth <= most < growth + modulus(new.width)


class _Vote(NamedTuple):
    """What one meter says of the machine's memory."""

    could_fall: bool
    fell: bool
    stands: bool
    could_wrap: bool
    "It fell, and a wrap would explain it."
    could_regrow: bool
    "It could have come from 0 to where it stands since the last reading."
    doubtful: bool
    "Neither play nor a wrap within the pace of play explains it."
    confirmed: bool
    "And it is no passing bad read."
    unusual: bool = False
    "It rose by more than play alone brings, within what one huge win or transfer would."


def _votes(last: Mapping[MeterKey, Last], readings: Sequence[Reading], evidence: SnapshotEvidence) -> list[_Vote]:
    # A denomination repeats the cabinet's story, as a game does.
    voters = [new for new in readings if new.game == 0 and new.denomination is None and meter(new.code).monotonic]
    voters = voters or [new for new in readings if meter(new.code).monotonic]
    votes = []
    for new in voters:
        known = last.get(key_of(new))
        if known is None:
            continue
        if not _rescaled(known, new, evidence):
            votes.append(_vote(known, new, evidence))
        elif known.scale is not None and (
            (late := _late(known, new, evidence.pace)) or not _follows(known, known.scale, new, evidence.pace)
        ):
            confirmed = late or _confirmed(known, new, evidence)
            votes.append(_Vote(False, False, False, False, True, True, confirmed))
    return votes


def _vote(known: Last, new: Reading, evidence: SnapshotEvidence) -> _Vote:
    old, most = known.reading, _most(known, new, evidence.pace)
    regrows = most is None or new.value <= most
    if old.width == new.width and old.value == new.value:
        # What was read before a moment says nothing of what was read after it; nor does a value that came again.
        again = known.suspect is not None and known.suspect.value != old.value
        stands = evidence.coherent and old.value >= STANDS and not again
        return _Vote(old.value > 0, False, stands, False, regrows, False, False)
    verdict = _single(old, new, Evidence(most=most, suspect=known.suspect, confirmed=evidence.confirmed))
    # A wrap that needs more than play alone is too rare to be told from another machine's lower meter.
    usual = evidence.pace.usual(meter(new.code).unit, known.elapsed_s or 0)
    late = _late(known, new, evidence.pace)
    explained = (
        not late
        and verdict.delta is not None
        and (verdict.kind != "rollover" or (verdict.delta <= usual and evidence.coherent))
    )
    wrap = modulus(min(old.width, new.width))
    twice = most is not None and (new.value - old.value) % wrap + wrap <= most
    return _Vote(
        could_fall=old.width == new.width and old.value > 0,
        fell=_fell(known, new),
        stands=False,
        could_wrap=most is not None and new.value + wrap - old.value <= most,
        could_regrow=regrows,
        doubtful=late or not (explained or twice),
        confirmed=late or _confirmed(known, new, evidence),
        unusual=verdict.delta is not None and verdict.delta > usual,
    )


def _late(known: Last, new: Reading, pace: Pace) -> bool:
    """A suspect was never settled, and the meter may have gone on from there as well as from the booked one.

    Time alone settles nothing: what was too much for a quarter of an hour may pass for play after two.
    """
    suspect = known.suspect
    if suspect is None or not meter(new.code).monotonic or new.value < suspect.value:
        return False
    if known.elapsed_s is None or known.elapsed_s > SETTLES_S or _fell(known, new):
        return True
    scaled = known.scale is not None and new.denomination is None and meter(new.code).unit == "credits"
    before = int(known.reading.value * known.scale) if scaled and known.scale is not None else known.reading.value
    if suspect.value < before and new.value - before >= before - suspect.value:
        return True  # it has risen by more since than it had fallen
    wrap = modulus(min(known.reading.width, suspect.width))
    return suspect.value >= before % wrap and (suspect.value - before) % wrap > pace.most(meter(new.code).unit, 0)


def _confirmed(known: Last, new: Reading, evidence: SnapshotEvidence) -> bool:
    if evidence.confirmed is not None:
        return evidence.confirmed
    return known.suspect is not None and new.value >= known.suspect.value


def _follows(known: Last, scale: Fraction, new: Reading, pace: Pace) -> bool:
    """Is it the old value in credits of the new worth, and some play: or has more than the denomination changed."""
    wrap = modulus(min(known.reading.width, new.width))
    most = _most(known, new, pace)
    least = int(known.reading.value * scale)
    return most is None or (new.value - least) % wrap <= most


def _perhaps_cleared(votes: Sequence[_Vote]) -> Together | None:
    """A memory error was told: cleared, or perhaps cleared and all of it past its old values since. None: as usual.

    A meter that stands where it stood, or higher than it could have come from 0, shows that it was not cleared.
    """
    if any(vote.stands or not vote.could_regrow for vote in votes):
        return None
    fallen = [vote for vote in votes if vote.fell]
    if any(not vote.could_wrap for vote in fallen):
        return "ram_clear"
    # What stood at 0 could only have lost what was counted since, and that no reading ever showed.
    return "open" if any(vote.could_fall for vote in votes) else None


def _fell(known: Last, new: Reading) -> bool:
    return meter(new.code).monotonic and new.width == known.reading.width and new.value < known.reading.value
