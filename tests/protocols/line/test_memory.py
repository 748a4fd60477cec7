"""The wire in memory: exact moments, order, who hears whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import LineBusy, LineLost, LineUnfit
from protocols.line import memory
from protocols.line.line import CHAR_S, DRAIN_MAX
from protocols.line.memory import MemoryWire, pair


def values(chars):
    return bytes(char.value for char in chars)


def test_a_poll_arrives_one_character_time_after_it_was_sent_and_not_before():
    host, egm = pair("A")
    ends_at = host.send(b"\x81", wakeup=True, now=10.0)
    assert ends_at == pytest.approx(10.0 + 11 / 19200)
    assert egm.drain(10.0 + 0.9 * CHAR_S) == ()
    (char,) = egm.drain(ends_at)
    assert (char.value, char.wakeup, char.at) == (0x81, True, ends_at)
    assert egm.drain(11.0) == ()


def test_only_the_first_byte_of_a_long_poll_carries_the_wake_up_bit():
    host, egm = pair("A")
    host.send(bytes.fromhex("01 01 51 08"), wakeup=True, now=0.0)
    chars = egm.drain(1.0)
    assert values(chars) == bytes.fromhex("01 01 51 08")
    assert [char.wakeup for char in chars] == [True, False, False, False]
    assert [char.at for char in chars] == pytest.approx([CHAR_S * n for n in (1, 2, 3, 4)])


def test_a_frame_sent_while_another_is_leaving_follows_it():
    host, egm = pair("A")
    host.send(b"\x01\x1f", wakeup=True, now=0.0)
    assert host.send(b"\x80", wakeup=True, now=0.0) == pytest.approx(3 * CHAR_S)
    assert [char.wakeup for char in egm.drain(1.0)] == [True, False, True]


def test_every_machine_on_a_shared_wire_hears_the_host_and_the_host_hears_every_machine():
    wire = MemoryWire("A")
    one, two = wire.egm(), wire.egm()
    wire.host.send(b"\x82", wakeup=True, now=0.0)
    assert values(one.drain(1.0)) == values(two.drain(1.0)) == b"\x82"
    two.send(b"\x11", wakeup=False, now=1.0)
    one.send(b"\x01", wakeup=True, now=1.0001)  # a chirp between
    assert [(char.value, char.wakeup) for char in wire.host.drain(2.0)] == [(0x11, False), (0x01, True)]
    assert one.drain(2.0) == two.drain(2.0) == ()


def test_on_an_optical_loop_machines_hear_each_other_but_not_themselves():
    wire = MemoryWire("A", loop=True)
    one, two = wire.egm(), wire.egm()
    one.send(b"\x01", wakeup=True, now=0.0)
    assert values(two.drain(1.0)) == b"\x01"
    assert one.drain(1.0) == ()


def test_a_cut_wire_loses_what_is_in_flight_and_says_so_at_both_ends():
    wire = MemoryWire("A")
    egm = wire.egm()
    wire.host.send(b"\x81", wakeup=True, now=0.0)
    wire.cut()
    for end in (wire.host, egm):
        with pytest.raises(LineLost, match="wire is cut"):
            end.drain(1.0)
        with pytest.raises(LineLost):
            end.send(b"\x80", wakeup=True, now=1.0)
        with pytest.raises(LineLost):
            end.ready(1.0)
    wire.mend()
    assert egm.drain(1.0) == ()


def test_a_closed_end_is_lost_to_itself_and_silent_to_the_other():
    host, egm = pair("A")
    egm.close()
    egm.close()
    host.send(b"\x81", wakeup=True, now=0.0)
    assert host.drain(1.0) == ()
    with pytest.raises(LineLost, match="closed"):
        egm.drain(1.0)


def test_an_end_that_is_never_drained_makes_the_sender_busy_instead_of_filling_memory():
    host, egm = pair("A")
    for _ in range(16):
        host.send(bytes(4096), wakeup=True, now=0.0)
    with pytest.raises(LineBusy):
        host.send(b"\x80", wakeup=True, now=0.0)
    assert egm.pending == memory.PENDING_MAX


def test_a_flood_is_handed_out_in_bounded_drains_without_losing_a_character():
    host, egm = pair("A")
    host.send(bytes(range(256)) * 40, wakeup=True, now=0.0)
    lumps = [egm.drain(1000.0) for _ in range(4)]
    assert [len(lump) for lump in lumps] == [DRAIN_MAX, DRAIN_MAX, 10240 - 2 * DRAIN_MAX, 0]
    assert b"".join(values(lump) for lump in lumps) == bytes(range(256)) * 40
    assert egm.stats.flooded == 2
    assert (egm.stats.chars_received, egm.stats.wakeups_received) == (10240, 1)


def test_a_wire_offered_by_a_simulator_is_reached_by_name_and_a_new_host_replaces_the_old_one():
    wire = MemoryWire("bank1")
    memory.offer(wire)
    try:
        first = memory.plug_in("bank1")
        second = memory.plug_in("bank1")
        with pytest.raises(LineLost):
            first.ready(0.0)
        assert second.ready(0.0)
        wire.cut()
        with pytest.raises(LineLost):
            memory.plug_in("bank1")
    finally:
        memory.withdraw("bank1")
    with pytest.raises(LineUnfit, match="tcp9:"):
        memory.plug_in("bank1")


SENDINGS = st.lists(
    st.tuples(st.floats(0, 0.05), st.integers(0, 2), st.binary(min_size=1, max_size=6), st.booleans()), max_size=20
)


@given(SENDINGS, st.lists(st.floats(0, 0.02), max_size=30))
def test_characters_keep_the_order_of_their_arrival_and_none_is_lost_or_early(sendings, pauses):
    wire = MemoryWire("A")
    ends = [wire.egm() for _ in range(3)]
    now = 0.0
    sent: dict[int, bytes] = {0: b"", 1: b"", 2: b""}
    for pause, which, data, wakeup in sendings:
        now += pause
        tagged = bytes((which << 6) | (value & 0x3F) for value in data)
        ends[which].send(tagged, wakeup=wakeup, now=now)
        sent[which] += tagged
    got = []
    clock = 0.0
    for pause in [*pauses, 1e6]:
        clock += pause
        lump = wire.host.drain(clock)
        assert all(char.at <= clock for char in lump)
        got.extend(lump)
    assert [char.at for char in got] == sorted(char.at for char in got)
    for which, data in sent.items():
        assert bytes(char.value for char in got if char.value >> 6 == which) == data
