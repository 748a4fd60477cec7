"""What acknowledges a machine's answer, what asks for it again, and how it refuses."""

import pytest

from protocols.errors import BadField
from protocols.sas.frame import decode_poll
from tests.support.port import Cable, checked

CREDITS = "01 1A 00 00 14 51 3E 4D"  # 1451 credits
COIN_IN = checked("01 11 00 00 00 07")
SHUTDOWN = "01 01 51 08"
SET_CLOCK = "00 7F 12 31 20 25 23 59 58 AA CF"


def with_two_doors(**rules):
    """Slot door opened (11, the machine's number 1) and closed (12, number 2) wait; the link is up."""
    cable = Cable(**rules)
    cable.send("81")
    cable.send("80")
    cable.port.raise_exception(0x11, 1)
    cable.port.raise_exception(0x12, 2)
    return cable


# general polls ------------------------------------------------------------------------------------------------------


def test_a_second_identical_general_poll_gets_the_same_exception_again():
    cable = with_two_doors()
    assert [cable.send("81"), cable.send("81")] == ["11", "11"]
    assert cable.answered == [(0x11, 1), (0x11, 1)]
    assert cable.acknowledged == []


@pytest.mark.parametrize(
    "other",
    ["80", "82", "02 1A", "01 1A", SHUTDOWN, SET_CLOCK, "01 B0 02 01 11 B0 C7", checked("00 80 02 01 02")],
    ids=["80", "another machine", "a long poll to another", "a long poll to it", "an order to it", "a broadcast",
         "a poll it does not know", "a broadcast it does not know"],
)  # fmt: skip
def test_any_other_frame_acknowledges_the_exception(other):
    cable = with_two_doors()
    assert cable.send("81") == "11"
    cable.send(other)
    assert cable.acknowledged == [(0x11, 1)]
    assert cable.send("81") == "12"


def test_the_third_identical_poll_meets_silence_and_the_exception_stays():
    cable = with_two_doors()
    assert [cable.send("81") for _ in range(4)] == ["11", "11", None, "11"]
    assert cable.acknowledged == []
    cable.send("80")
    assert cable.acknowledged == [(0x11, 1)]


def test_after_the_silence_of_the_third_try_nothing_is_left_to_acknowledge():
    cable = with_two_doors()
    for _ in range(3):
        cable.send("81")
    cable.send("80")
    assert cable.acknowledged == []
    assert cable.send("81") == "11"


def test_some_machines_answer_the_third_try_too():
    cable = with_two_doors(third_repeat="answer")
    assert [cable.send("81") for _ in range(6)] == ["11"] * 6


def test_what_no_exception_answered_needs_no_acknowledgement():
    cable = Cable()
    assert [cable.send("81") for _ in range(5)] == ["00"] * 5
    cable.port.raise_exception(0x11, 1)
    assert cable.send("81") == "11", "the poll before told nothing, so this is no repeat"


def test_a_host_that_dies_and_returns_within_five_seconds_with_80_loses_what_it_did_not_store():
    cable = with_two_doors()
    cable.send("81")
    cable.silence(3.0)
    cable.send("80")
    assert cable.acknowledged == [(0x11, 1)]
    assert cable.send("81") == "12"


def test_a_host_that_stays_silent_for_over_five_seconds_gets_it_again():
    cable = with_two_doors()
    cable.send("81")
    cable.silence(5.3)
    cable.send("80")
    assert cable.acknowledged == []
    assert cable.send("81") == "11"


def test_a_machine_that_does_not_keep_it_over_its_link_down_says_so_in_its_book():
    cable = with_two_doors(keeps_over_link_down=False)
    cable.send("81")
    cable.silence(5.3)
    assert (cable.acknowledged, cable.dropped) == ([], [(0x11, 1)])
    cable.send("80")
    assert cable.send("81") == "12"


# long polls ---------------------------------------------------------------------------------------------------------


def test_the_same_long_poll_again_gets_the_same_bytes_even_if_the_world_has_changed():
    cable = Cable()
    assert cable.send("01 1A") == CREDITS
    cable.tells[0x1A] = {"credits": 0}
    assert cable.send("01 1A") == CREDITS
    cable.send("80")
    assert cable.send("01 1A") == "01 1A 00 00 00 00 C3 FC"
    assert len(cable.asked) == 2


