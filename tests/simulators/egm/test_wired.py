"""A machine on the wire, byte by byte: what a host hears, and what the machine's book says of it."""

from collections.abc import Callable

import pytest

from protocols.sas.catalog.exception_codes import EXCEPTIONS
from protocols.sas.catalog.meter_codes import METERS
from protocols.sas.egm_queue import QUEUE_MAX
from simulators.egm.bank import BILL_METERS, LEVELS, Bank
from simulators.egm.cabinet import BILL_EXCEPTIONS, MOMENTS, POWERLESS_DOORS, TROUBLES
from simulators.egm.dice import Dice
from simulators.egm.machine import Habits
from simulators.egm.persona import Persona
from simulators.egm.wired import WiredEgm
from tests.simulators.egm.talking import MORNING, STILL, Talk, a_talk, checked


@pytest.fixture
def talk() -> Talk:
    made = a_talk()
    assert made.send("80") is None
    return made


def test_before_it_heard_another_address_it_answers_nothing() -> None:
    talk = a_talk()
    assert talk.send("81") is None
    assert talk.send("80") is None
    assert talk.send("81") == "00"


def test_a_door_is_told_until_another_frame_has_come(talk: Talk) -> None:
    talk.egm.do("open_door", talk.now)
    assert talk.send("81") == "11"
    assert talk.egm.book.counts() == {"raised": 1, "answered": 1, "acknowledged": 0, "dropped": 0, "waiting": 1}
    assert talk.send("81") == "11"
    assert talk.egm.book.entries[0].answered == 2
    assert talk.send("80") is None
    assert talk.egm.book.counts()["acknowledged"] == 1
    assert talk.send("81") == "00"
    assert [(told.serial, told.code, told.acknowledged) for told in talk.egm.book.told] == [(1, 0x11, True)]


def test_a_host_that_comes_back_within_five_seconds_and_sends_80_has_taken_the_answer(talk: Talk) -> None:
    talk.egm.do("open_door", talk.now)
    assert talk.send("81") == "11"
    talk.silence(4.0)
    talk.send("80")
    assert talk.egm.book.counts()["acknowledged"] == 1
    assert talk.send("81") == "00"


def test_after_five_seconds_of_silence_it_chirps_and_keeps_what_was_not_acknowledged(talk: Talk) -> None:
    talk.egm.do("open_door", talk.now)
    assert talk.send("81") == "11"
    talk.silence(6.0)
    assert 3 <= len(talk.chirps) <= 6
    assert set(talk.chirps) == {b"\x01"}
    assert talk.send("81") is None
    assert talk.send("80") is None
    assert talk.egm.book.counts()["acknowledged"] == 0
    assert talk.send("81") == "11"
    talk.send("80")
    assert talk.egm.book.counts()["acknowledged"] == 1
    assert len(talk.egm.book.told) == 1


def test_exceptions_come_in_order_and_an_overflow_says_so_first(talk: Talk) -> None:
    for _ in range(15):
        talk.egm.do("open_door", talk.now)
        talk.egm.do("close_door", talk.now)
    counts = talk.egm.book.counts()
    assert counts["raised"] == 31  # and the overflow itself, once
    assert counts["dropped"] == 30 - QUEUE_MAX
    assert talk.send("81") == "70"
    heard = []
    for _ in range(40):
        talk.send("80")
        heard.append(talk.send("81"))
    left = [entry.code for entry in talk.egm.book.entries if entry.dropped_at is None]
    expected = [f"{code:02x}" for code in left if code != 0x70]
    assert [code for code in heard if code != "00"] == expected
    assert talk.egm.book.told[0].code == 0x70
    assert talk.egm.book.told[0].acknowledged
    assert talk.egm.book.counts()["waiting"] == 0


def test_shutdown_and_startup_stop_play_and_let_it_go_on(talk: Talk) -> None:
    assert talk.send("01 01 51 08") == "01"
    assert not talk.egm.machine.is_enabled
    assert talk.send("01 02 CA 3A") == "01"
    assert talk.egm.machine.is_enabled
    assert talk.send("80") is None
    assert talk.send("01 01 51 09") == "81"  # a wrong check sum is refused
    assert talk.egm.machine.is_enabled


def test_credits_are_told_as_they_are_and_noted_in_the_book(talk: Talk) -> None:
    assert talk.send("01 1A") == "01 1a 00 00 00 00 c3 fc"
    talk.egm.do("bill", talk.now, 20)
    talk.send("81")
    assert talk.send("01 1A") == checked("01 1A 00 00 20 00").hex(" ")
    assert talk.egm.book.meters_told[0x0C] == {0, 2000}


def test_extended_meters_carry_their_sizes_and_say_what_is_not_there(talk: Talk) -> None:
    talk.egm.do("bill", talk.now, 100)
    talk.send("81")
    talk.send("80")
    asked = checked("01 6F 08 00 00 00 00 24 00 A0 00")
    told = "01 6F 13 00 00 00 00 04 00 00 00 00 24 00 04 00 01 00 00 A0 00 00"
    assert talk.send(asked) == checked(told).hex(" ")
    assert talk.egm.book.meters_told[0x24] == {10_000}


def test_a_machine_with_wide_meters_sends_nine_bytes() -> None:
    talk = a_talk(Persona(wide_meters=True, meters_at_start={0x00: 123_456_789_012}))
    talk.send("80")
    told = talk.send(checked("01 6F 04 00 00 00 00"))
    assert told == checked("01 6F 0E 00 00 00 00 09 00 00 00 12 34 56 78 90 12").hex(" ")
    talk.send("80")
    assert talk.send("01 11") == checked("01 11 56 78 90 12").hex(" ")  # four bytes see it modulo 10^8


