"""Faults of a serial line as the host of the line must bear them: each test is named after its row (SR-n) of docs/proofs.md.

What the store or a port has to do with a row is tested beside it: tests/edge/field, tests/protocols/line.
"""

from __future__ import annotations

import pytest

from protocols.sas.catalog.index import poll as long_poll
from protocols.sas.conversations.base import NoAnswer, Refused
from protocols.sas.conversations.control import Control
from protocols.sas.conversations.identity import Identify
from protocols.sas.events import (
    BadReply,
    Chirp,
    Contested,
    ExceptionSeen,
    Finished,
    Gap,
    LinkDown,
    LinkUp,
    SilenceBegan,
)
from protocols.sas.rules import LineRules
from tests.support.playbook import Playbook, with_crc

GREETS = LineRules(greet=True)
VERSION = with_crc("01 54 07 36 30 32 31 32 33 34")


def up(play: Playbook) -> Playbook:
    links = 0
    while links < len(play.addresses):
        frame = play.next_frame()
        if play.host.awaiting:
            play.answer(VERSION if frame == "01 54" else "00")
        links += len(play.told(LinkUp))
    for address in play.addresses:
        play.host.accept(address)
    return play


def away(play: Playbook, for_s: float) -> None:
    """Nothing answers for so long."""
    until = play.now + for_s
    while play.now < until:
        play.next_frame(within_s=10.0)
        if play.host.awaiting:
            play.silence()


@pytest.mark.parametrize("for_s", [60.0, 3_600.0, 3 * 86_400.0], ids=["a minute", "an hour", "three days"])
def test_sr_1_a_cable_pulled_is_one_link_down_and_one_link_up_and_identity_comes_before_use(for_s: float) -> None:
    play = up(Playbook(rules=GREETS))
    play.host.begin(1, Control(long_poll(0x01)))
    away(play, for_s)
    assert [event.address for event in play.told(LinkDown)] == [1]
    # What was under way has ended, once.
    assert [finished.outcome for finished in play.told(Finished)] == [NoAnswer()]
    frames: list[str] = []
    while not play.told(LinkUp):
        frame = play.next_frame()
        assert frame is not None
        frames.append(frame)
        if play.host.awaiting:
            play.answer(VERSION) if frame == "01 54" else play.silence()
    assert play.told(LinkDown) == []
    play.host.begin(1, Identify())
    play.expect_send("80").expect_send(with_crc("01 0E 00"))


def test_sr_1_a_cable_pulled_for_a_second_is_no_loss_of_the_link() -> None:
    play = up(Playbook())
    play.expect_send("80").expect_send("81").silence().expect_send("81").answer("00")
    assert play.told(LinkDown) == []


def test_sr_4_an_answer_of_another_machine_is_refused_and_told() -> None:
    play = up(Playbook((1, 2)))
    play.host.begin(1, Control(long_poll(0x01)))
    frame = play.next_frame()
    while frame != "01 01 51 08":
        if play.host.awaiting:
            play.answer("00")
        frame = play.next_frame()
    play.answer("02").quiet()
    assert [bad.slug for bad in play.told(BadReply)] == ["bad-echo"]
    # The same poll again, and nothing between.
    play.expect_send("01 01 51 08")


def test_sr_8_chirps_say_that_the_machine_hears_nothing_and_are_no_answers() -> None:
    play = Playbook()
    play.expect_send("80").expect_send("81")
    for _ in range(10):
        play.answer("01", after_s=0.001, wakeup=True)
    assert play.told(Chirp) == [Chirp(1)]
    assert play.told(ExceptionSeen) == []
    play.silence()
    assert play.told(LinkUp) == []


@pytest.mark.parametrize("second", ["glued", "behind"])
def test_sr_11_two_machines_at_one_address_are_noticed(second: str) -> None:
    play = Playbook()
    told: list[Contested] = []
    for _ in range(60):
        play.next_frame()
        if not play.host.awaiting:
            continue
        if second == "glued":
            play.answer("00 00")
            if play.host.awaiting:
                play.quiet()
        else:
            play.answer("00").answer("00", after_s=0.008)
        told += play.told(Contested)
    assert told == [Contested(1, 10)]


