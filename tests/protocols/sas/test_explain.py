"""The wire in words. Frames from the CRC table of the protocol document; meanings from the catalogue."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.sas.catalog.exception_codes import EXCEPTIONS
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.crc import with_crc
from protocols.sas.explain import Explainer
from tests.vectors import reading

W, S = b"\x01", b"\x00"


def framed(text: str) -> str:
    """Hex with its check sum."""
    return with_crc(bytes.fromhex(text)).hex()


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
    assert said((">", "81"), ("<", "01 FF 11 14 A5"))[1] == (
        "an event frame whose check sum does not hold",
        True,
    )


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


def test_an_event_frame_says_what_it_carries() -> None:
    # sas-core 6.1: 4F, 7E, 7F, 8B, 8C
    for frame, words in (
        (
            "01 FF 4F 37 04 00 00 01 23 76 9D",
            "4F bill accepted (any other, or RTE): bill of 20, United States, 123 of this kind so far",
        ),
        ("01 FF 7F 00 00 01 50 AD 56", "7F game ended: win 150"),
        ("01 FF 8B 83 BF 04", "8B card held/not held (RTE only): card 3 held"),
        ("01 FF 8C 00 02 CB 44", "8C game selected: game 2"),
    ):
        assert said((">", "81"), ("<", frame))[1] == (f"event frame: {words}", False)


def test_an_event_frame_may_stand_in_the_place_of_a_long_poll_s_answer_and_come_in_pieces() -> None:
    told = said((">", "01 1A"), ("<", "01"), ("<", "FF 7F 00 00"), ("<", "01 50 AD 56"), (">", "80"))
    assert told[1:2] == [("event frame: 7F game ended: win 150", False)]
    assert len(told) == 3
    told = said((">", "81"), ("<", "01"), ("<", "FF 11 14 A4"), (">", "80"))
    assert told[1] == ("event frame: 11 slot door opened", False)


def test_an_event_frame_may_say_that_nothing_is_new() -> None:
    assert said((">", "81"), ("<", "01 FF 00 1C A5"))[1] == ("event frame: nothing new", False)
    assert said((">", "81"), ("<", "1F"))[1] == ("nothing new", False)


def test_an_unknown_event_is_ended_when_the_host_goes_on_and_shown_as_it_came() -> None:
    frame = framed("01 FF C3 12 34")
    assert said((">", "81"), ("<", frame), (">", "80"))[1] == ("event frame: C3 unknown exception C3: data 12 34", False)
    text, fault = said((">", "81"), ("<", framed("01 FF 7F 00 00 0A 00")))[1]
    assert text.startswith("event frame: 7F game ended, with data that cannot be read (win has a digit above 9")
    assert not fault, "the event happened"


def test_a_handpay_is_told_with_the_unit_its_level_gives() -> None:
    frame = framed("01 1B 05 01 00 01 23 45 67 02 00 01" + " 00" * 10)
    assert said((">", "01 1B"), ("<", frame))[1][0] == (
        "handpay, progressive level 1: 1234567 cents · group 5 · 200 credits paid before · may go to the credit meter"
    )
    frame = framed("01 1B 00 80 00 00 00 15 00 00 00 00" + " 00" * 10)
    assert said((">", "01 1B"), ("<", frame))[1][0] == "handpay, cancelled credits: 1500 credits · only the key resets it"
    assert said((">", "01 1B"), ("<", framed("01 1B" + " 00" * 20)))[1] == ("no handpay", False)


def test_a_poll_inside_a_poll_is_told_with_its_denomination() -> None:
    # 01 B0 02 01 11 B0 C7: coin in at one cent (MONACO tests)
    asked, answered = said((">", "01 B0 02 01 11 B0 C7"), ("<", framed("01 B0 06 01 11 00 00 14 51")))
    assert asked == ("multi-denomination preamble: for 0.01: total coin in", False)
    assert answered == ("for 0.01: coin in 1451", False)
    refused = said((">", "01 B0 02 01 11 B0 C7"), ("<", framed("01 B0 03 01 00 05")))[1]
    assert refused == ("refused: not a valid player denomination", False)


def test_01_00_inside_is_told_by_the_poll_inside() -> None:
    games, enable = framed("01 B0 02 01 56"), framed("01 B0 05 01 09 00 01 01")
    assert said((">", games), ("<", framed("01 B0 04 01 56 01 00")))[1][0] == "for 0.01: games —"
    assert said((">", enable), ("<", framed("01 B0 04 01 09 01 00")))[1][0] == "for 0.01: busy, ask later"


def test_meters_about_to_change_and_machine_numbers_are_told_in_words() -> None:
    assert said((">", "01 B6 01 00 F8 59"), ("<", framed("01 B6 01 01"))) == [
        ("meter collect status: seen, keep waiting", False),
        ("games or denominations will be switched on or off", False),
    ]
    read = framed("01 B7 05 00 00 00 00 00")
    assert said((">", read), ("<", framed("01 B7 09 03 A1 01 00 00 03 42 31 32"))) == [
        ("set machine numbers: only read", False),
        ("asset number 417 · location B12 · the host may set asset number and location", False),
    ]


def test_an_answer_that_only_the_gap_ends_is_told_when_the_host_goes_on() -> None:
    # B7 without its length byte, 8F with five reels (QUIRKS X9, X5)
    told = said((">", framed("01 B7 05 00 00 00 00 00")), ("<", framed("01 B7 00 A1 01 00 00 00")), (">", "80"))
    assert told[1] == ("asset number 417 · location — · the host may set neither · without its length byte", False)
    told = said((">", "01 8F"), ("<", "01 8F 01 02 16 00 0A DA 69"), (">", "80"))
    assert told[1] == ("stops 01 02 16 00 0a", False)


def test_a_denomination_is_told_as_money() -> None:
    assert said((">", "01 B1"), ("<", "01 B1 02 78 5A"))[1][0] == "denomination 0.05"
    assert said((">", "01 B1"), ("<", framed("01 B1 1C")))[1][0] == "denomination 0.0025"
    assert said((">", "01 B1"), ("<", framed("01 B1 40")))[1][0] == "denomination 40 (not a denomination)"


def test_what_another_host_asks_is_named_and_its_answer_shown_as_it_came() -> None:
    transfer = framed("01 72 02 FF 00")
    told = said((">", transfer), ("<", framed("01 72 02 00 FF")), (">", "01 3D"), ("<", framed("01 3D 12 34")), (">", "80"))
    assert told == [
        ("AFT transfer funds: 02 ff 00", False),
        ("02 00 ff", False),
        ("cash-out ticket information", False),
        ("12 34", False),
        ("nobody asked: keeps the line in step", False),
    ]
    assert said((">", framed("01 94")), ("<", "81"), (">", "80"))[1] == ("refused", True)
    assert said((">", framed("01 8A 00 00 00 01 00")), ("<", "01"), (">", "80"))[1] == ("done", False)
    assert said((">", framed("01 72 02 FF 00")[:-1] + "0"))[0][1], "a damaged one is not named"


@pytest.mark.parametrize("code", ["30", "A5", "EB", "FD", "FF"])
def test_what_should_never_be_polled_is_a_fault(code: str) -> None:
    text, fault = said((">", f"01 {code}"))[0]
    assert text.startswith(f"{code} should never be polled")
    assert fault


ROWS = reading.polls() + reading.meters()


@pytest.mark.parametrize("row", ROWS, ids=[reading.named(row) for row in ROWS])
def test_every_vector_is_told_and_only_refusals_are_faults(row: dict[str, Any]) -> None:
    wire = [(">", row["request"])] + ([("<", row["reply"])] if "reply" in row else []) + [(">", "80")]
    told = said(*wire)
    assert len(told) == len(wire)
    assert told[0][0].removeprefix("to all: ").startswith(BY_CODE[row["code"]].name)
    assert [fault for _, fault in told] == [False] + [row["status"] == "nack"] * ("reply" in row) + [False]


@pytest.mark.parametrize("row", reading.exceptions(), ids=lambda row: f"{row['code']:02X} {row['meaning']}")
def test_every_exception_is_told_by_its_name_in_both_modes(row: dict[str, Any]) -> None:
    for told in (row.get("general"), row.get("event")):
        if told is not None:
            text, fault = said((">", "81"), ("<", told), (">", "80"))[1]
            name = "nothing new" if row["code"] in (0x00, 0x1F) else EXCEPTIONS[row["code"]].name
            assert name in text
            assert not fault


@given(
    st.lists(st.tuples(st.sampled_from("<>"), st.binary(max_size=40), st.binary(max_size=40)), max_size=30)
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
