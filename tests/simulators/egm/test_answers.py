"""What a simulated machine answers to each long poll of the catalogue, in bytes (sas-core 5)."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.sas.catalog.index import BY_CODE
from protocols.sas.frame import decode_reply, encode_poll
from protocols.sas.longpoll import Kind
from simulators.egm import personas
from simulators.egm.answers import MULTI_DENOMINATION, TABLE
from simulators.egm.bank import PER_GAME
from simulators.egm.machine import BadAct
from simulators.egm.persona import Persona
from tests.simulators.egm.talking import Talk, a_talk, checked
from tests.support import fieldvalues


def awake(persona: Persona | str | None = None) -> Talk:
    talk = a_talk(personas.load(persona) if isinstance(persona, str) else persona)
    talk.send("80")
    return talk


def told(text: str) -> str:
    return checked(text).hex(" ")


# all of them ----------------------------------------------------------------------------------------------------------

EVERYTHING = replace(
    Persona(), version="603", features=(0, 0x88, 0x05), hopper_coins=500, cash_out_limit=100, reels=5, has_cards=True,
    denominations=(1, 2), bills=tuple(sorted({1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1_000, 2_000, 2_500, 5_000, 10_000,
                                              20_000, 25_000, 50_000, 100_000})),
)  # fmt: skip
"""A machine that has whatever a machine may have."""


@pytest.mark.parametrize("code", sorted(set(BY_CODE) - {0x47}), ids=lambda code: f"{code:02X} {BY_CODE[code].name}")
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_machine_that_has_everything_answers_every_poll_of_the_catalogue(code: int, data: st.DataObject) -> None:
    # 47 belongs to an external coin acceptor, which none of these has.
    poll = BY_CODE[code]
    values = {} if poll.kind is Kind.R else data.draw(fieldvalues.requests(poll))
    values |= {name: 0 for name in ("game", "category") if name in values}
    talk = awake(EVERYTHING)
    request = encode_poll(poll, 1, values)
    answer = talk.send(request)
    assert answer is not None
    reply = decode_reply(poll, 1, bytes.fromhex(answer), request)
    assert reply.status in ("data", "ack", "nack")
    assert (reply.status == "data") == (poll.reply is not None) or reply.status == "nack"


def test_every_row_of_the_machine_is_a_poll_of_the_catalogue() -> None:
    assert set(TABLE) | {MULTI_DENOMINATION} <= set(BY_CODE)


def test_a_game_that_does_not_exist_is_passed_over_in_silence() -> None:
    talk = awake("multi_game")
    for poll in ("2D", "52", "53", "A0", "A4", "B5"):
        assert talk.ask(f"01 {poll} 00 05") is None
        assert talk.ask(f"01 {poll} 00 04") is not None
    assert talk.ask("01 6F 04 00 05 00 00") is None
    assert talk.ask("01 2F 03 00 05 00") is None


# bills ----------------------------------------------------------------------------------------------------------------


def test_the_mask_says_which_bills_are_taken() -> None:
    talk = awake()
    # bits 2 and 4 of the first byte: 5 and 20; bit 0 of the second: 200; action 01: stays on
    assert talk.ask("01 08 14 01 00 00 01") == "01"
    for value, code in ((5, 0x48), (20, 0x4A), (200, 0x50), (10, 0x2B), (500, 0x2B)):
        talk.egm.do("bill", talk.now, value)
        assert talk.drain() == [code], value
    assert talk.egm.machine.bank.credits == 22_500


def test_without_the_action_flag_the_acceptor_is_off_after_each_bill_until_06() -> None:
    talk = awake()
    assert talk.send("01 08 FF FF FF 00 01 7F 59") == "01"
    talk.egm.do("bill", talk.now, 20)
    talk.egm.do("bill", talk.now, 20)
    assert talk.ask("01 08 FF FF FF 00 00") == "01"
    talk.egm.do("bill", talk.now, 20)
    with pytest.raises(BadAct):
        talk.egm.do("bill", talk.now, 20)
    assert talk.send("01 06 EE 7C") == "01"
    talk.egm.do("bill", talk.now, 20)
    assert talk.egm.machine.bank.value(0x44) == 4


def test_the_mask_is_forgotten_with_the_memory() -> None:
    talk = awake()
    talk.ask("01 08 00 00 00 00 01")
    talk.egm.do("ram_clear", talk.now)
    talk.egm.do("bill", talk.now, 20)
    assert talk.egm.machine.bank.credits == 2_000


# play -----------------------------------------------------------------------------------------------------------------


def test_games_are_enabled_and_disabled_and_56_says_which() -> None:
    talk = awake("multi_game")
    assert talk.ask("01 56") == told("01 56 09 04 00 01 00 02 00 03 00 04")
    assert talk.ask("01 09 00 02 00") == "01"
    assert talk.ask("01 56") == told("01 56 07 03 00 01 00 03 00 04")
    assert talk.ask("01 09 00 02 01") == "01"
    assert talk.ask("01 09 00 05 01") == "81", "no such game"
    assert talk.ask("01 09 00 00 01") == "81", "not the whole machine"
    assert talk.ask("01 09 00 01 02") == "81", "neither on nor off"
    assert talk.ask("01 56") == told("01 56 09 04 00 01 00 02 00 03 00 04")


def test_a_disabled_game_is_not_played() -> None:
    talk = awake("multi_game")
    talk.egm.do("bill", talk.now, 20)
    assert talk.ask("01 09 00 01 00") == "01"
    assert talk.egm.machine.play(5, talk.now) == 0
    talk.egm.do("select_game", talk.now, 2)
    assert talk.egm.machine.play(5, talk.now) > 0


def test_the_game_a_player_selects_is_told_by_8c_and_55() -> None:
    talk = awake("multi_game")
    assert talk.ask("01 55") == told("01 55 00 01")
    talk.egm.do("select_game", talk.now, 3)
    assert talk.drain() == [0x8C]
    assert talk.ask("01 55") == told("01 55 00 03")
    talk.egm.do("select_game", talk.now, 0)
    assert talk.ask("01 55") == told("01 55 00 00"), "in the menu"
    assert not talk.egm.machine.may_play
    with pytest.raises(BadAct):
        talk.egm.do("select_game", talk.now, 5)


def test_a_game_is_delayed_in_tenths_of_a_second_of_the_wire() -> None:
    for speed in (1.0, 10.0):
        talk = a_talk(speed=speed)
        talk.send("80")
        talk.egm.do("bill", talk.now, 20)
        assert talk.ask("01 2E 32 00") == "01"  # 5 s
        assert talk.egm.machine.play(1, talk.egm._lived(talk.now + 4.0)) == 0
        assert talk.egm.machine.play(1, talk.egm._lived(talk.now + 5.1)) == 1
        talk.ask("01 2E 32 00")
        talk.ask("01 2E 00 00")
        assert talk.egm.machine.play(1, talk.egm._lived(talk.now + 0.1)) == 1, "0 cancels it"


def test_maintenance_sounds_and_auto_rebet_are_switches() -> None:
    talk = awake()
    for code in ("01 03", "01 04", "01 05", "01 0A", "01 0C 01 02 03 04", "01 0D 01 02 03 04"):
        assert talk.ask(code) == "01"
    assert talk.egm.machine.is_in_maintenance
    assert talk.ask("01 0B") == "01"
    assert not talk.egm.machine.is_in_maintenance
    assert talk.ask("01 AA 01") == "01"
    assert talk.egm.machine.auto_rebet
    assert talk.ask("01 AA 02") == "81"


@pytest.mark.parametrize(("clock", "answer"), [("sets", "01"), ("refuses", "81"), ("ignores", None)])
def test_a_clock_is_set_or_it_is_controlled_otherwise(clock: str, answer: str | None) -> None:
    talk = awake(personas.from_table("c", {"clock": clock}))
    assert talk.ask("01 7F 12 31 20 25 23 59 58") == answer
    talk.send("00 7F 12 31 20 25 23 59 58 AA CF")
    year = "20 25" if clock == "sets" else "20 26"
    assert year in str(talk.ask("01 7E"))


# state ----------------------------------------------------------------------------------------------------------------


def test_a_hopper_tells_its_level_and_pays_small_sums_without_an_attendant() -> None:
    talk = awake("sas5")  # coins and credits of 0.25; 1,200 coins, up to 400 credits
    assert talk.ask("01 4F") == told("01 4F 06 00 64 00 00 12 00")
    talk.egm.do("bill", talk.now, 20)
    talk.egm.do("cash_out", talk.now)
    assert talk.drain() == [0x4A, 0x66]
    assert talk.ask("01 4F") == told("01 4F 06 00 5D 00 00 11 20"), "1,120 coins are 93 %"
    assert talk.ask("01 2C") == told("01 2C 00 00 11 20")
    assert talk.ask("01 2B") == told("01 2B 00 00 00 80")
    bank = talk.egm.machine.bank
    assert [bank.value(code) for code in (0x03, 0x04, 0x09, 0x0C)] == [0, 80, 80, 0]
    talk.egm.do("bill", talk.now, 500)
    talk.egm.do("cash_out", talk.now)
    assert talk.drain()[-1] == 0x51, "2,000 credits are too much for it"


def test_an_empty_hopper_says_so_and_an_attendant_pays() -> None:
    talk = awake("sas5")
    talk.egm.do("begin_hopper_empty", talk.now)
    talk.egm.do("bill", talk.now, 20)
    talk.egm.do("cash_out", talk.now)
    assert talk.drain() == [0x23, 0x4A, 0x66, 0x51]
    assert str(talk.ask("01 4F")).startswith("01 4f 06 07")


def test_what_a_machine_has_not_it_does_not_know() -> None:
    talk = awake()
    for poll in (
        "01 4F",
        "01 2A",
        "01 2B",
        "01 2C",
        "01 8E",
        "01 8F",
        "01 B6 01 00",
        "01 B0 02 01 11",
        "01 B7 05 00 00 00 00 00",
    ):
        assert talk.ask(poll) is None, poll


def test_cards_are_dealt_and_reels_stand_after_each_game() -> None:
    talk = awake(replace(Persona(), has_cards=True, reels=5))
    before = talk.ask("01 8E"), talk.ask("01 8F")
    talk.egm.do("bill", talk.now, 20)
    talk.egm.do("games", talk.now, 1)
    after = talk.ask("01 8E"), talk.ask("01 8F")
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert after[0] is not None
    assert after[1] is not None
    cards = bytes.fromhex(after[0])[3:8]
    assert len(set(cards)) == 5
    assert all(card >> 4 < 4 and card & 0x0F < 13 for card in cards)
    assert after[1].split()[7:11] == ["ff"] * 4, "nine places, five reels"


def test_the_cash_out_limit_is_in_credits() -> None:
    assert awake(replace(Persona(), cash_out_limit=400)).ask("01 A4 00 00") == told("01 A4 00 00 04 00")


@pytest.mark.parametrize(
    ("flags", "length_byte", "asset", "place"),
    [(3, True, 77, b"A7"), (1, True, 77, b""), (2, True, 100417, b"A7"), (0, True, 100417, b""), (3, False, 77, b"A7")],
)
def test_machine_numbers_are_set_where_the_machine_allows_it(
    flags: int, length_byte: bool, asset: int, place: bytes
) -> None:
    talk = awake(replace(Persona(), version="603", numbers_flags=flags, b7_length_byte=length_byte))
    answer = talk.ask("01 B7 07 4D 00 00 00 02 41 37")  # asset number 77, floor location A7
    body = bytes([flags]) + asset.to_bytes(4, "little") + bytes([len(place)]) + place
    length = bytes([len(body)]) if length_byte else b""
    assert answer == told("01 B7" + (length + body).hex())
    talk.egm.do("bill", talk.now, 20)
    talk.drain()
    talk.ask("01 B7 05 05 00 00 00 00")
    assert talk.egm.machine.asset == asset, "not while credits are on it"


# games and denominations that sum -----------------------------------------------------------------------------------------


def played(persona: str) -> Talk:
    """An evening on every game in every denomination."""
    talk = awake(persona)
    machine = talk.egm.machine
    for game in range(1, machine.persona.games + 1):
        for code in machine.persona.player_denominations:
            machine.bank.denomination = code
            talk.egm.do("select_game", talk.now, game)
            talk.egm.do("bill", talk.now, 100)
            talk.egm.do("games", talk.now, 30)
    talk.drain()
    return talk


def listed(talk: Talk, game: int, codes: list[int], inside: int | None = None) -> dict[int, int]:
    """Meters by 6F, inside B0 where a denomination is given."""
    base = bytes.fromhex(f"{game:04d}") + b"".join(bytes([code, 0]) for code in codes)
    body = bytes([len(base)]) + base
    if inside is None:
        answer = talk.ask("01 6F" + body.hex())
    else:
        answer = talk.ask("01 B0" + (bytes([2 + len(body), inside, 0x6F]) + body).hex())
    assert answer is not None
    data = bytes.fromhex(answer)[5 if inside is None else 8 : -2]
    out, at = {}, 0
    while at < len(data):
        size = data[at + 2]
        if size:
            out[data[at]] = int(data[at + 3 : at + 3 + size].hex())
        at += 3 + size
    return out


PLAY = sorted(PER_GAME - {0x7F})


@pytest.mark.parametrize("persona", ["multi_game", "two_denominations"])
def test_the_meters_of_the_games_sum_to_the_machines(persona: str) -> None:
    talk = played(persona)
    whole = {**listed(talk, 0, PLAY[:12]), **listed(talk, 0, PLAY[12:])}
    games = [
        {**listed(talk, n, PLAY[:12]), **listed(talk, n, PLAY[12:])}
        for n in range(1, talk.egm.machine.persona.games + 1)
    ]
    assert whole[0x00] > 0
    assert all(game[0x05] for game in games)
    assert whole == {code: sum(game[code] for game in games) for code in PLAY}


def test_the_meters_of_the_denominations_sum_to_the_machines_and_to_each_games() -> None:
    talk = played("two_denominations")
    for game in (0, 1, 2):
        cents, nickels = (listed(talk, game, PLAY[:12], inside=code) for code in (1, 2))
        assert cents[0x00]
        assert nickels[0x00]
        assert listed(talk, game, PLAY[:12]) == {code: cents[code] + nickels[code] for code in PLAY[:12]}
    assert listed(talk, 0, PLAY[:12], inside=0) == listed(talk, 0, PLAY[:12]), "00 is the bare poll's answer"


def test_machine_meters_are_kept_for_no_game_and_no_denomination() -> None:
    talk = played("two_denominations")
    assert set(listed(talk, 0, [0x00, 0x0B, 0x24])) == {0x00, 0x0B, 0x24}
    assert set(listed(talk, 1, [0x00, 0x0B, 0x24])) == {0x00}
    assert set(listed(talk, 0, [0x00, 0x0B, 0x24], inside=1)) == {0x00}


def test_a_bet_in_nickels_is_booked_in_credits_of_a_cent() -> None:
    talk = awake("two_denominations")
    talk.egm.do("select_denomination", talk.now, 2)
    assert talk.drain() == [0x8C]
    assert talk.ask("01 B1") == told("01 B1 02")
    talk.egm.do("bill", talk.now, 100)
    talk.egm.do("games", talk.now, 20)
    assert talk.egm.machine.bank.value(0x00) % 5 == 0
    assert talk.egm.machine.bank.of(0x05, 0, 1) == 0


def test_wager_categories_sum_to_the_game() -> None:
    talk = played("two_denominations")
    sums = []
    for category in (0, 1, 2):
        answer = talk.ask(f"01 B4 00 01 00 {category:02d}")
        assert answer is not None
        data = bytes.fromhex(answer)
        assert data[7:11] == b"9200"
        sums.append(int(data[12:-2].hex()))
    assert sums[0] == sums[1] + sums[2] > 0
    assert talk.ask("01 B4 00 01 00 03") is None, "no third category"


def test_the_whole_machine_tells_its_largest_bet_and_its_mean_percentage() -> None:
    talk = awake("multi_game")
    whole, one = talk.ask("01 1F"), talk.ask("01 53 00 02")
    assert whole is not None
    assert one is not None
    assert bytes.fromhex(whole)[8] == 255, "300 does not fit, B5 has it"
    assert bytes.fromhex(whole)[18:22] == b"9225"
    assert talk.ask("01 53 00 00") == told("01 53 00 00" + bytes.fromhex(whole)[2:-2].hex())
    assert bytes.fromhex(one)[10] == 5
    assert bytes.fromhex(one)[20:24] == b"9550"
    assert "03 00" in str(talk.ask("01 B5 00 04"))


def test_hand_paid_credits_are_told_by_game() -> None:
    talk = awake("multi_game")
    for game, bill in ((1, 20), (3, 5)):
        talk.egm.do("select_game", talk.now, game)
        talk.egm.do("bill", talk.now, bill)
        talk.egm.do("cash_out", talk.now)
        talk.egm.do("reset_handpay", talk.now)
    talk.drain()
    sums = [talk.ask(f"01 2D 00 0{game}") for game in (0, 1, 2, 3)]
    assert sums == [
        told(f"01 2D 00 0{game} 00 00 {paid}")
        for game, paid in ((0, "25 00"), (1, "20 00"), (2, "00 00"), (3, "05 00"))
    ]


# B0 -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("poll", "error"),
    [
        ("01 B0 02 01 D7", 1),  # nobody knows D7
        ("01 B0 03 01 11 00", 2),  # 11 carries nothing
        ("01 B0 02 01 13", 3),  # drop is the machine's, not a denomination's
        ("01 B0 06 01 2F 03 00 01 00", 4),  # 2F only for the whole machine
        ("01 B0 02 03 11", 5),  # 0.10 is not played here
    ],
)
def test_the_preamble_refuses_by_number(poll: str, error: int) -> None:
    talk = awake("two_denominations")
    denomination = bytes.fromhex(poll)[3]
    assert talk.ask(poll) == told(f"01 B0 03 {denomination:02X} 00 0{error}")


def test_games_are_enabled_for_one_denomination() -> None:
    talk = awake("two_denominations")
    assert talk.ask("01 B0 05 02 09 00 01 00") == told("01 B0 03 02 09 01"), "game 1 not for 0.05: done"
    assert talk.ask("01 B0 02 02 56") == told("01 B0 06 02 56 03 01 00 02")
    assert talk.ask("01 B0 02 01 56") == told("01 B0 08 01 56 05 02 00 01 00 02")
    assert talk.ask("01 56") == told("01 56 05 02 00 01 00 02"), "it is still to be had for a cent"
    assert talk.ask("01 B0 05 02 09 00 07 00") == told("01 B0 03 02 09 81"), "no game 7"
    assert talk.ask("01 B0 05 02 09 00 02 00") == told("01 B0 03 02 09 01")
    assert talk.ask("01 B2") == told("01 B2 02 01 01"), "nothing is played for 0.05 any more"


def test_a_preamble_for_another_denomination_or_base_is_no_repeat_and_for_other_meters_it_is() -> None:
    talk = awake("two_denominations")
    first = talk.send(checked("01 B0 02 01 11"))
    assert talk.send(checked("01 B0 02 01 11")) == first
    assert talk.send(checked("01 B0 02 02 11")) != first
    assert str(talk.send(checked("01 B0 02 02 15"))).startswith("01 b0 06 02 15")
    meters = talk.send(checked("01 B0 07 02 6F 04 00 00 00 00"))
    assert talk.send(checked("01 B0 07 02 6F 04 00 00 05 00")) == meters, "first five bytes alike: the old answer again"


def test_a_test_may_put_off_or_refuse_what_is_inside() -> None:
    talk = awake("two_denominations")
    talk.egm.answers.busy_polls.add(0x11)
    talk.egm.answers.refused_polls |= {0x09, 0x12}
    assert talk.ask("01 11") == "01 00"
    assert talk.ask("01 B0 02 01 11") == told("01 B0 04 01 11 01 00")
    assert talk.ask("01 B0 05 01 09 00 01 00") == told("01 B0 03 01 09 81")
    assert talk.ask("01 B0 02 01 12") == told("01 B0 03 01 00 01")
