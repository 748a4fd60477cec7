"""What the canned machines say is what the standard says: read by our codec and by the second reader of the tests."""

import importlib.util
import time
from pathlib import Path

import pytest

from bench.machines import machines, responder
from bench.report import Missing
from protocols.line.line import LineSettings
from protocols.line.open import open_line
from protocols.sas.catalog.index import BY_CODE
from protocols.sas.crc import with_crc
from protocols.sas.frame import decode_reply, encode_poll
from protocols.sas.longpoll import Kind

SILENT_TO = {0x48, 0x8E, 0x8F, 0xB0, 0xB6}
"""No bill taken, no cards, no reels, no player denominations, no hand-shake before a change."""

VALUES = {
    0x06: {},
    0x0E: {"enable": 0},
    0x2D: {"game": 0},
    0x2F: {"game": 0, "meters": (0x00, 0x01, 0x05, 0x0D, 0x80, 0xBC)},
    0x52: {"game": 3},
    0x53: {"game": 0},
    0x6F: {"game": 0, "meters": (0, 1, 2, 3, 5, 6, 0x0C, 0x1C, 0x24, 0x80, 0xA0, 0xBC)},
    0x7F: {"date": "12312025", "time": "235958"},
    0xA0: {"game": 0},
    0xA4: {"game": 0},
    0xAF: {"game": 0, "meters": (0x0005, 0x0000)},
    0xB4: {"game": 0, "category": 0},
    0xB5: {"game": 0},
}


def oracle():
    spec = importlib.util.spec_from_file_location("oracle", Path(__file__).parents[1] / "vectors" / "oracle.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ask():
    """A frame as bytes to a canned machine; its answer."""
    try:
        responder()
    except Missing as missing:
        pytest.skip(str(missing))
    with machines(1, seed=1) as canned:
        line = open_line(canned.urls[0], name="A", settings=LineSettings(), now=0.0)
        while not line.ready(0.0):
            time.sleep(0.001)

        def asked(frame: bytes, within_s=0.5) -> bytes:
            line.send(frame, wakeup=True, now=0.0)
            until = time.monotonic() + within_s
            got = b""
            while time.monotonic() < until and not got:
                got = bytes(char.value for char in line.drain(0.0))
                time.sleep(0.001)
            return got

        yield asked
        line.close()


def polls():
    """Everything the catalogue can ask of a machine that the can is to answer: reads, and those with values above."""
    return [code for code, row in sorted(BY_CODE.items()) if row.kind is Kind.R or code in VALUES]


@pytest.mark.parametrize("code", [code for code in polls() if code not in SILENT_TO], ids=lambda code: f"{code:02X}")
def test_each_canned_answer_is_read_alike_by_our_codec_and_by_the_second_reader(ask, code):
    poll = BY_CODE[code]
    request = encode_poll(poll, 1, VALUES.get(code, {}))
    answer = ask(request)
    reply = decode_reply(poll, 1, answer, request)
    assert reply.status == ("ack" if poll.reply is None else "data")
    second = oracle()
    if code not in {*second.SINGLE, *second.BILLS, *second.GROUPS, *second.LAYOUTS, *second.ONLY_ACK}:
        return  # the second reader has not been told of this poll; ours has read it
    status, values = second.reply(1, code, answer)
    assert reply.status == status
    assert set(values) == set(reply.values)
    for name in values:
        if name != "meters":
            continue
        assert [(code, size, value) for code, size, value in values[name]] == [
            (meter.code, meter.size, meter.value) for meter in reply.values[name]
        ]


@pytest.mark.parametrize("code", sorted(SILENT_TO & set(BY_CODE)), ids=lambda code: f"{code:02X}")
def test_a_machine_is_silent_to_what_it_does_not_have(ask, code):
    frame = b"\x01\xb0" + b"\x02\x01\x11" if code == 0xB0 else bytes([1, code])
    whole = with_crc(frame) if code == 0xB0 else with_crc(b"\x01\xb6\x01\x00") if code == 0xB6 else frame
    assert ask(whole, 0.05) == b""


def test_the_preamble_for_several_denominations_is_ignored_as_a_whole_and_the_line_stays_in_step(ask):
    assert ask(bytes.fromhex("01 B0 02 01 11 B0 C7"), 0.05) == b""  # published: coin in at 1 cent
    assert ask(bytes.fromhex("81")) == b"\x00"


def test_every_meter_asked_for_is_answered_with_the_value_that_the_bench_checks(ask):
    poll = BY_CODE[0x6F]
    values = {"game": 0, "meters": tuple(range(12))}
    reply = decode_reply(poll, 1, ask(encode_poll(poll, 1, values)))
    assert [(meter.code, meter.size, meter.value) for meter in reply.values["meters"]] == [
        (n, 5, 42) for n in range(12)
    ]


def test_a_slow_machine_does_not_declare_forty_milliseconds():
    declared = []
    for slow in (False, True):
        with machines(1, seed=1, slow=slow) as canned:
            line = open_line(canned.urls[0], name="A", settings=LineSettings(), now=0.0)
            while not line.ready(0.0):
                time.sleep(0.001)
            line.send(bytes.fromhex("01 A0 00 00 6C 13"), wakeup=True, now=0.0)
            got = b""
            until = time.monotonic() + 1.0
            while len(got) < 12 and time.monotonic() < until:
                got += bytes(char.value for char in line.drain(0.0))
                time.sleep(0.001)
            line.close()
        declared.append(decode_reply(BY_CODE[0xA0], 1, got).values["features"][2] & 1)
    assert declared == [1, 0]
