"""Lines over real sockets: two octets a character, out of step, peers that go, are not there or do not read."""

import asyncio
import contextlib
import select
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import LineBusy, LineLost, LineUnfit
from protocols.line.line import CHAR_S, DRAIN_MAX, LineSettings
from protocols.line.open import open_line
from protocols.line.tcp import Tcp9Line, Tcp9Listener, TcpLine, pairs

SETTINGS = LineSettings()


class DeviceServer:
    """The far end: a listening socket, and the one connection."""

    def __init__(self, kind=Tcp9Line):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.line = kind("127.0.0.1", self.port, name="A", settings=SETTINGS, now=0.0)
        self.socket, _ = self.listener.accept()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not self.line.ready(0.0):
            time.sleep(0.001)

    def speak(self, octets: str) -> None:
        self.socket.sendall(bytes.fromhex(octets))
        select.select([self.line.fileno()], [], [], 2.0)

    def hear(self, count: int) -> bytes:
        self.socket.settimeout(2.0)
        got = b""
        while len(got) < count:
            got += self.socket.recv(count - len(got))
        return got

    def close(self):
        self.line.close()
        self.socket.close()
        self.listener.close()


@pytest.fixture
def far():
    server = DeviceServer()
    yield server
    server.close()


@pytest.fixture
def far_raw():
    server = DeviceServer(TcpLine)
    yield server
    server.close()


def chars(line, now=1.0):
    return [(char.value, char.wakeup) for char in line.drain(now)]


def test_a_frame_leaves_with_the_flag_before_its_first_byte_only(far):
    ends_at = far.line.send(bytes.fromhex("01 01 51 08"), wakeup=True, now=7.0)
    assert far.hear(8) == bytes.fromhex("01 01  00 01  00 51  00 08")
    assert ends_at == pytest.approx(7.0 + 4 * CHAR_S)
    far.line.send(b"\x81", wakeup=True, now=7.0)
    assert far.hear(2) == b"\x01\x81"
    assert (far.line.stats.frames_sent, far.line.stats.chars_sent) == (2, 5)


def test_characters_come_with_value_flag_and_the_moment_they_were_drained(far):
    assert far.line.drain(1.0) == ()
    far.speak("00 11")  # slot door opened
    (char,) = far.line.drain(3.5)
    assert (char.value, char.wakeup, char.at) == (0x11, False, 3.5)
    far.speak("01 01")  # a chirp of machine 1
    assert chars(far.line) == [(0x01, True)]
    assert far.line.stats.wakeups_received == 1


def test_half_a_character_waits_for_its_other_half(far):
    far.speak("00")
    assert far.line.drain(1.0) == ()
    far.speak("01 00 1f 00")
    assert chars(far.line) == [(0x01, False), (0x1F, False)]
    far.speak("ff")
    assert chars(far.line) == [(0xFF, False)]


def test_a_flag_that_is_neither_00_nor_01_loses_the_line_because_nobody_knows_any_more_where_a_character_begins(far):
    far.speak("00 11 11 00")
    with pytest.raises(LineLost, match="out of step"):
        far.line.drain(1.0)
    with pytest.raises(LineLost, match="out of step"):
        far.line.send(b"\x80", wakeup=True, now=1.0)


def test_a_lone_value_where_a_flag_is_due_is_out_of_step_too(far):
    far.speak("11 00")
    with pytest.raises(LineLost, match="out of step"):
        far.line.drain(1.0)


def test_what_came_before_the_peer_closed_is_handed_out_first(far):
    far.socket.sendall(b"\x00\x11")
    far.socket.close()
    select.select([far.line.fileno()], [], [], 2.0)
    assert chars(far.line) == [(0x11, False)]
    with pytest.raises(LineLost, match="closed the connection"):
        far.line.drain(1.0)
    with pytest.raises(LineLost):
        far.line.ready(1.0)


def test_of_a_flood_no_more_is_looked_at_than_a_wire_can_carry_and_the_rest_is_read_away_in_step(far):
    count = 3 * DRAIN_MAX
    far.socket.setblocking(False)
    octets = memoryview(pairs(b"\x00", wakeup=False) * count)
    stats = far.line.stats
    lumps = []
    deadline = time.monotonic() + 10
    while stats.chars_received < count and time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            octets = octets[far.socket.send(octets) :] if octets else octets
        lumps.append(len(far.line.drain(1.0)))  # all in one moment
    assert sum(lumps) == DRAIN_MAX
    assert stats.thrown_away == count - DRAIN_MAX
    assert stats.flooded >= 2
    far.speak("00 11")
    assert chars(far.line, now=2.0) == [(0x11, False)], "a second later there is room again, and the pairs are in step"


def test_a_peer_that_does_not_read_makes_the_line_busy_or_lost_and_never_fills_memory(far):
    def send_for_ever():
        for _ in range(100_000):
            far.line.send(bytes(250), wakeup=True, now=1.0)

    with pytest.raises((LineBusy, LineLost), match=r"takes no more|took only"):
        send_for_ever()


