"""What stands behind a port: a tree like /sys with real files, and the ioctls on a real pseudo-terminal.

What a pty cannot show: a driver that has the low-latency flag, modem lines, a latency timer that a chip obeys.
"""

import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

import pytest

from protocols.errors import LineLost, LineUnfit
from protocols.line import adapters, port_report
from protocols.line.adapters import ASYNC_LOW_LATENCY, FLAGS_AT, SERIAL_STRUCT_BYTES, Places
from protocols.line.holders import Holder, holders
from protocols.line.line import LineSettings
from protocols.line.open import open_line
from protocols.line.tty import CMSPAR, TtyLine

PLUMBING = LineSettings(allow_no_parity=True)


@pytest.fixture
def cable():
    master, slave = pty.openpty()
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def sys_tree(root: Path, name: str, *, driver: str, usb: tuple[str, str, str] | None = None, timer: str | None = None):
    """As the kernel lays it out for a USB serial port: device, port, interface, tty; and the links into it."""
    device = root / "devices" / "pci0" / "usb1" / "1-4" if usb else root / "devices" / "platform" / "serial8250"
    port = device / "1-4:1.0" / name if usb else device
    port.mkdir(parents=True)
    (root / "drivers" / driver).mkdir(parents=True)
    (port / "driver").symlink_to(root / "drivers" / driver)
    if usb:
        for file, text in zip(("idVendor", "idProduct", "serial"), usb, strict=True):
            (device / file).write_text(f"{text}\n")
        (device / "product").write_text("FT232R USB UART\n")
    tty = root / "class" / "tty" / name
    tty.mkdir(parents=True)
    (tty / "device").symlink_to(port)
    if timer is not None:
        (port / "latency_timer").write_text(timer)
        bus = root / "bus" / "usb-serial" / "devices"
        bus.mkdir(parents=True)
        (bus / name).symlink_to(port)
    return port


def test_an_ftdi_adapter_is_known_by_its_usb_identity_and_its_timer_is_set_to_1_ms_and_read_back(tmp_path):
    port = sys_tree(tmp_path, "ttyUSB3", driver="ftdi_sio", usb=("0403", "6001", "A50285BI"), timer="16\n")
    found = adapters.look_up("/nowhere/ttyUSB3", tmp_path)
    assert (found.driver, found.usb_id, found.usb_serial) == ("ftdi_sio", "0403:6001", "A50285BI")
    assert found.product == "FT232R USB UART"
    assert adapters.lower_timer(found) == 1
    assert (port / "latency_timer").read_text() == "1\n"


