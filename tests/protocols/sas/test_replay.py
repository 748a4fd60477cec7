"""Captures played through the host: it must send what was sent then, and tell these events.

Where a host has learned to send something else on purpose, ``python -m tests.captures.record`` records anew; what it tells
must stay, or be changed here with a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from protocols.line.capture import BadCapture, Reader
from protocols.line.replay import Diverged
from protocols.sas.conversations.identity import Identified
from protocols.sas.events import (
    BadReply,
    Chirp,
    ExceptionSeen,
    Finished,
    Gap,
    LinkDown,
    LinkUp,
    Missed,
    SasEvent,
    SilenceBegan,
    SilenceEnded,
)
from protocols.sas.host import Start
from protocols.sas.replaying import Answered, Setup, play, read, setup_of
from tests.captures import record

CAPTURES = Path(record.__file__).parent
NAMES = sorted(path.name for path in CAPTURES.glob("*.cap"))


def played(name: str) -> list[SasEvent]:
    with (CAPTURES / name).open(encoding="utf-8", newline="\n") as file:
        _, records, setup = read(file.readlines())
    return [event for _, event in play(records, setup).events]


def door(code: int, *, doubtful: bool = False) -> ExceptionSeen:
    return ExceptionSeen(1, code, doubtful)


def of(kind: type, events: list[SasEvent]) -> list[SasEvent]:
    return [event for event in events if isinstance(event, kind)]


def test_a_start_that_is_not_proven_clean_listens_first_and_flags_what_may_be_a_repeat():
    events = played("start-up.cap")
    assert [type(event) for event in events] == [
        SilenceBegan, Chirp, SilenceEnded, ExceptionSeen, LinkUp, Finished,
    ]  # fmt: skip
    assert events[3] == door(0x11, doubtful=True)
    assert isinstance(events[5].outcome, Identified)
    assert (events[5].outcome.version, events[5].outcome.serial) == ("602", "SIM100401")


def test_a_machine_that_is_greeted_says_who_it_is_before_its_door_is_taken():
    events = played("start-up-greeted.cap")
    assert [type(event) for event in events] == [LinkUp, Finished, ExceptionSeen]
    assert events[2] == door(0x11)


def test_an_older_machine_is_silent_to_its_features_and_no_silence_of_the_line_follows():
    events = played("sas5.cap")
    (finished,) = of(Finished, events)
    assert finished.outcome.unsupported == {0xA0}
    assert finished.outcome.version == "500"
    assert len(of(Missed, events)) == 3
    assert of(SilenceBegan, events) == []


def test_door_and_bills_are_told_once_each_in_their_order():
    events = played("door-and-bills.cap")
    assert events == [LinkUp(1), door(0x4A), door(0x4A), door(0x11), door(0x12), door(0x4C)]


def test_on_a_noisy_line_every_door_is_told_once_and_nothing_else():
    events = played("noisy.cap")
    assert of(ExceptionSeen, events) == [door(0x11), door(0x12)] * 6
    assert of(BadReply, events)
    # Where three answers in a row were damaged, what was in doubt is said; nothing went on over it.
    assert {gap.reason for gap in of(Gap, events)} <= {"answer-in-doubt"}


def test_a_machine_that_was_off_is_told_down_once_and_up_once_and_then_what_happened():
    events = played("link-down-and-up.cap")
    changes = [event for event in events if not isinstance(event, Missed | SilenceBegan | SilenceEnded)]
    assert [type(event) for event in changes] == [LinkUp, LinkDown, ExceptionSeen, LinkUp, ExceptionSeen]
    assert changes[2::2] == [door(0x18), door(0x17)]  # power lost, power applied


def test_published_frames_are_understood():
    """sas-core 3.1, 5.2, 5.7, 6, 6.1: SPARK, NCOMPASS, GOLDCLUB, MONACO, EGMEMU; the remarks of the capture say which."""
    events = played("published.cap")
    assert of(ExceptionSeen, events) == [door(0x11), ExceptionSeen(1, 0x4F, False, bytes.fromhex("37 04 00 00 01 23"))]
    (finished,) = of(Finished, events)
    assert isinstance(finished.outcome, Answered)
    credited, bills, five, extended, twin, at_one_cent, game = (
        answer.reply.values for answer in finished.outcome.answers
    )
    assert credited == {"credits": 1451}
    assert bills == {"bills_accepted_value_500_count": 0}
    assert five == {"coin_in": 452040, "coin_out": 861480, "drop": 413078, "jackpot": 634494, "games_played": 2062}
    assert [(one.code, one.size) for one in extended["meters"]] == [
        (code, 9) for code in (0x05, 0x06, 0x07, 0x00, 0x01, 0x1C, 0x1D)
    ]
    assert [(one.code, one.size, one.value) for one in twin["meters"]] == [
        (0x33, 5, 12345),
        (0x19, 0, None),
        (0x1B, 4, 0),
    ]
    assert at_one_cent == {"denomination": 1, "base": 0x11, "data": bytes.fromhex("00 00 12 34")}
    assert game["max_bet"] == 20
    assert "game_name" not in game  # it stops early (NCOMPASS)


def test_every_capture_here_has_a_test():
    tested = {name for name in NAMES if f'"{name}"' in Path(__file__).read_text(encoding="utf-8")}
    assert tested == set(NAMES)


@pytest.mark.parametrize("scene", record.SCENES, ids=lambda scene: scene.name)
def test_what_the_script_records_today_plays_too(scene):
    _, records, setup = read(record.record(scene).splitlines(keepends=True))
    assert play(records, setup).frames > 20


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("> *01 0E 00 CC C0", "> *01 0E 01 45 D1"),
        lambda text: text.replace("> *80", "> *82", 1),
    ],
    ids=["another poll", "another first frame"],
)
def test_a_host_that_would_send_something_else_is_told_where(change: Callable[[str], str]):
    text = change((CAPTURES / "published.cap").read_text(encoding="utf-8"))
    _, records, setup = read(text.splitlines(keepends=True))
    with pytest.raises(Diverged, match="recorded was"):
        play(records, setup)


def test_a_capture_without_remarks_is_played_for_the_machines_it_polls():
    text = (CAPTURES / "door-and-bills.cap").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("#")]
    assert setup_of(lines) == Setup()
    events = play(list(Reader(lines)), Setup()).events
    assert len([event for _, event in events if isinstance(event, ExceptionSeen)]) == 5


def test_remarks_about_the_host_are_read_and_what_they_cannot_mean_is_refused():
    found = setup_of(["# host: addresses 1 2, start unclean\n", "# host: greet, identify\n", "# host: ask 01 1A\n"])
    assert found == Setup((1, 2), Start.UNCLEAN, True, True, (b"\x01\x1a",))
    for wrong in ("start never", "addresses one", "dance", "ask 0"):
        with pytest.raises(BadCapture):
            setup_of([f"# host: {wrong}\n"])
    with pytest.raises(BadCapture):
        play([], Setup())
