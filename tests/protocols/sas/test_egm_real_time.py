"""Real-time event mode of the machine's side (sas-core 6): what an event displaces, what carries it, what nothing looks like."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocols.errors import BadField, BadLength
from protocols.sas.catalog.exception_codes import NOT_IN_RTE, RTE_BYTES, RTE_ONLY
from protocols.sas.egm import Ack, Nack
from tests.support.port import Cable, checked

ON, OFF = "01 0E 01 45 D1", "01 0E 00 CC C0"
DOOR = "01 FF 11 14 A4"  # slot door opened, as captured in the field
IDLE = "01 FF 00 1C A5"  # nothing happened
CREDITS = "01 1A 00 00 14 51 3E 4D"
SHUTDOWN = "01 01 51 08"
SET_CLOCK = "00 7F 12 31 20 25 23 59 58 AA CF"


def live(**rules):
    """A machine that was switched to real-time events; the link is up."""
    cable = Cable(**rules)
    cable.tells[0x0E] = Ack()
    assert cable.send(ON) == "01"
    cable.send("80")
    assert cable.port.real_time
    return cable


def asked(cable):
    return [code for code, _ in cable.asked if code != 0x0E]


# the switch ---------------------------------------------------------------------------------------------------------


def test_a_host_switches_the_mode_on_and_off():
    cable = live()
    assert cable.send(OFF) == "01"
    assert not cable.port.real_time
    cable.port.raise_exception(0x11, 1)
    assert cable.send("81") == "11"


@pytest.mark.parametrize("told", [Nack(), None], ids=["refused", "not known"])
def test_a_machine_that_does_not_do_it_stays_outside_the_mode(told):
    cable = Cable()
    cable.tells[0x0E] = told
    assert cable.send(ON) == (None if told is None else "81")
    assert not cable.port.real_time


def test_a_machine_may_be_found_in_the_mode_as_a_host_before_left_it():
    cable = Cable()
    cable.port.real_time = True
    cable.port.raise_exception(0x11, 1)
    assert cable.send("81") == DOOR


@pytest.mark.parametrize(("rule", "after"), [("off", "00"), ("kept", IDLE)])
def test_whether_the_mode_outlives_the_power_is_the_machines_affair(rule, after):
    cable = live(rte_over_power=rule)
    cable.port.power_up(cable.now)
    cable.send("80")
    assert cable.send("81") == after


# nothing happened ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "idle", "told"),
    [
        ("frame", 0x00, IDLE),
        ("frame", 0x1F, "01 FF 1F 6A 4D"),
        ("byte", 0x00, "00"),
        ("byte", 0x1F, "1F"),
        ("silence", 0x00, None),
    ],
)
def test_nothing_looks_like_a_frame_a_bare_code_or_silence(rule, idle, told):
    cable = live(rte_idle=rule, idle_code=idle)
    assert [cable.send("81") for _ in range(5)] == [told] * 5, (
        "it owes no acknowledgement, so none of these is a repeat"
    )
    assert cable.send("01 1A") == CREDITS, "a long poll is answered as ever"


# something happened -------------------------------------------------------------------------------------------------


def test_a_general_poll_is_answered_with_a_frame():
    cable = live()
    cable.port.raise_exception(0x11, 7)
    assert cable.send("81") == DOOR
    assert cable.acknowledged == []
    cable.send("80")
    assert cable.acknowledged == [(0x11, 7)]
    assert cable.send("81") == IDLE


@pytest.mark.parametrize("poll", ["01 1A", SHUTDOWN, checked("01 A0 00 00"), OFF, checked("01 6F 04 00 00 00 00")])
def test_an_event_goes_before_the_long_poll_which_is_not_executed(poll):
    cable = live()
    cable.port.raise_exception(0x11, 7)
    assert cable.send(poll) == DOOR
    assert asked(cable) == []
    assert cable.port.real_time, "not even the order to leave the mode is"
    cable.send("80")
    cable.tells[0xA0] = {"game": 0, "features": bytes(6)}
    assert cable.send(poll) not in (None, DOOR)


def test_the_displaced_poll_sent_again_at_once_asks_for_the_event_again():
    # Same address and command as the frame before: not acknowledged (sas-core 2), whatever the answer was.
    cable = live()
    cable.port.raise_exception(0x11, 7)
    assert [cable.send("01 1A") for _ in range(4)] == [DOOR, DOOR, None, DOOR]
    assert (cable.acknowledged, asked(cable)) == ([], [])


def test_a_damaged_poll_is_refused_and_brings_no_event():
    cable = live()
    cable.port.raise_exception(0x11, 7)
    assert cable.send("01 01 51 09") == "81"
    assert cable.send("81") == DOOR


def test_a_broadcast_is_executed_though_an_event_waits_and_acknowledges_the_one_before():
    cable = live()
    cable.port.raise_exception(0x11, 1)
    cable.port.raise_exception(0x12, 2)
    cable.send("81")
    assert cable.send(SET_CLOCK) is None
    assert asked(cable) == [0x7F]
    assert cable.acknowledged == [(0x11, 1)]


def test_what_was_told_and_not_acknowledged_is_told_again_after_the_link_was_down():
    cable = live()
    cable.port.raise_exception(0x11, 1)
    cable.send("81")
    cable.silence(5.3)
    cable.send("80")
    assert cable.send("81") == DOOR
    assert cable.acknowledged == []


def test_the_answer_that_was_out_when_the_event_came_is_acknowledged_by_the_next_poll():
    cable = live()
    cable.send("01 1A")
    cable.port.raise_exception(0x11, 1)
    assert cable.send("01 1A") == CREDITS, "a repeat is the same bytes, event or not"
    assert cable.send("01 11") == DOOR


# what an event carries ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "data", "frame"),
    [
        (0x4F, "37 04 00 00 01 23", "01 FF 4F 37 04 00 00 01 23 76 9D"),  # bill: country, code, how many of these
        (0x7E, "00 05 00 00 12 34 00 00", "01 FF 7E 00 05 00 00 12 34 00 00 87 AF"),  # wager, coin in, type, group
        (0x7F, "00 00 01 50", "01 FF 7F 00 00 01 50 AD 56"),  # win
        (0x88, "01 12", "01 FF 88 01 12 F3 2E"),  # reel, stop
        (0x8A, "00 01 00 01", "01 FF 8A 00 01 00 01 57 EF"),  # game, recall index
        (0x8B, "83", "01 FF 8B 83 BF 04"),  # card 3 held
        (0x8C, "00 02", "01 FF 8C 00 02 CB 44"),  # game 2
    ],
)
def test_the_data_of_an_event_stand_behind_its_code_and_outside_of_the_mode_nobody_sees_them(code, data, frame):
    cable = live()
    cable.port.raise_exception(code, 1, bytes.fromhex(data))
    assert cable.send("81") == frame
    if code not in RTE_ONLY:
        cable = Cable()
        cable.port.raise_exception(code, 1, bytes.fromhex(data))
        assert cable.send("81") == f"{code:02X}"


def test_a_bill_of_its_own_code_goes_as_4f_with_country_bill_and_count():
    cable = live()
    cable.port.raise_exception(0x4A, 1, bytes.fromhex("37 04 00 00 01 23"))
    assert cable.send("81") == "01 FF 4F 37 04 00 00 01 23 76 9D"
    cable.send("80")
    assert cable.acknowledged == [(0x4A, 1)], "in the machine's book it is what it was"


@pytest.mark.parametrize(
    ("code", "bill"),
    [(0x47, "00"), (0x48, "02"), (0x49, "03"), (0x4A, "04"), (0x4B, "06"), (0x4C, "07"), (0x4D, "01"), (0x4E, "10"),
     (0x50, "08")],
)  # fmt: skip
def test_a_bill_of_which_nothing_more_was_said_is_told_by_its_value_alone(code, bill):
    assert code in NOT_IN_RTE
    cable = live()
    cable.port.raise_exception(code, 1)
    assert cable.send("81") == checked(f"01 FF 4F 00 {bill} 00 00 00 00")


def test_an_event_has_its_length_or_is_refused():
    cable = live()
    for code in (0x11, 0x4A, 0x7E):
        with pytest.raises(BadLength):
            cable.port.raise_exception(code, 1, b"\x01\x02\x03")
    cable.port.raise_exception(0x7F, 1)
    assert cable.send("81") == checked("01 FF 7F 00 00 00 00")


def test_reels_and_held_cards_are_told_in_the_mode_only():
    cable = Cable()
    cable.port.raise_exception(0x88, 1, b"\x01\x12")
    assert cable.send("81") == "00"
    assert cable.dropped == [(0x88, 1)]
    cable = live()
    cable.port.raise_exception(0x88, 1, b"\x01\x12")
    cable.port.raise_exception(0x11, 2)
    cable.port.real_time = False
    assert cable.dropped == [(0x88, 1)]
    assert cable.send("81") == "11"


# addresses ----------------------------------------------------------------------------------------------------------


def test_another_address_is_another_machine_to_the_line_and_keeps_what_it_had_to_say():
    cable = Cable()
    cable.port.raise_exception(0x11, 1)
    assert cable.send("81") == "11"
    cable.port.readdress(5, cable.now)
    assert cable.send("81") is None
    assert cable.send("85") == "11"
    assert cable.acknowledged == []
    cable.send("80")
    assert (cable.acknowledged, cable.send("05 1A")) == ([(0x11, 1)], checked("05 1A 00 00 14 51"))


def test_a_machine_of_address_0_hears_nothing_says_nothing_and_does_not_chirp():
    cable = Cable()
    cable.port.raise_exception(0x11, 1)
    cable.port.readdress(0, cable.now)
    assert [cable.send(frame) for frame in ("80", "81", "80", "01 1A", SHUTDOWN, SET_CLOCK)] == [None] * 6
    assert cable.asked == []
    assert cable.silence(12.0) == []
    cable.port.readdress(1, cable.now)
    cable.send("80")
    assert cable.send("81") == "11"


def test_in_the_mode_the_idle_frame_carries_the_new_address():
    cable = live()
    cable.port.readdress(2, cable.now)
    cable.send("80")
    assert cable.send("82") == checked("02 FF 00")


def test_there_is_no_address_above_127():
    for address in (-1, 128):
        with pytest.raises(BadField):
            Cable().port.readdress(address, 0.0)


# whatever the host sends ------------------------------------------------------------------------------------------------

FRAMES = (
    "81", "81", "81", "80", "82", "01 1A", "01 1A", "01 11", ON, OFF, SHUTDOWN, SET_CLOCK, "01 01 51 09", "01 30", "02 1A",
    "00 1A", "01", "01 0E 01", checked("01 0E 07"),
)  # fmt: skip
CODES = (0x11, 0x4A, 0x4F, 0x7E, 0x7F, 0x8C, 0x67, 0x70, 0x63, 0x88, 0x87)


class WhateverTheHostSends(RuleBasedStateMachine):
    """A machine of a small queue, in and out of real-time mode; the model is the book of the two sides.

    Heard is what the host may take as told: an answer that is followed by another frame. Everything raised is heard and
    acknowledged once, or is dropped and said so, or still waits.
    """

    def __init__(self):
        super().__init__()
        self.cable = Cable(queue_max=6)
        self.cable.tells[0x0E] = Ack()
        self.raised, self.heard = [], []
        self.last = ""

    @rule(code=st.sampled_from(CODES))
    def something_happens(self, code):
        self.raised.append((code, len(self.raised)))
        self.cable.port.raise_exception(*self.raised[-1], bytes(_size(code)))

    @rule(frame=st.sampled_from(FRAMES), gap=st.sampled_from([0.0, 0.0, 0.0, 0.006]))
    def a_frame(self, frame, gap):
        before = len(self.cable.answered)
        acknowledged = len(self.cable.acknowledged)
        was_in_mode = self.cable.port.real_time
        answer = self.cable.send(frame, gap_s=gap)
        assert len(self.cable.acknowledged) - acknowledged <= (0 if frame == self.last == "81" else 1)
        self.last = frame
        if len(self.cable.answered) > before:
            code, _ = self.cable.answered[-1]
            wire = 0x4F if was_in_mode and code in NOT_IN_RTE else code
            assert answer is not None
            assert answer.startswith(f"01 FF {wire:02X}" if " " in answer else f"{wire:02X}")
            self.heard.append(self.cable.answered[-1])
        if "FF" not in (answer or "") and answer and not was_in_mode and frame == "81":
            assert len(answer) == 2, "outside of the mode an exception is one byte"

    @rule(seconds=st.sampled_from([0.1, 4.9, 5.3, 31.0]))
    def silence(self, seconds):
        self.last = ""
        self.cable.silence(seconds)

    @rule()
    def power_fails(self):
        self.cable.port.power_up(self.cable.now)

    @precondition(lambda self: self.cable.port.address == 1)
    @rule()
    def the_address_is_lost_and_set_again(self):
        self.cable.port.readdress(0, self.cable.now)
        assert self.cable.send("80") is None
        assert self.cable.send("81") is None
        self.cable.port.readdress(1, self.cable.now)

    @invariant()
    def nothing_is_lost_and_nothing_doubled(self):
        cable = self.cable
        waiting = [entry[:2] for entry in cable.port.queue if entry.serial >= 0]
        assert sorted(cable.acknowledged + cable.dropped + waiting) == sorted(self.raised)

    @invariant()
    def only_what_was_told_is_acknowledged(self):
        assert set(self.cable.acknowledged) <= set(self.heard)

    @invariant()
    def an_event_of_the_mode_never_waits_outside_of_it(self):
        if not self.cable.port.real_time:
            assert not any(entry.code in RTE_ONLY for entry in self.cable.port.queue)


def _size(code):
    return RTE_BYTES.get(0x4F if code in NOT_IN_RTE else code, 0)


WhateverTheHostSends.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestWhateverTheHostSends = WhateverTheHostSends.TestCase
