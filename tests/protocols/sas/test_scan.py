"""A scan finds who is there and takes nothing: what waits in a machine's queue before, waits there after."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import BadRequest, NotNow
from protocols.line.line import CHAR_S, Char
from protocols.line.tap import Tap
from protocols.sas.egm import Ack, Busy, EgmPort, EgmRules
from protocols.sas.rules import LineRules
from protocols.sas.scan import QUIETS_MAX, Scan, Scanned
from tests.support.bench_line import BenchLine

INFO = {
    "game_id": "AT", "additional_id": "000", "denomination": 1, "max_bet": 5, "progressive_group": 0,
    "game_options": 0, "paytable_id": "P12345", "base_percentage": "9250",
}  # fmt: skip
TELLS = {0x1F: INFO, 0x54: {"version": "602", "serial": "XA-1234"}, 0x0E: Ack()}


class Bench:
    """Machines at addresses, each with its own queue and the book of what was acknowledged."""

    def __init__(self, *addresses: int, tells=TELLS, **rules) -> None:
        self.acknowledged: list[tuple[int, int]] = []
        self.dropped: list[tuple[int, int]] = []
        self.ports = []
        for address in addresses:
            port = EgmPort(address, lambda poll, _: tells.get(poll.code), EgmRules(**rules), 1000.0)
            port.on_acknowledged = lambda *what: self.acknowledged.append(what)
            port.on_dropped = lambda *what: self.dropped.append(what)
            self.ports.append(port)
        self.line = BenchLine(self.ports)

    def scan(self, **how) -> Scanned:
        scan = Scan(LineRules(), now=self.line.now, **how)
        self.line.run(scan, until=lambda: scan.ended)
        return scan.result


def test_each_machine_of_a_line_is_found_and_says_its_game_and_serial_number():
    found = Bench(1, 7, 127).scan().found
    assert [one.address for one in found] == [1, 7, 127]
    assert all(one.info["game_id"] == "AT" and one.serial["serial"] == "XA-1234" for one in found)
    assert not any(one.duplicate_suspected or one.chirps for one in found)


def test_the_whole_line_is_asked_in_under_half_a_minute():
    told = Bench(5).scan(listen=True)
    assert told.took_s < 30
    assert len(told.silent) == 126
    assert told.unasked == ()
    assert not told.stopped


def test_it_sends_nothing_but_80_1f_and_54():
    bench = Bench(2)
    bench.scan()
    assert bench.line.sent[0] == b"\x80"
    assert {bytes(frame[1:2]) for frame in bench.line.sent} == {b"", b"\x1f", b"\x54"}
    assert not any(len(frame) == 1 and frame != b"\x80" for frame in bench.line.sent)


def test_a_machine_that_wants_a_foreign_address_first_is_found_though_it_is_asked_first():
    bench = Bench(1)
    assert not bench.ports[0].in_step
    scan = Scan(LineRules(), now=bench.line.now, addresses=[1])
    bench.line.run(scan, until=lambda: scan.ended)
    assert scan.result.found[0].info is not None


def test_listening_hears_the_machines_chirp():
    told = Bench(3, 9).scan(listen=True)
    assert told.listened
    assert all(one.chirps >= 4 for one in told.found)


def test_a_machine_that_only_chirps_is_found_too():
    told = Bench(4, tells={}).scan(listen=True)
    (one,) = told.found
    assert (one.address, one.info, one.answers) == (4, None, 0)
    assert one.chirps >= 4


def test_a_machine_that_hears_one_byte_only_is_found_by_a_general_poll_when_asked_for():
    bench = Bench(4, tells={})
    assert bench.scan().found == ()
    (one,) = bench.scan(general_polls=True).found
    assert one.idle


@pytest.mark.parametrize("third_repeat", ["silence", "answer"])
def test_an_exception_that_a_general_poll_was_answered_with_is_told_and_stays_with_the_machine(third_repeat):
    bench = Bench(4, tells={}, third_repeat=third_repeat)
    bench.ports[0].raise_exception(0x11, 1)
    (one,) = bench.scan(general_polls=True, addresses=[3, 4, 5]).found
    assert [(seen.code, seen.real_time) for seen in one.exceptions] == [(0x11, False)]
    assert [entry.code for entry in bench.ports[0].queue] == [0x11]
    assert bench.acknowledged == []


def test_a_machine_left_in_real_time_mode_keeps_what_it_told_in_place_of_its_name():
    bench = Bench(4, 6)
    bench.ports[0].real_time = True
    bench.ports[0].raise_exception(0x11, 1)
    told = bench.scan()
    first, second = told.found
    assert [(seen.code, seen.real_time) for seen in first.exceptions] == [(0x11, True)]
    assert second.info is not None
    assert bench.acknowledged == bench.dropped == []


def test_many_machines_in_real_time_mode_end_the_scan_and_it_says_whom_it_has_not_asked():
    bench = Bench(*range(1, 8))
    for port in bench.ports:
        port.real_time = True
        port.raise_exception(0x11, port.address)
    told = bench.scan()
    assert told.stopped
    assert [one.address for one in told.found if one.answers] == list(range(1, QUIETS_MAX + 1))
    assert told.unasked == tuple(range(QUIETS_MAX + 1, 128))
    assert bench.acknowledged == bench.dropped == []


def test_two_machines_at_one_address_are_suspected_when_nothing_but_damage_comes():
    bench = Bench(4, 4)
    dice = random.Random(4)
    bench.line.damage = lambda data: data if len(data) == 1 else bytes(value ^ dice.randrange(1, 256) for value in data)
    (one,) = bench.scan().found
    assert one.duplicate_suspected
    assert one.info is None


def test_a_second_answer_behind_the_first_is_told():
    bench = Bench(4)
    bench.line.damage = lambda data: data * 2
    (one,) = bench.scan().found
    assert one.info is not None
    assert one.duplicate_suspected


def test_a_line_that_gives_back_what_is_sent_is_told_and_finds_nobody_in_it():
    bench = Bench()
    echo: list[tuple[float, int]] = []
    line = Tap(bench.line.line)
    send, drain = line.send, line.drain

    def sends(data: bytes, *, wakeup: bool, now: float) -> float:
        echo.extend((now + CHAR_S * place, value) for place, value in enumerate(data, start=1))
        return send(data, wakeup=wakeup, now=now)

    def drains(now: float) -> list[Char]:
        come = [Char(value, False, at) for at, value in echo if at <= now]
        del echo[: len(come)]
        return [*drain(now), *come]

    line.send, line.drain = sends, drains  # type: ignore[method-assign, assignment] # a converter that gives back
    bench.line.line = line
    told = bench.scan(addresses=[1, 2, 3])
    assert told.echo
    assert told.found == ()
    assert told.silent == (1, 2, 3)


def test_a_machine_that_is_busy_is_there():
    (one,) = Bench(4, tells={0x1F: Busy()}).scan().found
    assert one.busy == 2
    assert one.info is None


def test_a_scan_that_is_told_to_stop_asks_nobody_else_and_ends_with_80():
    bench = Bench(4)
    scan = Scan(LineRules(), now=bench.line.now)
    bench.line.run(scan, until=lambda: len(bench.line.sent) > 20)
    scan.stop(bench.line.now)
    assert not scan.may_stop()
    bench.line.run(scan, until=lambda: scan.ended, for_s=0.3)
    assert bench.line.sent[-1] == b"\x80"
    assert scan.result.stopped
    assert scan.result.found[0].info is not None


def test_a_line_that_is_lost_ends_the_scan_with_what_it_has():
    bench = Bench(4)
    scan = Scan(LineRules(), now=bench.line.now)
    bench.line.run(scan, until=lambda: len(bench.line.sent) > 20)
    scan.line_reopened(bench.line.now)
    assert scan.may_stop()
    assert scan.due() == float("inf")


def test_addresses_beyond_the_wire_are_refused_and_a_result_is_there_at_the_end_only():
    with pytest.raises(BadRequest):
        Scan(LineRules(), now=0.0, addresses=[128])
    with pytest.raises(NotNow):
        _ = Scan(LineRules(), now=0.0).result


@given(
    seed=st.integers(0, 2**32),
    machines=st.dictionaries(
        st.integers(1, 20), st.tuples(st.lists(st.sampled_from([0x11, 0x12, 0x29, 0x51, 0x57, 0x70]), max_size=5), st.booleans()),
        max_size=4,
    ),
    third_repeat=st.sampled_from(["silence", "answer"]),
    keeps=st.booleans(),
    listen=st.booleans(),
    general_polls=st.booleans(),
    damaged=st.sampled_from([0.0, 0.0, 0.2, 1.0]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_what_waits_in_a_queue_before_a_scan_waits_there_after_it(
    seed, machines, third_repeat, keeps, listen, general_polls, damaged
):
    """Also from machines in real-time mode, over a line that damages answers, and with general polls. Only what a machine
    forgets by itself over its link-down is beyond a scan: there the repeats protect it, unless it answers the third too."""
    if third_repeat == "answer" and not keeps:
        keeps = True
    bench = Bench(*machines, third_repeat=third_repeat, keeps_over_link_down=keeps)
    dice = random.Random(seed)
    for port in bench.ports:
        codes, real_time = machines[port.address]
        port.real_time = real_time
        for serial, code in enumerate(codes):
            port.raise_exception(code, serial)

    def weather(data: bytes) -> bytes:
        if dice.random() >= damaged:
            return data
        place = dice.randrange(len(data))
        return data[:place] + bytes([data[place] ^ dice.randrange(1, 256)]) + data[place + 1 :]

    bench.line.damage = weather
    before = [list(port.queue) for port in bench.ports]
    bench.scan(listen=listen, general_polls=general_polls, addresses=range(1, 21))
    assert [list(port.queue) for port in bench.ports] == before
    assert bench.acknowledged == bench.dropped == []
