"""The hall's own table of meters says the same as the protocol's."""

import pytest

from edge.hall.meters import FIRST_SNAPSHOT, METERS, meter


def test_credits_on_the_machine_are_a_level_and_coin_in_only_rises():
    assert not meter(0x0C).monotonic
    assert meter(0x00) == (0x00, "credits", True)
    assert meter(0xB8).unit == "cents"
    assert meter(0x40).unit == "count"


def test_what_is_read_first_is_known():
    assert all(code in METERS for code in FIRST_SNAPSHOT)


def test_the_table_agrees_with_the_protocols_own():
    theirs = pytest.importorskip("protocols.sas.catalog.meter_codes").METERS
    for code, row in theirs.items():
        if "reserved" in row.slug:
            continue
        assert METERS[code].unit == row.unit, hex(code)
        assert METERS[code].monotonic == row.monotonic, hex(code)
    assert set(METERS) <= set(theirs)
