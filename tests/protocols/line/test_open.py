"""URLs of the configuration: what opens, and what is said about what does not."""

import pytest

from protocols.errors import LineUnfit
from protocols.line import memory
from protocols.line.line import LineSettings, flags
from protocols.line.memory import MemoryWire
from protocols.line.open import open_line
from protocols.line.tcp import parse_place


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "no URL"),
        ("ttyUSB0", "no URL"),
        ("tcp9:", "no URL"),
        ("carrier-pigeon:7", "nobody here knows carrier-pigeon"),
        ("rfc2217:10.7.0.41", "names no address and port"),
        ("tcp:10.7.0.41:4001", "wakeup_by_server"),
        ("modbus-tcp:10.7.0.41:502", "Modbus bus"),
        ("tty:COM1", "hallctl doctor"),
        ("tcp9:10.7.0.41", "names no address and port"),
        ("tcp9:10.7.0.41:0", "names no address and port"),
        ("tcp9:10.7.0.41:65536", "names no address and port"),
        ("tcp9:10.7.0.41:4001x", "names no address and port"),
        ("tcp9::4001", "names no address and port"),
        ("tcp:moxa.hall.example:4001", "fixed address"),
        ("memory:nobody", "no simulator in this process"),
    ],
)
def test_what_cannot_be_a_line_is_refused_with_what_to_write_instead(url, says):
    with pytest.raises(LineUnfit, match=says):
        open_line(url, name="A", now=0.0)


@pytest.mark.parametrize(
    ("rest", "place"),
    [
        ("10.7.0.41:4001", ("10.7.0.41", 4001)),
        ("//10.7.0.41:65535", ("10.7.0.41", 65535)),
        ("localhost:1", ("127.0.0.1", 1)),
        ("[fd00::41]:4001", ("fd00::41", 4001)),
    ],
)
def test_addresses_of_device_servers(rest, place):
    assert parse_place("tcp9", rest) == place


def test_a_memory_wire_opens_by_name():
    wire = MemoryWire("bank1")
    memory.offer(wire)
    try:
        line = open_line("memory:bank1", name="A", now=0.0)
    finally:
        memory.withdraw("bank1")
    assert line.ready(0.0)
    assert line.name == "A"
    egm = wire.egm()
    line.send(b"\x81", wakeup=True, now=0.0)
    assert len(egm.drain(1.0)) == 1


@pytest.mark.parametrize(
    "numbers",
    [
        {"baud": 300},
        {"gap_s": 0.005},
        {"gap_s": -0.001},
        {"settle_s": 0.1},
        {"connect_timeout_s": 0.0},
        {"stuck_s": 0.001},
        {"wakeup_by": "magic"},
    ],
)
def test_settings_no_machine_could_live_with_are_refused(numbers):
    with pytest.raises(ValueError, match=r"[Ll]ine|gap|mark"):
        LineSettings(**numbers)


def test_flags_of_a_frame():
    assert flags(3, wakeup=True) == b"\x01\x00\x00"
    assert flags(3, wakeup=False) == bytes(3)
    assert flags(0, wakeup=True) == b""
