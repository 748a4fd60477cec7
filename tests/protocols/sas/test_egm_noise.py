"""A machine's port and a line full of rubbish: nothing raises, nothing grows, nothing is lost from its book."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import protocols.sas
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.egm import MESSAGE_MAX, Ack, EgmPort, EgmRules
from protocols.sas.frame import decode_reply, encode_poll, encode_reply
from protocols.sas.longpoll import Kind
from tests.support import fieldvalues
from tests.support.port import Cable

CHARS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from([0x00, 0x01, 0x80, 0x81, 0x1A, 0x2F, 0x6F, 0x7F, 0xFF]), st.integers(0, 255)),
        st.booleans(),
        st.sampled_from([0.0006, 0.0006, 0.0006, 0.004, 0.02, 1.0, 5.5, 31.0]),
    ),
    max_size=300,
)
RULES = st.builds(
    EgmRules,
    repeat_compares=st.sampled_from(["command", "frame"]),
    bad_crc=st.sampled_from(["nack", "silence"]),
    third_repeat=st.sampled_from(["silence", "answer"]),
    keeps_over_link_down=st.booleans(),
)


@settings(max_examples=300)
@given(CHARS, RULES)
def test_whatever_comes_the_machine_keeps_its_countenance_and_its_book(chars, rules):
    cable = Cable()
    cable.port = EgmPort(1, cable._answer, rules, cable.now)
    cable.port.on_acknowledged = cable._note(cable.acknowledged)
    cable.port.on_dropped = cable._note(cable.dropped)
    for serial in range(10):
        cable.port.raise_exception(0x11, serial)
    for value, wakeup, pause in chars:
        cable.now += pause
        for out in (cable.port.receive(value, wakeup, cable.now), cable.port.tick(cable.now)):
            assert out is None or 1 <= len(out[0]) <= 260
        assert len(cable.port._message) <= MESSAGE_MAX
    waiting = [entry[:2] for entry in cable.port.queue]
    assert sorted(waiting + cable.acknowledged + cable.dropped) == [(0x11, serial) for serial in range(10)]
    assert [serial for _, serial in cable.acknowledged] == sorted(serial for _, serial in cable.acknowledged)


def test_a_babbling_host_fills_no_memory():
    cable = Cable()
    cable.port.receive(0x02, True, cable.now)
    for _ in range(10_000):
        assert cable.port.receive(0x55, False, cable.now) is None
        assert len(cable.port._message) <= MESSAGE_MAX
    assert cable.send("81") == "00"


@pytest.mark.parametrize("poll", BY_CODE.values(), ids=lambda poll: f"{poll.code:02X} {poll.name}")
@settings(max_examples=15)
@given(data=st.data(), address=st.integers(1, 127))
def test_what_the_host_writes_the_machine_reads_and_the_host_reads_what_it_answers(poll, data, address):
    asked = data.draw(fieldvalues.requests(poll)) if poll.kind is not Kind.R else {}
    told = Ack() if poll.reply is None else data.draw(fieldvalues.replies(poll))
    if poll.nested:
        # The host takes an answer only to the poll that was inside.
        told |= {"denomination": asked["denomination"], "base": asked["base"]}
    if poll.nested:  # an answer names the poll it answers
        told = {**told, "denomination": asked["denomination"], "base": asked["base"]}
    seen = []

    def answer(got, values):
        seen.append((got, values))
        return told

    port = EgmPort(address, answer, EgmRules(), 0.0)
    port.receive(0x80, True, 0.0)
    request = encode_poll(poll, address, asked)
    out = [port.receive(value, place == 0, 0.0006 * place) for place, value in enumerate(request)]
    assert seen == [(poll, asked)]
    assert out[:-1] == [None] * (len(request) - 1), "not before the last character"
    assert out[-1] is not None
    reply = decode_reply(poll, address, out[-1][0], request)
    if isinstance(told, Ack):
        assert (reply.status, out[-1]) == ("ack", (bytes([address]), False))
    else:
        assert (reply.status, reply.values) == ("data", told)
        assert out[-1][0] == encode_reply(poll, address, told)


SETTINGS_OF_THE_MACHINE = re.compile(r"`EgmRules\.(\w+)`")


def test_every_setting_that_the_quirks_name_exists_and_every_choice_of_the_machine_is_there():
    page = (Path(protocols.sas.__file__).parent / "QUIRKS.md").read_text()
    named = set(SETTINGS_OF_THE_MACHINE.findall(page))
    known = set(EgmRules.__dataclass_fields__)
    assert named <= known
    assert known - named == {"link_down_s", "chirp_every_s"}, "these the standard gives, nobody contradicts"
