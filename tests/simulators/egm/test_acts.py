"""What is done to a machine, and what the wire is told of it: other boards, software, denominations, addresses, meters."""

from fractions import Fraction
from itertools import pairwise

import pytest

from simulators.egm import personas
from simulators.egm.acts import BadAct
from simulators.egm.changes import CANNOT, COLLECTED, GAMES, METERS, NOTHING, SEEN, Change
from simulators.egm.persona import Persona
from tests.simulators.egm.talking import Talk, a_talk, checked

COIN_IN = "01 6F 04 00 00 00 00"


def awake(persona: Persona | str | None = None, *, speed: float = 1.0) -> Talk:
    talk = a_talk(personas.load(persona) if isinstance(persona, str) else persona, speed=speed)
    talk.send("80")
    return talk


def told(text: str) -> str:
    return checked(text).hex(" ")


def test_another_board_has_another_serial_and_meters_from_0() -> None:
    talk = awake()
    talk.egm.do("bill", talk.now, 20)
    talk.egm.do("games", talk.now, 3)
    talk.drain()
    talk.egm.do("swap_board", talk.now)
    assert talk.send("81") is None, "it has just been switched on"
    assert talk.drain() == [0x18, 0x17]
    assert bytes.fromhex(str(talk.ask("01 54")))[6:-2] == b"SIM100417-1"
    assert talk.ask("01 11") == told("01 11 00 00 00 00")
    talk.egm.do("swap_board", talk.now)
    assert talk.egm.machine.serial == "SIM100417-2"


@pytest.mark.parametrize(
    ("persona", "codes"), [("plain", [0x18, 0x17, 0x36, 0x3C]), ("nine_byte", [0x18, 0x17, 0x36, 0x8E, 0x3C])]
)
def test_other_software_has_other_paytables_and_the_meters_stay(persona: str, codes: list[int]) -> None:
    talk = awake(persona)
    before = talk.ask("01 1F"), talk.ask("01 11")
    talk.egm.do("software", talk.now)
    assert talk.drain() == codes
    after = talk.ask("01 1F"), talk.ask("01 11")
    assert (bytes.fromhex(str(before[0]))[12:18], bytes.fromhex(str(after[0]))[12:18]) == (b"SIM001", b"SIM002")
    assert before[1] == after[1]


def test_every_game_of_other_software_has_another_paytable() -> None:
    talk = awake("multi_game")
    talk.egm.do("software", talk.now)
    assert [title.paytable for title in talk.egm.machine.persona.titles] == ["SIM302", "SIM303", "SIM304", "SIM305"]


def test_another_accounting_denomination_rescales_every_meter_in_credits() -> None:
    talk = awake()
    talk.egm.do("bill", talk.now, 100)
    talk.egm.do("games", talk.now, 50)
    talk.drain()
    bank = talk.egm.machine.bank
    before = {code: bank.value(code) for code in (0x00, 0x01, 0x05, 0x0B, 0x0C, 0x47)}
    talk.egm.do("denomination", talk.now, 0x02)  # from 0.01 to 0.05
    assert talk.drain() == [0x84, 0x3C, 0x85]
    assert bytes.fromhex(str(talk.ask("01 1F")))[7] == 0x02
    assert talk.egm.machine.persona.credit == Fraction(1, 20)
    assert {code: bank.value(code) for code in before} == {
        code: value if code in (0x05, 0x47) else value // 5 for code, value in before.items()
    }
    assert bank.of(0x00, 1) == bank.value(0x00), "still the sum of its games"
    talk.egm.do("bill", talk.now, 1)
    assert bank.credits == before[0x0C] // 5 + 20


@pytest.mark.parametrize(("persona", "code"), [("plain", 0x20), ("plain", 0x00), ("two_denominations", 0x02)])
def test_a_denomination_that_makes_no_sense_changes_nothing(persona: str, code: int) -> None:
    talk = awake(persona)
    with pytest.raises(BadAct):
        talk.egm.do("denomination", talk.now, code)
    assert talk.drain() == []


@pytest.mark.parametrize(
    ("persona", "number", "address"), [("plain", None, 1), ("plain", 1, 1), ("plain", 0, 0), ("address_lost", None, 0)]
)
def test_after_a_ram_clear_the_address_is_the_factorys(persona: str, number: int | None, address: int) -> None:
    talk = a_talk(personas.load(persona), address=1)
    talk.send("80")
    talk.send("01 0E 01 45 D1")
    talk.egm.do("ram_clear", talk.now, number)
    talk.silence(7.0)
    assert bool(talk.chirps) == (address != 0)
    if not address:
        talk.egm.do("address", talk.now, 1)
    assert talk.drain()[:3] == [0x18, 0x17, 0x7A], "and bare codes again: real-time mode is off"


def test_another_address_is_an_option_that_changed() -> None:
    talk = awake()
    talk.egm.do("address", talk.now, 5)
    talk.send("80")
    assert talk.send("81") is None
    assert talk.drain() == [0x84, 0x3C, 0x85]
    for number in (None, -1, 128):
        with pytest.raises(BadAct):
            talk.egm.do("address", talk.now, number)
    assert talk.egm.address == 5


