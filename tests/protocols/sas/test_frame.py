"""Frames: what is taken for an answer and what is not, always by the poll that is out."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import BadCrc, BadEcho, BadField, BadLength, FrameError
from protocols.sas.catalog.control import REAL_TIME_EVENTS, SET_DATE_TIME, SHUTDOWN
from protocols.sas.catalog.identity import ENABLED_FEATURES, MACHINE_INFO, SAS_VERSION_AND_SERIAL
from protocols.sas.catalog.index import BY_CODE, by_code
from protocols.sas.catalog.meters import COIN_IN, CURRENT_CREDITS, EXTENDED_METERS, SELECTED_METERS
from protocols.sas.crc import with_crc
from protocols.sas.frame import (
    RESYNC,
    decode_poll,
    decode_reply,
    encode_ack,
    encode_busy,
    encode_nack,
    encode_poll,
    encode_reply,
    general_poll,
    poll_size,
    reply_complete,
)
from tests.support.fieldvalues import replies, requests

CREDITS = bytes.fromhex("01 1A 00 00 14 51 3E 4D")
"1451 credits of machine 1."
POLLS = st.sampled_from(list(BY_CODE.values()))


def framed(text):
    return with_crc(bytes.fromhex(text))


# general polls and addresses -----------------------------------------------------------------------------------------


def test_a_general_poll_is_the_address_with_the_high_bit():
    assert general_poll(1) == b"\x81"
    assert general_poll(127) == b"\xff"
    assert RESYNC == b"\x80"


@pytest.mark.parametrize("address", [0, 128, -1])
def test_a_machine_has_an_address_from_1_to_127(address):
    with pytest.raises(BadField):
        general_poll(address)
    with pytest.raises(BadField):
        encode_reply(CURRENT_CREDITS, address, {"credits": 0})
    with pytest.raises(BadField):
        encode_poll(CURRENT_CREDITS, address)


def test_only_what_may_be_broadcast_goes_to_address_0():
    frame = encode_poll(SET_DATE_TIME, 0, {"date": "12312025", "time": "235958"})
    assert frame == bytes.fromhex("00 7F 12 31 20 25 23 59 58 AA CF")
    for poll in BY_CODE.values():
        assert poll.broadcast == (poll.code in {0x75, 0x7A, 0x7B, 0x7C, 0x7D, 0x7F, 0x80, 0x86}), poll.name
    with pytest.raises(BadField, match="cannot go to address 0"):
        encode_poll(SHUTDOWN, 0)


# answers -------------------------------------------------------------------------------------------------------------


def test_the_four_answers_to_an_order():
    request = encode_poll(SHUTDOWN, 1)
    assert decode_reply(SHUTDOWN, 1, b"\x01", request).status == "ack"
    assert decode_reply(SHUTDOWN, 1, b"\x81", request).status == "nack"
    assert decode_reply(SHUTDOWN, 1, b"\x01\x00", request).status == "busy"
    assert (encode_ack(1), encode_nack(1), encode_busy(1)) == (b"\x01", b"\x81", b"\x01\x00")
    with pytest.raises(BadLength):
        decode_reply(SHUTDOWN, 1, b"", request)


def test_a_read_poll_is_never_refused_with_a_lone_byte():
    # 81 after 1A: no NACK, a read poll has none; perhaps the late answer to something else.
    with pytest.raises(BadEcho):
        decode_reply(CURRENT_CREDITS, 1, b"\x81")


def test_a_lone_address_is_no_answer_where_data_are_due():
    with pytest.raises(BadLength, match="ends after its address"):
        decode_reply(CURRENT_CREDITS, 1, b"\x01")


def test_data_are_no_answer_where_only_an_acknowledgement_is_due():
    with pytest.raises(BadLength):
        decode_reply(SHUTDOWN, 1, framed("01 01 00"))


@pytest.mark.parametrize("address", [2, 127, 0, 0x81])
def test_the_answer_of_another_address_is_an_echo_error_whatever_else_is_right(address):
    with pytest.raises(BadEcho) as caught:
        decode_reply(CURRENT_CREDITS, 1, framed(f"{address:02X} 1A 00 00 14 51"))
    assert caught.value.got == address


def test_the_answer_to_another_command_is_an_echo_error_though_its_check_sum_holds():
    with pytest.raises(BadEcho, match="11 answers 1A"):
        decode_reply(CURRENT_CREDITS, 1, framed("01 11 00 00 14 51"))


def test_a_stray_zero_in_front_does_not_make_it_the_answer_though_the_check_sum_holds():
    with pytest.raises(BadEcho):
        decode_reply(CURRENT_CREDITS, 1, b"\x00" + CREDITS)


def test_an_event_frame_is_no_answer_to_a_long_poll():
    with pytest.raises(BadEcho, match="FF answers 1A"):
        decode_reply(CURRENT_CREDITS, 1, bytes.fromhex("01 FF 11 14 A4"))


@pytest.mark.parametrize("size", range(2, 8))
def test_an_answer_that_is_cut_is_too_short(size):
    with pytest.raises(BadLength):
        decode_reply(CURRENT_CREDITS, 1, CREDITS[:size])


def test_an_answer_with_a_byte_too_many_is_too_long():
    with pytest.raises(BadLength):
        decode_reply(CURRENT_CREDITS, 1, CREDITS + b"\x00")
    # ... and one whose own length byte says less than came
    with pytest.raises(BadLength):
        decode_reply(SAS_VERSION_AND_SERIAL, 1, framed("01 54 03 36 30 32 41"))


def test_a_wrong_check_sum_is_found():
    with pytest.raises(BadCrc):
        decode_reply(CURRENT_CREDITS, 1, CREDITS[:-1] + b"\x4c")


def test_a_digit_above_nine_names_the_meter_though_the_check_sum_holds():
    with pytest.raises(BadField, match="credits has a digit above 9: 00 00 1a 51") as caught:
        decode_reply(CURRENT_CREDITS, 1, framed("01 1A 00 00 1A 51"))
    assert caught.value.field == "credits"
    with pytest.raises(BadField) as caught:
        decode_reply(EXTENDED_METERS, 1, framed("01 6F 0A 00 00 24 00 05 00 00 00 00 0F"))
    assert caught.value.field == "meter 0024"


@pytest.mark.parametrize("poll", [p for p in BY_CODE.values() if p.reply], ids=lambda p: f"{p.code:02X}")
def test_every_packed_digit_of_every_answer_is_looked_at(poll):
    """A frame of nothing but F where numbers stand is refused: no poll lets a digit through."""
    packed = any(type(one).__name__ in ("Bcd", "Date", "Time") for one in poll.reply)
    size = poll.reply_size
    if not packed or size is None:
        return
    with pytest.raises(BadField):
        decode_reply(poll, 1, with_crc(bytes([1, poll.code]) + b"\xff" * (size - 4)))


# requests, on the machine's side -------------------------------------------------------------------------------------


def test_a_poll_with_a_check_sum_where_none_belongs_is_too_long():
    # the classic bug: 01 54 and a check sum
    with pytest.raises(BadLength, match="2 bytes, 4 came"):
        decode_poll(framed("01 54"))


def test_an_order_without_its_check_sum_is_too_short():
    with pytest.raises(BadLength):
        decode_poll(b"\x01\x01")


def test_an_unknown_command_is_an_echo_error():
    with pytest.raises(BadEcho, match="no long poll EB"):
        decode_poll(b"\x01\xeb")
    assert poll_size(b"\x01\xeb") == 0


def test_a_wrong_check_sum_of_a_request_is_found():
    with pytest.raises(BadCrc):
        decode_poll(bytes.fromhex("01 01 51 09"))


def test_a_request_whose_values_make_no_sense_names_the_field():
    with pytest.raises(BadField) as caught:
        decode_poll(framed("01 7F 02 30 20 26 00 00 00"))
    assert caught.value.field == "date"
    with pytest.raises(BadField) as caught:
        decode_poll(framed("01 A0 00 0A"))
    assert caught.value.field == "game"


def test_a_request_says_its_length_as_soon_as_it_can():
    assert poll_size(b"\x01") is None
    assert poll_size(b"\x01\x1a") == 2
    assert poll_size(b"\x01\x01") == 4
    assert poll_size(b"\x01\x6f") is None
    assert poll_size(b"\x01\x6f\x08") == 13


def test_a_request_for_meters_keeps_to_the_longest_list_there_is():
    frame = encode_poll(SELECTED_METERS, 1, {"game": 0, "meters": tuple(range(10))})
    assert frame[2] == 0x0C
    frame = encode_poll(EXTENDED_METERS, 1, {"game": 9999, "meters": tuple(range(12))})
    assert frame[2] == 0x1A
    with pytest.raises(BadField):
        encode_poll(EXTENDED_METERS, 1, {"game": 0, "meters": tuple(range(13))})
    with pytest.raises(BadField):
        encode_poll(EXTENDED_METERS, 1, {"game": 10_000, "meters": (0,)})
    with pytest.raises(BadField):
        encode_poll(REAL_TIME_EVENTS, 1, {"enable": 256})


# when is it whole ----------------------------------------------------------------------------------------------------


def test_an_answer_to_the_general_poll_is_whole_with_one_byte():
    assert not reply_complete(None, 1, b"")
    assert reply_complete(None, 1, b"\x11")


def test_busy_is_whole_with_two_bytes_and_an_order_is_answered_with_one():
    assert reply_complete(CURRENT_CREDITS, 1, b"\x01\x00")
    assert not reply_complete(CURRENT_CREDITS, 1, b"\x01")
    assert reply_complete(SHUTDOWN, 1, b"\x01")


def test_a_lone_byte_that_is_not_the_address_is_whole():
    assert reply_complete(ENABLED_FEATURES, 1, b"\x81"), "NACK"
    assert reply_complete(ENABLED_FEATURES, 1, b"\x77"), "nonsense, but nothing to wait for"


def test_the_length_byte_says_when_an_answer_is_whole():
    frame = framed("01 54 03 36 30 32")
    assert [reply_complete(SAS_VERSION_AND_SERIAL, 1, frame[:size]) for size in range(1, 9)] == [False] * 7 + [True]


# anything ------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_any_bytes_are_a_poll_or_a_frame_error(data):
    with contextlib.suppress(FrameError):
        poll, address, values = decode_poll(data)
        assert encode_poll(poll, address, values) == data or address == 0


@given(POLLS, st.data())
def test_any_bytes_behind_the_right_head_and_before_a_right_check_sum_are_a_poll_or_a_frame_error(poll, data):
    frame = with_crc(bytes([1, poll.code]) + data.draw(st.binary(max_size=40)))
    with contextlib.suppress(FrameError):
        assert encode_poll(*decode_poll(frame)) == frame


@given(POLLS, st.binary(max_size=300), st.booleans())
def test_any_bytes_are_an_answer_or_a_frame_error(poll, data, with_head):
    frame = with_crc(bytes([1, poll.code]) + data) if with_head else data
    with contextlib.suppress(FrameError):
        reply = decode_reply(poll, 1, frame)
        if reply.status == "data":
            assert encode_reply(poll, 1, reply.values) == frame, "what is understood is understood wholly"
    reply_complete(poll, 1, frame)
    reply_complete(None, 1, frame)


@given(POLLS.filter(lambda poll: poll.reply is not None), st.data())
def test_an_answer_that_lost_its_end_or_won_a_byte_is_never_taken(poll, data):
    frame = encode_reply(poll, 1, data.draw(replies(poll)))
    if poll.reply_least == poll.reply_size:
        cut = data.draw(st.integers(0, len(frame) - 1))
        # Two bytes 01 00 would be BUSY; no command is 00.
        with pytest.raises(FrameError):
            decode_reply(poll, 1, frame[:cut])
    with pytest.raises(FrameError):
        decode_reply(poll, 1, frame + data.draw(st.binary(min_size=1, max_size=3).filter(any)))


@given(POLLS, st.data())
def test_one_changed_byte_of_a_poll_with_a_check_sum_is_never_obeyed(poll, data):
    frame = bytearray(encode_poll(poll, 1, data.draw(requests(poll))))
    if len(frame) == 2:
        return
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(FrameError):
        other, _, _ = decode_poll(bytes(frame))
        assert other.kind.name == "R", "a read poll has no check sum; it changes nothing"


@given(POLLS.filter(lambda poll: poll.reply is not None), st.data())
def test_one_flipped_bit_of_an_answer_with_data_is_noticed(poll, data):
    frame = bytearray(encode_reply(poll, 1, data.draw(replies(poll))))
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FrameError):
        decode_reply(poll, 1, bytes(frame))


def test_one_flipped_bit_of_an_answer_without_check_sum_is_another_answer():
    # Inherent: the lone byte of an order, and BUSY, carry none. Only the address and seven of its bits tell.
    request = encode_poll(SHUTDOWN, 1)
    assert decode_reply(SHUTDOWN, 1, bytes([0x01 ^ 0x80]), request).status == "nack"
    for bit in range(7):
        with pytest.raises(FrameError):
            decode_reply(SHUTDOWN, 1, bytes([0x01 ^ 1 << bit]), request)
    for bit in range(16):
        with pytest.raises(FrameError):
            decode_reply(SHUTDOWN, 1, (0x0100 ^ 1 << bit).to_bytes(2, "big"), request)


@given(POLLS.filter(lambda poll: poll.kind.name != "R"), st.data())
def test_a_request_that_lost_its_end_or_won_a_byte_is_never_obeyed(poll, data):
    frame = encode_poll(poll, 1, data.draw(requests(poll)))
    with pytest.raises(FrameError):
        decode_poll(frame[: data.draw(st.integers(0, len(frame) - 1))])
    with pytest.raises(FrameError):
        decode_poll(frame + data.draw(st.binary(min_size=1, max_size=3)))


def test_a_code_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="11 stands twice"):
        by_code((COIN_IN,), (COIN_IN, MACHINE_INFO))
