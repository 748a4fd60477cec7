"""What is inside B0: the same poll as alone, for one denomination; vectors, a second reader of the text, and our codec agree."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import BadEcho, BadField, BadLength, FrameError
from protocols.sas.catalog.control import ENABLE_GAME, MULTI_DENOMINATION
from protocols.sas.catalog.identity import ENABLED_GAMES, EXTENDED_GAME, MACHINE_INFO
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.catalog.meters import COIN_IN, EXTENDED_METERS, SELECTED_METERS
from protocols.sas.denominated import (
    ERRORS,
    Refusal,
    error_values,
    read_reply,
    read_request,
    reply_values,
    request_values,
)
from protocols.sas.fields import MeterValue
from protocols.sas.frame import decode_poll, decode_reply, encode_poll, encode_reply
from protocols.sas.longpoll import Reply
from tests.support.fieldvalues import replies, requests
from tests.vectors import oracle, reading

AWARE = [poll for poll in BY_CODE.values() if poll.multi_denom]
EACH_AWARE = pytest.mark.parametrize("base", AWARE, ids=lambda poll: f"{poll.code:02X}")
ROWS = [row for row in reading.polls() if row["code"] == 0xB0]
EACH_ROW = pytest.mark.parametrize("row", ROWS, ids=[row["meaning"] for row in ROWS])
FEW = settings(max_examples=30)


def asked(base, values):
    """2F knows only the whole machine here."""
    return {**values, "game": 0} if base is SELECTED_METERS else values


def plain(values):
    return {name: [list(m) if m.value is not None else [m.code, 0] for m in value] if name == "meters" and value and
            isinstance(value[0], MeterValue) else list(value) if isinstance(value, tuple) else value
            for name, value in values.items()}  # fmt: skip


def error_of(caught):
    return caught.value.facts["error"]


# vectors -------------------------------------------------------------------------------------------------------------


@EACH_AWARE
def test_every_poll_that_knows_denominations_has_a_vector_inside(base):
    assert any(row["inside"]["base"] == base.code for row in ROWS)


def test_the_aware_polls_are_those_of_5_7():
    assert {poll.code for poll in AWARE} == oracle.AWARE
    assert not MULTI_DENOMINATION.multi_denom


@EACH_ROW
def test_what_is_asked_inside_is_the_same_for_vector_oracle_and_codec(row):
    inside, frame = row["inside"], bytes.fromhex(row["request"])
    base, values = BY_CODE[inside["base"]], reading.ours(inside["request"])
    _, address, outer = decode_poll(frame)
    assert oracle.inside_request(address, oracle.request(frame)[2]) == (base.code, reading.plain(inside["request"]))
    assert read_request(outer) == (row["request_values"]["denomination"], base, values)
    written = request_values(base, row["request_values"]["denomination"], values)
    assert encode_poll(MULTI_DENOMINATION, address, written) == frame


@EACH_ROW
def test_what_is_answered_inside_is_the_same_for_vector_oracle_and_codec(row):
    inside, frame, address = row["inside"], bytes.fromhex(row["reply"]), row["address"]
    base, values = BY_CODE[inside["base"]], reading.ours(inside["reply"])
    denomination = row["reply_values"]["denomination"]
    outer = decode_reply(MULTI_DENOMINATION, address, frame, bytes.fromhex(row["request"])).values
    read = read_reply(base, address, outer)
    assert oracle.inside_reply(address, base.code, oracle.reply(address, 0xB0, frame)[1]) == (
        inside["status"],
        reading.plain(inside["reply"]),
    )
    if inside["status"] == "error":
        assert read == Refusal(values["error"], ERRORS[values["error"]])
        written = error_values(denomination, values["error"])
    else:
        assert read == Reply(address, base, inside["status"], values)
        word = inside["status"]
        written = reply_values(base, address, denomination, values if word == "data" else word)
    assert encode_reply(MULTI_DENOMINATION, address, written) == frame


# the codec against itself and against the oracle ---------------------------------------------------------------------


@EACH_AWARE
@FEW
@given(data=st.data(), denomination=st.integers(0, 0x1F), address=st.integers(1, 127))
def test_what_is_asked_for_one_denomination_is_read_as_it_was_written(base, data, denomination, address):
    values = asked(base, data.draw(requests(base)))
    frame = encode_poll(MULTI_DENOMINATION, address, request_values(base, denomination, values))
    assert frame[2] == len(frame) - 5
    assert frame[5:-2] == (encode_poll(base, address, values)[2:-2] if base.request else b""), "as in the bare poll"
    _, _, outer = decode_poll(frame)
    assert read_request(outer) == (denomination, base, values)
    assert oracle.inside_request(address, oracle.request(frame)[2]) == (base.code, plain(values))


@EACH_AWARE
@FEW
@given(data=st.data(), denomination=st.integers(0, 0x1F), address=st.integers(1, 127))
def test_what_is_answered_for_one_denomination_is_read_as_it_was_written(base, data, denomination, address):
    if base.reply is None:
        return
    values = data.draw(replies(base))
    frame = encode_reply(MULTI_DENOMINATION, address, reply_values(base, address, denomination, values))
    outer = decode_reply(MULTI_DENOMINATION, address, frame).values
    assert read_reply(base, address, outer, denomination) == Reply(address, base, "data", values)
    status, seen = oracle.inside_reply(address, base.code, oracle.reply(address, 0xB0, frame)[1])
    assert (status, seen) == ("data", plain(values))


@EACH_AWARE
@FEW
@given(data=st.binary(max_size=30), address=st.integers(1, 127))
def test_whatever_stands_inside_an_answer_oracle_and_codec_take_and_refuse_the_same(base, data, address):
    outer = {"denomination": 1, "base": base.code, "data": data}
    try:
        ours = read_reply(base, address, outer)
    except FrameError:
        ours = None
    try:
        theirs = oracle.inside_reply(address, base.code, outer)
    except (ValueError, IndexError):
        theirs = None
    assert (ours is None) == (theirs is None)
    if ours is not None:
        assert (ours.status, plain(ours.values)) == theirs


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40))
def test_whatever_is_asked_inside_is_a_poll_or_an_error_of_the_list(denomination, code, data):
    outer = {"denomination": denomination, "base": code, "data": data}
    try:
        found, base, values = read_request(outer)
    except FrameError as error:
        found, base, values = denomination, None, error.facts
    assert values["error"] in ERRORS if base is None else request_values(base, found, values) == outer


@EACH_AWARE
@FEW
@given(data=st.data())
def test_an_answer_that_lost_its_end_inside_never_tells_other_values(base, data):
    if base.reply is None:
        return
    values = data.draw(replies(base))
    whole = reply_values(base, 1, 1, values)
    kept = data.draw(st.integers(0, len(whole["data"]) - 1))
    try:
        read = read_reply(base, 1, {**whole, "data": whole["data"][:kept]})
    except FrameError:
        return
    assert read.status == "busy", "01 00 is the only beginning of an answer that means something"


# traps ---------------------------------------------------------------------------------------------------------------


def test_01_00_is_busy_after_09_and_no_games_after_56():
    # Seen live: machine 1 answers 56 with length 1 and no games.
    data = {"denomination": 1, "data": b"\x01\x00"}
    assert read_reply(ENABLE_GAME, 1, {**data, "base": 0x09}) == Reply(1, ENABLE_GAME, "busy")
    assert read_reply(ENABLED_GAMES, 1, {**data, "base": 0x56}) == Reply(1, ENABLED_GAMES, "data", {"games": ()})


def test_address_and_zero_is_busy_where_it_cannot_be_the_answer():
    assert read_reply(COIN_IN, 1, reply_values(COIN_IN, 1, 1, "busy")) == Reply(1, COIN_IN, "busy")
    assert read_reply(ENABLED_GAMES, 2, reply_values(ENABLED_GAMES, 2, 1, "busy")) == Reply(2, ENABLED_GAMES, "busy")


def test_a_lone_address_acknowledges_only_what_is_only_acknowledged():
    assert read_reply(ENABLE_GAME, 5, reply_values(ENABLE_GAME, 5, 1, "ack")).status == "ack"
    assert read_reply(ENABLE_GAME, 5, reply_values(ENABLE_GAME, 5, 1, "nack")).status == "nack"
    for word in (b"\x05", b"\x85"):
        with pytest.raises(BadLength):
            read_reply(COIN_IN, 5, {"denomination": 1, "base": 0x11, "data": word})
    with pytest.raises(BadEcho):
        read_reply(ENABLE_GAME, 5, {"denomination": 1, "base": 0x09, "data": b"\x04"})
    for word in ("ack", "nack"):
        with pytest.raises(BadField):
            reply_values(COIN_IN, 5, 1, word)
    with pytest.raises(BadField):
        reply_values(ENABLE_GAME, 5, 1, {"game": 1})


def test_an_answer_to_another_poll_or_denomination_is_no_answer():
    outer = reply_values(COIN_IN, 1, 2, {"coin_in": 7})
    with pytest.raises(BadEcho, match="inside B0"):
        read_reply(EXTENDED_GAME, 1, outer)
    with pytest.raises(BadEcho, match="Denomination 2 answers for 1"):
        read_reply(COIN_IN, 1, outer, 1)
    request = encode_poll(MULTI_DENOMINATION, 1, request_values(COIN_IN, 1))
    other = encode_reply(MULTI_DENOMINATION, 1, outer)
    with pytest.raises(BadEcho, match="Denomination 02 answers for 01"):
        decode_reply(MULTI_DENOMINATION, 1, other, request)
    with pytest.raises(BadEcho, match="56 answers 11 inside B0"):
        decode_reply(
            MULTI_DENOMINATION, 1, encode_reply(MULTI_DENOMINATION, 1, reply_values(ENABLED_GAMES, 1, 1, {"games": ()})), request
        )
    refused = encode_reply(MULTI_DENOMINATION, 1, error_values(0, 5))
    assert decode_reply(MULTI_DENOMINATION, 1, refused, request).values["base"] == 0, "an error need not name it"


def test_every_error_of_the_list_has_words_and_others_are_told_by_number():
    for error, text in ERRORS.items():
        assert read_reply(COIN_IN, 1, error_values(1, error)) == Refusal(error, text)
    assert read_reply(COIN_IN, 1, error_values(1, 0x77)) == Refusal(0x77, "unknown error 77")
    for data in (b"", b"\x01\x02"):
        with pytest.raises(BadLength):
            read_reply(COIN_IN, 1, {"denomination": 1, "base": 0, "data": data})


@pytest.mark.parametrize(
    ("error", "denomination", "base", "data", "why"),
    [
        (1, 1, 0x77, "", "no such poll here"),
        (3, 1, 0x1F, "", "knows nothing of denominations"),
        (3, 1, 0xB0, "01 11", "not in itself"),
        (2, 1, 0x11, "00", "a read poll with data"),
        (2, 1, 0x2F, "04 00 00 00", "a length byte that lies"),
        (2, 1, 0xB5, "00 0A", "a digit above nine"),
        (4, 1, 0x2F, "03 00 01 00", "selected meters of one game"),
        (5, 0x20, 0x11, "", "a reserved denomination"),
        (5, 0xFF, 0x11, "", "an invalid denomination"),
    ],
)
def test_a_machine_says_why_it_will_not(error, denomination, base, data, why):
    with pytest.raises(FrameError) as caught:
        read_request({"denomination": denomination, "base": base, "data": bytes.fromhex(data)})
    assert error_of(caught) == error, why


def test_a_host_does_not_ask_what_cannot_be_asked():
    with pytest.raises(BadField, match="cannot be asked for one denomination"):
        request_values(MACHINE_INFO, 1)
    with pytest.raises(BadField, match="whole machine"):
        request_values(SELECTED_METERS, 1, {"game": 1, "meters": (0,)})
    with pytest.raises(BadField):
        request_values(COIN_IN, 1, {"game": 0})
    assert request_values(EXTENDED_METERS, 1, {"game": 9, "meters": (0,)})["data"] == bytes.fromhex("04 00 09 00 00")
