"""Every SAS exception code, known, reserved or new, makes exactly one fact that the catalogue accepts (EVT-02)."""

from datetime import UTC, datetime

import pytest

from edge.hall.events import KINDS, Fact, check
from edge.hall.exceptions import MEANINGS, NO_ACTIVITY, UNKNOWN, exception_data, meaning

AT = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize("code", range(256))
def test_each_code_from_00_to_ff_makes_a_fact_the_catalogue_accepts(code):
    for repeat in (False, True):
        data = exception_data(100417, code, location="17", maybe_repeat=repeat)
        check(Fact(meaning(code).kind, "egm/100417", AT, data))
        assert data["sas_exception"] == code
        assert ("maybe_repeat" in data) is repeat


@pytest.mark.parametrize(
    ("code", "kind", "member", "value"),
    [
        (0x11, "hall.egm.door.opened.v1", "door", "main"),
        (0x1E, "hall.egm.door.closed.v1", "door", "belly"),
        (0x98, "hall.egm.door.accessed_unpowered.v1", "door", "card_cage"),
        (0x45, "hall.egm.reel.faulted.v1", "reel", 5),
        # the bills of section 7, in their irregular order
        (0x47, "hall.egm.bill.accepted.v1", "bill_denomination", 1),
        (0x4D, "hall.egm.bill.accepted.v1", "bill_denomination", 2),
        (0x4E, "hall.egm.bill.accepted.v1", "bill_denomination", 500),
        (0x50, "hall.egm.bill.accepted.v1", "bill_denomination", 200),
        (0x81, "hall.egm.hopper.level.v1", "level", "low"),
    ],
)
def test_a_code_says_what_the_standard_says(code, kind, member, value):
    assert meaning(code).kind == kind
    assert exception_data(7, code)[member] == value


def test_a_bill_of_unknown_value_and_a_reel_not_specified_leave_the_member_out():
    assert "bill_denomination" not in exception_data(7, 0x4F)
    assert "reel" not in exception_data(7, 0x40)


def test_a_place_that_is_no_number_is_left_out():
    assert exception_data(7, 0x11, location="17")["location"] == 17
    for place in ("A-17", "1234567890", "", "٣", None):  # an Arabic digit, which int() would take
        assert "location" not in exception_data(7, 0x11, location=place)


@pytest.mark.parametrize("code", [0x01, 0x10, 0x30, 0x58, 0x5B, 0x62, 0x8D, 0x90, 0xA3, 0xFF])
def test_a_reserved_code_is_unknown_with_its_raw_value(code):
    assert meaning(code) == (UNKNOWN, {})


def test_the_buffer_overflow_is_an_alarm_and_goes_ahead():
    kind = KINDS[meaning(0x70).kind]
    assert (kind.kind, kind.priority, kind.live_class) == ("hall.egm.exceptions.lost.v1", "alarm", "fault")


def test_the_table_has_a_row_for_every_exception_of_the_protocol_that_is_not_reserved():
    codes = pytest.importorskip("protocols.sas.catalog.exception_codes")
    known = {code for code, row in codes.EXCEPTIONS.items() if "reserved" not in row.slug} - NO_ACTIVITY
    assert known - set(MEANINGS) == set()
    assert set(MEANINGS) - known == set()
