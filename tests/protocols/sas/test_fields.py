"""Field words at their edges: the last value that fits, the first that does not, and errors that name the field."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import BadField, BadLength
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.clock_fields import Date, Time
from protocols.sas.fields import (
    Ascii,
    Bcd,
    Binary,
    Counted,
    Flags,
    MeterCodes,
    MeterValue,
    Raw,
    Rest,
    Several,
    SizedMeter,
    SizedMeters,
    TabledMeters,
    Tail,
    read_bcd,
    write_bcd,
)
from tests.support.fieldvalues import value_of

KINDS = [
    Bcd("meter", 8), Bcd("two", 2), Binary("byte"), Binary("wide", 4), Flags("mask", 4), Flags("stops", 9, short=5),
    Ascii("id", 6), Rest("serial", 40), Counted("name", 20), Raw("data", 253),
    Date("date"), Time("time"), Several("games", Bcd("game", 4)),
    Several("codes", Binary("code")), MeterCodes("meters", 1, 10), MeterCodes("meters", 2, 12), SizedMeters("meters"),
    SizedMeter("coin_in", 0), TabledMeters("meters", {0x00: 4, 0x0D: 5}), Tail(Bcd("level", 8)),
]  # fmt: skip
EACH = pytest.mark.parametrize("field", KINDS, ids=lambda field: f"{type(field).__name__} {field.name}")


def read(field, text):
    data = bytes.fromhex(text)
    value, at = field.decode(data, 0, len(data))
    assert at == len(data), "the field says where the next one begins"
    return value


def test_every_kind_of_field_in_the_catalogue_is_looked_at_here():
    used = {type(field) for poll in BY_CODE.values() for field in (*poll.request, *(poll.reply or ()))}
    assert used <= {type(field) for field in KINDS}


@EACH
@given(data=st.data())
def test_what_is_written_is_read(field, data):
    if isinstance(field, TabledMeters):
        value = data.draw(st.sampled_from([(), (MeterValue(0x0D, 5, 7),), (MeterValue(0, 4, 1), MeterValue(0, 4, 2))]))
    else:
        value = data.draw(value_of(field))
    written = field.encode(value)
    assert field.decode(b"\xff" + written, 1, 1 + len(written)) == (value, 1 + len(written))
    if field.size is not None and not isinstance(field, Flags):
        assert len(written) == field.size


@EACH
@given(data=st.binary(max_size=24), start=st.integers(0, 4))
def test_any_bytes_are_read_or_refused_and_nothing_is_read_behind_the_end(field, data, start):
    start = min(start, len(data))
    at = start
    with contextlib.suppress(BadField, BadLength):
        _, at = field.decode(data, start, len(data))
    assert start <= at <= len(data)


@EACH
@given(
    value=st.one_of(
        st.none(), st.booleans(), st.floats(), st.integers(), st.text(), st.binary(), st.lists(st.integers(-1, 300)).map(tuple),
        st.lists(st.text()).map(tuple), st.just((MeterValue(-1, 4, 5),)), st.just((MeterValue(0, 10, 5),)),
        st.just((MeterValue(0, 4, None),)), st.just((MeterValue(0, 4, -1),)), st.just((MeterValue(0, 0, 0),)),
        st.just(MeterValue(0, 4, 10**8)), st.just((MeterValue(2**16, 4, 5),)),
    )
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_with_the_name_of_the_field(field, value):
    try:
        field.encode(value)
    except BadField as refused:
        named = refused.field
    else:
        return
    assert named in (field.name, "game", "code"), "an item of a list may name itself"


@pytest.mark.parametrize(("digits", "largest"), [(2, 99), (4, 9999), (8, 99_999_999), (10, 9_999_999_999), (18, 10**18 - 1)])
def test_a_packed_number_holds_its_digits_and_not_one_more(digits, largest):
    field = Bcd("meter", digits)
    assert field.largest == largest
    assert field.encode(largest) == b"\x99" * (digits // 2)
    assert read(field, "99" * (digits // 2)) == largest
    with pytest.raises(BadField, match="meter") as caught:
        field.encode(largest + 1)
    assert caught.value.field == "meter"
    with pytest.raises(BadField):
        field.encode(-1)


def test_packed_numbers_come_most_significant_first():
    assert read(Bcd("credits", 8), "00 00 14 51") == 1451


def test_binary_numbers_come_low_byte_first():
    assert read(Binary("tenths", 2), "2C 01") == 300
    assert Binary("tenths", 2).encode(65535) == b"\xff\xff"
    with pytest.raises(BadField):
        Binary("tenths", 2).encode(65536)


@given(st.integers(1, 9), st.integers(0, 17), st.sampled_from("ABCDEF"))
def test_a_digit_above_nine_is_refused_wherever_it_stands(size, place, digit):
    digits = list("0" * (2 * size))
    digits[place % len(digits)] = digit
    with pytest.raises(BadField, match="digit above 9") as caught:
        read_bcd("drop", bytes.fromhex("".join(digits)))
    assert caught.value.field == "drop"


@given(st.integers(0, 10**18 - 1))
def test_nine_bytes_hold_eighteen_digits(value):
    assert read_bcd("meter", write_bcd("meter", value, 9)) == value


def test_yes_and_no_are_not_numbers():
    with pytest.raises(BadField):
        Binary("enable").encode(True)


def test_text_is_padded_with_blanks_on_the_wire_and_read_as_it_came():
    assert Ascii("paytable_id", 6).encode("PT1") == b"PT1   "
    assert read(Ascii("paytable_id", 6), b"PT1   ".hex()) == "PT1   "
    with pytest.raises(BadField):
        Ascii("paytable_id", 6).encode("1234567")


def test_what_is_not_ascii_is_refused_and_not_guessed():
    for field in (Ascii("id", 1), Rest("id", 1)):
        with pytest.raises(BadField, match="id is not ASCII"):
            read(field, "80")
        assert read(field, "7F") == "\x7f"
        with pytest.raises(BadField):
            field.encode("é")


def test_a_serial_number_may_be_absent_and_has_at_most_its_length():
    assert read(Rest("serial", 40), "") == ""
    assert read(Rest("serial", 40), "41" * 40) == "A" * 40
    with pytest.raises(BadLength, match="serial has 41 bytes"):
        read(Rest("serial", 40), "41" * 41)


def test_counted_text_may_be_empty_but_neither_too_long_nor_cut():
    assert read(Counted("name", 20), "00") == ""
    assert read(Counted("name", 20), "14" + "42" * 20) == "B" * 20
    with pytest.raises(BadField, match="20 characters, not 21"):
        read(Counted("name", 20), "15" + "42" * 21)
    with pytest.raises(BadLength, match="ends inside name"):
        read(Counted("name", 20), "02 42")


@pytest.mark.parametrize("good", ["01012026", "12312025", "02290000", "04302026", "10310001"])
def test_a_day_of_the_calendar_is_taken(good):
    assert read(Date("date"), good) == good


@pytest.mark.parametrize("bad", ["00012026", "13012026", "01002026", "01322026", "02302026", "04312026", "0A012026"])
def test_a_day_that_does_not_exist_is_refused(bad):
    with pytest.raises(BadField, match="date is MMDDYYYY") as caught:
        read(Date("date"), bad)
    assert caught.value.field == "date"


@pytest.mark.parametrize("good", ["000000", "235959", "090909"])
def test_a_time_of_day_is_taken(good):
    assert read(Time("time"), good) == good


@pytest.mark.parametrize("bad", ["240000", "006000", "000060", "0A0000", "FFFFFF"])
def test_a_time_that_no_clock_shows_is_refused(bad):
    with pytest.raises(BadField, match="time is HHMMSS"):
        read(Time("time"), bad)


def test_a_list_that_says_more_items_than_come_is_cut():
    field = Several("games", Bcd("game", 4))
    assert read(field, "02 00 01 00 02") == (1, 2)
    with pytest.raises(BadLength):
        read(field, "03 00 01 00 02")
    assert Several("codes", Binary("code")).encode(tuple(range(255))) == bytes([255, *range(255)])
    with pytest.raises(BadField):
        Several("codes", Binary("code")).encode(tuple([0] * 256))


def test_a_request_asks_for_one_meter_at_least_and_for_ten_or_twelve_at_most():
    for field in (MeterCodes("meters", 1, 10), MeterCodes("meters", 2, 12)):
        with pytest.raises(BadField):
            field.encode(())
        with pytest.raises(BadField):
            field.encode(tuple(range(field.most + 1)))
        assert read(field, "00" * field.width * field.most) == (0,) * field.most
        with pytest.raises(BadLength):
            read(field, "00" * field.width * (field.most + 1))
        with pytest.raises(BadLength):
            read(field, "")
    with pytest.raises(BadLength, match="3 bytes"):
        read(MeterCodes("meters", 2, 12), "00 00 00")


def test_a_meter_of_size_zero_is_not_supported_which_is_not_zero():
    assert read(SizedMeters("meters"), "24 00 00") == (MeterValue(0x24, 0, None),)
    assert read(SizedMeters("meters"), "24 00 01 00") == (MeterValue(0x24, 1, 0),)
    assert SizedMeters("meters").encode((MeterValue(0x24, 0, None),)) == bytes.fromhex("24 00 00")
    with pytest.raises(BadField):
        SizedMeters("meters").encode((MeterValue(0x24, 4, None),))


def test_a_meter_has_nine_bytes_at_most():
    assert read(SizedMeters("meters"), "00 00 09" + "99" * 9) == (MeterValue(0, 9, 10**18 - 1),)
    with pytest.raises(BadField, match="0000 claims 10 bytes") as caught:
        read(SizedMeters("meters"), "00 00 0A" + "00" * 10)
    assert caught.value.field == "meter 0000"
    with pytest.raises(BadField):
        SizedMeters("meters").encode((MeterValue(0, 10, 0),))


def test_a_bad_digit_names_its_meter():
    with pytest.raises(BadField, match="meter 000D") as caught:
        read(SizedMeters("meters"), "00 00 01 00 0D 00 01 0A")
    assert caught.value.field == "meter 000D"
    with pytest.raises(BadField, match="meter 0D") as caught:
        read(TabledMeters("meters", {0x0D: 5}), "0D 00 00 00 0C 00")
    assert caught.value.field == "meter 0D"


def test_a_meter_of_unknown_width_ends_all_sense_of_the_frame():
    with pytest.raises(BadField, match="meter 3A is not in the table"):
        read(TabledMeters("meters", {0x00: 4}), "00 00 00 00 01 3A 00 00 00 00")


def test_a_cut_meter_is_an_error():
    with pytest.raises(BadLength, match="ends inside meter 00"):
        read(TabledMeters("meters", {0x00: 4}), "00 00 00 00")
    with pytest.raises(BadLength):
        read(SizedMeters("meters"), "00 00 04 00 00 00")
    with pytest.raises(BadLength):
        read(SizedMeters("meters"), "00 00")


def test_raw_bytes_go_to_the_end_of_the_frame_and_may_be_none():
    field = Raw("data", 253)
    assert field.encode(b"") == b""
    assert read(field, "01 00 FF") == b"\x01\x00\xff"
    assert len(field.encode(bytes(253))) == 253
    with pytest.raises(BadField, match="data is at most 253 bytes"):
        field.encode(bytes(254))
    with pytest.raises(BadLength, match="data has 254 bytes"):
        read(field, "00" * 254)


def test_stops_of_reels_come_nine_or_five():
    stops = Flags("stops", 9, short=5)
    assert read(stops, "01 02 03 04 05 FF FF FF FF") == bytes.fromhex("01 02 03 04 05 FF FF FF FF")
    assert read(stops, "01 02 03 04 05") == bytes.fromhex("01 02 03 04 05")
    with pytest.raises(BadLength):
        read(stops, "01 02 03 04")
