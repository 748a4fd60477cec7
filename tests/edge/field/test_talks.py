"""The hall's requests become SAS conversations; each begins with the poll that does it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge.field.translate.talks import Known, conversation
from edge.hall.requests import Disable, Enable, Identify, ReadMeters, Request, SetClock
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
    ],
)
def test_each_request_begins_with_its_poll(request_: Request, first: str) -> None:
    talk = conversation(request_, Known(SOFIA, EXTENDED, version="602"))
    assert talk is not None
    poll = talk.next_poll()
    assert poll is not None
    assert encode_poll(poll.poll, 1, poll.values).startswith(bytes.fromhex(first))
