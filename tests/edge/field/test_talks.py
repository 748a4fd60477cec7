"""The hall's requests become SAS conversations; each begins with the poll that does it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge.field.translate.talks import Known, conversation
from edge.hall.requests import (
    AnswerMeterChange,
    Confirm,
    Describe,
    Disable,
    Enable,
    Identify,
    ReadHandpay,
    ReadHopper,
    ReadLastBill,
    ReadMeters,
    ReadSelection,
    Request,
    SetClock,
)
from protocols.sas.frame import encode_poll

NIGHT = datetime(2026, 11, 23, 0, 11, 7, tzinfo=UTC)
SOFIA = datetime(2026, 11, 23, 2, 11, 7, tzinfo=UTC)
EXTENDED = bytes.fromhex("000800000000")  # A0: bit 3 of the second byte: 6F is answered


@pytest.mark.parametrize(
    ("request_", "first"),
    [
        (Enable(17), "01 02"),
        (Disable(17), "01 01"),
        (Identify(17), "01 0E 00"),  # real-time events of a host before us are switched off first
        (ReadMeters(17, (0x00,)), "01 6F"),
        (SetClock(17, NIGHT), "01 7F 11 23 20 26 02 11 07"),  # the hall's time when sent, not when asked
        (Describe(17), "01 55"),
        (ReadHandpay(17), "01 1B"),
        (ReadLastBill(17, None), "01 48"),
        (ReadHopper(17, None), "01 4F"),
        (ReadSelection(17, None), "01 55"),
        (AnswerMeterChange(17, "wait", None), "01 B6 01 00"),
        (AnswerMeterChange(17, "go_ahead", None), "01 B6 01 01"),
        (AnswerMeterChange(17, "not_now", None), "01 B6 01 80"),
    ],
)
def test_each_request_begins_with_its_poll(request_: Request, first: str) -> None:
    talk = conversation(request_, Known(SOFIA, EXTENDED, version="602"))
    assert talk is not None
    poll = talk.next_poll()
    assert poll is not None
    assert encode_poll(poll.poll, 1, poll.values).startswith(bytes.fromhex(first))


@pytest.mark.parametrize("request_", [ReadHandpay(17), AnswerMeterChange(17, "wait", None)])
def test_what_a_machine_waits_for_is_urgent_on_the_desk_and_on_the_wire(request_: Request) -> None:
    talk = conversation(request_, Known(SOFIA))
    assert talk is not None
    assert request_.urgent
    assert talk.urgent


def test_a_confirmation_says_nothing_to_the_machine() -> None:
    assert conversation(Confirm(17, None), Known(SOFIA)) is None
