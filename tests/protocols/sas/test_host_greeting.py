"""Who is there is known before anything is taken from it (COM-05, IDN-01; sas-core 9.1), and what is said to all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import BadField, BadRequest
from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.control import Control
from protocols.sas.conversations.identity import Identify
from protocols.sas.egm import EgmPort, EgmRules
from protocols.sas.events import ExceptionSeen, Finished, LinkDown, LinkUp, SilenceBegan
from protocols.sas.frame import encode_reply
from protocols.sas.rules import LineRules
from tests.support.playbook import Playbook, with_crc

GREETS = LineRules(greet=True)
VERSION = with_crc("01 54 07 36 30 32 31 32 33 34")
"""54: SAS 602, serial number 1234."""
INFO = encode_reply(
    long_poll(0x1F), 1,
    {
        "game_id": "HE", "additional_id": "000", "denomination": 1, "max_bet": 20, "progressive_group": 0, "game_options": 0,
        "paytable_id": "SIM001", "base_percentage": "9250",
    },
).hex(" ")  # fmt: skip


def greeted(play: Playbook) -> Playbook:
    """Three answers that say who it is: the link is up."""
    for _ in range(3):
        play.expect_send("80").expect_send("01 54").answer(VERSION)
    play.expect_event(LinkUp(1))
    return play


def test_a_machine_is_asked_who_it_is_and_no_exception_is_taken_before_that_is_known() -> None:
    play = greeted(Playbook(rules=GREETS))
    # Still only what consumes nothing, however long the caller takes.
    for _ in range(50):
        play.expect_send("80").expect_send("01 54").answer(VERSION)
    play.host.accept(1)
    play.expect_send("80").expect_send("81").answer("11").expect_event(ExceptionSeen(1, 0x11))


def test_the_questions_of_the_caller_go_on_without_general_polls_between() -> None:
    play = greeted(Playbook(rules=GREETS))
    play.host.begin(1, Control(long_poll(0x0E), {"enable": 0}))
    play.expect_send("80").expect_send(with_crc("01 0E 00")).answer("01").quiet()
    assert play.expect(Finished).outcome.ok
    play.expect_send("80").expect_send("01 54").answer(VERSION)


def test_a_machine_that_does_not_know_the_first_question_is_asked_the_next() -> None:
    play = Playbook(rules=GREETS)
    play.expect_send("80")
    for _ in range(3):
        play.expect_send("01 54").silence()
    for _ in range(3):
        play.expect_send("80").expect_send("01 1F").answer(INFO)
    assert play.told(LinkUp) == [LinkUp(1)]
    assert play.told(SilenceBegan) == []


def test_a_machine_that_hears_one_byte_polls_only_is_found_by_a_general_poll_in_the_end() -> None:
    play = Playbook(rules=GREETS)
    sent = []
    while (frame := play.next_frame()) != "81":
        sent.append(frame)
        if frame != "80":
            play.silence()
    # 54 and 1F twice, each with its three tries; then the general poll, whose answer is stored like any other.
    assert [frame for frame in sent if frame != "80"] == 3 * ["01 54"] + 3 * ["01 1f"] + 3 * ["01 54"] + 3 * ["01 1f"]
    play.answer("00")
    for _ in range(2):
        play.expect_send("80").expect_send("81").answer("00")
    assert play.told(LinkUp) == [LinkUp(1)]


def test_the_general_poll_of_a_machine_that_stays_away_keeps_its_tries_and_its_silence() -> None:
    play = Playbook(rules=GREETS)
    while play.next_frame() != "81":
        if play.host.awaiting:
            play.silence()
    play.silence()
    for _ in range(2):
        play.expect_send("81").silence()
    assert len(play.told(SilenceBegan)) == 1
    play.expect_nothing_sent(for_s=5.0)
    # Then again who it is, once a second; a machine that comes back must not give an exception to a stranger.
    play.expect_send("80").expect_send("01 54").silence()
    assert [down.address for down in play.told(LinkDown)] == [1]


def test_a_machine_that_was_away_is_a_stranger_again() -> None:
    play = greeted(Playbook(rules=GREETS))
    play.host.accept(1)
    play.expect_send("80").expect_send("81").answer("00").expect_send("80")
    for _ in range(3):
        play.expect_send("81").silence()
    play.expect_nothing_sent(for_s=5.0)
    play.expect_send("80", within_s=1.0)
    assert [down.address for down in play.told(LinkDown)] == [1]
    play.expect_send("01 54").answer(VERSION)
    for _ in range(2):
        play.expect_send("80").expect_send("01 54").answer(VERSION)
    assert play.told(LinkUp) == [LinkUp(1)]
    play.expect_send("80").expect_send("01 54").answer(VERSION)


def test_a_missing_machine_of_a_shared_line_costs_the_others_one_time_out_a_second_and_rarely_a_silence() -> None:
    play = Playbook((1, 2), rules=GREETS)
    until = play.now + 60.0
    heard = dict.fromkeys(("81", "82"), 0)
    accepted = False
    silences = 0
    while play.now < until:
        frame = play.next_frame()
        assert frame is not None
        heard[frame] = heard.get(frame, 0) + 1
        if not play.host.awaiting:
            continue
        if frame == "81":
            play.answer("00")
        elif frame.startswith("01"):
            play.answer(VERSION)
        else:
            play.silence()
        silences += len(play.told(SilenceBegan))
        if play.told(LinkUp) and not accepted:
            play.host.accept(1)
            accepted = True
    assert silences <= 4
    assert heard["81"] >= 0.6 * 60 / 0.2
    assert 30 <= heard["02 54"] + heard["02 1f"] <= 70


def test_a_link_is_not_lost_before_5_s_however_many_greetings_are_in_vain() -> None:
    play = Playbook(rules=LineRules(greet=True, poll_interval_s=0.040, greet_misses=1000))
    began = play.now
    while not play.told(LinkDown):
        play.next_frame()
        if play.host.awaiting:
            play.silence()
    assert play.now - began >= 5.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0x11, 0x12, 0x51, 0x66]), min_size=1, max_size=10), st.integers(0, 20))
def test_the_queue_of_a_machine_is_whole_when_it_is_accepted(codes: list[int], before: int) -> None:
    """Against the machine's side: whatever was asked before, its first exception is still its first."""
    play = Playbook(rules=GREETS)

    def answer(poll: object, _values: object) -> object:
        return {"version": "602", "serial": "1234"} if getattr(poll, "code", 0) == 0x54 else None

    port = EgmPort(1, answer, EgmRules(), play.now)  # type: ignore[arg-type]  # answers one poll only
    for serial, code in enumerate(codes):
        port.raise_exception(code, serial)
    taken: list[int] = []
    port.on_acknowledged = lambda _code, serial: taken.append(serial)
    seen: list[int] = []
    accepted = False
    turns = 0
    while len(seen) < len(codes):
        frame = play.next_frame()
        assert frame is not None
        out = None
        for place, value in enumerate(bytes.fromhex(frame)):
            out = port.receive(value, place == 0, play.now) or out
        if play.host.awaiting:
            if out is None:
                play.silence()
            else:
                play.answer(out[0].hex(" "))
                if play.host.awaiting:
                    play.quiet()
        if play.told(LinkUp):
            turns = 1
        if turns:
            turns += 1
        if not accepted:
            assert taken == []
        if turns > before + 1 and not accepted:
            play.host.accept(1)
            accepted = True
        seen.extend(event.code for event in play.told(ExceptionSeen))
    assert seen == [entry for entry in seen if entry in codes]
    assert sorted(seen) == sorted(codes)


