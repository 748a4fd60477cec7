"""A line that plays a capture: same frames, recorded answers after the recorded delay, and a clear word where they differ."""

import pytest

from protocols.line.capture import Record
from protocols.line.line import CHAR_S, flags
from protocols.line.replay import Diverged, ReplayLine


def sent(offset_us: int, hexes: str, *, wakeup: bool = True) -> Record:
    data = bytes.fromhex(hexes)
    return Record(offset_us, ">", data, flags(len(data), wakeup=wakeup))


def came(offset_us: int, hexes: str, *, wakeup: bool = False) -> Record:
    data = bytes.fromhex(hexes)
    return Record(offset_us, "<", data, flags(len(data), wakeup=wakeup))


DOOR = [
    sent(0, "80"),
    sent(20_000, "81"),
    came(24_800, "11"),
    sent(60_000, "01 1F"),
    came(68_000, "01 1F"),
    came(69_000, "41"),
]


def test_answers_come_with_the_recorded_delay_counted_from_the_frame_of_today():
    line = ReplayLine(DOOR, now=5.0)
    assert line.send(b"\x80", wakeup=True, now=5.0) == pytest.approx(5.0 + CHAR_S)
    assert line.next_arrival() is None
    line.send(b"\x81", wakeup=True, now=7.0)
    assert line.drain(7.004) == []
    ((value, wakeup, at),) = line.drain(7.005)
    assert (value, wakeup) == (0x11, False)
    assert at == pytest.approx(7.0048)
    line.send(b"\x01\x1f", wakeup=True, now=8.0)
    assert [char.value for char in line.drain(8.0085)] == [0x01, 0x1F]
    assert not line.is_over
    assert [char.value for char in line.drain(9.0)] == [0x41]
    assert line.is_over


def test_another_frame_is_told_with_both_and_the_place():
    line = ReplayLine(DOOR, now=5.0)
    line.send(b"\x80", wakeup=True, now=5.0)
    with pytest.raises(Diverged) as told:
        line.send(b"\x82", wakeup=True, now=5.1)
    assert (told.value.number, told.value.place, told.value.recorded, told.value.sent) == (2, 2, b"\x81", b"\x82")
    assert str(told.value) == "Frame 2 of the host (record 2, 0.020000 s): recorded was *81, now *82 is sent."


def test_the_same_bytes_without_the_wakeup_bit_are_another_frame():
    with pytest.raises(Diverged):
        ReplayLine(DOOR, now=5.0).send(b"\x80", wakeup=False, now=5.0)


def test_one_frame_more_than_was_recorded_is_told():
    line = ReplayLine([sent(0, "80")], now=5.0)
    line.send(b"\x80", wakeup=True, now=5.0)
    with pytest.raises(Diverged, match="ends after 1 frames of the host; now \\*81"):
        line.send(b"\x81", wakeup=True, now=5.1)


def test_a_frame_that_a_listener_recorded_in_two_pieces_is_one():
    line = ReplayLine([sent(0, "01"), sent(2_080, "1F", wakeup=False), came(9_000, "01")], now=5.0)
    line.send(b"\x01\x1f", wakeup=True, now=5.0)
    assert line.frames_left == 0


def test_what_came_before_the_first_frame_comes_by_itself_with_its_wakeup_bit():
    line = ReplayLine([came(5_000_000, "01", wakeup=True), sent(5_300_000, "80")], now=10.0)
    assert line.next_arrival() == pytest.approx(15.0)
    ((value, wakeup, _),) = line.drain(15.0)
    assert (value, wakeup) == (0x01, True)


def test_a_quicker_host_does_not_make_an_answer_overtake_the_one_before():
    line = ReplayLine(
        [sent(0, "81"), came(50_000, "11"), sent(100_000, "80"), sent(100_500, "82"), came(101_000, "00")], now=0.0
    )
    line.send(b"\x81", wakeup=True, now=0.0)
    line.send(b"\x80", wakeup=True, now=0.001)
    line.send(b"\x82", wakeup=True, now=0.002)
    assert [char.value for char in line.drain(1.0)] == [0x11, 0x00]
