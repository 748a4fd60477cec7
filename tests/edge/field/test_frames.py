"""What a real-time frame carries stands in the event (sas-core 6.1); what has no known layout is kept as it came."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.field.translate import sas as translate
from edge.field.translate.frames import frame_data
from edge.hall.events import Fact, check
from edge.hall.exceptions import MEANINGS, exception_data, meaning
from protocols.sas.events import ExceptionSeen

NIGHT = datetime(2026, 11, 23, 0, 11, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "carried", "members"),
    [
        # country 37, code 04: a 20; 123 of them
        (0x4F, "37 04 00 00 01 23", {"country": 37, "bill_denomination": 20, "count": 123}),
        (0x7C, "02 00 00 10 00 00 00 00 05 00", {"multiplier": 2, "multiplied_win": 1000, "tax_status": 0, "bonus": 500}),
        (0x7E, "00 05 00 00 12 34 00 00", {"wagered": 5, "coin_in": 1234, "wager_type": 0, "progressive_group": 0}),
        (0x7F, "00 00 01 50", {"win": 150}),
        (0x88, "01 12", {"reel": 1, "stop": 0x12}),
        (0x8A, "00 01 00 01", {"game": 1, "entry": 1}),
        (0x8B, "83", {"card": 3, "held": True}),
        (0x8C, "00 02", {"game": 2}),
        (0x11, "", {}),
    ],
)
def test_the_examples_of_the_standard_are_told_in_hall_words(code: int, carried: str, members: dict[str, Any]) -> None:
    assert frame_data(code, bytes.fromhex(carried)) == members


@pytest.mark.parametrize(("code", "carried"), [(0x11, "AA BB"), (0xF3, "01"), (0x4F, "37 04"), (0x7F, "00 00 0A 50")])
def test_what_has_no_known_layout_is_kept_as_hex(code: int, carried: str) -> None:
    data = bytes.fromhex(carried)
    assert frame_data(code, data) == {"frame": data.hex()}


@given(code=st.sampled_from(sorted(MEANINGS)), carried=st.binary(max_size=70))
def test_whatever_a_frame_carries_the_event_can_be_written_down(code: int, carried: bytes) -> None:
    found = translate.exception(17, ExceptionSeen(1, code, False, carried), NIGHT)
    data = exception_data(17, code)
    data.update(found.frame)
    check(Fact(meaning(code).kind, "egm/17", NIGHT, data))