def test_an_identification_takes_no_exception_either() -> None:
    play = greeted(Playbook(rules=GREETS))
    play.host.begin(1, Identify())
    asked = []
    while not (finished := play.told(Finished)):
        frame = play.next_frame()
        assert frame is not None
        asked.append(frame)
        if play.host.awaiting:
            if frame.startswith("01 54"):
                play.answer(VERSION)
            elif frame.startswith("01 0e"):
                play.answer("01").quiet()
            else:
                play.silence()
    assert finished[0].outcome.ok
    assert "81" not in asked


def test_a_clock_is_set_on_all_machines_of_a_line_by_one_frame_that_nobody_answers() -> None:
    play = Playbook((1, 2))
    play.expect_send("80").expect_send("81").answer("00")
    play.host.broadcast(long_poll(0x7F), {"date": "12312025", "time": "235958"})
    # The frame of sas-core 3.1.
    play.expect_send("00 7F 12 31 20 25 23 59 58 AA CF").expect_send("82").answer("00")


def test_only_what_is_for_all_is_sent_to_all() -> None:
    play = Playbook()
    with pytest.raises(BadField):
        play.host.broadcast(long_poll(0x01), {})
    play.host.stop(play.now)
    with pytest.raises(BadRequest):
        play.host.broadcast(long_poll(0x7F), {"date": "12312025", "time": "235958"})


def test_a_line_that_greets_needs_something_to_ask() -> None:
    with pytest.raises(BadRequest):
        LineRules(greet=True, greet_polls=())


def test_a_machine_that_turns_out_to_be_another_gives_nothing_more_until_it_is_accepted_anew() -> None:
    play = greeted(Playbook(rules=GREETS))
    play.host.accept(1)
    play.expect_send("80").expect_send("81").answer("00")
    play.host.decline(1)
    for _ in range(3):
        play.expect_send("80").expect_send("01 54").answer(VERSION)
    play.host.accept(1)
    play.expect_send("80").expect_send("81").answer("11").expect_event(ExceptionSeen(1, 0x11))
