"""The capture file: what is written reads back, what is damaged is refused with its line."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.line.capture import (
    CHARS_MAX,
    OFFSET_MAX_US,
    BadCapture,
    Header,
    Reader,
    Record,
    header_text,
    note_text,
    record_text,
)

STARTED = datetime(2025, 11, 3, 2, 11, 7, 113000, tzinfo=UTC)
HEADER = Header("A", "a cabinet, firmware 7", "a technician, on the bench", STARTED)

HEAD = """\
hall-edge capture 1
line: A
machine: a cabinet, firmware 7
who: a technician, on the bench
started: 2025-11-03T02:11:07.113000Z

"""


def read(text):
    return list(Reader(text.splitlines(keepends=True)))


def test_a_capture_of_a_door_reads_as_in_the_document():
    text = HEAD + "0 > *80\n20112 > *81\n24800 < 11\n# the door was opened by hand\n60000 > *01 1F\n"
    reader = Reader(text.splitlines(keepends=True))
    assert reader.header == HEADER
    assert list(reader) == [
        Record(0, ">", b"\x80", b"\x01"),
        Record(20112, ">", b"\x81", b"\x01"),
        Record(24800, "<", b"\x11", b"\x00"),  # slot door opened
        Record(60000, ">", b"\x01\x1f", b"\x01\x00"),
    ]
    assert not reader.is_cut_short


def test_the_writer_writes_exactly_that():
    assert header_text(HEADER) == HEAD
    assert record_text(Record(60000, ">", b"\x01\x1f", b"\x01\x00")) == "60000 > *01 1F\n"
    assert record_text(Record(24800, "<", b"\x01\xff", b"\x00\x00")) == "24800 < 01 FF\n"
    assert note_text("the door was opened by hand") == "# the door was opened by hand\n"


RECORDS = st.lists(
    st.tuples(
        st.integers(0, 10**9),
        st.sampled_from("<>"),
        st.lists(st.tuples(st.integers(0, 255), st.booleans()), min_size=1, max_size=40),
    ),
    max_size=20,
).map(
    lambda rows: [
        Record(offset, direction, bytes(value for value, _ in chars), bytes(flag for _, flag in chars))
        for offset, direction, chars in sorted(rows, key=lambda row: row[0])
    ]
)
TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F, categories=("L", "N", "P")), max_size=40)


@given(
    RECORDS,
    TEXTS,
    TEXTS,
    TEXTS,
    st.integers(0, 4 * 10**15).map(lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)),
)
def test_whatever_was_recorded_reads_back_the_same(records, line, machine, who, started):
    header = Header(line, machine, who, started)
    reader = Reader((header_text(header) + "".join(map(record_text, records))).splitlines(keepends=True))
    assert reader.header == header
    assert list(reader) == records


def test_the_longest_record_reads_back_and_one_more_character_is_refused_both_ways():
    longest = Record(0, "<", bytes(CHARS_MAX), b"\x01" * CHARS_MAX)
    text = record_text(longest)
    assert read(HEAD + text) == [longest]
    with pytest.raises(BadCapture):
        record_text(Record(0, "<", bytes(CHARS_MAX + 1), bytes(CHARS_MAX + 1)))
    with pytest.raises(BadCapture, match="line 7"):
        read(HEAD + text[:-1] + " *00\n")


def test_a_last_line_torn_by_a_power_cut_is_left_out_and_told():
    reader = Reader((HEAD + "0 > *80\n20112 > *8").splitlines(keepends=True))
    assert [record.data for record in reader] == [b"\x80"]
    assert reader.is_cut_short


@pytest.mark.parametrize(
    "line",
    [
        "0 > *8",
        "0 > *ZZ",
        "0 > 81*",
        "0 >",
        "0 ^ 81",
        "-1 > 81",
        "1.5 > 81",
        "0 > 81  11",
        "0 > 8a",
        f"{OFFSET_MAX_US + 1} > 81",
        "0 > 81 # why",
        " 0 > 81",
        "0 > *81\r",
    ],
)
def test_a_damaged_record_is_refused_with_its_line(line):
    with pytest.raises(BadCapture, match="line 8") as caught:
        read(f"{HEAD}0 > *80\n{line}\n")
    assert caught.value.slug == "bad-capture"


def test_frames_sent_do_not_run_backwards_in_time():
    with pytest.raises(BadCapture, match="backwards"):
        read(HEAD + "5000 > *80\n4000 > *81\n")


@pytest.mark.parametrize(
    "head",
    [
        "",
        "hall-edge capture 2\n",
        HEAD.replace("who: a technician, on the bench\n", ""),
        HEAD.replace("who:", "whom:"),
        HEAD.replace("line: A\n", "line: A\nline: B\n"),
        HEAD.replace("113000Z", "113000"),
        HEAD.rstrip("\n"),
        HEAD.removesuffix("\n"),
    ],
)
def test_a_damaged_header_is_refused(head):
    with pytest.raises(BadCapture):
        Reader(head.splitlines(keepends=True))


def test_a_header_that_would_not_read_back_is_not_written():
    with pytest.raises(BadCapture):
        header_text(Header("A", "two\nlines", "x", STARTED))
    with pytest.raises(BadCapture):
        header_text(Header("A", "m", "x", STARTED.replace(tzinfo=None)))
    with pytest.raises(BadCapture):
        note_text("two\nlines")
    with pytest.raises(BadCapture):
        record_text(Record(0, ">", b"\x81", b"\x02"))
    with pytest.raises(BadCapture):
        record_text(Record(0, ">", b"\x81", b""))
    with pytest.raises(BadCapture):
        record_text(Record(-1, ">", b"\x81", b"\x01"))


def test_the_start_is_written_in_utc_whatever_zone_it_came_in():
    east = STARTED.astimezone(timezone(timedelta(hours=2)))
    assert header_text(Header("A", "a cabinet, firmware 7", "a technician, on the bench", east)) == HEAD


def test_the_example_of_the_document_reads():
    document = (Path(__file__).parents[3] / "docs" / "captures.md").read_text(encoding="utf-8")
    example = document.split("```\n")[1]
    reader = Reader(example.splitlines(keepends=True))
    records = list(reader)
    assert reader.header == HEADER
    assert [record.data.hex() for record in records] == ["80", "81", "11", "01", "1f", "011f4154"]
    assert [record.flags[0] for record in records] == [1, 1, 0, 1, 0, 0]
