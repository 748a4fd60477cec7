"""Each persona we ship differs from the plain machine in what its name says, and in nothing a host could trip over unseen."""

from dataclasses import replace

import pytest

from protocols.sas.crc import crc_holds
from simulators.egm import personas
from simulators.egm.collision import mixed
from simulators.egm.machine import Habits
from simulators.egm.persona import Persona
from tests.simulators.egm.talking import Talk, a_talk, checked

AGREED = {
    "plain", "slow", "sas5", "nine_byte", "smallest_meters", "repeats_by_command", "repeats_by_frame", "nack_on_bad_crc",
    "silent_on_bad_crc", "rte_bare_idle", "rte_silent", "rte_frame_idle", "keeps_unacknowledged", "loses_unacknowledged",
    "duplicate_address", "chatty", "two_denominations", "multi_game", "address_lost",
}  # fmt: skip


def awake(name: str, *, speed: float = 1.0) -> Talk:
    talk = a_talk(personas.load(name), speed=speed)
    talk.send("80")
    return talk


def told(text: str) -> str:
    return checked(text).hex(" ")


# files ----------------------------------------------------------------------------------------------------------------


def test_the_zoo_is_complete() -> None:
    assert set(personas.names()) >= AGREED


@pytest.mark.parametrize("name", personas.names())
def test_every_persona_lives_through_an_evening_and_loses_nothing(name: str) -> None:
    persona = personas.load(name)
    assert persona.name == name
    talk = a_talk(persona, habits=Habits(games_per_minute=60, events_per_minute=60, queue_limit=12))
    heard = 0
    while talk.now < 1300.0:
        talk.send("82")
        answer = talk.send("81")
        data = bytes.fromhex(answer or "00")
        assert len(data) == 1 or (data[1] == 0xFF and crc_holds(data)) or data == b"\x01\x00"
        heard += answer is not None
        talk.now += 0.2
        talk.egm.play(talk.now)
        if talk.egm.machine.handpays.wants_reading:
            talk.send("82")
            talk.send("01 1B")
    talk.egm.freeze(talk.now)
    for _ in range(60):
        talk.send("82")
        talk.send("81")
    talk.send("82")
    counts = talk.egm.book.counts()
    assert counts["raised"] > 200
    reels = sum(entry.code == 0x88 and entry.dropped_at is not None for entry in talk.egm.book.entries)
    assert (counts["dropped"] - reels, counts["waiting"]) == (0, 0) or persona.keeps_waiting
    bank = talk.egm.machine.bank
    assert bank.value(0x05) - persona.meters_at_start.get(0x05, 0) > 50


@pytest.mark.parametrize("name", personas.names())
def test_only_what_a_persona_is_for_differs_from_plain(name: str) -> None:
    assert replace(personas.load("plain"), name="") == replace(Persona(), name="")
    if name not in (
        "plain",
        "repeats_by_command",
        "nack_on_bad_crc",
        "keeps_unacknowledged",
    ):  # those say the default aloud
        assert replace(personas.load(name), name="") != replace(Persona(), name="")


@pytest.mark.parametrize(
    "table",
    [
        {"colour": "red"},
        {"rules": {"mood": "bad"}},
        {"rules": {"rte_idle": "loud"}},
        {"handpays": "someday"},
        {"base": "nobody"},
        {"credit": "much"},
        {"credit": "0"},
        {"denominations": [0x20]},
        {"credit": "0.02", "denomination_code": 0x17, "denominations": [0x17, 0x01]},
        {"titles": [{"paytable": "X"}]},
        {"titles": [{"name": "X", "max_bet": 0}]},
        {"hopper_coins": 10, "token_code": 1, "credit": "0.25", "denomination_code": 4},
    ],
)
def test_what_describes_no_machine_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(personas.BadPersona):
        personas.from_table("x", table)


def test_a_persona_that_does_not_exist_is_refused_with_the_names_of_those_that_do() -> None:
    with pytest.raises(personas.BadPersona, match="sas5"):
        personas.load("../egm/persona")


