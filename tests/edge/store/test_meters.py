"""Snapshots in the books: exact values, differences that survive restarts, generations that never mix."""

from datetime import UTC, datetime

import pytest

from edge.errors import UnknownMachine
from edge.hall.devices import Identity
from edge.hall.events import Fact, check
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.store.devices import egm, note_identity
from edge.store.last_exceptions import note_exception
from edge.store.meters import (
    Snapshot,
    codes_read,
    counted,
    last_snapshot,
    latest_meters,
    name_snapshot,
    readings_of,
    record_snapshot,
)

CENT = Denomination(1, 1, 1)
EVENT = "5e1f0c8a94d2477bb0a36e21c97d5f08:7"


def read(tx, *, asset=17, denomination=CENT, after_s=900, width=4, **values):
    """Record a snapshot: read(tx, m00=5) is meter 00 at 5."""
    readings = [Reading(0, None, int(name[1:], 16), value, width) for name, value in values.items()]
    snapshot = Snapshot(asset, tx.later(after_s), "interval", readings, denomination=denomination)
    return record_snapshot(tx, snapshot, day="2026-11-23")


def verdicts(recorded) -> list[str]:
    return [judged.verdict.kind for judged in recorded.judged]


def test_a_day_of_readings_counts_end_minus_start(hall):
    for value in (80_000, 81_000, 85_000, 85_000):
        recorded = read(hall, m00=value, m05=value // 10)
    assert verdicts(recorded) == ["equal", "equal"]
    assert counted(hall, 17, 0x00) == 5_000
    assert [reading.value for reading in latest_meters(hall, 17)] == [85_000, 8_500]


def test_eighteen_digits_are_stored_exactly(hall):
    big = 999_999_999_999_999_990
    read(hall, width=9, m00=big)
    recorded = read(hall, width=9, m00=5)
    assert recorded.judged[0].verdict == ("rollover", 15, True)
    assert recorded.data()["readings"][0]["value"] == "5"
    assert last_snapshot(hall, 17).snapshot == recorded.snapshot
    assert readings_of(hall, recorded.snapshot - 1)[0].reading.value == big


def test_what_stands_in_the_snapshot_event_fits_the_catalogue(hall):
    recorded = read(hall, m00=5, m0C=100)
    check(Fact("hall.egm.meters.snapshot.v1", "egm/17", datetime(2026, 11, 23, tzinfo=UTC), recorded.data()))
    assert recorded.data()["readings"][0] == {
        "game": 0, "denomination": None, "code": 0, "value": "5", "width": 4, "delta": None, "verdict": "first",
    }  # fmt: skip


def test_a_spike_is_kept_as_a_suspect_and_the_old_line_goes_on(hall):
    read(hall, m00=50_000)
    spike = read(hall, m00=90_000_000)
    assert verdicts(spike) == ["corrupt_read"]
    assert spike.for_review[0].before == 50_000
    assert verdicts(read(hall, m00=50_010)) == ["delta"]
    assert counted(hall, 17, 0x00) == 10
    assert hall.execute("SELECT suspect_value FROM meter_last").fetchall() == [(None,)]


def test_a_fall_that_stays_is_ambiguous_and_counting_goes_on_from_there(hall):
    read(hall, m00=50_000)
    assert verdicts(read(hall, m00=30_000)) == ["corrupt_read"]
    assert verdicts(read(hall, m00=30_010)) == ["ambiguous"]
    assert verdicts(read(hall, m00=30_030)) == ["delta"]
    assert counted(hall, 17, 0x00) == 20


def test_7a_opens_a_generation_and_the_vendors_example_holds_across_a_restart(hall):
    for value in (80_000, 81_000, 85_000):
        read(hall, m00=value, m01=value)
    name_snapshot(hall, last_snapshot(hall, 17).snapshot, EVENT)
    note_exception(hall, 17, 0x7A, 12)
    recorded = read(hall, m00=0, m01=0)
    assert (recorded.previous_generation, recorded.generation, recorded.cause) == (1, 2, "ram_clear")
    assert recorded.last_event_id == EVENT
    for value in (0, 0, 5, 15):
        read(hall, m00=value, m01=value)
    assert counted(hall, 17, 0x00) == 5_015
    assert egm(hall, 17).generation == 2


def test_a_cleared_memory_nobody_told_us_of_is_seen_by_the_meters(hall):
    read(hall, m00=85_000, m01=60_000, m05=900)
    assert read(hall, m00=0, m01=0, m05=0).cause == "ram_clear"
    assert egm(hall, 17).generation_cause == "ram_clear"


def test_a_memory_error_waits_for_a_snapshot_that_can_tell(hall):
    read(hall, m00=85_000)
    note_exception(hall, 17, 0x31, 12)
    assert read(hall, m40=3).cause is None, "a meter never read before tells nothing"
    assert read(hall, m00=80_000).cause == "ram_clear"
    note_exception(hall, 17, 0x31, 13)
    assert read(hall, m00=80_001).cause is None
    assert verdicts(read(hall, m00=80_000)) == ["corrupt_read"], "the memory error is settled and explains no more"


def test_a_7a_that_may_be_a_repeat_does_not_open_a_second_generation(hall):
    read(hall, m00=85_000, m01=3)
    note_exception(hall, 17, 0x7A, 12)
    read(hall, m00=0, m01=0)
    note_exception(hall, 17, 0x7A, 13, maybe_repeat=True)
    recorded = read(hall, m00=8, m01=1)
    assert (recorded.cause, recorded.generation) == (None, 2)
    assert counted(hall, 17, 0x00) == 8


def test_a_7a_before_the_very_first_snapshot_is_settled_by_it(hall):
    note_exception(hall, 17, 0x7A, 12)
    assert verdicts(read(hall, m00=0, m01=0)) == ["first", "first"]
    recorded = read(hall, m00=8, m01=1)
    assert (recorded.cause, recorded.generation, verdicts(recorded)) == (None, 1, ["delta", "delta"])


def test_another_machine_at_the_address_counts_nothing_across(hall):
    note_identity(hall, 17, Identity(serial="SN-1"))
    read(hall, m00=50_000, m05=10)
    note_identity(hall, 17, Identity(serial="SN-2"))
    recorded = read(hall, m00=70_000, m05=90, m06=1)
    assert verdicts(recorded) == ["replaced", "replaced", "first"]
    assert (recorded.cause, recorded.generation) == ("replaced", 2)
    assert verdicts(read(hall, m00=70_001, m05=90, m06=1)) == ["delta", "equal", "equal"]
    assert counted(hall, 17, 0x00) == 1


def test_another_denomination_rebases_credits(hall):
    read(hall, m00=50_000, m05=10)
    recorded = read(hall, denomination=Denomination(2, 5, 1), m00=10_000, m05=12)
    assert verdicts(recorded) == ["denomination_change", "delta"]
    assert (recorded.denomination_changed, recorded.denomination_before, recorded.generation) == (True, CENT, 1)
    assert counted(hall, 17, 0x05) == 2


def test_when_the_clock_went_back_a_fall_is_not_explained_as_a_wrap(hall):
    read(hall, m00=99_999_990)
    assert verdicts(read(hall, after_s=-5000, m00=5)) == ["corrupt_read"]


def test_games_have_series_of_their_own(hall):
    readings = [Reading(game, own, 0x00, 10 + game, 4) for game in (0, 1) for own in (None, 1)]
    recorded = record_snapshot(hall, Snapshot(17, hall.later(1), "first", readings), day="2026-11-23")
    assert len({judged.reading for judged in recorded.judged}) == 4
    assert latest_meters(hall, 17) == readings


def test_meters_of_two_machines_do_not_meet(hall):
    read(hall, asset=17, m00=50)
    assert verdicts(read(hall, asset=18, m00=3)) == ["first"]


def test_a_machine_that_is_not_registered_has_no_meters(hall):
    with pytest.raises(UnknownMachine):
        read(hall, asset=99, m00=1)


def test_meters_that_only_a_denomination_told_are_none_of_the_machine_as_a_whole(hall):
    readings = [Reading(0, None, 0x00, 5, 4), Reading(0, 2, 0x00, 5, 4), Reading(0, 2, 0x06, 1, 4)]
    record_snapshot(hall, Snapshot(17, hall.now, "interval", readings, denomination=CENT))
    assert codes_read(hall, 17) == (0x00,)
    assert latest_meters(hall, 17) == readings
