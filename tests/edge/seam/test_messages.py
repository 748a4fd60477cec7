import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.board import Board
from edge.seam.errors import BadMessage
from edge.seam.messages import (
    COMMAND_MAX,
    LINE_MAX,
    Admit,
    Advance,
    Advanced,
    BoardSnapshot,
    Cursor,
    Hello,
    Refused,
    StatusTold,
    TraceLines,
    TraceRecord,
    encode,
    snapshot_parts,
    to_field,
    to_front,
)

CURSOR = Cursor(streamid="0" * 32, sequence=7, sha256="a" * 64)


@pytest.mark.parametrize(
    "message",
    [
        Hello(),
        Advance(id=3, consumer="central-1", cursor=CURSOR),
        Admit(id=4, command="{}", via="http", principal="key/a"),
    ],
)
def test_what_the_front_writes_is_what_the_field_reads(message: Hello | Advance | Admit) -> None:
    assert to_field(encode(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        Advanced(id=3, moved=True, cursor=CURSOR),
        Refused(id=1, reason="chain-mismatch", text="No.", facts={"sequence": 5}),
        StatusTold(id=2, status={"lines": [{"name": "A"}], "up_s": 4}),
        TraceLines(line="A", records=(TraceRecord(at_us=1, direction=">", data="81", flags="01"),), dropped=2),
    ],
)
def test_what_the_field_writes_is_what_the_front_reads(message: Advanced | Refused | StatusTold | TraceLines) -> None:
    assert to_front(encode(message)) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"hello",
        b'{"type":"hello"',
        b'{"type":"nobody","id":1}',
        b'{"type":"status","id":"1"}',  # loose value
        b'{"type":"status","id":true}',
        b'{"type":"status","id":-1}',
        b'{"type":"status","id":1,"more":1}',  # unknown member
        b'{"type":"advanced","id":1,"moved":true}',  # an answer is no request
        b'{"type":"trace-start","id":1,"line":"../A"}',
        b'{"type":"advance","id":1,"consumer":"c","cursor":{"streamid":"x","sequence":1,"sha256":"y"}}',
        b"\xff\xfe\x00",
        b"[" * 5000,
    ],
)
def test_a_line_that_is_not_a_request_is_refused(line: bytes) -> None:
    with pytest.raises(BadMessage):
        to_field(line)


def test_a_command_of_64_kib_passes_and_one_byte_more_does_not() -> None:
    fits = Admit(id=1, command="x" * COMMAND_MAX, via="mqtt", principal="central")
    assert to_field(encode(fits)) == fits
    too_long = json.dumps(
        {"type": "admit", "id": 1, "command": "x" * COMMAND_MAX + "x", "via": "mqtt", "principal": "c"}
    )
    with pytest.raises(BadMessage):
        to_field(too_long.encode())


def test_the_limit_of_a_command_is_in_bytes_not_in_characters() -> None:
    wide = json.dumps(
        {"type": "admit", "id": 1, "command": "é" * (COMMAND_MAX // 2 + 1), "via": "mqtt", "principal": "c"}
    )
    with pytest.raises(BadMessage):
        to_field(wide.encode())


@given(st.binary(max_size=300))
def test_no_bytes_whatever_do_more_than_be_refused(line: bytes) -> None:
    for read in (to_field, to_front):
        try:
            read(line)
        except BadMessage:
            continue


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["hello", "advance", "admit", "status", "trace-start", "subscribe", "head", "refused"]),
)
def test_no_json_whatever_does_more_than_be_refused(value: object, kind: str) -> None:
    line = json.dumps({"type": kind, "id": 1, "x": value}).encode()
    for read in (to_field, to_front):
        try:
            read(line)
        except BadMessage:
            continue


def test_the_board_of_a_thousand_machines_travels_in_parts_each_within_a_line() -> None:
    board = Board()
    for asset in range(1, 1001):
        board.add_egm(asset, line="A", address=1, meters={f"{code:02x}": "9" * 10 for code in range(40)})
    parts = snapshot_parts(board.snapshot())
    assert len(parts) == 5
    assert all(len(encode(part)) < LINE_MAX for part in parts)
    assert sum(len(part.board["egms"]) for part in parts) == 1000


def test_an_empty_board_is_one_part() -> None:
    assert snapshot_parts(Board().snapshot()) == [BoardSnapshot(board=Board().snapshot())]