def test_the_options_menu_is_entered_and_left() -> None:
    talk = awake()
    talk.egm.do("options_menu", talk.now)
    talk.egm.do("options", talk.now)
    assert talk.drain() == [0x84, 0x3C, 0x85, 0x3C]


@pytest.mark.parametrize("persona", ["smallest_meters", "nine_byte"])
def test_a_meter_that_is_near_its_end_rolls_over(persona: str) -> None:
    talk = awake(persona)
    talk.egm.do("bill", talk.now, 20)
    talk.egm.do("near_rollover", talk.now, 0x00)
    before = talk.egm.machine.bank.shown(0x00)
    talk.egm.do("games", talk.now, 20)
    assert talk.egm.machine.bank.shown(0x00) < before
    assert talk.egm.machine.bank.of(0x00, 1) == talk.egm.machine.bank.value(0x00)
    with pytest.raises(BadAct):
        talk.egm.do("near_rollover", talk.now, 0xA0)


@pytest.mark.parametrize("what", ["fly", "open_tomb", "exception", "select_game", "select_denomination", "change_game"])
def test_what_makes_no_sense_is_refused(what: str) -> None:
    with pytest.raises(BadAct):
        awake("multi_game").egm.do(what, 1000.0)


# changes the host may collect meters before (5.8) -------------------------------------------------------------------------------


def test_the_change_is_announced_every_five_seconds_and_given_up_after_thirty() -> None:
    for speed in (1.0, 20.0):  # of the wire's time, however fast the machine lives
        talk = awake("multi_game", speed=speed)
        talk.egm.do("change_game", talk.now, 2)
        heard = talk.live(40.0)
        assert [code for _, code in heard] == [0xA0] * 6 + [0xA1]
        gaps = [after - before for (before, _), (after, _) in pairwise(heard)]
        assert gaps == pytest.approx([5.0] * 6, abs=0.5)
        assert talk.ask("01 B6 01 00") == told("01 B6 01 80"), "nothing is pending any more"


def test_once_collected_the_games_change() -> None:
    talk = awake("multi_game")
    talk.egm.do("change_game", talk.now, 2)
    assert talk.drain() == [0xA0]
    assert talk.ask("01 56") == told("01 56 09 04 00 01 00 02 00 03 00 04")
    assert talk.ask("01 B6 01 01") == told("01 B6 01 01")
    assert talk.drain() == [0xA2]
    assert talk.ask("01 56") == told("01 56 07 03 00 01 00 03 00 04")


def test_once_collected_the_meters_are_cleared() -> None:
    talk = awake("multi_game")
    talk.egm.do("bill", talk.now, 1)
    talk.egm.do("cash_out", talk.now)
    talk.egm.do("reset_handpay", talk.now)
    talk.send("01 1B")
    talk.drain()
    talk.egm.do("change_meters", talk.now)
    assert not talk.egm.machine.may_play
    with pytest.raises(BadAct):
        talk.egm.do("bill", talk.now, 20)
    assert talk.ask("01 B6 01 00") == told("01 B6 01 00"), "seen; the machine goes on waiting"
    assert talk.ask("01 B6 01 01") == told("01 B6 01 00")
    assert talk.drain()[-1] == 0x7A
    assert not any(value for code, value in talk.egm.machine.bank.everything().items() if code != 0x7F)
    assert talk.ask("01 B6 01 02") == "81", "no such status"


def test_the_host_may_say_not_now_and_a_repeat_of_its_word_is_not_another() -> None:
    talk = awake("multi_game")
    talk.egm.do("change_game", talk.now, 2)
    talk.drain()
    assert [talk.send(checked("01 B6 01 80")) for _ in range(2)] == [told("01 B6 01 01")] * 2
    assert talk.drain() == [0xA1]
    assert len(talk.egm.machine.enabled) == 4


def test_meters_are_not_cleared_while_money_is_on_the_machine() -> None:
    talk = awake("multi_game")
    talk.egm.do("bill", talk.now, 20)
    with pytest.raises(BadAct):
        talk.egm.do("change_meters", talk.now)


def test_a_machine_without_the_hand_shake_changes_at_once() -> None:
    talk = awake()
    talk.egm.do("change_meters", talk.now)
    talk.egm.do("change_game", talk.now, 1)
    assert talk.drain() == [0x7A, 0x3C]
    assert talk.ask("01 B6 01 00") is None
    assert talk.ask("01 56") == told("01 56 01 00")


def test_seen_starts_the_thirty_seconds_anew() -> None:
    told_codes: list[int] = []
    due: list[float] = []
    change = Change(told_codes.append, lambda _: False, due.append)
    change.announce(GAMES, lambda: None, 0.0)
    for at in range(5, 100, 5):
        if at < 60:
            assert change.collect(SEEN, float(at)) == GAMES
        change.run(float(at))
    assert told_codes == [0xA0] * 17 + [0xA1], "55 s and 30 more"
    assert change.state == NOTHING


@pytest.mark.parametrize("status", [SEEN, COLLECTED, CANNOT])
def test_when_nothing_is_pending_nothing_happens(status: int) -> None:
    told_codes: list[int] = []
    change = Change(told_codes.append, lambda _: False, lambda _: None)
    assert change.collect(status, 1.0) == NOTHING
    assert told_codes == []
    assert METERS != NOTHING