def test_another_command_between_makes_it_a_new_question():
    cable = Cable()
    cable.send("01 1A")
    assert cable.send("01 11") == COIN_IN
    cable.tells[0x1A] = {"credits": 0}
    assert cable.send("01 1A") == "01 1A 00 00 00 00 C3 FC"


def test_the_third_identical_long_poll_meets_silence():
    cable = Cable()
    assert [cable.send("01 1A") for _ in range(4)] == [CREDITS, CREDITS, None, CREDITS]


def test_a_long_poll_for_other_meters_is_a_repeat_for_machines_that_compare_the_command():
    first, second = checked("01 6F 04 00 00 00 00"), checked("01 6F 04 00 00 01 00")
    cable = Cable()
    cable.send(first)
    cable.send(second)
    assert len(cable.asked) == 1, "the old answer was sent again"
    cable = Cable(repeat_compares="frame")
    cable.send(first)
    cable.send(second)
    assert [values["meters"] for _, values in cable.asked] == [(0,), (1,)]


def test_the_twin_command_asks_anew():
    cable = Cable()
    cable.send(checked("01 6F 04 00 00 00 00"))
    cable.send(checked("01 AF 04 00 00 01 00"))
    assert [code for code, _ in cable.asked] == [0x6F, 0xAF]


def test_a_damaged_repeat_is_taken_for_the_repeat_and_loses_nothing():
    cable = Cable()
    cable.send(checked("01 6F 04 00 00 00 00"))
    assert cable.send("01 6F 04 00 00 00 00 FF FF") == checked("01 6F 02 00 00")


# refusals -----------------------------------------------------------------------------------------------------------


def test_an_order_is_done_refused_or_put_off():
    cable = Cable()
    assert cable.send(SHUTDOWN) == "01"
    assert cable.send("01 02 CA 3A") == "81"
    assert cable.send("01 03 43 2B") == "01 00", "BUSY has no check sum"


def test_an_order_that_is_sent_twice_is_done_twice_for_an_ack_is_not_kept():
    cable = Cable()
    assert [cable.send(SHUTDOWN), cable.send(SHUTDOWN), cable.send(SHUTDOWN)] == ["01", "01", "01"]
    assert len(cable.asked) == 3


@pytest.mark.parametrize("frame", ["01 30", "01 B0 02 01 11 B0 C7", "01 51", checked("01 09 00 01 01")])
def test_what_a_machine_does_not_know_meets_silence_and_no_nack(frame):
    cable = Cable()
    del cable.tells[0x51]
    assert cable.send(frame) is None


def test_a_bad_check_sum_is_refused_or_passed_over_in_silence():
    assert Cable().send("01 01 51 09") == "81"
    assert Cable(bad_crc="silence").send("01 01 51 09") is None


def test_data_that_make_no_sense_are_refused_even_where_a_bad_check_sum_is_not():
    for frame in (checked("01 7F 13 01 20 26 00 00 00"), checked("01 A0 00 0A"), checked("01 6F 03 00 00 05")):
        cable = Cable(bad_crc="silence")
        assert cable.send(frame) == "81"
        assert cable.asked == []


def test_a_broadcast_is_obeyed_and_never_answered():
    cable = Cable()
    assert cable.send(SET_CLOCK) is None
    assert cable.asked == [(0x7F, {"date": "12312025", "time": "235958"})]


@pytest.mark.parametrize(
    "frame",
    ["00 7F 12 31 20 25 23 59 58 AA CE", checked("00 7F 13 31 20 25 23 59 58"), checked("00 01"), "00 1A"],
    ids=["bad check sum", "no such month", "shutdown is not for all", "nor is a read poll"],
)
def test_a_broadcast_that_is_damaged_or_not_for_all_changes_nothing(frame):
    cable = Cable()
    assert cable.send(frame) is None
    assert cable.asked == []


def test_a_long_poll_begins_with_an_address_and_never_with_a_general_poll():
    assert decode_poll(bytes.fromhex("7F 1A"))[1] == 127
    for frame in ("80 1A", "81 1A", "FF 1A"):
        with pytest.raises(BadField, match="address 0 to 127"):
            decode_poll(bytes.fromhex(frame))


def test_a_machine_that_would_tell_nonsense_says_nothing_shorter_instead():
    cable = Cable()
    cable.tells[0x56] = {"games": (1, "2", 3)}
    with pytest.raises(BadField, match="game holds 0 to 9999, not '2'"):
        cable.send("01 56")