# answers in time --------------------------------------------------------------------------------------------------------


def test_the_slow_one_answers_within_the_20_ms_and_puts_off_for_3_seconds_of_45() -> None:
    talk = awake("slow")
    assert 0.015 < talk.egm.answer_delay_s < 0.020
    busy = []
    while talk.now < 1090.0:
        talk.send("82")
        busy.append(talk.send("01 1A") == "01 00")
        assert talk.send("81") == "00", "a general poll is never put off"
        talk.now += 0.03
    assert 0.05 < sum(busy) / len(busy) < 0.09
    assert not any(awake("plain").send("01 1A") == "01 00" for _ in range(3))


# older and newer --------------------------------------------------------------------------------------------------------


def test_a_sas_5_machine_has_no_features_no_extended_meters_and_no_b_polls() -> None:
    talk = awake("sas5")
    silent = ("01 A0 00 00", "01 6F 04 00 00 00 00", "01 AF 04 00 00 00 00", "01 B0 02 01 11", "01 B1", "01 B2", "01 B3",
              "01 B4 00 01 00 00", "01 B5 00 01", "01 48")  # fmt: skip
    assert [talk.ask(poll) for poll in silent] == [None] * len(silent)
    assert str(talk.ask("01 54")).startswith("01 54 0c 35 30 30"), "version 500"
    assert talk.ask("01 11") is not None
    assert talk.ask("01 2F 03 00 00 00") is not None
    stops = talk.ask("01 8F")
    assert stops is not None
    assert len(stops.split()) == 9, "five places instead of nine"
    assert stops.split()[5:7] == ["ff", "ff"], "three reels"
    assert talk.send("81") == "1f"


def test_nine_bytes_or_the_smallest_size_for_each_meter() -> None:
    wide = awake("nine_byte").ask("01 6F 04 00 00 00 00")
    small = awake("smallest_meters").ask("01 6F 04 00 00 00 00")
    assert wide == told("01 6F 0E 00 00 00 00 09 00 00 00 12 34 56 78 90 12")
    assert small == told("01 6F 09 00 00 00 00 04 99 99 90 00")


def test_the_smallest_meters_are_about_to_roll_over() -> None:
    talk = awake("smallest_meters")
    for _ in range(3):
        talk.egm.do("bill", talk.now, 20)
        talk.egm.do("games", talk.now, 100)
    assert talk.egm.machine.bank.value(0x00) > 10**8
    assert talk.egm.machine.bank.shown(0x00) < 10**5


# repeats and damage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "asked_anew"), [("repeats_by_command", False), ("repeats_by_frame", True)])
def test_what_a_repeat_is(name: str, asked_anew: bool) -> None:
    talk = awake(name)
    first = talk.send(checked("01 6F 04 00 00 00 00"))
    assert (talk.send(checked("01 6F 04 00 00 01 00")) != first) == asked_anew
    third = [talk.send("01 1A") for _ in range(3)][2]
    assert (third is not None) == asked_anew, "and whether the third try is answered"


@pytest.mark.parametrize(("name", "answer"), [("nack_on_bad_crc", "81"), ("silent_on_bad_crc", None)])
def test_what_a_damaged_poll_meets(name: str, answer: str | None) -> None:
    assert awake(name).send("01 01 51 09") == answer


@pytest.mark.parametrize(("name", "next_told"), [("keeps_unacknowledged", "11"), ("loses_unacknowledged", "12")])
def test_what_was_told_and_not_acknowledged_when_the_link_went_down(name: str, next_told: str) -> None:
    talk = awake(name)
    talk.egm.do("open_door", talk.now)
    talk.egm.do("close_door", talk.now)
    assert talk.send("81") == "11"
    talk.silence(6.0)
    talk.send("80")
    assert talk.send("81") == next_told


