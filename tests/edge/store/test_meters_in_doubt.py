"""Bookkeeping of snapshots that are not to be believed at once, and of changes that a snapshot shows only in part."""

from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.store.last_exceptions import note_exception
from edge.store.meters import Snapshot, counted, record_snapshot

CENT, NICKEL = Denomination(1, 1, 1), Denomination(2, 5, 1)


def read(tx, *, denomination=CENT, confirmed=None, coherent=True, **values):
    readings = [Reading(0, None, int(name[1:], 16), value, 4) for name, value in values.items()]
    recorded = record_snapshot(
        tx,
        Snapshot(
            17, tx.later(900), "interval", readings, denomination=denomination, confirmed=confirmed, coherent=coherent
        ),
    )
    return [judged.verdict.kind for judged in recorded.judged]


def test_a_first_reading_that_its_second_read_contradicts_is_kept_and_nothing_is_counted_from_it(hall):
    assert read(hall, m00=12, confirmed=False) == ["corrupt_read"]
    assert read(hall, m00=50_010) == ["first"]
    assert read(hall, m00=50_030) == ["delta"]
    assert counted(hall, 17, 0x00) == 20


def test_a_change_of_denomination_first_seen_without_a_meter_is_still_one_when_the_meter_is_read(hall):
    """From five cents to one, coin out rises fivefold: nobody won that."""
    read(hall, denomination=NICKEL, m00=1_000, m01=800, m05=40)
    assert read(hall, m00=5_000, m05=40) == ["denomination_change", "equal"]
    assert read(hall, m00=5_010, m01=4_005, m05=41) == ["delta", "denomination_change", "delta"]
    assert read(hall, m00=5_020, m01=4_008, m05=42) == ["delta", "delta", "delta"]
    assert (counted(hall, 17, 0x00), counted(hall, 17, 0x01)) == (20, 3)


def test_a_memory_error_waits_until_a_snapshot_is_believed(hall):
    read(hall, m00=85_000, m01=60_000, m05=400)
    note_exception(hall, 17, 0x31, 12)
    read(hall, m00=86_000, m01=61_000, m05=401, confirmed=False)
    assert read(hall, m00=85_300, m01=9, m05=410) == ["ram_clear"] * 3


def test_a_snapshot_read_across_a_moment_is_not_proved_by_what_was_read_before_it(hall):
    read(hall, m00=8_000, m05=50, m0B=99_949_337)
    assert read(hall, m00=8_000, m05=51, m0B=3, coherent=False) == ["corrupt_read"] * 3
