"""Every long poll against vectors with their source: the vector, a second reader of the text, and our codec agree."""

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import BadField, BadLength, FrameError
from protocols.sas.catalog.exception_codes import EXCEPTIONS, NOT_IN_RTE, RTE_BYTES, RTE_ONLY
from protocols.sas.catalog.identity import MACHINE_NUMBERS
from protocols.sas.catalog.index import BY_CODE, name_of
from protocols.sas.catalog.meter_codes import METERS, MIN_SIZES
from protocols.sas.catalog.state import REEL_STOPS
from protocols.sas.crc import with_crc
from protocols.sas.fields import MeterValue
from protocols.sas.frame import decode_poll, decode_reply, encode_poll, encode_reply, reply_complete
from tests.support.fieldvalues import replies, requests
from tests.vectors import oracle, reading

FIVE_REELS = bytes.fromhex("01 8F 01 02 16 00 0A DA 69")
BARE_NUMBERS = bytes.fromhex("01 B7 03 A1 01 00 00 03 42 31 32 E2 D3")
ENDED_BY_THE_GAP = {FIVE_REELS, BARE_NUMBERS}
ROWS = reading.polls() + reading.meters()
EACH = pytest.mark.parametrize("row", ROWS, ids=[reading.named(row) for row in ROWS])
FIRST = (
    0x01, 0x02, 0x0E, 0x0F, *range(0x10, 0x18), 0x19, 0x1A, 0x1C, 0x1F, 0x2F, 0x51, 0x54, 0x6F, 0xAF, 0x7E, 0x7F, 0xA0,
)  # fmt: skip
"""The long polls the first gateway works with."""


@pytest.mark.parametrize("code", FIRST, ids="{:02X}".format)
def test_every_poll_of_the_first_gateway_has_a_vector(code):
    assert code in BY_CODE
    assert any(row["code"] == code for row in ROWS), f"{code:02X} {BY_CODE[code].name} has no vector"


@pytest.mark.parametrize("code", sorted(BY_CODE), ids="{:02X}".format)
def test_every_poll_of_the_catalogue_has_a_vector(code):
    assert any(row["code"] == code for row in ROWS), f"{code:02X} {BY_CODE[code].name} has no vector"


@EACH
def test_every_vector_says_where_it_is_from(row):
    assert row["source"]
    assert BY_CODE[row["code"]].source


@EACH
def test_the_request_is_the_same_for_vector_oracle_and_codec(row):
    frame, address, code = bytes.fromhex(row["request"]), row["address"], row["code"]
    assert oracle.request(frame) == (address, code, reading.plain(row["request_values"]))
    values = reading.ours(row["request_values"])
    assert decode_poll(frame) == (BY_CODE[code], address, values)
    assert encode_poll(BY_CODE[code], address, values) == frame


@EACH
def test_the_reply_is_the_same_for_vector_oracle_and_codec(row):
    if row["status"] == "none":
        assert row["address"] == 0, "only what goes to all machines is not answered"
        assert "reply" not in row
        return
    frame, address, poll = bytes.fromhex(row["reply"]), row["address"], BY_CODE[row["code"]]
    values = row.get("reply_values", {})
    assert oracle.reply(address, poll.code, frame) == (row["status"], reading.plain(values))
    reply = decode_reply(poll, address, frame, bytes.fromhex(row["request"]))
    assert (reply.address, reply.poll, reply.status) == (address, poll, row["status"])
    assert reply.values == reading.ours(values)
    if row["status"] == "data":
        assert encode_reply(poll, address, reading.ours(values)) == frame


@EACH
def test_a_reply_is_whole_with_its_last_byte_and_not_before(row):
    if row["status"] == "none" or bytes.fromhex(row["reply"]) in ENDED_BY_THE_GAP:
        return
    frame, poll = bytes.fromhex(row["reply"]), BY_CODE[row["code"]]
    assert reply_complete(poll, row["address"], frame)
    assert not any(reply_complete(poll, row["address"], frame[:size]) for size in range(len(frame)))


def test_a_reply_that_an_older_machine_keeps_shorter_is_ended_by_the_gap_and_not_by_its_length():
    assert not reply_complete(REEL_STOPS, 1, FIVE_REELS)
    assert decode_reply(REEL_STOPS, 1, FIVE_REELS).values == {"stops": bytes.fromhex("01 02 16 00 0A")}
    between = [with_crc(bytes.fromhex("01 8F 01 02 16 00 0A FF FF FF FF")[:size]) for size in (8, 9, 10)]
    for frame in between:
        with pytest.raises(BadLength):
            decode_reply(REEL_STOPS, 1, frame)


def test_machine_numbers_come_with_their_length_byte_or_without_and_go_out_with_it():
    # QUIRKS X9: flags use two bits, the length is 6 at least; that tells them apart.
    said = {"control_flags": 3, "asset_number": 417, "location": "B12"}
    told = encode_reply(MACHINE_NUMBERS, 1, said)
    assert told[2] == len(told) - 5 == 9
    assert decode_reply(MACHINE_NUMBERS, 1, told).values == said
    assert reply_complete(MACHINE_NUMBERS, 1, told)
    assert not reply_complete(MACHINE_NUMBERS, 1, BARE_NUMBERS), "the gap ends it"
    assert decode_reply(MACHINE_NUMBERS, 1, BARE_NUMBERS).values == said | {"length_byte": 0}
    assert encode_reply(MACHINE_NUMBERS, 1, said | {"length_byte": 0}) == BARE_NUMBERS
    assert encode_reply(MACHINE_NUMBERS, 1, said | {"length_byte": 1}) == told