# real-time events ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "idle", "after_power"),
    [("rte_bare_idle", "00", "00"), ("rte_silent", None, None), ("rte_frame_idle", "01 ff 00 1c a5", "00")],
)
def test_machines_found_in_the_mode_tell_nothing_in_three_ways(
    name: str, idle: str | None, after_power: str | None
) -> None:
    talk = awake(name)
    assert talk.send("81") == idle
    talk.egm.do("open_door", talk.now)
    assert talk.send("01 1A") == "01 ff 11 14 a4", "goes before the long poll"
    talk.send("82")
    talk.egm.do("power_cycle", talk.now)
    talk.send("82")
    for _ in range(4):
        last = talk.send("81")
        talk.send("82")
    assert last == after_power


def test_in_the_mode_games_tell_their_wager_and_their_win_and_reels_their_stops() -> None:
    talk = awake("rte_frame_idle")
    talk.egm.do("bill", talk.now, 20)
    talk.egm.do("games", talk.now, 1)
    heard = []
    for _ in range(9):
        heard.append(bytes.fromhex(str(talk.send("81"))))
        talk.send("82")
    assert [frame[2] for frame in heard] == [0x4F, 0x7E, *[0x88] * 5, 0x7F, 0x00]
    wager = int(heard[1][3:5].hex())
    assert wager == int(heard[1][5:9].hex()) == talk.egm.machine.bank.value(0x00), "the first wager is all of coin in"
    assert [frame[3] for frame in heard[2:7]] == [1, 2, 3, 4, 5]


# queues, addresses --------------------------------------------------------------------------------------------------------


def test_the_chatty_one_is_always_nearly_full_and_loses_nothing_while_it_is_fetched() -> None:
    talk = a_talk(personas.load("chatty"), habits=Habits(games_per_minute=20, events_per_minute=0))
    talk.send("80")
    low = 99
    for _ in range(600):
        low = min(low, len(talk.egm.port.queue))
        talk.send("81")
        talk.send("82")
        talk.egm.play(talk.now)
    codes = {entry.code for entry in talk.egm.book.entries}
    assert low >= 19
    assert {0x7E, 0x7F} <= codes
    assert talk.egm.book.counts()["dropped"] == 0


def test_the_one_that_loses_its_address_is_silent_after_34_was_heard_until_somebody_sets_one() -> None:
    talk = awake("address_lost")
    talk.egm.do("memory_error", talk.now)
    assert talk.send("81") == "34"
    talk.egm.play(talk.now)
    assert talk.send("81") == "34", "not acknowledged yet"
    assert talk.send("01 1A") == told("01 1A 00 00 00 00")
    talk.egm.play(talk.now)
    talk.silence(12.0)
    talk.send("80")
    assert (talk.send("81"), talk.chirps) == (None, [])
    assert talk.egm.as_json(talk.now)["address"] == 0
    talk.egm.do("address", talk.now, 3)
    assert talk.drain() == [0x84, 0x3A, 0x3C, 0x85]
    assert talk.egm.address == 3


def test_another_machine_tells_a_memory_error_and_stays() -> None:
    talk = awake("plain")
    talk.egm.do("memory_error", talk.now)
    assert talk.drain() == [0x34]
    talk.egm.play(talk.now)
    assert talk.send("81") == "00"


def test_two_answers_at_once_are_heard_as_neither() -> None:
    one, other = checked("01 1A 00 00 14 51"), checked("01 1A 00 00 00 07")
    both, wakeup = mixed([(one, False), (other, False)])
    assert both.hex(" ") == "01 1a 00 00 00 01" + f" {one[6] & other[6]:02x} {one[7] & other[7]:02x}"
    assert not crc_holds(both)
    assert not wakeup
    assert mixed([(one, False), (one, False)]) == (one, False), "who says the same is not found out"
    assert mixed([(b"\x01", False), (one, False)])[0] == one, "the longer one goes on alone"
    assert mixed([(b"\x11", False), (b"\x12", False)])[0] == b"\x10"
