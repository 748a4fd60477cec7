"""A machine behind a bad cable: what the plan says is lost, changed or late, and the wire works again afterwards."""

from protocols.line.memory import MemoryWire
from simulators.faults.line import FaultyLine
from simulators.faults.plan import Fault, FaultPlan


def a_cable(*faults: Fault) -> tuple[FaultyLine, MemoryWire]:
    wire = MemoryWire("A")
    return FaultyLine(wire.host, FaultPlan(faults, 7, start=0.0)), wire


def test_without_faults_everything_passes_as_it_is() -> None:
    line, wire = a_cable()
    machine = wire.egm()
    assert line.ready(0.0)
    line.send(b"\x01\x1a", wakeup=True, now=0.0)
    assert [(char.value, char.wakeup) for char in machine.drain(1.0)] == [(0x01, True), (0x1A, False)]
    machine.send(b"\x11\x12", wakeup=False, now=1.0)
    assert [char.value for char in line.drain(2.0)] == [0x11, 0x12]
    line.close()


def test_a_frame_that_is_lost_whole_leaves_silence() -> None:
    line, wire = a_cable(Fault(way="to_machine", drop=1.0, last_s=5.0))
    machine = wire.egm()
    line.send(b"\x81", wakeup=True, now=0.0)
    assert not machine.drain(1.0)
    line.send(b"\x81", wakeup=True, now=6.0)
    assert len(machine.drain(7.0)) == 1


def test_a_frame_without_its_first_character_has_no_wakeup_bit_either() -> None:
    for _ in range(5):
        line, wire = a_cable(Fault(way="to_machine", drop=0.5))
        machine = wire.egm()
        for n in range(200):
            line.send(b"\x01\x1a\x55", wakeup=True, now=float(n))
            heard = machine.drain(n + 0.5)
            assert [char.wakeup for char in heard] == [char.value == 0x01 for char in heard]


def test_an_answer_can_be_late_and_keeps_its_order() -> None:
    line, wire = a_cable(Fault(way="to_host", delay=0.5, delay_s=0.2))
    machine = wire.egm()
    machine.send(bytes(range(20)), wakeup=False, now=0.0)
    first = [char.value for char in line.drain(0.05)]
    rest = [char.value for char in line.drain(1.0)]
    assert first + rest == list(range(20))
    assert rest


def test_a_late_frame_goes_when_its_time_has_come() -> None:
    line, wire = a_cable(Fault(way="to_machine", delay=1.0, delay_s=0.2))
    machine = wire.egm()
    line.send(b"\x81", wakeup=True, now=0.0)
    assert not machine.drain(0.1)
    assert line.service_at() == 0.2
    line.service(0.2)
    assert len(machine.drain(0.3)) == 1
