"""Which exception makes the gateway ask what: the table, held against the standard's own column."""

from __future__ import annotations

from typing import get_args

import pytest

from edge.field.translate.followups import AFTER, REASON, Ask, meters_beside, reason_of
from edge.hall.catalogue.meters import REASONS
from edge.hall.exceptions import CLEAR_CERTAIN, CLEAR_POSSIBLE, HANDPAY_CLOSES, HANDPAY_OPENS, MEANINGS
from edge.hall.requests import SnapshotReason


def codes_of(kind: str) -> set[int]:
    return {code for code, meaning in MEANINGS.items() if meaning.kind == f"hall.egm.{kind}.v1"}


def test_after_what_may_change_the_meters_they_are_read() -> None:
    read = {code for code, asks in AFTER.items() if Ask.METERS in asks}
    assert read >= CLEAR_CERTAIN | CLEAR_POSSIBLE
    assert read <= MEANINGS.keys()
    assert codes_of("door.opened") | codes_of("door.accessed_unpowered") <= read
    assert codes_of("bill.accepted") <= read
    assert read >= HANDPAY_OPENS | set(HANDPAY_CLOSES)


def test_after_what_may_make_it_another_machine_it_is_asked_who_it_is_before_its_meters_are_read() -> None:
    """sas-core 9.3 and 9.5: power, changed programs, options, lost exceptions, cleared meters, components, games."""
    for code in (0x17, 0x18, 0x36, 0x38, 0x3C, 0x70, 0x7A, 0x85, 0x8E, 0xA2):
        assert AFTER[code] == (Ask.IDENTITY, Ask.DESCRIPTION, Ask.METERS), f"{code:02X}"


def test_mtr_07_every_reason_of_a_snapshot_is_told_in_the_catalogue() -> None:
    assert list(REASONS) == list(get_args(SnapshotReason))


def test_mtr_07_each_reading_after_a_drop_an_access_a_change_or_a_clear_says_which_it_was() -> None:
    drop = {code for code, meaning in MEANINGS.items() if meaning.data.get("door") in ("drop", "cashbox")}
    inside = {code for code, meaning in MEANINGS.items() if meaning.data.get("door") in ("main", "card_cage", "belly")}
    closed = codes_of("door.closed")
    expected: dict[SnapshotReason, set[int]] = {
        "drop": drop - closed
        | codes_of("cashbox.removed")
        | codes_of("cashbox.installed")
        | codes_of("bill.totals.reset"),
        "access": inside - closed | {0x84, 0x85},
        "service": codes_of("out_of_service"),
        "denomination": {
            0x3C,
            *codes_of("games.changed"),
            *codes_of("software.changed"),
            *codes_of("components.changed"),
        },
        "before_clear": {0xA0},
        "after_clear": set(CLEAR_CERTAIN | CLEAR_POSSIBLE),
    }
    assert {code: reason for reason, codes in expected.items() for code in codes} == REASON
    for code in REASON:
        assert Ask.METERS in AFTER[code] or Ask.CHANGE in AFTER[code], f"{code:02X} has a reason and asks for nothing"


def test_mtr_07_a_significant_event_of_no_kind_of_its_own_is_told_as_event() -> None:
    for code in (0x17, 0x18, 0x4A, 0x51, 0x52, 0x55, 0x5A, 0x70, 0xA1):
        assert Ask.METERS in AFTER[code]
        assert reason_of(code) == "event", f"{code:02X}"


def test_a_handpay_is_read_at_once_and_before_the_meters() -> None:
    assert {code for code, asks in AFTER.items() if Ask.HANDPAY in asks} == HANDPAY_OPENS
    assert AFTER[0x51][0] is Ask.HANDPAY


@pytest.mark.parametrize(
    ("code", "count"),
    [(0x47, 0x40), (0x48, 0x42), (0x49, 0x43), (0x4A, 0x44), (0x4B, 0x46), (0x4C, 0x47), (0x4D, 0x41), (0x4E, 0x4A),
     (0x50, 0x48)],
)  # fmt: skip
def test_after_a_bill_the_meter_that_counts_its_value_is_read(code: int, count: int) -> None:
    """sas-core 7 gives these codes the values 1 5 10 20 50 100 2 500 200; 8 gives each value its meter."""
    values = {0x40: 1, 0x41: 2, 0x42: 5, 0x43: 10, 0x44: 20, 0x46: 50, 0x47: 100, 0x48: 200, 0x4A: 500}
    assert MEANINGS[code].data["bill_denomination"] == values[count]
    assert meters_beside(code) == (0x0B, 0x3E, 0x3F, count)


def test_after_a_bill_of_unknown_value_every_count_is_read() -> None:
    assert set(meters_beside(0x4F)) >= set(range(0x40, 0x58))


def test_a_door_needs_no_bills() -> None:
    assert meters_beside(0x11) == ()
