"""The tables against what the protocol document says of them; sizes against the second reader's own copy."""

from fractions import Fraction

import pytest

from protocols.sas.catalog.companion import COMPANION, RESERVED
from protocols.sas.catalog.countries import COUNTRIES
from protocols.sas.catalog.denominations import BILL_ALIASES, BILLS, DENOMINATIONS
from protocols.sas.catalog.exception_codes import EXCEPTIONS, NOT_IN_RTE, PRIORITY_ORDER, RTE_BYTES, RTE_ONLY
from protocols.sas.catalog.index import BY_CODE, name_of, poll
from protocols.sas.catalog.meter_codes import METERS, MIN_SIZES
from protocols.sas.catalog.state import HANDPAY_INFORMATION, handpay_unit
from protocols.sas.fields import Bcd
from protocols.sas.longpoll import Kind
from tests.vectors import oracle

# long polls ----------------------------------------------------------------------------------------------------------


def test_every_poll_has_the_kind_and_the_lengths_of_the_list_in_5_1():
    for code, row in BY_CODE.items():
        assert (code in oracle.READ) == (row.kind is Kind.R), row.name
        assert (code in oracle.ONLY_ACK) == (row.reply is None), row.name
        if row.kind is not Kind.R:
            assert row.request_size == oracle.REQUEST_SIZE.get(code), row.name
        if row.reply is not None and row.reply_size is not None and row.reply_least == row.reply_size:
            single = 8 if code in oracle.SINGLE or code in oracle.BILLS else None
            assert row.reply_size == oracle.REPLY_SIZE.get(code, single), row.name


def test_no_read_poll_of_the_list_is_missing():
    assert not oracle.READ - set(BY_CODE)


def test_nobody_is_in_the_catalogue_without_a_name_and_a_source():
    for code, row in BY_CODE.items():
        assert poll(code) is row
        assert row.name
        assert row.source.startswith("sas-core ")


def test_a_poll_that_tells_meters_names_codes_of_the_table_with_their_units():
    for row in BY_CODE.values():
        fields = {one.name: one for one in row.reply or ()}
        for field, code in row.meters.items():
            assert isinstance(fields[field], Bcd)
            assert fields[field].unit == METERS[code].unit, f"{row.name}: {field}"


def test_a_meter_of_two_bytes_keeps_its_own_width():
    # 18: they wrap at 10,000, which a reading has to say (sas-core 5.2)
    assert [(one.name, one.size, one.largest) for one in poll(0x18).reply] == [
        ("since_power_up", 2, 9999), ("since_door_closed", 2, 9999),
    ]  # fmt: skip
    assert poll(0x18).meters == {"since_power_up": 0x25, "since_door_closed": 0x26}


def test_polls_that_one_source_or_a_later_version_brought_are_marked():
    assert {code for code, row in BY_CODE.items() if not row.certain} == {0x0C, 0x0D}
    assert {code for code, row in BY_CODE.items() if row.version == "6.03"} == {0xB6, 0xB7}
    assert {code for code, row in BY_CODE.items() if row.version} == {0xB6, 0xB7}


def test_volume_and_sound_have_four_bytes_of_which_nobody_knows_more():
    # QUIRKS Q24: request 8 bytes in the one list that has them
    for code in (0x0C, 0x0D):
        assert (poll(code).request_size, poll(code).reply) == (8, None)


def test_only_the_handpay_is_taken_away_by_asking():
    assert {code for code, row in BY_CODE.items() if row.consumes} == {0x1B}


@pytest.mark.parametrize(
    ("level", "unit"),
    [(0x00, "credits"), (0x01, "cents"), (0x20, "cents"), (0x21, "credits"), (0x40, "credits"), (0x80, "credits")],
)
def test_the_amount_of_a_handpay_is_cents_for_progressive_levels_and_credits_otherwise(level, unit):
    # 40 is one source's top award and another's non-progressive win: the same for us (QUIRKS X12)
    assert handpay_unit(level) == unit
    assert {one.name: one.unit for one in HANDPAY_INFORMATION.reply}["amount"] == "", "no unit of its own"


# what is left to other steps -----------------------------------------------------------------------------------------


