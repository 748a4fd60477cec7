"""The wake-up bit through device servers that nobody here wrote: pyserial's PortManager and Debian's ser2net.

What no test here shows: that a bit is on a wire. That takes the server's own port and a second adapter that reports parity
errors.
"""

import contextlib
import gc
import os
import select
import socket
import statistics
import time

import pytest

from protocols.errors import LineBusy, LineError, LineLost, LineUnfit
from protocols.line.line import CHAR_S, GAP_LIMIT_S, LineSettings
from protocols.line.open import open_line
from protocols.line.rfc2217 import LATE_GAPS_MAX
from protocols.line.rfc2217_opening import PARITY_LIMIT_S
from tests.protocols.line.device_server import SER2NET, PyserialServer, RecordingPort, ser2net

PLAIN = LineSettings()


def opened(number, *, settings=PLAIN, tries=20):
    """A line that is ready, or whatever ready() raises. A box under load is slow now and then, and is not the subject: the
    supervisor tries again, and so do we."""
    while True:
        tries -= 1
        line = open_line(f"rfc2217:127.0.0.1:{number}", name="A", settings=settings, now=time.monotonic())
        try:
            deadline = time.monotonic() + 10
            while not line.ready(time.monotonic()):
                assert time.monotonic() < deadline
                time.sleep(0.005)
        except LineError as error:
            line.close()
            if tries and "too slowly" in str(error):
                continue
            raise
        return line


def leave(line, data):
    """Send one frame and keep its timers, until nothing is left to do."""
    line.send(data, wakeup=True, now=time.monotonic())
    while (at := line.service_at()) is not None:
        time.sleep(max(0.0, at - time.monotonic()))
        line.service(time.monotonic())


@pytest.fixture
def server():
    server = PyserialServer(RecordingPort())
    yield server
    server.close()


@pytest.fixture
def line(server):
    line = opened(server.number)
    server.port.log.clear()
    yield line
    line.close()


def test_a_server_that_confirms_at_once_is_set_up_measured_and_left_in_mark(server):
    line = opened(server.number)
    port = server.port
    assert (port.baudrate, port.bytesize, port.stopbits, port.parity) == (19200, 8, 1, "M")
    assert (port.dtr, port.rts) == (True, True)
    assert 0 < line.facts["parity_ms_median"] <= line.facts["parity_ms_worst"] <= PARITY_LIMIT_S * 1000
    assert "warning" not in line.facts
    line.close()


def test_modem_lines_are_as_they_are_set(server):
    opened(server.number, settings=LineSettings(dtr=False, rts=False)).close()
    assert (server.port.dtr, server.port.rts) == (False, False)


def test_a_general_poll_leaves_in_mark_without_a_switch(server, line):
    leave(line, b"\x81")
    leave(line, b"\x80")
    time.sleep(0.05)
    assert [what for _, what in server.port.log] == ["byte 81 M", "byte 80 M"]
    assert line.stats.parity_switches == 0


def test_a_long_poll_is_byte_0_in_mark_the_rest_in_space_and_mark_again(server, line):
    leave(line, bytes.fromhex("01 2F FF 0D"))  # FF is doubled on the way, 0D is not touched
    assert [what for _, what in server.port.log] == [
        "byte 01 M",
        "parity S",
        "byte 2F S",
        "byte FF S",
        "byte 0D S",
        "parity M",
    ]
    stats = line.stats
    assert (stats.chars_sent, stats.frames_sent, stats.parity_switches) == (4, 1, 2)


def test_space_is_not_asked_for_before_byte_0_has_surely_left(server, line):
    pauses = []
    for _ in range(20):
        leave(line, b"\x01\x1f")
    log = server.port.log
    for (byte_0_at, byte_0), (parity_at, parity) in zip(log[0::4], log[1::4], strict=True):
        assert (byte_0, parity) == ("byte 01 M", "parity S")
        pauses.append(parity_at - byte_0_at)
    # The median: the server's thread may be held up before it notes a byte.
    assert statistics.median(pauses) >= CHAR_S


def test_answers_are_heard_also_when_they_come_while_a_confirmation_is_awaited(server, line):
    line.send(b"\x01\x1f", wakeup=True, now=time.monotonic())
    server.say(b"\x01\xff\x1f")
    time.sleep(0.02)
    while (at := line.service_at()) is not None:
        time.sleep(max(0.0, at - time.monotonic()))
        line.service(time.monotonic())
    assert select.select([line.fileno()], [], [], 1.0)[0], "what was read on the way still wakes whoever waits for it"
    assert [char.value for char in line.drain(5.0)] == [0x01, 0xFF, 0x1F]
    assert line.drain(5.0) == ()
    assert not select.select([line.fileno()], [], [], 0.0)[0]


def test_nothing_else_leaves_while_a_frame_is_leaving(line):
    line.send(b"\x01\x1f", wakeup=True, now=time.monotonic())
    with pytest.raises(LineBusy, match="byte 0 is leaving"):
        line.send(b"\x80", wakeup=True, now=time.monotonic())


def test_nothing_leaves_before_the_server_was_measured(server):
    line = open_line(f"rfc2217:127.0.0.1:{server.number}", name="A", now=time.monotonic())
    with pytest.raises(LineBusy, match="not ready"):
        line.send(b"\x80", wakeup=True, now=time.monotonic())
    assert line.drain(time.monotonic()) == ()
    line.close()


def test_a_server_that_takes_5_ms_for_a_change_is_refused_with_its_figures():
    server = PyserialServer(RecordingPort(change_takes_s=0.005))
    with pytest.raises(LineUnfit, match=r"median \d+\.\d\d ms, worst \d+\.\d\d ms of 10; the limit is 3 ms"):
        opened(server.number, tries=1)
    server.close()


