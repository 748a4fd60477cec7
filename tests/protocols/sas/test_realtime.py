"""Event frames of real-time event mode: no length byte, the code says what follows. Vectors, oracle and codec agree."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import BadField, BadLength, FrameError
from protocols.sas.answer import Bad, EventFrame, meaning
from protocols.sas.catalog.exception_codes import EXCEPTIONS, RTE_BYTES, RTE_FIELDS
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.catalog.meters import CURRENT_CREDITS
from protocols.sas.crc import with_crc
from protocols.sas.realtime import EVENT_MARK, event_frame, event_values
from tests.support.fieldvalues import values_of
from tests.vectors import oracle, reading

ROWS = [row for row in reading.exceptions() if "event" in row]
EACH_ROW = pytest.mark.parametrize("row", ROWS, ids=[f"{row['code']:02X} {row['meaning']}" for row in ROWS])
CODES = st.sampled_from(sorted(EXCEPTIONS))
GENERAL, LONG = None, CURRENT_CREDITS
EITHER = pytest.mark.parametrize("poll", [GENERAL, LONG], ids=["after a general poll", "after a long poll"])


def drawn(data, code):
    return data.draw(values_of(RTE_FIELDS.get(code, ())))


def heard(poll, frame, address=1, *, ended=True):
    return meaning(poll, address, b"", frame, ended=ended)


@EACH_ROW
def test_an_event_frame_is_the_same_for_vector_oracle_and_codec(row):
    frame, code = bytes.fromhex(row["event"]), row["code"]
    values = reading.ours(row.get("values", {}))
    assert oracle.event(1, frame) == (code, values)
    assert heard(GENERAL, frame) == EventFrame(code, frame[3:-2])
    assert event_values(code, frame[3:-2]) == values
    assert event_frame(1, code, values) == frame


@EACH_ROW
@EITHER
def test_an_event_frame_stands_in_the_place_of_any_answer_and_is_whole_with_its_last_byte(row, poll):
    frame = bytes.fromhex(row["event"])
    assert heard(poll, frame, ended=False) == EventFrame(row["code"], frame[3:-2])
    assert [heard(poll, frame[:size], ended=False) for size in range(2, len(frame))] == [None] * (len(frame) - 2)


def test_how_much_follows_a_code_is_told_by_its_fields_alone():
    assert {code: sum(one.size for one in fields) for code, fields in RTE_FIELDS.items()} == RTE_BYTES
    assert {code: size for code, (size, _) in oracle.EVENTS.items()} == RTE_BYTES
    assert EVENT_MARK not in BY_CODE, "no long poll can be taken for it"


@settings(max_examples=300)
@given(CODES, st.data(), st.integers(1, 127))
def test_an_event_is_read_as_it_was_written_and_the_oracle_reads_the_same(code, data, address):
    values = drawn(data, code)
    frame = event_frame(address, code, values)
    assert len(frame) == 5 + RTE_BYTES.get(code, 0)
    said = heard(GENERAL, frame, address)
    assert event_values(said.code, said.data) == values
    assert oracle.event(address, frame) == (code, values)


@given(CODES, st.data(), st.sampled_from([GENERAL, LONG]))
def test_one_flipped_bit_of_an_event_frame_is_noticed(code, data, poll):
    frame = bytearray(event_frame(1, code, drawn(data, code)))
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    assert isinstance(heard(poll, bytes(frame)), Bad)


@given(CODES, st.data(), st.sampled_from([GENERAL, LONG]))
def test_an_event_frame_that_lost_its_end_or_won_a_byte_is_none(code, data, poll):
    frame = event_frame(1, code, drawn(data, code))
    cut = frame[: data.draw(st.integers(2, len(frame) - 1))]
    assert isinstance(heard(poll, cut), Bad)
    assert isinstance(heard(poll, frame + data.draw(st.binary(min_size=1, max_size=3))), Bad)


@given(st.integers(0, 255), st.binary(max_size=20))
def test_any_data_of_any_code_are_read_or_refused(code, data):
    with contextlib.suppress(FrameError):
        values = event_values(code, data)
        if code in EXCEPTIONS:
            assert event_frame(1, code, values) == with_crc(bytes([1, 0xFF, code]) + data), "read wholly"
        else:
            assert values == ({"data": data} if data else {})


def test_an_unknown_exception_is_ended_by_the_gap_and_its_bytes_are_kept_as_they_came():
    # sas-core 6.1: "unknown exception with extra bytes: resynchronise on the gap and check the sum"
    frame = with_crc(bytes.fromhex("01 FF C3 12 34"))
    assert heard(GENERAL, frame, ended=False) is None
    assert heard(GENERAL, frame) == EventFrame(0xC3, b"\x12\x34")
    assert event_values(0xC3, b"\x12\x34") == {"data": b"\x12\x34"}
    assert event_values(0xC3, b"") == {}


def test_a_digit_above_nine_is_refused_though_the_event_happened():
    frame = with_crc(bytes.fromhex("01 FF 7F 00 00 0A 00"))
    said = heard(GENERAL, frame)
    assert said == EventFrame(0x7F, bytes.fromhex("00 00 0A 00")), "the check sum holds: a game has ended"
    with pytest.raises(BadField, match="win has a digit above 9"):
        event_values(said.code, said.data)


def test_data_where_none_belong_are_refused():
    with pytest.raises(BadLength, match="Exception 11 carries nothing"):
        event_values(0x11, b"\x00")
    with pytest.raises(BadField):
        event_frame(1, 0x11, {"game": 1})
    with pytest.raises(BadField, match="'win' is missing"):
        event_frame(1, 0x7F)


@pytest.mark.parametrize("address", [0, 128])
def test_only_a_machine_of_the_line_sends_an_event(address):
    with pytest.raises(BadField):
        event_frame(address, 0x11)
    with pytest.raises(BadField):
        event_frame(1, 256)


def test_a_flipped_bit_in_the_lone_byte_of_a_general_poll_is_another_exception_and_nothing_shows_it():
    # No check sum there: why an exception on a noisy line is asked for twice (QUIRKS Q16).
    assert heard(GENERAL, b"\x11").code == 0x11
    assert heard(GENERAL, b"\x13").code == 0x13