def test_sr_11_noise_and_late_answers_are_not_taken_for_a_second_machine() -> None:
    play = up(Playbook())
    for place in range(200):
        play.next_frame()
        if play.host.awaiting:
            if place % 40 == 0:
                # Later than we wait: the repeat is answered at once by this answer, its own comes as a stray.
                play.silence().next_frame()
                play.answer("00").answer("00", after_s=0.010)
            else:
                play.answer("00")
    play.answer("55" * 5, after_s=1.0)
    assert play.told(Contested) == []


@pytest.mark.parametrize("late_s", [0.012, 0.060, 0.120, 0.500])
def test_sr_12_a_late_answer_is_never_taken_for_another_question_s(late_s: float) -> None:
    play = up(Playbook((1, 2)))
    play.host.begin(1, Control(long_poll(0x01)))
    while play.next_frame() != "01 01 51 08":
        if play.host.awaiting:
            play.answer("00")
    # All tries in vain; the ACK comes when other polls are out.
    sent_at = play.now
    for _ in range(2):
        play.silence().expect_send("01 01 51 08")
    play.silence()
    answered = False
    for _ in range(8):
        if play.next_frame(within_s=1.0) is None:
            continue
        if not answered and play.now - sent_at >= late_s:
            answered = True
            play.answer("01", after_s=0.001)
            if play.host.awaiting:
                play.quiet()
        elif play.host.awaiting:
            play.silence()
    # 01 is the ACK of machine 1 and no exception of any machine.
    assert play.told(ExceptionSeen) == []


def test_sr_15_busy_for_ever_is_bounded_and_the_others_are_served() -> None:
    play = up(Playbook((1, 2)))
    play.host.begin(1, Control(long_poll(0x01)))
    others = 0
    for _ in range(3_000):
        frame = play.next_frame()
        if not play.host.awaiting:
            continue
        others += frame == "82"
        play.answer("01 00" if frame == "01 01 51 08" else "00")
        if play.host.awaiting:
            play.quiet()
        if finished := play.told(Finished):
            assert finished[0].outcome == Refused()
            break
    else:
        raise AssertionError("the conversation never ended")
    assert others > 20
    assert play.host.stats(1).busy == play.rules.busy_tries


def test_sr_15_nack_for_ever_is_three_tries_and_a_refusal() -> None:
    play = up(Playbook((1, 2)))
    play.host.begin(1, Control(long_poll(0x01)))
    sent = 0
    while not (finished := play.told(Finished)):
        frame = play.next_frame()
        if not play.host.awaiting:
            continue
        sent += frame == "01 01 51 08"
        play.answer("81" if frame == "01 01 51 08" else "00")
        if play.host.awaiting:
            play.quiet()
    assert finished[0].outcome == Refused()
    assert sent == 3
    assert play.host.stats(1).nacks == 3
    assert play.told(SilenceBegan) == []


def test_sr_17_what_a_device_server_kept_from_before_is_no_answer_to_what_is_asked_now() -> None:
    play = up(Playbook())
    play.expect_send("80").expect_send("81").answer("00")
    play.host.line_reopened(play.now)
    # Kept from before: an exception that was told and stored long ago.
    play.answer("11 11 51", after_s=0.001)
    play.expect_send("80").expect_send("81").answer("00")
    assert play.told(ExceptionSeen) == []


@pytest.mark.parametrize("after", ["silence", "go_on"])
def test_sr_18_three_tries_unanswered_keep_silent_or_tell_a_gap(after: str) -> None:
    play = up(Playbook((1, 2), rules=LineRules(after_three_tries=after)))  # type: ignore[arg-type]  # one of its words
    while play.next_frame() != "81":
        if play.host.awaiting:
            play.answer("00")
    began = play.now
    play.silence().expect_send("81").silence().expect_send("81").silence()
    if after == "silence":
        play.expect_nothing_sent(for_s=5.0)
        assert play.told(Gap) == []
        play.expect_send("80")
    else:
        (gap,) = play.told(Gap)
        assert (gap.address, gap.reason) == (1, "went-on-without-answer")
        assert began - 0.01 <= gap.since <= began
        assert gap.until <= play.now
        play.expect_send("80", within_s=0.1)