def test_selected_meters_leave_out_what_is_not_there(talk: Talk) -> None:
    assert talk.send(checked("01 2F 04 00 00 00 A0")) == checked("01 2F 07 00 00 00 00 00 00 00").hex(" ")


def test_it_says_who_it_is(talk: Talk) -> None:
    assert talk.send("01 54") == checked("01 54 0C" + b"602SIM100417".hex()).hex(" ")
    talk.send("80")
    assert talk.send("01 1F") == checked("01 1F" + (b"HE000" + b"\x01\x14\x00\x00\x00" + b"SIM0019250").hex()).hex(" ")
    talk.send("80")
    assert talk.send("01 51") == checked("01 51 00 01").hex(" ")
    talk.send("80")
    assert talk.send("01 A0 00 00 6C 13") == checked("01 A0 00 00 00 08 01 00 00 00").hex(" ")


def test_its_clock_is_read_and_set(talk: Talk) -> None:
    assert talk.send("01 7E") == checked("01 7E 11 23 20 26 06 30 15").hex(" ")
    assert talk.send(checked("01 7F 12 31 20 25 23 59 58")) == "01"
    talk.silence(3.0)
    assert talk.send("01 7E") == checked("01 7E 01 01 20 26 00 00 01").hex(" ")
    assert talk.send("00 7F 12 31 20 25 23 59 58 AA CF") is None
    assert talk.send("01 7E") == checked("01 7E 12 31 20 25 23 59 58").hex(" ")
    talk.send("80")
    assert talk.send(checked("01 7F 13 31 20 25 23 59 58")) == "81"  # there is no 13th month


def test_what_it_does_not_know_it_leaves_unanswered(talk: Talk) -> None:
    assert talk.send("01 D7") is None
    old = a_talk(Persona(version="500", unsupported_polls=frozenset({0x6F, 0xAF, 0xA0})))
    old.send("80")
    assert old.send(checked("01 6F 04 00 00 00 00")) is None
    assert old.send("01 11") == checked("01 11 00 00 00 00").hex(" ")


def test_real_time_events_are_switched_on_and_off_and_then_carry_what_they_say(talk: Talk) -> None:
    assert talk.send("01 0E 01 45 D1") == "01"
    talk.egm.do("bill", talk.now, 20)
    assert talk.send("81") == checked("01 FF 4F 39 04 00 00 00 01").hex(" ")  # euro, code 04, the first of these
    assert talk.send("01 0E 00 CC C0") == "01"
    talk.egm.do("bill", talk.now, 20)
    assert talk.send("81") == "4a"
    assert talk.send(checked("01 0E 02")) == "81"  # neither on nor off


def test_a_machine_without_power_hears_nothing_and_tells_it_afterwards(talk: Talk) -> None:
    talk.egm.do("power_off", talk.now)
    assert talk.send("80") is None
    assert talk.send("81") is None
    talk.silence(8.0)
    assert talk.chirps == []
    talk.egm.do("power_on", talk.now)
    assert talk.send("81") is None
    heard = []
    for _ in range(3):
        talk.send("80")
        heard.append(talk.send("81"))
    assert heard == ["18", "17", "00"]


def test_an_evening_is_told_once_each_in_order_and_every_meter_read_is_in_the_book() -> None:
    talk = a_talk(habits=Habits(games_per_minute=60, events_per_minute=120, queue_limit=12))
    heard = []
    while talk.now < 1600.0:
        talk.send("80")
        heard.append(talk.send("81"))
        talk.now += 0.2
        talk.egm.play(talk.now)
    talk.egm.freeze(talk.now)
    for _ in range(40):
        talk.send("80")
        heard.append(talk.send("81"))
    talk.send("80")
    book = talk.egm.book
    told = [int(code, 16) for code in heard if code not in (None, "00")]
    assert len(told) > 800
    assert told == [answer.code for answer in book.told]
    assert sorted(told) == sorted(entry.code for entry in book.entries)
    assert book.counts()["waiting"] == book.counts()["dropped"] == 0
    answer = talk.send(checked("01 6F 06 00 00 00 00 05 00"))
    assert answer is not None
    value = int(answer.replace(" ", "")[16:24])
    assert value == talk.egm.machine.bank.value(0x00)


def hall_of(count: int) -> Callable[[bytes], list[tuple[bytes, bool] | None]]:
    egms = [
        WiredEgm(n, n, Persona(), Dice(n), serial=f"S{n}", now=0.0, wall=MORNING, habits=STILL)
        for n in range(1, count + 1)
    ]
    return lambda data: [egm.receive(value, i == 0, 1.0) for i, value in enumerate(data) for egm in egms]


def test_of_the_machines_on_a_line_only_the_one_that_is_asked_answers() -> None:
    everybody = hall_of(4)
    assert everybody(b"\x80") == [None] * 4
    assert everybody(b"\x83") == [None, None, (b"\x00", False), None]


def test_widths_and_names_of_meters_are_those_of_the_table() -> None:
    bank = Bank(Persona(bills=tuple(BILL_METERS)))
    for code in bank.codes():
        assert METERS[code].min_size == Bank.narrow_width(code)
        assert METERS[code].monotonic == (code not in LEVELS)
    for value, code in BILL_METERS.items():
        assert METERS[code].slug == f"bills_accepted_value_{value:_}_count"


def test_every_exception_the_cabinet_knows_is_in_the_table() -> None:
    codes = {code for trouble in TROUBLES.values() for code in (trouble.begins, trouble.ends) if code is not None}
    codes |= set(MOMENTS.values()) | set(BILL_EXCEPTIONS.values()) | set(POWERLESS_DOORS.values())
    assert codes <= set(EXCEPTIONS)
    assert not any(EXCEPTIONS[code].klass == "P" for code in codes)
