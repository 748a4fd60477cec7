"""SAS words become hall words: nothing is made up, nothing that the machine did not say becomes a zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from edge.field.found import ExceptionFound
from edge.field.translate import sas as translate
from edge.hall.meters import Reading
from edge.hall.requests import ReadMeters
from protocols.sas.conversations.identity import Identified
from protocols.sas.conversations.meters import MeterReading, MetersRead
from protocols.sas.events import ExceptionSeen

NIGHT = datetime(2026, 11, 23, 0, 11, 7, tzinfo=UTC)
EXTENDED = bytes.fromhex("000800000000")  # A0: bit 3 of the second byte: 6F is answered

TOLD = Identified(
    version="602", serial="SN0017", game_id="AB", additional_id="000", denomination_code=1, paytable="P00001",
    max_bet=50, features=EXTENDED, games=3, unsupported=frozenset({0x51, 0x0E}),
)  # fmt: skip


def test_an_exception_keeps_its_code_its_moment_and_its_doubt() -> None:
    seen = ExceptionSeen(address=1, code=0x11, doubtful=True)
    assert translate.exception(17, seen, NIGHT) == ExceptionFound(17, 0x11, NIGHT, doubtful=True)
    assert translate.exception(17, seen, NIGHT, unidentified=True).unidentified


def test_an_identity_is_told_as_the_machine_said_it() -> None:
    found = translate.identity(17, TOLD, NIGHT)
    assert (found.identity.serial, found.identity.version, found.identity.games) == ("SN0017", "602", 3)
    assert found.identity.features == "000800000000"
    assert found.unsupported == (0x0E, 0x51)
    assert found.answered == (0x1F, 0x54, 0xA0)


def test_a_machine_without_a_serial_number_says_none_and_not_an_empty_one() -> None:
    silent = translate.identity(17, replace(TOLD, serial="", features=b""), NIGHT)
    assert silent.identity.serial is None
    assert silent.identity.features is None


@pytest.mark.parametrize(
    ("code", "minor"),
    [(0x01, Fraction(1)), (0x02, Fraction(5)), (0x1B, Fraction(1, 2)), (0x1C, Fraction(1, 4))],
)
def test_what_a_credit_is_worth_follows_the_machine_s_code_exactly(code: int, minor: Fraction) -> None:
    worth = translate.denomination(code, "EUR")
    assert worth is not None
    assert worth.minor == minor


@pytest.mark.parametrize("code", [None, 0x00, 0xEE])
def test_where_the_machine_does_not_tell_credits_are_worth_nothing_known(code: int | None) -> None:
    assert translate.denomination(code, "EUR") is None


def test_a_snapshot_lists_what_is_not_supported_and_names_its_cause() -> None:
    read = MetersRead(
        readings=(MeterReading(0, None, 0x00, 9, 10**18 - 1), MeterReading(0, None, 0x05, 4, 1234)),
        unsupported=((0, 0x24), (0, 0x0B), (2, 0x00)),
        unread=((0, 0x01),),
        coherent=False,
    )
    asked = ReadMeters(17, (0, 1, 5, 0x0B, 0x24), reason="event", because="s:3")
    found = translate.snapshot(17, read, asked, worth=None, time=NIGHT)
    assert found.readings == (Reading(0, None, 0x00, 10**18 - 1, 9), Reading(0, None, 0x05, 1234, 4))
    assert found.unsupported == (0x0B, 0x24), "of the machine as a whole; what could not be read now is in neither"
    assert (found.reason, found.because, found.coherent) == ("event", "s:3", False)


def test_what_is_known_not_to_exist_is_not_asked_again_and_still_listed() -> None:
    asked = ReadMeters(17, (0, 1, 5, 0x24))
    assert translate.without(asked, {0x24, 0x0B}).codes == (0, 1, 5)
    assert translate.without(asked, set(asked.codes)) == asked, "nothing would be left to ask"
    read = MetersRead(readings=(MeterReading(0, None, 0x00, 4, 7),), unsupported=(), unread=(), coherent=True)
    assert translate.snapshot(17, read, asked, worth=None, time=NIGHT, lacking={0x24, 0x0B}).unsupported == (0x24,)
