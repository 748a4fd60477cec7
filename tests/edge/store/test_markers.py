"""A line starts polling at once only if its last stop is proven clean."""

from edge.store.last_exceptions import last_exception, note_exception
from edge.store.markers import clear_markers, mark_clean, take_markers


def test_a_line_is_clean_from_its_mark_until_it_is_cleared(tx):
    assert take_markers(tx) == {}
    mark_clean(tx, "A")
    mark_clean(tx, "B")
    mark_clean(tx, "A")
    assert take_markers(tx) == {"A": "2026-11-23T00:00:00.000Z", "B": "2026-11-23T00:00:00.000Z"}
    assert take_markers(tx) != {}, "reading takes nothing away"
    clear_markers(tx, ["A", "C"])
    assert set(take_markers(tx)) == {"B"}


def test_the_last_exception_of_each_machine_is_known_with_its_place_in_the_log(hall):
    assert last_exception(hall, 17) is None
    note_exception(hall, 17, 0x11, 5)
    note_exception(hall, 18, 0x51, 6)
    note_exception(hall, 17, 0x12, 7)
    assert last_exception(hall, 17)[:2] == (0x12, 7)
    assert last_exception(hall, 18)[:2] == (0x51, 6)