def test_a_poll_is_either_ours_or_left_to_another_step_or_reserved():
    assert not set(COMPANION) & set(BY_CODE)
    assert not set(RESERVED) & (set(BY_CODE) | set(COMPANION))
    assert set(BY_CODE) | set(COMPANION) | {0x30} == set(range(0xB8)) - {
        0x00, 0x4B, 0x4E, 0x60, 0x61, 0x68, 0x6C, 0x6D, 0x78, 0x79, 0x81, 0x82, 0x88, 0x89, 0x8D, *range(0x91, 0x94),
        *range(0x9B, 0xA0), *range(0xA1, 0xA4), *range(0xA5, 0xA8), 0xA9, *range(0xAB, 0xAF),
    }  # fmt: skip


def test_what_is_left_to_another_step_has_a_name_a_kind_and_sizes():
    for code, row in COMPANION.items():
        assert row.code == code
        assert row.name
        assert row.kind in ("R", "S", "M", "S/G", "R or S")
        assert row.request
        assert row.reply
        assert row.request == "2" or row.kind != "R", "a read poll is two bytes"
    assert list(COMPANION) == sorted(COMPANION)


def test_the_broadcasts_of_1_6_are_those_of_both_tables():
    ours = {code for code, row in BY_CODE.items() if row.broadcast}
    assert ours | {code for code, row in COMPANION.items() if row.kind == "S/G"} == oracle.BROADCAST


def test_every_code_that_somebody_named_has_a_name_here():
    assert name_of(0x1B) == "handpay information"
    assert name_of(0x72) == "AFT transfer funds"
    assert name_of(0x30).startswith("overflowed exceptions")
    assert name_of(0x4B) is None


@pytest.mark.parametrize("code", [0x30, 0xEB, 0xA5, 0xFD, 0xFF, 0x77])
def test_what_must_not_be_polled_is_not_in_the_catalogue(code):
    with pytest.raises(KeyError):
        poll(code)


# exceptions ----------------------------------------------------------------------------------------------------------

UNUSED = {*range(0x01, 0x11), 0x30, *range(0x5B, 0x5F), 0x62, 0x63, 0x64, *range(0xA3, 0x100)}


def test_the_exceptions_are_those_of_the_list_and_no_reserved_one_has_a_meaning():
    assert not UNUSED & set(EXCEPTIONS)
    assert len(EXCEPTIONS) == 128
    assert {code for code, row in EXCEPTIONS.items() if row.klass == "-"} == {0x00, 0x1F, 0x58, 0x8D}


def test_priority_exceptions_are_those_of_the_class_column():
    assert {code for code, row in EXCEPTIONS.items() if row.klass == "P"} == {
        0x3F, 0x56, 0x57, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6F, 0x70, 0x8F,
    }  # fmt: skip
    assert {code for code, row in EXCEPTIONS.items() if row.klass == "Q/P"} == {0x3D, 0x3E, 0x51, 0x52, 0x55}


def test_the_order_of_priorities_begins_with_tickets_and_ends_with_the_overflow():
    assert PRIORITY_ORDER[0] == 0x57
    assert PRIORITY_ORDER[-1] == 0x70
    assert PRIORITY_ORDER.index(0x52) < PRIORITY_ORDER.index(0x51)
    assert all("P" in EXCEPTIONS[code].klass for code in PRIORITY_ORDER)


def test_only_these_exceptions_carry_data_in_event_frames():
    assert RTE_BYTES == {0x4F: 6, 0x7C: 10, 0x7E: 8, 0x7F: 4, 0x88: 2, 0x8A: 4, 0x8B: 1, 0x8C: 2}
    assert all(row.rte_bytes == RTE_BYTES.get(code, 0) for code, row in EXCEPTIONS.items())
    assert set(EXCEPTIONS) >= RTE_ONLY | NOT_IN_RTE


def test_exceptions_of_the_later_version_are_marked():
    assert {code for code, row in EXCEPTIONS.items() if row.version == "6.03"} == {
        0x2F, 0x59, 0x5A, 0x5F, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
    }  # fmt: skip
    assert all(row.version in ("", "6.03") for row in EXCEPTIONS.values())


