"""The machine's side of the link: into step, out of step, chirping, and where a message begins and ends."""

import pytest

from tests.support.port import CHAR_S, Cable, checked

CREDITS = "01 1A 00 00 14 51 3E 4D"  # 1451 credits, address 1
SET_CLOCK = "00 7F 12 31 20 25 23 59 58 AA CF"  # to all machines
TICKS = 0.05
"The machine is asked every 10 ms whether it chirps; each chirp may be a tick late."


# into step ----------------------------------------------------------------------------------------------------------


def test_a_machine_that_has_just_been_switched_on_answers_nothing():
    cable = Cable(asleep=True)
    assert [cable.send("81"), cable.send("01 1A"), cable.send("01 01 51 08")] == [None, None, None]
    assert not cable.port.in_step
    assert cable.asked == [], "nor does it do anything"


@pytest.mark.parametrize(
    "other",
    ["80", "82", "FF", "02 1A", "7F 01 85 62", SET_CLOCK, checked("00 80 0A 01 01 00 00 00 12 34")],
    ids=["80", "a general poll", "to 127", "a read poll", "a set poll", "a broadcast", "a broadcast it does not know"],
)
def test_a_poll_to_somebody_else_brings_it_into_step(other):
    cable = Cable(asleep=True)
    assert cable.send(other) is None
    assert not cable.port.in_step, "it is its own first poll that ends the waiting"
    assert cable.send("81") == "00"
    assert cable.port.in_step


def test_the_first_poll_may_be_a_long_one():
    cable = Cable(asleep=True)
    cable.send("80")
    assert cable.send("01 1A") == CREDITS


def test_a_general_poll_without_news_is_answered_00_or_1f_in_older_machines():
    assert Cable().send("81") == "00"
    assert Cable(idle_code=0x1F).send("81") == "1F"


# out of step --------------------------------------------------------------------------------------------------------


def test_it_chirps_its_address_five_seconds_after_the_last_poll_and_then_every_200_ms():
    cable = Cable()
    cable.send("81")
    assert cable.silence(5.7) == pytest.approx([4.98, 5.18, 5.38, 5.58], abs=TICKS)


def test_it_chirps_when_it_never_heard_a_host():
    assert Cable(asleep=True).silence(5.3) == pytest.approx([5.0, 5.2], abs=TICKS)


def test_a_character_of_the_host_ends_the_chirping():
    cable = Cable()
    assert cable.silence(5.5)
    cable.send("80")
    assert cable.silence(4.9) == []


def test_after_its_own_link_down_it_waits_for_somebody_elses_poll_again():
    cable = Cable()
    cable.send("81")
    cable.silence(5.1)
    assert cable.port.link_downs == 1
    assert cable.send("81") is None
    cable.send("80")
    assert cable.send("81") == "00"


def test_a_host_that_is_away_for_less_than_five_seconds_finds_it_in_step():
    cable = Cable()
    cable.send("81")
    assert cable.silence(4.9) == []
    assert cable.send("81") == "00"
    assert cable.port.link_downs == 0


def test_a_link_that_breaks_before_its_first_poll_begins_from_the_start():
    cable = Cable()  # heard 80, not yet its own
    cable.silence(5.1)
    assert cable.send("81") is None
    assert cable.port.link_downs == 0, "what was never up does not go down"


def test_a_line_that_is_busy_with_others_keeps_it_in_step():
    cable = Cable()
    cable.send("81")
    for _ in range(20):
        assert cable.silence(1.0) == []
        cable.send("82")
    assert cable.send("81") == "00"
    assert cable.port.link_downs == 0


def test_switched_off_and_on_it_waits_again_and_keeps_what_it_had_to_say():
    cable = Cable()
    cable.port.raise_exception(0x11, 1)
    assert cable.send("81") == "11"
    cable.port.power_up(cable.now)
    assert cable.send("81") is None
    cable.send("80")
    assert cable.send("81") == "11"
    assert cable.acknowledged == []


def test_without_acknowledgement_for_30_s_the_link_is_down_whatever_the_host_sends():
    cable = Cable()
    cable.port.raise_exception(0x11, 1)
    cable.send("81")
    heard = []
    for _ in range(31):
        cable.silence(1.0)
        heard.append(cable.send("81"))
    assert cable.port.link_downs == 1
    assert set(heard[:29]) == {"11", None}, "it repeats, and every third try it is silent"
    assert heard[30] is None
    assert cable.acknowledged == []
    cable.send("80")
    assert cable.send("81") == "11", "what was not acknowledged is kept"


def test_an_answer_that_was_given_up_does_not_take_the_link_down_once_the_host_goes_on():
    cable = Cable()
    for _ in range(3):
        cable.send("01 1A")
    for _ in range(35):
        cable.silence(1.0)
        cable.send("80")
        cable.send("81")
    assert cable.port.link_downs == 0


# messages -----------------------------------------------------------------------------------------------------------


def test_a_gap_of_5_ms_is_still_one_message_and_a_longer_one_drops_it():
    assert Cable().send("01 1A", gap_s=0.005 - CHAR_S - 1e-6) == CREDITS
    assert Cable().send("01 1A", gap_s=0.005 - CHAR_S + 1e-5) is None


def test_the_gap_may_be_wider_where_a_socket_carries_the_line():
    assert Cable(gap_s=0.05).send("01 1A", gap_s=0.049) == CREDITS
    assert Cable(gap_s=0.05).send("01 1A", gap_s=0.051) is None


def test_the_rest_of_a_dropped_message_means_nothing():
    cable = Cable()
    assert cable.send("01 01 51 08", gap_s=0.006) is None
    assert cable.asked == []
    assert cable.send("01 01 51 08") == "01"


def test_each_character_with_the_wake_up_bit_begins_a_message():
    cable = Cable()
    assert cable.send("01 01 01 1A", wakeups="1010") == CREDITS
    assert cable.send("01 01 51 81", wakeups="1001") == "00"
    assert [code for code, _ in cable.asked] == [0x1A]


def test_without_the_wake_up_bit_nothing_is_a_message():
    cable = Cable()
    assert cable.send("81", wakeups="0") is None
    assert cable.send("01 1A", wakeups="00") is None
    assert cable.send("01 1A", wakeups="11") is None, "1A with the bit is a poll to machine 26"


def test_a_read_poll_is_answered_after_two_characters_whatever_follows():
    cable = Cable()
    assert cable.send(checked("01 1A")) == CREDITS


def test_address_127_is_an_address_and_its_general_poll_is_ff():
    cable = Cable(address=127)
    assert cable.send("FF") == "00"
    assert cable.send("7F 01 85 62") == "7F"
    assert cable.send("81") is None
