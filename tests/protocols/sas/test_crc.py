"""The check sum, proven against frames that others have sent (tests/vectors/crc.toml)."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.sas.catalog.index import BY_CODE
from protocols.sas.crc import crc16, crc_holds, with_crc
from protocols.sas.frame import decode_poll, decode_reply, encode_poll, encode_reply
from tests.vectors.reading import ours

CHECKED = tomllib.loads((Path(__file__).parents[2] / "vectors" / "crc.toml").read_text())
FRAMES = CHECKED["frame"]
BY_MEANING = pytest.mark.parametrize("row", FRAMES, ids=[row["meaning"] for row in FRAMES])


def bit_by_bit(data):
    """The text book: polynomial x^16 + x^12 + x^5 + 1, bits from the low end, seed 0."""
    crc = 0
    for byte in data:
        for bit in range(8):
            carry = (crc ^ byte >> bit) & 1
            crc = crc >> 1 ^ (0x8408 if carry else 0)
    return crc


def nibble_by_nibble(data):
    """The way the standard's own example reckons it: constant 0x1081 per half byte."""
    crc = 0
    for byte in data:
        half = (crc ^ byte) & 0x0F
        crc = crc >> 4 ^ half * 0x1081
        half = (crc ^ byte >> 4) & 0x0F
        crc = crc >> 4 ^ half * 0x1081
    return crc


def test_the_check_value_of_the_algorithm():
    assert crc16(CHECKED["check_text"].encode()) == CHECKED["check_value"] == 0x2189


def test_nothing_has_the_seed_as_its_check_sum():
    assert crc16(b"") == 0


@BY_MEANING
def test_every_public_frame_checks(row):
    frame = bytes.fromhex(row["hex"])
    assert crc_holds(frame)
    assert with_crc(frame[:-2]) == frame


@BY_MEANING
def test_what_the_catalogue_knows_is_read_and_written_again(row):
    frame = bytes.fromhex(row["hex"])
    poll = BY_CODE.get(frame[1])
    if poll is None:
        assert "values" not in row, "a frame without a poll cannot be read"
        return
    values = ours(row["values"])
    if row["direction"] == ">":
        assert decode_poll(frame) == (poll, frame[0], values)
        assert encode_poll(poll, frame[0], values) == frame
    else:
        assert decode_reply(poll, frame[0], frame).values == values
        assert encode_reply(poll, frame[0], values) == frame


@given(st.binary(max_size=300))
def test_three_ways_to_reckon_it_agree(data):
    assert crc16(data) == bit_by_bit(data) == nibble_by_nibble(data)


@given(st.binary(min_size=1, max_size=64), st.data())
def test_one_wrong_bit_is_noticed(body, data):
    frame = bytearray(with_crc(body))
    bit = data.draw(st.integers(0, len(frame) * 8 - 1))
    frame[bit // 8] ^= 1 << bit % 8
    assert not crc_holds(frame)


def test_zeros_in_front_are_not_noticed_which_is_why_a_check_sum_alone_proves_nothing():
    # 00 01 94 00 E1 24: seen on a wire with a stray zero in front
    assert crc_holds(bytes.fromhex("01 94 00 E1 24"))
    assert crc_holds(bytes.fromhex("00 01 94 00 E1 24"))


def test_two_bytes_are_too_few_to_check():
    assert not crc_holds(b"")
    assert not crc_holds(b"\x00\x00")
