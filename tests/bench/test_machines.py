"""The canned machines keep the books a bench is checked by."""

import os
import select
import time

import pytest

from bench.machines import machines, responder
from bench.report import Missing
from bench.ticks import drive
from protocols.line.line import LineSettings
from protocols.line.open import open_line

SETTINGS = LineSettings(allow_no_parity=True)


@pytest.fixture(autouse=True, scope="module")
def _compiler():
    try:
        responder()
    except Missing as missing:
        pytest.skip(str(missing))


class Talk:
    """A line to one canned machine; frames and answers as hex."""

    def __init__(self, url):
        self.line = open_line(url, name="A", settings=SETTINGS, now=0.0)
        while not self.line.ready(0.0):
            time.sleep(0.001)

    def ask(self, frame: str, within_s=1.0) -> str:
        data = bytes.fromhex(frame)
        self.line.send(data, wakeup=True, now=time.monotonic())
        while (at := self.line.service_at()) is not None:
            time.sleep(max(0.0, at - time.monotonic()))
            self.line.service(time.monotonic())
        got = b""
        while select.select([self.line.fileno()], [], [], within_s)[0]:
            got += bytes(char.value for char in self.line.drain(0.0))
            within_s = 0.01
        return got.hex(" ").upper()


@pytest.fixture
def talk():
    with machines(1, seed=3, chance=1.0) as canned:
        talk = Talk(canned.urls[0])
        yield talk, canned
        talk.line.close()


def test_an_exception_is_repeated_on_the_same_poll_and_acknowledged_by_any_other_frame(talk):
    talk, canned = talk
    assert talk.ask("80", 0.05) == ""
    first = talk.ask("81")
    assert first == "12"  # slot door closed
    assert talk.ask("81") == first  # not acknowledged: the same again
    counts = canned.counts()
    assert (counts["raised"], counts["acknowledged"], counts["pending"], counts["repeats"]) == (1, 0, 1, 1)
    talk.ask("80", 0.05)
    assert canned.counts()["acknowledged"] == 1
    assert talk.ask("81") == "14"  # drop door closed
    talk.ask("82", 0.05)  # another machine's poll acknowledges too
    assert canned.counts()["acknowledged"] == 2


def test_a_long_poll_acknowledges_as_well_and_is_answered_from_the_can(talk):
    talk, canned = talk
    talk.ask("81")
    assert talk.ask("01 1A") == "01 1A 00 00 00 00 C3 FC"  # credits = 0, CRC as published
    assert canned.counts()["acknowledged"] == 1
    assert talk.ask("01 0E 00 CC C0") == "01"  # real-time events off: ACK
    assert talk.ask("01 0E 00 CC C1") == "81"  # wrong CRC: NACK
    assert talk.ask("01 51").startswith("01 51 00 00")
    assert talk.ask("01 54").startswith("01 54 0C 36 30 32")
    assert talk.ask("01 A0 00 00 6C 13").startswith("01 A0 00 00 00 08 01")
    assert talk.ask("01 6F 10 00 00 05 00 06 00 07 00 00 00 01 00 1C 00 1D 00 4C 82").startswith(
        "01 6F 3A 00 00 05 00 05 00 00 00 00 42 06 00 05"
    )
    assert talk.ask("01 70", 0.05) == ""  # unknown: silence
    assert (canned.counts()["unknown"], canned.counts()["bad"]) == (1, 1)


def test_without_chance_every_new_poll_is_idle():
    with machines(1, seed=1) as canned:
        talk = Talk(canned.urls[0])
        for _ in range(3):
            talk.ask("80", 0.02)
            assert talk.ask("81") == "00"
        talk.line.close()
        assert (canned.counts()["idle"], canned.counts()["raised"]) == (3, 0)


def test_an_answer_can_be_delayed():
    with machines(2, seed=1, delay_us=20_000) as canned:
        talk = Talk(canned.urls[1])
        began = time.monotonic()
        assert talk.ask("81") == "00"
        assert time.monotonic() - began >= 0.020
        talk.line.close()


def test_a_serial_line_reaches_a_canned_machine_over_a_pseudo_terminal():
    with machines(1, seed=1, pty=True) as canned:
        talk = Talk(canned.urls[0])
        assert talk.ask("81") == "00"
        assert talk.ask("01 1A") == "01 1A 00 00 00 00 C3 FC"
        talk.line.close()


@pytest.mark.parametrize("pty", [False, True])
def test_the_bare_loop_gets_an_answer_to_every_poll(pty):
    with machines(4, seed=1, pty=pty) as canned:
        told = drive(canned.urls, period_s=0.04, warm_s=0.1, seconds=0.5)
        heard = canned.counts()
    assert told["polls"] > 10  # 50 on a machine that has nothing else to do
    assert abs(told["replies"] - told["polls"]) <= 4
    assert heard["general"] >= told["polls"]
    assert heard["bad"] == 0


def test_the_silence_after_a_wake_up_byte_is_timed_where_the_machine_hears_it():
    with machines(1, seed=1, pty=True, gaps=True) as canned:
        port = os.open(canned.urls[0].removeprefix("tty:"), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        for _ in range(5):
            os.write(port, bytes.fromhex("80"))
            time.sleep(0.01)
            os.write(port, bytes.fromhex("01"))
            time.sleep(0.003)
            os.write(port, bytes.fromhex("1A"))
            time.sleep(0.01)
        apart = canned.counts()
        os.write(port, bytes.fromhex("80"))
        time.sleep(0.01)
        os.write(port, bytes.fromhex("01 1A"))
        time.sleep(0.01)
        together = canned.counts()
        os.close(port)
    assert (apart["longs"], apart["gaps"], apart["gaps_joined"]) == (5, 5, 0)
    assert apart["gap_p50_us"] >= 2900
    assert (together["longs"], together["gaps"], together["gaps_joined"]) == (6, 1, 1)  # since the question before


def test_on_a_socket_the_whole_frame_arrives_at_once():
    with machines(1, seed=1, gaps=True) as canned:
        talk = Talk(canned.urls[0])
        assert talk.ask("81") == "00"
        assert talk.ask("01 1A") == "01 1A 00 00 00 00 C3 FC"
        talk.line.close()
        counts = canned.counts()
    assert (counts["gaps"], counts["gaps_joined"]) == (1, 1)
