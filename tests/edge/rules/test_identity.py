"""Who answers against who should (COM-05, IDN-01)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.hall.devices import Identity
from edge.rules.identity import Difference, compare

KNOWN = Identity(serial="SN-1", version="602", game_id="IG", paytable="P1", denomination_code=1, max_bet=5)


def test_the_first_answer_is_neither_right_nor_wrong_where_nothing_is_enrolled() -> None:
    found = compare(None, KNOWN, None)
    assert (found.kind, found.now, found.wrong, found.expected) == ("first", KNOWN, None, None)


def test_another_serial_number_is_another_machine_and_nothing_is_carried_over() -> None:
    found = compare(KNOWN, Identity(serial="SN-2", version="603"), None)
    assert found.kind == "replaced"
    assert found.now == Identity(serial="SN-2", version="603")
    assert found.expected == "SN-1"
    assert found.wrong is None, "nobody has said who should stand there"


def test_against_the_enrolment_the_very_first_answer_can_be_wrong() -> None:
    assert compare(None, KNOWN, "SN-7").wrong == "serial"
    assert compare(None, KNOWN, "SN-1").wrong is None


def test_a_machine_that_tells_no_serial_number_where_one_is_enrolled_is_not_taken_for_it() -> None:
    assert compare(None, Identity(game_id="IG"), "SN-1").wrong == "no_serial"


def test_a_serial_number_not_told_this_time_is_not_erased_and_not_wrong() -> None:
    found = compare(KNOWN, Identity(game_id="IG"), "SN-1")
    assert (found.kind, found.now, found.wrong) == ("same", KNOWN, None)


def test_another_paytable_in_the_same_cabinet_is_a_conversion_and_is_told_with_both_sides() -> None:
    found = compare(KNOWN, Identity(serial="SN-1", paytable="P2", denomination_code=2), None)
    assert found.kind == "changed"
    assert found.differences == (Difference("paytable", "P1", "P2"), Difference("denomination_code", "1", "2"))


def test_to_be_told_more_than_before_is_no_difference() -> None:
    found = compare(KNOWN, Identity(serial="SN-1", features="000800000000"), None)
    assert (found.kind, found.differences) == ("changed", ())


SERIALS = st.one_of(st.none(), st.text("ABC123", min_size=1, max_size=3))


@given(known=SERIALS, told=SERIALS, enrolled=SERIALS)
def test_a_wrong_serial_number_is_never_called_right_and_silence_never_replaces(
    known: str | None, told: str | None, enrolled: str | None
) -> None:
    found = compare(Identity(serial=known), Identity(serial=told), enrolled)
    assert (found.kind == "replaced") == (known is not None and told is not None and known != told)
    if enrolled is not None and told is not None:
        assert (found.wrong is None) == (told == enrolled)
    if enrolled is None:
        assert found.wrong is None
