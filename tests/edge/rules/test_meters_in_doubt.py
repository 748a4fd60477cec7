"""Snapshots in doubt: each rule beside the piece of a machine's life that needs it (MTR-03 to MTR-05, sas-core 9.6).

Each of these was counted wrongly, or called by the wrong name, before years of simulated lives showed it.
"""

from fractions import Fraction

import pytest

from edge.hall.meters import Reading
from edge.rules.meters import Evidence, Last, Pace, SnapshotEvidence, Verdict, difference, key_of, snapshot_verdicts

QUARTER_S = 900
NOT_BOOKED = Verdict("corrupt_read", None, False)


def meters(**values: int) -> list[Reading]:
    """Readings by code in hex: meters(m00=5, m05=1)."""
    return [Reading(0, None, int(name[1:], 16), value, 5 if name == "mA0" else 4) for name, value in values.items()]


def coin_in(value: int, width: int = 4) -> Reading:
    return Reading(0, None, 0x00, value, width)


class Machine:
    """Snapshot after snapshot of one machine, booked as the tables book them."""

    def __init__(self, **values: int) -> None:
        self.last = {key_of(one): Last(one, 0) for one in meters(**values)}

    def read(self, *, after_s: int | None = QUARTER_S, **said) -> list[tuple[str, int | None]]:
        """Kind and growth of each meter; `said` are meters, or evidence."""
        evidence = SnapshotEvidence(**{name: value for name, value in said.items() if not name.startswith("m")})
        readings = meters(**{name: value for name, value in said.items() if name.startswith("m")})
        for key, last in self.last.items():
            past = None if after_s is None or last.elapsed_s is None else last.elapsed_s + after_s
            self.last[key] = last._replace(elapsed_s=past)
        verdicts = snapshot_verdicts(self.last, readings, evidence)
        for one, verdict in zip(readings, verdicts, strict=True):
            key = key_of(one)
            self.last[key] = Last(one, 0) if verdict.booked else self.last[key]._replace(suspect=one)
        return [(verdict.kind, verdict.delta) for verdict in verdicts]


def test_two_reads_that_differ_book_nothing_however_plausible_the_number_is():
    evidence = Evidence(most=Pace().most("credits", QUARTER_S), confirmed=False)
    assert difference(coin_in(50_000), coin_in(50_400), evidence) == NOT_BOOKED
    assert difference(None, coin_in(50_400), evidence) == NOT_BOOKED, "nor may it be the first to count from"


def test_a_cleared_memory_is_not_begun_with_numbers_that_a_second_read_contradicts():
    machine = Machine(m00=50_000, m01=40_000, m05=900)
    assert machine.read(m00=0, m01=7, m05=0, confirmed=False) == [("corrupt_read", None)] * 3
    assert machine.read(m00=50_010, m01=40_000, m05=901) == [("delta", 10), ("equal", 0), ("delta", 1)]


def test_a_meter_that_never_showed_its_eighth_digit_may_have_seven_and_has_not_rolled_over_at_the_eighth():
    """9,521,250 -> 506,900 of a seven-digit meter, a day and a half later: 985,650, and not 90,985,650."""
    evidence = Evidence(most=Pace().most("credits", 82 * 3600))
    assert difference(coin_in(9_521_250), coin_in(506_900), evidence) == NOT_BOOKED
    assert difference(coin_in(50_000_000), coin_in(506_900), evidence).kind == "rollover"


def test_another_machine_that_tells_no_serial_number_is_not_counted_where_its_meters_stand_higher():
    machine = Machine(m00=144_560, m01=130_000, m05=6_409, m40=611)
    other = {"m00": 420_000, "m01": 100_000, "m05": 9_000, "m40": 700}
    assert machine.read(**other) == [("corrupt_read", None)] * 4, "held: one fell and nothing else proves the memory"
    assert machine.read(**{name: value + 1 for name, value in other.items()}) == [("ambiguous", None)] * 4
    assert machine.read(**{name: value + 3 for name, value in other.items()}) == [("delta", 2)] * 4


def test_a_bad_read_in_a_snapshot_without_a_meter_that_stands_costs_nothing_in_the_end():
    machine = Machine(m00=50_000, m01=40_000, m05=900)
    assert machine.read(m00=50_100, m01=12, m05=902) == [("corrupt_read", None)] * 3
    assert machine.read(m00=50_300, m01=40_250, m05=905) == [("delta", 300), ("delta", 250), ("delta", 5)]


def test_a_meter_that_stands_where_it_stood_proves_the_memory_and_the_others_are_counted():
    machine = Machine(m00=50_000, m01=40_000, m03=700, m05=900)
    verdicts = machine.read(m00=50_100, m01=12, m03=700, m05=902)
    assert verdicts == [("delta", 100), ("corrupt_read", None), ("equal", 0), ("delta", 2)]


def test_another_machine_of_which_one_meter_stands_where_the_old_one_stood_is_not_counted():
    """By chance it was paid 24,000 too. One fell, and others rose as only one huge win or transfer could let them."""
    machine = Machine(m00=566_840, m01=515_759, m02=469_580, m03=24_000, m05=28_342, m40=716)
    other = {"m00": 6_000_000, "m01": 5_400_000, "m02": 0, "m03": 24_000, "m05": 40_000, "m40": 1_000}
    assert machine.read(**other) == [("corrupt_read", None)] * 6
    later = machine.read(**{name: value + 1 for name, value in other.items()})
    assert {kind for kind, _ in later} == {"ambiguous"}


