"""Every long poll both ways, played from its own definition: what can be written is read back the same."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import BadField, BadLength
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.fields import Bcd, Binary, Counted, Tail
from protocols.sas.frame import decode_poll, decode_reply, encode_poll, encode_reply
from protocols.sas.longpoll import Kind, read_fields, write_fields
from tests.support.fieldvalues import replies, requests

POLLS = [BY_CODE[code] for code in sorted(BY_CODE)]
EACH = pytest.mark.parametrize("poll", POLLS, ids=[f"{poll.code:02X}" for poll in POLLS])
ANSWERED = pytest.mark.parametrize(
    "poll", [p for p in POLLS if p.reply is not None], ids=[f"{p.code:02X}" for p in POLLS if p.reply is not None]
)
FEW = settings(max_examples=30)
"""For each of some sixty polls."""
ADDRESSES = st.integers(1, 127)


@EACH
@FEW
@given(data=st.data(), address=ADDRESSES)
def test_a_request_is_read_as_it_was_written(poll, data, address):
    values = data.draw(requests(poll))
    frame = encode_poll(poll, address, values)
    assert decode_poll(frame) == (poll, address, values)
    assert frame[0] == address
    assert frame[1] == poll.code
    if poll.request_size is not None:
        assert len(frame) == poll.request_size
    else:
        assert frame[2] == len(frame) - 5, "the length byte counts what follows it, without the check sum"


@ANSWERED
@FEW
@given(data=st.data(), address=ADDRESSES)
def test_an_answer_is_read_as_it_was_written(poll, data, address):
    values = data.draw(replies(poll))
    frame = encode_reply(poll, address, values)
    reply = decode_reply(poll, address, frame)
    assert (reply.address, reply.poll, reply.status, reply.values) == (address, poll, "data", values)
    if poll.reply_counted:
        assert frame[2] == len(frame) - 5
    if poll.reply_size is not None:
        assert poll.reply_least <= len(frame) <= poll.reply_size


@EACH
def test_a_read_poll_is_two_bytes_and_carries_nothing(poll):
    if poll.kind is not Kind.R:
        assert poll.request_size is None or poll.request_size >= 4, "address, command, check sum"
        return
    assert encode_poll(poll, 1) == bytes([1, poll.code])
    with pytest.raises(BadField):
        encode_poll(poll, 1, {"game": 0})


@EACH
@FEW
@given(
    data=st.binary(max_size=40), at=st.integers(0, 5), cut=st.integers(0, 5), counted=st.booleans(), reply=st.booleans()
)
def test_whatever_bytes_stand_there_reading_raises_nothing_but_frame_errors(poll, data, at, cut, counted, reply):
    fields = (poll.reply or ()) if reply else poll.request
    end = max(at, len(data) - cut)
    if end > len(data):
        return
    with contextlib.suppress(BadField, BadLength):
        read_fields(fields, data, at, end, counted=counted)


def test_a_missing_value_is_named():
    with pytest.raises(BadField, match="'game' is missing") as caught:
        encode_poll(BY_CODE[0x09], 1, {"enable": 1})
    assert caught.value.field == "game"


def test_a_value_nobody_knows_is_named():
    with pytest.raises(BadField, match="no field 'gmae'") as caught:
        encode_poll(BY_CODE[0x09], 1, {"gmae": 1, "enable": 1})
    assert caught.value.field == "gmae"


def test_bytes_that_no_field_takes_are_an_error_and_no_secret():
    with pytest.raises(BadLength, match="1 bytes are left over"):
        read_fields((Bcd("meter", 8),), bytes(5), 0, 5, counted=False)


def test_a_length_byte_that_says_something_else_than_the_frame_is_an_error():
    for said in (3, 5, 0, 255):
        with pytest.raises(BadLength, match=f"says {said}, 4 bytes follow"):
            read_fields((Bcd("meter", 8),), bytes([said, 0, 0, 0, 0]), 0, 5, counted=True)


def test_a_frame_that_ends_before_its_length_byte_is_an_error():
    with pytest.raises(BadLength):
        read_fields((Bcd("meter", 8),), b"", 0, 0, counted=True)


def test_more_than_a_length_byte_can_say_is_refused():
    fields = tuple(Counted(f"text_{n}", 127) for n in range(3))
    with pytest.raises(BadLength, match="384 bytes do not fit"):
        write_fields(fields, {f"text_{n}": "x" * 127 for n in range(3)}, counted=True)


def test_what_an_older_machine_leaves_out_is_absent_and_what_it_cuts_is_an_error():
    fields = (Binary("group"), Tail(Bcd("categories", 4)))
    assert read_fields(fields, b"\x07", 0, 1, counted=False) == {"group": 7}
    assert read_fields(fields, b"\x07\x00\x12", 0, 3, counted=False) == {"group": 7, "categories": 12}
    with pytest.raises(BadLength, match="ends inside categories"):
        read_fields(fields, b"\x07\x00", 0, 2, counted=False)