@pytest.mark.parametrize(
    ("refuses", "says"),
    [("MS", "told MARK parity and confirms NONE"), ("S", "told SPACE parity and confirms EVEN"), ("E", "from memory")],
)
def test_a_server_that_confirms_another_parity_is_refused(refuses, says):
    server = PyserialServer(RecordingPort(refuses=refuses))
    if refuses == "S":
        # After EVEN the port stays in EVEN when SPACE is not to be had.
        says = "told SPACE parity and confirms EVEN"
    with pytest.raises(LineUnfit, match=says):
        opened(server.number)
    server.close()


def test_gaps_that_come_out_too_long_are_counted_marked_and_many_in_a_row_lose_the_line(server, line):
    server.port.change_takes_s = GAP_LIMIT_S + 0.001
    leave(line, b"\x01\x1f")
    assert line.stats.gaps_missed == 1
    assert line.stats.gap_worst_s > GAP_LIMIT_S
    assert "1 frames had a gap over 5 ms" in line.facts["warning"]

    def send_on():
        for _ in range(LATE_GAPS_MAX):
            leave(line, b"\x01\x1f")

    with pytest.raises(LineLost, match="gaps in a row"):
        send_on()
    line.close()
    again = PyserialServer(server.port)
    with pytest.raises(LineUnfit, match="too slowly"):  # the next opening measures, and says what is wrong
        opened(again.number, tries=1)
    again.close()


def test_a_server_that_goes_away_loses_the_line(server, line):
    server.close()
    select.select([line.fileno()], [], [], 1.0)
    with pytest.raises(LineLost):
        line.drain(time.monotonic())
    with pytest.raises(LineLost):
        line.send(b"\x80", wakeup=True, now=time.monotonic())


def held() -> dict[str, str]:
    """Open descriptors of this process and what they lead to."""
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
    return found


def test_a_closed_line_lets_go_of_everything(line):
    own = str(line.fileno())
    gc.collect()  # what other tests left open goes at a moment of its own choosing
    before = held()
    line.close()
    line.close()
    after = held()
    gone = sorted(what for fd, what in before.items() if fd not in after)
    assert own not in after
    # The server in this process lets go of its end when it notices: of sockets one or two.
    assert [what for what in gone if not what.startswith("socket")] == [
        "anon_inode:[eventfd]",
        "anon_inode:[eventpoll]",
    ]
    with pytest.raises(LineLost):
        line.drain(0.0)


@pytest.mark.parametrize(
    ("speaks", "error", "says"),
    [
        (b"", LineUnfit, "did not agree to RFC 2217"),
        (bytes.fromhex("FF FE 2C"), LineUnfit, "refuses the COM-PORT-OPTION"),
        (bytes.fromhex("FF FD 2C FF FE 00"), LineUnfit, "binary"),
        (bytes.fromhex("FF FD 2C FF FD 00 FF FB 00"), LineUnfit, "told 19200 baud and did not confirm"),
        (bytes.fromhex("FF FD 2C FF FD 00 FF FB 00 FF FA 2C 65 00 00 25 80 FF F0"), LineUnfit, "did not confirm|25 80"),
        (bytes.fromhex("FF 01"), LineLost, "no command of Telnet"),
    ],
    ids=["silent", "refuses", "not-binary", "no-baud", "other-baud-unasked", "garbage"],
)
def test_what_is_no_rfc_2217_server_is_refused_with_what_it_did(speaks, error, says):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = open_line(f"rfc2217:127.0.0.1:{listener.getsockname()[1]}", name="A", now=0.0)
        connection, _ = listener.accept()
        connection.sendall(speaks)
        now = 0.0

        def wait():
            nonlocal now
            for _ in range(60):
                now += 0.05
                time.sleep(0.002)
                line.ready(now)

        with pytest.raises(error, match=says):
            wait()
        line.close()
        connection.close()


def test_pyserials_server_on_a_pseudo_terminal_ends_at_its_modem_lines():
    import pty

    import serial

    master, slave = pty.openpty()
    port = serial.Serial(os.ttyname(slave), 19200, timeout=0)
    server = PyserialServer(port)
    with pytest.raises(LineLost):
        opened(server.number)
    server.close()
    assert isinstance(server.error, OSError)
    with contextlib.suppress(OSError):
        port.close()
    os.close(slave)
    os.close(master)


@pytest.mark.skipif(SER2NET is None, reason="ser2net is missing: apt-get install ser2net")
def test_ser2net_answers_from_memory_and_is_refused_until_somebody_has_seen_the_wire(tmp_path):
    says = "told EVEN parity and confirms SPACE: it answers from memory"
    with ser2net(tmp_path) as (number, _master), pytest.raises(LineUnfit, match=says):
        opened(number)


@pytest.mark.skipif(SER2NET is None, reason="ser2net is missing: apt-get install ser2net")
def test_ser2net_taken_on_somebodys_word_carries_frames_byte_by_byte_and_says_so_in_its_facts(tmp_path):
    with ser2net(tmp_path) as (number, master):
        line = opened(number, settings=LineSettings(parity_proven=True))
        assert "on the word of" in line.facts["warning"]
        leave(line, b"\x81")
        leave(line, bytes.fromhex("01 2F FF 0D"))
        time.sleep(0.05)
        assert os.read(master, 100) == bytes.fromhex("81 01 2F FF 0D")
        os.write(master, bytes.fromhex("01 FF 00 0D"))
        got = []
        deadline = time.monotonic() + 2
        while len(got) < 4 and time.monotonic() < deadline:
            select.select([line.fileno()], [], [], 0.2)
            got += [char.value for char in line.drain(time.monotonic())]
        assert bytes(got) == bytes.fromhex("01 FF 00 0D")
        line.close()