def test_a_refused_connection_is_lost_at_once_and_never_ready():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    def connect():
        line = open_line(f"tcp9:127.0.0.1:{port}", name="A", now=0.0)
        with contextlib.closing(line):
            while not line.ready(0.0):
                time.sleep(0.001)

    with pytest.raises(LineLost, match="refused"):
        connect()


def test_a_server_that_does_not_answer_is_given_up_after_the_time_allowed_and_nothing_can_be_sent_meanwhile():
    # A full backlog: the kernel drops further connection requests, as a switched-off device server would.
    with socket.socket() as server, contextlib.ExitStack() as others:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        place = server.getsockname()
        for _ in range(4):
            other = others.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(place)
        line = Tcp9Line(*place, name="A", settings=LineSettings(connect_timeout_s=2.0), now=100.0)
        try:
            assert line.ready(100.0) is False
            assert line.drain(100.0) == ()
            with pytest.raises(LineBusy, match="not connected yet"):
                line.send(b"\x80", wakeup=True, now=100.0)
            assert line.ready(101.9) is False
            with pytest.raises(LineLost, match="did not answer in time"):
                line.ready(102.0)
        finally:
            line.close()


def test_counters_go_on_over_a_reopening(far):
    far.line.send(b"\x80", wakeup=True, now=0.0)
    stats = far.line.stats
    again = open_line(f"tcp9:127.0.0.1:{far.port}", name="A", now=0.0, stats=stats)
    try:
        far.listener.accept()[0].close()
        while not again.ready(0.0):
            time.sleep(0.001)
        assert (stats.opened, stats.frames_sent) == (2, 1)
    finally:
        again.close()


def test_a_raw_line_carries_eight_bits_and_no_flag(far_raw):
    far_raw.line.send(b"\x01\x1f", wakeup=True, now=0.0)
    assert far_raw.hear(2) == b"\x01\x1f"
    far_raw.speak("01 ff 00")
    assert chars(far_raw.line) == [(0x01, False), (0xFF, False), (0x00, False)]


@given(st.lists(st.tuples(st.integers(0, 255), st.booleans()), max_size=60), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_characters_survive_whatever_lumps_the_network_makes_of_them(sent, random):
    far = DeviceServer()
    octets = b"".join(bytes((flag, value)) for value, flag in sent)
    got = []
    with contextlib.closing(far):
        while octets:
            cut = random.randint(1, 9)
            far.speak(octets[:cut].hex())
            octets = octets[cut:]
            if random.random() < 0.7:
                got.extend(chars(far.line))
        got.extend(chars(far.line))
    assert got == sent


# the machines' end ---------------------------------------------------------------------------------------------------


async def until(condition):
    """Sockets have no event for "the other end has noticed by now"; look until it has."""
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110  # see above
            await asyncio.sleep(0.001)


async def drained(line, count):
    got = []

    def enough():
        got.extend(chars(line))
        return len(got) >= count

    await until(enough)
    return got


async def connected(port):
    line = open_line(f"tcp9:127.0.0.1:{port}", name="A", now=0.0)
    await until(lambda: line.ready(0.0))
    return line


async def test_a_simulated_machine_hears_the_host_and_the_host_hears_it():
    heard = []
    hosts = []
    listener = Tcp9Listener(heard.extend, host_changed=hosts.append)
    port = await listener.start()
    assert listener.send(b"\x01", wakeup=True) is False  # nobody there to hear the chirp
    line = await connected(port)
    line.send(b"\x01\x1f", wakeup=True, now=0.0)
    await until(lambda: len(heard) >= 2)
    assert [(char.value, char.wakeup) for char in heard] == [(0x01, True), (0x1F, False)]
    assert listener.send(b"\x01\x00", wakeup=False)
    assert await drained(line, 2) == [(0x01, False), (0x00, False)]
    line.close()
    await until(lambda: not listener.has_host)
    assert hosts == [True, False]
    await listener.close()


async def test_the_newest_host_wins_and_the_one_before_loses_its_line():
    heard = []
    listener = Tcp9Listener(heard.extend)
    port = await listener.start()
    first = await connected(port)
    await until(lambda: listener.has_host)
    second = await connected(port)
    with pytest.raises(LineLost):
        await drained(first, 1)
    assert listener.send(b"\x11", wakeup=False)
    assert await drained(second, 1) == [(0x11, False)]
    first.close()
    second.close()
    await listener.close()


async def test_a_host_that_is_out_of_step_is_thrown_out_by_the_machine():
    heard = []
    listener = Tcp9Listener(heard.extend)
    port = await listener.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x81\x01")
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(1), 2) == b""
    writer.close()
    assert heard == []
    await listener.close()


async def test_a_place_that_is_taken_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(LineUnfit, match="Cannot listen"):
        await Tcp9Listener(lambda _: None).start(port=taken.getsockname()[1])
