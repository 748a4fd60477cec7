"""The tap: out of the way without a listener, complete with one."""

from datetime import UTC, datetime

import pytest

from protocols.errors import LineLost
from protocols.line.capture import Reader, Record
from protocols.line.line import CHAR_S
from protocols.line.memory import pair
from protocols.line.tap import CaptureSink, Tap, TapRecord

STARTED = datetime(2025, 11, 3, 2, 11, 7, tzinfo=UTC)


def test_without_a_listener_the_calls_are_the_lines_own():
    line, _ = pair("A")
    tap = Tap(line)
    assert tap.send == line.send
    assert tap.drain == line.drain
    assert (tap.name, tap.stats, tap.fileno(), tap.ready(0.0), tap.service_at()) == ("A", line.stats, -1, True, None)


def test_a_listener_gets_each_frame_and_each_answer_with_flags_and_moments():
    line, egm = pair("A")
    heard: list[TapRecord] = []
    tap = Tap(line, heard.append)
    ends_at = tap.send(b"\x01\x1f", wakeup=True, now=5.0)
    assert ends_at == pytest.approx(5.0 + 2 * CHAR_S)
    egm.send(b"\x01\x00", wakeup=False, now=5.01)  # busy
    egm.send(b"\x01", wakeup=True, now=5.2)  # a chirp
    assert [char.value for char in tap.drain(5.1)] == [1, 0]
    assert tap.drain(5.1) == ()
    assert [char.wakeup for char in tap.drain(6.0)] == [True]
    assert heard == [
        TapRecord(5.0, ">", b"\x01\x1f", b"\x01\x00"),
        TapRecord(5.01 + CHAR_S, "<", b"\x01\x00", b"\x00\x00"),
        TapRecord(5.2 + CHAR_S, "<", b"\x01", b"\x01"),
    ]


def test_a_listener_may_come_and_go_while_the_line_is_open():
    line, _ = pair("A")
    heard: list[TapRecord] = []
    tap = Tap(line)
    tap.send(b"\x80", wakeup=True, now=0.0)
    tap.sink = heard.append
    tap.send(b"\x81", wakeup=True, now=1.0)
    tap.sink = None
    tap.send(b"\x82", wakeup=True, now=2.0)
    assert [record.data for record in heard] == [b"\x81"]
    assert line.stats.frames_sent == 3


def test_what_could_not_be_sent_is_not_told_as_sent():
    line, _ = pair("A")
    heard: list[TapRecord] = []
    tap = Tap(line, heard.append)
    tap.close()
    with pytest.raises(LineLost):
        tap.send(b"\x80", wakeup=True, now=0.0)
    assert heard == []


def test_a_capture_taken_through_a_tap_reads_back():
    written: list[str] = []
    line, egm = pair("A")
    tap = Tap(line)
    tap.sink = CaptureSink(written.append, line="A", machine="m", who="w", started=STARTED, now=100.0)
    tap.send(b"\x81", wakeup=True, now=100.5)
    egm.send(b"\x11", wakeup=False, now=100.51)
    tap.drain(101.0)
    reader = Reader("".join(written).splitlines(keepends=True))
    assert reader.header.started == STARTED
    assert list(reader) == [
        Record(500_000, ">", b"\x81", b"\x01"),
        Record(round(510_000 + CHAR_S * 1e6), "<", b"\x11", b"\x00"),
    ]


def test_a_capture_that_reached_its_size_ends_with_a_note_and_takes_nothing_more():
    written: list[str] = []
    sink = CaptureSink(written.append, line="A", machine="m", who="w", started=STARTED, now=0.0, size_max=120)
    for n in range(100):
        sink(TapRecord(float(n), ">", b"\x80", b"\x01"))
    records = list(Reader("".join(written).splitlines(keepends=True)))
    assert sink.is_full
    assert 0 < len(records) < 100
    assert len(records) + sink.left_out == 100
    assert written[-1].startswith("# the size limit")