def test_a_length_byte_of_machine_numbers_that_lies_is_not_taken_for_flags():
    whole = encode_reply(MACHINE_NUMBERS, 1, {"control_flags": 3, "asset_number": 417, "location": "B12"})
    for said in {*range(4, 256)} - {9}:
        with pytest.raises(FrameError):
            decode_reply(MACHINE_NUMBERS, 1, with_crc(whole[:2] + bytes([said]) + whole[3:-2]))
    with pytest.raises(BadField, match="begins with less than 04"):
        encode_reply(MACHINE_NUMBERS, 1, {"control_flags": 4, "asset_number": 0, "location": "", "length_byte": 0})


def ours_or_refused(read):
    try:
        return read()
    except (FrameError, ValueError):
        return None


def lengthen_or_cut(body, data):
    """Sometimes a byte more or less, with the length byte made to fit where there is one."""
    by = data.draw(st.sampled_from([0, 0, 1, -1]))
    if by == 0 or len(body) < 4:
        return
    counted = body[2] == len(body) - 3
    if by < 0:
        del body[-1]
    else:
        body.append(data.draw(st.integers(0, 255)))
    if counted:
        body[2] = len(body) - 3 & 0xFF


@EACH
@settings(max_examples=40)
@given(data=st.data())
def test_oracle_and_codec_take_and_refuse_the_same_replies_whatever_happened_to_the_bytes(row, data):
    if row["status"] != "data":
        return
    code, address = row["code"], row["address"]
    body = bytearray.fromhex(row["reply"])[:-2]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(2, len(body) - 1))
        body[place] = data.draw(st.integers(0, 255))
    lengthen_or_cut(body, data)
    frame = with_crc(bytes(body))
    seen = ours_or_refused(lambda: oracle.reply(address, code, frame))
    reply = ours_or_refused(lambda: decode_reply(BY_CODE[code], address, frame))
    assert (seen is None) == (reply is None), frame.hex(" ")
    if reply is not None:
        assert plain(reply.values) == seen[1], frame.hex(" ")


@EACH
@settings(max_examples=40)
@given(data=st.data())
def test_oracle_and_codec_take_and_refuse_the_same_requests_whatever_happened_to_the_bytes(row, data):
    body = bytearray.fromhex(row["request"])
    if len(body) < 5:
        return
    del body[-2:]
    place = data.draw(st.integers(2, len(body) - 1))
    body[place] = data.draw(st.integers(0, 255))
    lengthen_or_cut(body, data)
    frame = with_crc(bytes(body))
    seen = ours_or_refused(lambda: oracle.request(frame))
    ours = ours_or_refused(lambda: decode_poll(frame))
    assert (seen is None) == (ours is None), frame.hex(" ")
    if ours is not None:
        assert (ours[1], ours[0].code, plain(ours[2])) == seen, frame.hex(" ")


@pytest.mark.parametrize("code", [code for code in sorted(BY_CODE) if BY_CODE[code].reply], ids="{:02X}".format)
@settings(max_examples=30)
@given(data=st.data(), address=st.integers(1, 127))
def test_the_oracle_reads_whatever_our_machine_answers(code, data, address):
    values = data.draw(replies(BY_CODE[code]))
    assert oracle.reply(address, code, encode_reply(BY_CODE[code], address, values)) == ("data", plain(values))


@pytest.mark.parametrize("code", [code for code in sorted(BY_CODE) if BY_CODE[code].request], ids="{:02X}".format)
@settings(max_examples=30)
@given(data=st.data(), address=st.integers(1, 127))
def test_the_oracle_reads_whatever_our_host_asks(code, data, address):
    values = data.draw(requests(BY_CODE[code]))
    assert oracle.request(encode_poll(BY_CODE[code], address, values)) == (address, code, plain(values))


def test_every_meter_stands_in_a_vector_at_its_least_size_and_with_nine_bytes():
    told = [meter for row in reading.meters() for meter in reading.ours(row["reply_values"])["meters"]]
    assert {meter.code: meter.size for meter in told if meter.size < 9} == MIN_SIZES
    assert {meter.code for meter in told if meter.size == 9} == set(METERS)
    values = [meter.value for meter in told]
    assert len(set(values)) == len(values), "no meter can be taken for another"


def test_every_exception_has_a_vector_in_each_mode_in_which_it_exists():
    rows = reading.exceptions()
    assert {row["code"] for row in rows} == set(EXCEPTIONS)
    assert {row["code"] for row in rows if "general" not in row} == RTE_ONLY
    assert {row["code"] for row in rows if "event" not in row} == NOT_IN_RTE
    assert {row["code"] for row in rows if "values" in row} == set(RTE_BYTES)
    for row in rows:
        assert row["source"]
        assert row["meaning"].split(":")[0].split(" (")[0] == EXCEPTIONS[row["code"]].name.split(" (")[0]


def test_what_a_vector_sends_and_we_do_not_poll_has_a_name_all_the_same():
    assert name_of(0x94) == "remote handpay reset"
    assert 0x94 not in BY_CODE


def plain(values):
    """As the oracle gives them."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value):
    if isinstance(value, MeterValue):
        return list(value) if value.value is not None else [value.code, 0]
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def test_the_oracle_knows_nothing_of_ours():
    tree = ast.parse(Path(oracle.__file__).read_text())
    assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree))
