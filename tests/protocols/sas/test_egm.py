"""Machines on one loop, and answers that owe nothing: what a checklist for simulators asks for beside steps and repeats."""

import pytest

from protocols.sas.egm import Ack, Busy, EgmPort, EgmRules, Nack
from tests.support.port import CHAR_S, Cable, checked


class Loop:
    """Some machines on one wire: each hears every frame of the host, at most one may answer."""

    def __init__(self, *addresses):
        self.now = 1000.0
        self.acknowledged = []
        self.asked = []
        self.ports = {address: self._machine(address) for address in addresses}
        self.send("80")

    def _machine(self, address):
        def answer(poll, values):
            self.asked.append((address, poll.code))
            return {"credits": address} if poll.code == 0x1A else Ack()

        port = EgmPort(address, answer, EgmRules(), self.now)
        port.on_acknowledged = lambda code, serial: self.acknowledged.append((address, code, serial))
        return port

    def send(self, text):
        said = []
        for place, value in enumerate(bytes.fromhex(text)):
            self.now += CHAR_S
            out = [port.receive(value, place == 0, self.now) for port in self.ports.values()]
            said += [one[0].hex(" ").upper() for one in out if one is not None]
        self.now += 0.02
        assert len(said) <= 1, f"two machines spoke at once: {said}"
        return said[0] if said else None


def test_on_a_shared_line_each_machine_answers_for_itself_and_never_two_at_once():
    loop = Loop(1, 2, 127)
    assert [loop.send(text) for text in ("81", "82", "FF", "83", "80")] == ["00", "00", "00", None, None]
    assert loop.send("02 1A") == checked("02 1A 00 00 00 02")
    assert loop.send("7F 1A") == checked("7F 1A 00 00 01 27")


def test_on_a_shared_line_the_poll_of_the_neighbour_acknowledges():
    loop = Loop(1, 2)
    loop.ports[1].raise_exception(0x11, 7)
    loop.ports[2].raise_exception(0x13, 8)
    assert loop.send("81") == "11"
    assert loop.acknowledged == []
    assert loop.send("82") == "13"
    assert loop.acknowledged == [(1, 0x11, 7)]
    assert loop.send("81") == "00"
    assert loop.acknowledged == [(1, 0x11, 7), (2, 0x13, 8)]


def test_on_a_shared_line_a_repeat_for_one_is_an_acknowledgement_for_none_but_the_others():
    loop = Loop(1, 2)
    loop.ports[1].raise_exception(0x11, 7)
    assert [loop.send("81"), loop.send("81")] == ["11", "11"]
    assert loop.acknowledged == []


def test_a_broadcast_is_done_by_all_and_answered_by_none():
    loop = Loop(1, 2)
    loop.ports[2].raise_exception(0x11, 7)
    loop.send("81")
    assert loop.send("82") == "11"
    assert loop.send("00 7F 12 31 20 25 23 59 58 AA CF") is None
    assert loop.asked == [(1, 0x7F), (2, 0x7F)]
    assert loop.acknowledged == [(2, 0x11, 7)]


def test_the_characters_of_a_neighbours_long_poll_are_no_message_of_ours():
    # 02 6F 04 00 00 01 1A ...: inside stands 01 1A, which would be a poll to machine 1 had it the wake-up bit
    loop = Loop(1)
    assert loop.send(checked("02 6F 04 00 00 01 1A")) is None
    assert loop.asked == []


@pytest.mark.parametrize("told", [Ack(), Nack(), Busy(), None], ids=["ack", "nack", "busy", "silence"])
def test_what_carries_no_data_owes_no_acknowledgement_and_keeps_the_link(told):
    cable = Cable()
    cable.tells[0x01] = told
    for _ in range(40):
        cable.send("01 01 51 08")
        cable.now += 0.98
    assert cable.port.link_downs == 0, "40 s without another frame, and nothing to acknowledge"
    assert len(cable.asked) == 40
    assert cable.send("81") == "00"


def test_the_host_that_only_repeats_a_data_poll_loses_the_link_after_30_s():
    cable = Cable(third_repeat="answer")
    for _ in range(40):
        cable.send("01 1A")
        cable.now += 0.98
    assert cable.port.link_downs == 1


@pytest.mark.parametrize("next_frame", ["80", "82", "81", "01 51", "02 1A", "00 7F 12 31 20 25 23 59 58 AA CF"])
def test_the_answer_to_a_long_poll_is_acknowledged_by_whatever_is_not_the_same_poll(next_frame):
    cable = Cable()
    cable.send("01 1A")
    cable.send(next_frame)
    cable.tells[0x1A] = {"credits": 2}
    assert cable.send("01 1A") == checked("01 1A 00 00 00 02"), "asked anew, not the old answer once more"
    assert [code for code, _ in cable.asked if code == 0x1A] == [0x1A, 0x1A]
