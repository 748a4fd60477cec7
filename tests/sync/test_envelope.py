"""Records are encoded once, the same way everywhere, and chained so that anybody can check it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any
from uuid import UUID

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sync.envelope import (
    EVENT_MAX,
    Cursor,
    Draft,
    canonical,
    chain_next,
    chain_start,
    encode,
    identify,
    stamp,
)
from sync.errors import BadCursor, BadEnvelope, EventTooLarge
from tests.sync.stage import NIGHT, STREAM, door_opened

# The worked vector of docs/chain.md; its hashes were made with sha256sum over the bytes there, not by this code.
H0 = "fdd571be626bdf637e5b6e96de4e9bf6242106cd824d62b9d404f195137046f3"
BODY_1 = (
    b'{"clock":"synced","data":{"door":"main","location":17,"sas_exception":17},'
    b'"datacontenttype":"application/json","dataschema":"/api/v1/schemas/hall.egm.door.opened.v1.json","epoch":"3",'
    b'"gamingday":"2026-11-22","id":"5e1f0c8a94d2477bb0a36e21c97d5f08:1","recordedat":"2026-11-23T00:11:07.324Z",'
    b'"sequence":"00000000000000000001","source":"urn:hall:7:gw:hg-07","specversion":"1.0",'
    b'"streamid":"5e1f0c8a94d2477bb0a36e21c97d5f08","subject":"egm/100417","time":"2026-11-23T00:11:07.320Z",'
    b'"type":"hall.egm.door.opened.v1"}'
)
H1 = "44390da44834dc559137d3ada02f2fbb2d95237cef2d13ea215fba8eb7e218fa"
H2 = "3f1e79d7fb8430fc300c4c548862613bae3f39c879347333dfc26b1b5de81f0c"


def vector(sequence: int) -> tuple[str, str, bytes]:
    if sequence == 1:
        return encode(door_opened(), streamid=STREAM, epoch=3, sequence=1, recordedat="2026-11-23T00:11:07.324Z")
    closed = Draft(
        type="hall.egm.door.closed.v1",
        source="urn:hall:7:gw:hg-07",
        subject="egm/100417",
        time=datetime(2026, 11, 23, 0, 11, 41, 7_000, tzinfo=UTC),
        data={"location": 17, "door": "main", "sas_exception": 18},
        gamingday="2026-11-22",
        clock="synced",
        dataschema="/api/v1/schemas/hall.egm.door.closed.v1.json",
    )
    return encode(closed, streamid=STREAM, epoch=3, sequence=2, recordedat="2026-11-23T00:11:41.009Z")


def test_the_worked_vector_holds_byte_by_byte() -> None:
    assert chain_start(STREAM).hex() == H0
    identity, time, body = vector(1)
    assert (identity, time, body) == (f"{STREAM}:1", "2026-11-23T00:11:07.320Z", BODY_1)
    assert chain_next(bytes.fromhex(H0), 1, body).hex() == H1
    assert chain_next(bytes.fromhex(H1), 2, vector(2)[2]).hex() == H2


def test_the_chain_is_what_the_contract_says_and_nothing_else() -> None:
    assert chain_start(STREAM) == hashlib.sha256(b"hall-edge log v1\n" + STREAM.encode()).digest()
    number_of_258 = bytes.fromhex("0000000000000102")  # 8 bytes, most significant first
    assert chain_next(b"\x11" * 32, 258, b"{}") == hashlib.sha256(b"\x11" * 32 + number_of_258 + b"{}").digest()


def test_an_envelope_carries_every_member_of_the_contract() -> None:
    event = orjson.loads(vector(1)[2])
    assert event == {
        "specversion": "1.0",
        "id": f"{STREAM}:1",
        "source": "urn:hall:7:gw:hg-07",
        "type": "hall.egm.door.opened.v1",
        "subject": "egm/100417",
        "time": "2026-11-23T00:11:07.320Z",
        "datacontenttype": "application/json",
        "dataschema": "/api/v1/schemas/hall.egm.door.opened.v1.json",
        "streamid": STREAM,
        "epoch": "3",
        "sequence": "00000000000000000001",
        "gamingday": "2026-11-22",
        "recordedat": "2026-11-23T00:11:07.324Z",
        "clock": "synced",
        "data": {"location": 17, "door": "main", "sas_exception": 17},
    }
    extensions = {name for name in event if name not in {"data", "specversion"}}
    assert all(name.isalnum() and name.islower() for name in extensions)


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_numbers = st.integers(-(2**53) + 1, 2**53 - 1)
_json = st.recursive(
    st.none() | st.booleans() | _numbers | _texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=0x7F), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_json)
def test_our_encoding_is_rfc_8785_on_our_subset(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]  # hypothesis yields JSON, typed as object


@given(_json)
def test_reading_and_encoding_again_gives_the_stored_bytes(value: object) -> None:
    once = canonical(value)
    assert canonical(orjson.loads(once)) == once


class Door(IntEnum):
    MAIN = 1


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"a": 1.0}, ".a"),
        ({"a": [1, {"b": float("nan")}]}, ".a[1].b"),
        ({"a": 2**53}, "53"),
        ({"a": -(2**53)}, "53"),
        ({"ключ": 1}, "ASCII"),
        ({1: 1}, "ASCII"),
        ({"a": b"bytes"}, "bytes"),
        ({"a": NIGHT}, "datetime"),
        ({"a": UUID(int=1)}, "UUID"),
        ({"a": Door.MAIN}, "Door"),
        ({"a": "\ud800"}, "UTF-8"),
        (1.5, "float"),
    ],
)
def test_what_is_outside_the_subset_is_refused_by_name(value: object, names: str) -> None:
    with pytest.raises(BadEnvelope) as refused:
        canonical(value)
    assert names in str(refused.value)


def test_the_largest_integer_passes_and_the_next_does_not() -> None:
    assert canonical([2**53 - 1, 1 - 2**53]) == b"[9007199254740991,-9007199254740991]"


def test_nesting_has_an_end() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    with pytest.raises(BadEnvelope, match="nested"):
        canonical(deep)


def test_an_event_of_64_kib_passes_and_one_byte_more_does_not() -> None:
    def sized(pad: int) -> bytes:
        draft = door_opened(text="x" * pad)
        return encode(draft, streamid=STREAM, epoch=1, sequence=1, recordedat=stamp(NIGHT))[2]

    room = EVENT_MAX - len(sized(0))
    assert len(sized(room)) == EVENT_MAX == 65536
    with pytest.raises(EventTooLarge) as refused:
        sized(room + 1)
    assert refused.value.facts["size"] == 65537


def test_a_time_is_utc_with_milliseconds_cut_off() -> None:
    assert stamp(datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)) == "2026-01-02T03:04:05.999Z"
    east = datetime.fromisoformat("2026-01-02T05:04:05.000500+02:00")
    assert stamp(east) == "2026-01-02T03:04:05.000Z"
    with pytest.raises(BadEnvelope):
        stamp(datetime(2026, 1, 1))  # noqa: DTZ001  the naive time is the point


def test_an_event_without_its_needed_members_is_refused() -> None:
    with pytest.raises(BadEnvelope):
        encode(
            Draft("", "s", "t", NIGHT, {}, "2026-11-22", "synced", "/x"), streamid=STREAM, epoch=1, sequence=1,
            recordedat=stamp(NIGHT),
        )  # fmt: skip


@given(st.integers(0, 2**53 - 1), st.binary(min_size=32, max_size=32))
def test_a_cursor_survives_its_own_encoding(sequence: int, digest: bytes) -> None:
    cursor = Cursor(STREAM, sequence, digest.hex())
    assert Cursor.parse(cursor.encode()) == cursor
    assert cursor.encode() == canonical(cursor.as_json())


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"null", b"[]", b"{}", b"\xff", b"{" * 2000,
        b'{"streamid":"%s","sequence":1}' % STREAM.encode(),
        b'{"streamid":"%s","sequence":1,"sha256":"%s","more":1}' % (STREAM.encode(), H0.encode()),
        b'{"streamid":"%s","sequence":"1","sha256":"%s"}' % (STREAM.encode(), H0.encode()),
        b'{"streamid":"%s","sequence":1.0,"sha256":"%s"}' % (STREAM.encode(), H0.encode()),
        b'{"streamid":"%s","sequence":true,"sha256":"%s"}' % (STREAM.encode(), H0.encode()),
        b'{"streamid":"%s","sequence":-1,"sha256":"%s"}' % (STREAM.encode(), H0.encode()),
        b'{"streamid":"%s","sequence":9007199254740992,"sha256":"%s"}' % (STREAM.encode(), H0.encode()),
        b'{"streamid":"%s","sequence":1,"sha256":"%s"}' % (STREAM.upper().encode(), H0.encode()),
        b'{"streamid":"%s\\n","sequence":1,"sha256":"%s"}' % (STREAM.encode(), H0.encode()),
        b'{"streamid":"%s","sequence":1,"sha256":"%s"}' % (STREAM.encode(), H0[:-1].encode()),
    ],
)  # fmt: skip
def test_what_is_not_exactly_a_cursor_is_refused(raw: bytes) -> None:
    with pytest.raises(BadCursor):
        Cursor.parse(raw)


def test_central_files_an_event_by_stream_and_number() -> None:
    event = orjson.loads(vector(1)[2])
    assert identify(event) == (STREAM, 1)
    assert canonical(event) == BODY_1
    for wrong in ({**event, "id": f"{STREAM}:2"}, {**event, "sequence": "1"}, {**event, "streamid": "x"}, {}):
        with pytest.raises(BadEnvelope):
            identify(wrong)