@pytest.fixture
def public_path():
    """Where another user may look: the directories of pytest itself are closed to all but their owner."""
    with tempfile.TemporaryDirectory(prefix="hall-edge-sys-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def test_a_timer_that_may_not_be_written_is_told_as_it_is(public_path):
    """The file belongs to another user and may only be read."""
    sys_tree(public_path, "ttyUSB3", driver="ftdi_sio", usb=("0403", "6001", "A5"), timer="16\n")
    found = adapters.look_up("/nowhere/ttyUSB3", public_path)
    found.latency_timer.chmod(0o444)
    code = (
        "import os; from pathlib import Path; from protocols.line.adapters import Adapter, lower_timer\n"
        "os.setgid(65534); os.setuid(65534)\n"
        f"print(lower_timer(Adapter('ttyUSB3', latency_timer=Path({str(found.latency_timer)!r}))))"
    )
    if os.geteuid() != 0:
        assert adapters.lower_timer(found) == 16
        return
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "16", ran.stderr


def test_a_port_without_anything_in_sys_is_no_error(tmp_path):
    found = adapters.look_up("/dev/ttyS9", tmp_path)
    assert (found.driver, found.usb_id, found.latency_timer, found.warning) == (None, None, None, None)
    assert adapters.lower_timer(found) is None


def test_the_driver_of_a_built_in_uart_stands_above_the_serial_cores_own(tmp_path):
    chip = sys_tree(tmp_path, "ttyS0", driver="serial")
    (tmp_path / "bus" / "serial-base" / "drivers" / "port").mkdir(parents=True)
    core = chip / "00:00:0.0"
    core.mkdir()
    (core / "driver").symlink_to(tmp_path / "bus" / "serial-base" / "drivers" / "port")
    device = tmp_path / "class" / "tty" / "ttyS0" / "device"
    device.unlink()
    device.symlink_to(core)
    assert adapters.look_up("/dev/ttyS0", tmp_path).driver == "serial"


@pytest.mark.parametrize(("driver", "says"), [("cdc_acm", "need not obey"), ("ch341", "4.10")])
def test_drivers_whose_flags_prove_nothing_are_warned_about(tmp_path, cable, driver, says):
    _, path = cable
    sys_tree(tmp_path, Path(path).name, driver=driver)
    line = open_line(f"tty:{path}", name="A", settings=PLUMBING, now=0.0, places=Places(sys=tmp_path))
    assert says in line.facts["warning"]
    assert line.facts["driver"] == driver
    line.close()


def test_a_timer_that_stays_at_16_ms_is_a_warning_with_a_remedy(tmp_path, cable):
    _, path = cable
    port = sys_tree(tmp_path, Path(path).name, driver="ftdi_sio", usb=("0403", "6001", "A5"), timer="16\n")
    timer = port / "latency_timer"
    timer.unlink()
    timer.symlink_to("/proc/sys/kernel/ostype")  # a file that answers, and not with a number
    line = open_line(f"tty:{path}", name="A", settings=PLUMBING, now=0.0, places=Places(sys=tmp_path))
    assert "latency_timer_ms" not in line.facts
    line.close()
    report = port_report._warning(adapters.look_up(path, tmp_path), PLUMBING, True, 16, None)
    assert "latency timer is 16 ms" in report
    assert "udev" in report


def test_a_pty_has_neither_low_latency_nor_modem_lines_and_says_so(cable):
    _, path = cable
    line = TtyLine(path, name="A", settings=PLUMBING, now=0.0)
    assert line.report.low_latency is False
    assert line.report.modem_lines is None
    assert line.report.exclusive is True
    assert adapters.ask_low_latency(line.fileno()) is False
    line.close()


@pytest.mark.parametrize(("sticks", "granted"), [(True, True), (False, False)])
def test_the_low_latency_flag_is_set_beside_what_is_there_and_read_back(monkeypatch, sticks, granted):
    """The kernel's side of TIOCGSERIAL and TIOCSSERIAL, because no driver here has them: 72 bytes, flags at 16."""
    held = bytearray(SERIAL_STRUCT_BYTES)
    struct.pack_into("i", held, FLAGS_AT, 0x10000040)

    def ioctl(_fd, request, data):
        if request == adapters.TIOCGSERIAL:
            return bytes(held)
        assert request == adapters.TIOCSSERIAL
        if sticks:
            held[:] = data
        return data

    monkeypatch.setattr(adapters.fcntl, "ioctl", ioctl)
    assert adapters.ask_low_latency(3) is granted
    assert struct.unpack_from("i", held, FLAGS_AT)[0] == 0x10000040 | (ASYNC_LOW_LATENCY if sticks else 0)


# who has it ----------------------------------------------------------------------------------------------------------

HOLD = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holding(cable):
    _, path = cable
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield path, process
        process.stdin.close()


def test_a_port_another_process_holds_is_refused_also_to_root_and_the_holder_is_named(holding):
    path, process = holding
    with pytest.raises(LineUnfit, match=rf"in use by python\S* \(pid {process.pid}\)"):
        TtyLine(path, name="A", settings=PLUMBING, now=0.0)


def test_an_open_line_refuses_another_process_of_the_same_user(cable):
    _, path = cable
    line = TtyLine(path, name="A", settings=PLUMBING, now=0.0)
    ran = subprocess.run([sys.executable, "-c", HOLD, path], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    line.close()
    assert ran.returncode != 0
    assert b"BlockingIOError" in ran.stderr or b"Device or resource busy" in ran.stderr


def test_a_link_and_its_device_are_the_same_port(holding, tmp_path):
    path, process = holding
    (tmp_path / "usb-A").symlink_to(path)
    assert [holder.pid for holder in holders(str(tmp_path / "usb-A"))] == [process.pid]


def test_processes_that_may_not_be_looked_into_are_left_out(tmp_path):
    (tmp_path / "4711" / "fd").mkdir(parents=True)
    (tmp_path / "4711" / "fd" / "3").symlink_to("/dev/ttyUSB0")
    (tmp_path / "4711" / "comm").write_text("minicom\n")
    (tmp_path / "4712").mkdir()
    (tmp_path / "self").mkdir()
    assert holders("/dev/ttyUSB0", tmp_path) == (Holder(4711, "minicom"),)
    assert str(Holder(4711, "minicom")) == "minicom (pid 4711)"
    assert holders("/dev/ttyUSB0", tmp_path / "nothing") == ()


# quirks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["two_stop_bits", "even_parity"])
def test_a_port_with_a_quirk_sends_each_frame_in_one_piece_switches_nothing_and_says_that_it_is_no_ninth_bit(
    cable, how
):
    master, path = cable
    line = TtyLine(path, name="A", settings=LineSettings(wakeup_by=how, allow_no_parity=True), now=0.0)
    flags = termios.tcgetattr(master)[2]
    assert bool(flags & termios.CSTOPB) == (how == "two_stop_bits")
    assert not flags & CMSPAR
    ends_at = line.send(bytes.fromhex("01 1F"), wakeup=True, now=1.0)
    assert ends_at == pytest.approx(1.0 + 2 * 11 / 19200)
    assert os.read(master, 10) == bytes.fromhex("01 1F")
    assert line.service_at() is None
    assert line.stats.parity_switches == 0
    assert "no true ninth bit" in line.facts["warning"]
    line.close()


def test_two_stop_bits_need_no_parity_so_even_a_pty_keeps_them(cable):
    _, path = cable
    line = TtyLine(path, name="A", settings=LineSettings(wakeup_by="two_stop_bits"), now=0.0)
    assert line.report.parity_kept
    line.close()


def test_even_parity_that_does_not_stick_is_refused(cable):
    _, path = cable
    with pytest.raises(LineUnfit, match="does not keep even parity"):
        TtyLine(path, name="A", settings=LineSettings(wakeup_by="even_parity"), now=0.0)


def test_bytes_that_do_not_leave_lose_the_line_before_later_polls_queue_up_behind_them(cable, monkeypatch):
    """A pty's output queue always reads as empty, so the count comes from the test; an adapter's is the driver's."""
    from protocols.line import tty

    _, path = cable
    line = TtyLine(path, name="A", settings=PLUMBING, now=10.0, clock=lambda: 10.0)
    line.send(b"\x81", wakeup=True, now=10.0)
    waiting = 1
    real = tty.fcntl.ioctl

    def ioctl(fd, request, data=0):
        return struct.pack("i", waiting) if request == termios.TIOCOUTQ else real(fd, request, data)

    monkeypatch.setattr(tty.fcntl, "ioctl", ioctl)
    line.send(b"\x80", wakeup=True, now=10.01)  # a USB adapter may be a few milliseconds behind
    with pytest.raises(LineLost, match="does not send: 1 bytes should have left 199 ms ago"):
        line.send(b"\x81", wakeup=True, now=10.21)
    assert line.stats.stuck == 1
    line.close()
