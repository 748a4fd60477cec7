"""The wire in words. Frames from the CRC table of the protocol document; meanings from the catalogue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.sas.explain import Explainer

W, S = b"\x01", b"\x00"


def said(*records: tuple[str, str]) -> list[tuple[str, bool]]:
    """Feed hex with direction, return text and fault of every line."""
    explainer = Explainer()
    told = []
    for direction, text in records:
        data = bytes.fromhex(text)
        flags = (W if direction == ">" else S) + S * (len(data) - 1)
        told += [(one.text, one.fault) for one in explainer.feed(direction, data, flags)]
    return told


def test_a_poll_without_news() -> None:
    assert said((">", "81"), ("<", "00")) == [("anything new?", False), ("nothing new", False)]


def test_an_exception_is_named() -> None:
    assert said((">", "81"), ("<", "11"))[1] == ("11 slot door opened", False)


def test_an_event_frame_is_named_by_its_exception() -> None:
    # 01 FF 11 14 A4: real-time event, slot door opened
    assert said((">", "81"), ("<", "01 FF 11 14 A4"))[1] == ("event frame: 11 slot door opened", False)
    assert said((">", "81"), ("<", "01 FF 11 14 A5"))[1] == ("5 bytes where one is due", True)


def test_meters_that_are_asked_for_are_told_by_code() -> None:
    # 01 6F 10 ...: extended meters 0005 0006 0007 0000 0001 001C 001D of game 0
    asked = said((">", "01 6F 10 00 00 05 00 06 00 07 00 00 00 01 00 1C 00 1D 00 4C 82"))[0]
    assert asked == ("extended meters of game n: game 0 · meters 05, 06, 07, 00, 01, 1C, 1D", False)


def test_nobody_is_asked_by_80() -> None:
    assert said((">", "80"), (">", "81")) == [("nobody asked: keeps the line in step", False), ("anything new?", False)]


def test_a_long_poll_and_its_meters_in_words() -> None:
    # 01 1A 00 00 14 51 3E 4D: credits = 1451
    asked, answered = said((">", "01 1A"), ("<", "01 1A 00 00 14 51 3E 4D"))
    assert "credits" in asked[0].lower()
    assert "1451" in answered[0]
    assert answered[1] is False


def test_an_answer_may_come_in_pieces() -> None:
    told = said((">", "01 1A"), ("<", "01 1A 00"), ("<", "00 14 51 3E"), ("<", "4D"))
    assert len(told) == 2
    assert "1451" in told[1][0]


def test_a_command_that_was_taken_refused_or_put_off() -> None:
    shutdown = (">", "01 01 51 08")
    assert said(shutdown, ("<", "01"))[1] == ("done", False)
    assert said(shutdown, ("<", "81"))[1] == ("refused", True)


def test_a_damaged_answer_is_shown_with_the_reason() -> None:
    text, fault = said((">", "01 1A"), ("<", "01 1A 00 00 14 52 3E 4D"))[1]
    assert fault
    assert "check sum" in text


def test_silence_and_half_answers_are_told_when_the_host_goes_on() -> None:
    told = said((">", "81"), (">", "82"), ("<", "00"), (">", "01 1A"), ("<", "01 1A 00"), (">", "81"))
    assert [text for text, fault in told if fault] == ["no answer", "broken: 3 bytes that are no answer to this poll"]


def test_bytes_nobody_asked_for() -> None:
    assert said((">", "81"), ("<", "00"), ("<", "1F 1F"))[-1] == ("nobody asked for this", True)


def test_an_answer_to_what_was_asked_before_the_trace_began_is_no_fault() -> None:
    assert said(("<", "00")) == [("an answer to what was asked before this trace began", False)]


def test_a_chirp_is_known_by_its_wakeup_bit() -> None:
    explainer = Explainer()
    (told,) = explainer.feed("<", b"\x05", W)
    assert (told.address, told.fault) == (5, True)
    assert "hears no host" in told.text


def test_a_broadcast_waits_for_nobody() -> None:
    # 00 7F 12 31 20 25 23 59 58 AA CF: date and time to all
    told = said((">", "00 7F 12 31 20 25 23 59 58 AA CF"), (">", "81"))
    assert told[0][0].startswith("to all: ")
    assert [fault for _, fault in told] == [False, False]


@given(
    st.lists(st.tuples(st.sampled_from("<>"), st.binary(min_size=1, max_size=40), st.binary(max_size=40)), max_size=30)
)
def test_whatever_is_on_the_wire_something_is_said_and_nothing_breaks(records: list[tuple[str, bytes, bytes]]) -> None:
    explainer = Explainer()
    for direction, data, flags in records:
        for told in explainer.feed(direction, data, flags):
            assert told.text
            assert len(told.text) <= 400
            assert told.text.isprintable()
    assert len(explainer._buffer) <= 400


@pytest.mark.parametrize("size", [1, 299, 5000])
def test_babble_is_cut_off(size: int) -> None:
    explainer = Explainer()
    explainer.feed(">", bytes.fromhex("01 1C"), W + S)
    explainer.feed("<", b"\x55" * size, S * size)
    assert len(explainer._buffer) <= 300
