"""Telnet as RFC 2217 uses it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.line.telnet import BadTelnet, Option, Sub, TelnetReader, escape, option, sub

COM_PORT = 44


def test_space_parity_is_asked_for_in_seven_octets():
    """RFC 2217: IAC SB COM-PORT-OPTION SET-PARITY 5 IAC SE."""
    assert sub(COM_PORT, b"\x03\x05") == bytes.fromhex("FF FA 2C 03 05 FF F0")


def test_an_option_is_offered_in_three_octets():
    assert option(0xFB, COM_PORT) == bytes.fromhex("FF FB 2C")


def test_ff_is_doubled_in_data_and_in_sub_negotiations():
    assert escape(b"\x01\xff\x0d") == bytes.fromhex("01 FF FF 0D")
    assert sub(COM_PORT, b"\x01\xff") == bytes.fromhex("FF FA 2C 01 FF FF FF F0")


pieces = st.one_of(
    st.binary(max_size=40),
    st.builds(Option, st.sampled_from([0xFB, 0xFC, 0xFD, 0xFE]), st.integers(0, 255)),
    st.builds(Sub, st.integers(0, 254), st.binary(max_size=60)),
)


@given(st.lists(pieces, max_size=20), st.lists(st.integers(1, 9), min_size=1, max_size=10))
def test_what_was_put_together_comes_apart_again_however_it_is_cut(parts, cuts):
    octets = b"".join(
        escape(part) if isinstance(part, bytes) else option(*part) if isinstance(part, Option) else sub(*part)
        for part in parts
    )
    reader = TelnetReader()
    data, said, at, turn = b"", [], 0, 0
    while at < len(octets):
        size = cuts[turn % len(cuts)]
        some, what = reader.feed(octets[at : at + size])
        data += some
        said += what
        at, turn = at + size, turn + 1
    assert data == b"".join(part for part in parts if isinstance(part, bytes))
    assert said == [part for part in parts if not isinstance(part, bytes)]


@given(st.binary(max_size=600))
def test_no_octets_break_the_reader_otherwise_than_by_saying_so(octets):
    try:
        data, said = TelnetReader().feed(octets)
    except BadTelnet:
        return
    assert len(data) + len(said) <= len(octets)


def test_a_sub_negotiation_without_end_is_not_collected_for_ever():
    reader = TelnetReader()
    with pytest.raises(BadTelnet, match="longer"):
        reader.feed(bytes.fromhex("FF FA 2C") + bytes(300))


def test_commands_that_say_nothing_to_us_are_passed_over():
    assert TelnetReader().feed(bytes.fromhex("01 FF F1 02")) == (b"\x01\x02", [])  # F1: NOP