def test_in_an_incoherent_snapshot_a_standing_meter_proves_nothing_of_those_read_after_it():
    """Cleared between two of its meters: 0B was at 99,949,337 and would pass for a rollover by 50,666."""
    before = {"m00": 8_000, "m01": 700, "m05": 50, "m0B": 99_949_337}
    after = {"m00": 8_000, "m01": 700, "m05": 51, "m0B": 3}
    assert Machine(**before).read(**after)[3] == ("rollover", 50_666)
    assert Machine(**before).read(**after, coherent=False) == [("corrupt_read", None)] * 4


def test_values_too_high_to_have_come_from_zero_are_no_cleared_memory():
    machine = Machine(m00=95_000_000, m01=90_000_000, m05=8_000_000)
    other = {"m00": 41_000_000, "m01": 30_000_000, "m05": 2_000_000}
    assert machine.read(**other) == [("corrupt_read", None)] * 3
    assert machine.read(**{name: value + 1 for name, value in other.items()}) == [("ambiguous", None)] * 3


def test_a_memory_error_explains_no_fall_where_another_meter_stands_as_it_stood():
    machine = Machine(m00=1_755_400, m02=768_899, m03=57_820, m05=87_770)
    verdicts = machine.read(m00=1_755_840, m02=768_580, m03=57_820, m05=87_792, cleared="possible")
    assert verdicts == [("delta", 440), ("corrupt_read", None), ("equal", 0), ("delta", 22)]


def test_after_a_memory_error_meters_that_may_have_passed_their_old_values_are_for_a_person():
    """A machine of a few games: all it shows may have been counted since the clear, or since the last reading."""
    machine = Machine(m00=40, m01=12, m05=2)
    assert machine.read(m00=95, m01=60, m05=5, cleared="possible") == [("ambiguous", None)] * 3


def test_a_denomination_change_is_known_of_each_base_also_where_its_first_snapshot_lacked_the_meter():
    """Coin out is read again only after the change was seen: 104,660 cents became 20,932 credits of five."""
    base = Reading(0, None, 0x01, 104_660, 4)
    last = {key_of(base): Last(base, QUARTER_S, scale=Fraction(1, 5))}
    (verdict,) = snapshot_verdicts(last, [base._replace(value=20_940)], SnapshotEvidence())
    assert verdict == Verdict("denomination_change", None, True)


def test_credits_that_do_not_follow_the_new_denomination_are_more_than_a_new_denomination():
    """Another machine, of another denomination: its counts stand higher and would pass for play."""
    base = [Reading(0, None, 0x00, 10_000_000, 4), Reading(0, None, 0x05, 2_352, 4)]
    last = {key_of(one): Last(one, QUARTER_S, scale=Fraction(5)) for one in base}
    other = [base[0]._replace(value=45_000), base[1]._replace(value=9_000)]
    evidence = SnapshotEvidence(denomination_changed=True)
    assert snapshot_verdicts(last, other, evidence) == (NOT_BOOKED, NOT_BOOKED)
    same = [base[0]._replace(value=50_000_400), base[1]._replace(value=2_360)]
    assert [verdict.kind for verdict in snapshot_verdicts(last, same, evidence)] == ["denomination_change", "delta"]


@pytest.mark.parametrize(("after_s", "kind"), [(QUARTER_S, "delta"), (40 * 86_400, "ambiguous"), (None, "ambiguous")])
def test_a_suspect_is_settled_soon_or_by_a_person(after_s, kind):
    """Weeks after a value that was never settled, play from it explains the next as well as play from the old one."""
    machine = Machine(m00=3_954_584)
    assert machine.read(m00=41_127_703) == [("corrupt_read", None)]
    value = 41_329_023 if kind == "ambiguous" else 3_955_000
    assert machine.read(m00=value, after_s=after_s)[0][0] == kind


def test_time_alone_settles_no_suspect():
    """Too much for a quarter of an hour, and within the pace of half an hour: the next reading is no proof of it."""
    machine = Machine(m00=50_000)
    assert machine.read(m00=10_350_000) == [("corrupt_read", None)]
    assert machine.read(m00=10_350_040) == [("ambiguous", None)]


def test_a_meter_that_rose_by_more_than_it_had_fallen_may_have_gone_on_from_below():
    """Two young machines, swapped: one meter stood 30 lower for a quarter of an hour."""
    machine = Machine(m05=38, mA0=300)
    assert machine.read(m05=90, mA0=270) == [("corrupt_read", None)] * 2
    assert machine.read(m05=92, mA0=470) == [("ambiguous", None)] * 2


def test_a_value_that_came_again_by_chance_is_no_meter_that_stands():
    machine = Machine(m02=0, m00=400, m01=300, m0B=40, m05=2_688, mA0=43_200)
    assert machine.read(m02=4_000, m00=900, m01=800, m0B=70, m05=1_000, mA0=43_100) == [("corrupt_read", None)] * 6
    assert machine.read(m02=4_000, m00=950, m01=850, m0B=75, m05=1_003, mA0=43_200) == [("ambiguous", None)] * 6