def test_what_only_one_source_tells_is_marked_as_uncertain():
    # 26, 65 and 73 are QUIRKS X11
    assert {code for code, row in EXCEPTIONS.items() if not row.certain} == {0x26, 0x2F, 0x5F, 0x65, 0x73, 0x9E, 0x9F}


def test_slugs_are_words_that_stand_once():
    for rows in (EXCEPTIONS.values(), METERS.values()):
        slugs = [row.slug for row in rows]
        assert len(set(slugs)) == len(slugs)
        assert all(slug.replace("_", "").isalnum() and slug == slug.lower() and slug.isascii() for slug in slugs)


# meters --------------------------------------------------------------------------------------------------------------


def test_the_meters_are_those_of_the_table_and_its_gaps_are_kept():
    assert set(METERS) == set(range(0x100)) - oracle.RESERVED
    assert {code for code, size in MIN_SIZES.items() if size == 5} == oracle.FIVE_BYTES
    assert set(MIN_SIZES.values()) == {4, 5}


def test_keyed_funds_came_with_the_later_version():
    assert {code for code, row in METERS.items() if row.version} == set(range(0xFA, 0x100))


def test_every_meter_of_five_bytes_counts_cents_and_no_other_does():
    assert {code for code, row in METERS.items() if row.unit == "cents"} == oracle.FIVE_BYTES


def test_levels_may_fall_and_totals_may_not():
    falling = {code for code, row in METERS.items() if not row.monotonic}
    assert falling >= {0x0C, 0x1B, 0x25, 0x26, 0x3E, 0x3F, 0x7F}
    assert not falling & {0x00, 0x01, 0x02, 0x05, 0x0B, 0x24}


def test_a_meter_with_a_poll_of_its_own_is_the_meter_of_that_poll():
    for code, row in METERS.items():
        if row.single_poll is None or row.single_poll not in BY_CODE:
            continue
        alone = BY_CODE[row.single_poll]
        if alone.meters:
            pair = [0x25, 0x26]
            told = pair if code in pair else [code]
            assert list(alone.meters.values()) == told, f"{row.name} in {alone.name}"


def test_the_polls_of_bills_keep_their_odd_order():
    values = {0x38: "500", 0x39: "1_000", 0x3A: "200", 0x3B: "25", 0x3C: "2_000", 0x3E: "2_500", 0x45: "250"}
    for code, value in values.items():
        assert [one.name for one in poll(code).reply] == [f"bills_accepted_value_{value}_count"]


# money ---------------------------------------------------------------------------------------------------------------


def test_denominations_are_exact_fractions_of_the_currency():
    assert DENOMINATIONS[0x00] is None
    assert DENOMINATIONS[0x01] == Fraction(1, 100)
    assert DENOMINATIONS[0x0D] == Fraction(5, 2)
    assert DENOMINATIONS[0x16] == 5000
    assert DENOMINATIONS[0x1C] == Fraction(1, 400)
    assert DENOMINATIONS[0x1F] == Fraction(1, 2000)
    assert set(DENOMINATIONS) == set(range(0x20)), "20 to 3F are reserved, 40 and FF invalid"
    assert all(isinstance(value, Fraction) for value in list(DENOMINATIONS.values())[1:])
    assert len(set(DENOMINATIONS.values())) == len(DENOMINATIONS)


def test_bills_are_numbered_in_packed_bcd_and_understood_in_binary_too():
    assert (BILLS[0x00], BILLS[0x09], BILLS[0x10], BILLS[0x23]) == (1, 250, 500, 1_000_000)
    assert not set(BILLS) & set(BILL_ALIASES)
    assert BILL_ALIASES == {0x0A: 500, 0x0B: 1000, 0x0C: 2000, 0x0D: 2500, 0x0E: 5000, 0x0F: 10_000}


def test_bills_name_one_of_forty_countries():
    assert (COUNTRIES[0], COUNTRIES[1], COUNTRIES[37], COUNTRIES[39]) == ("unknown", "Argentina", "United States", "Euro")
    assert set(COUNTRIES) == set(range(40))
    assert len(set(COUNTRIES.values())) == 40
