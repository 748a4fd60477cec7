"""What leaves a port, as another process sees it: MARK, byte 0, the gap, SPACE, the rest in one write, MARK."""

import shutil
import statistics
import subprocess
import sys

import pytest

from protocols.line.line import GAP_LIMIT_S
from tests.protocols.line.wiregap import FRAMES, as_expected, over_pty, over_tcp9

ROUNDS = 12
GAP_S = 0.0015


@pytest.mark.timeout(60)
def test_on_a_pty_every_frame_leaves_in_the_order_mark_byte_0_space_rest_mark_with_the_gap_that_was_set():
    seen = over_pty(ROUNDS, GAP_S)
    for name, data in FRAMES.items():
        assert as_expected(seen[name], data) >= 0.7, (name, seen[name].orders)  # the rest: a reader that came late
    gaps = [gap for of in seen.values() for gap in of.gaps_s]
    assert len(gaps) == 3 * ROUNDS
    # The median, because the reader may be held up between a byte and its stamp.
    assert GAP_S - 0.0003 <= statistics.median(gaps) < GAP_LIMIT_S


@pytest.mark.timeout(60)
def test_on_tcp9_each_byte_travels_with_its_flag_and_only_the_first_has_it():
    seen = over_tcp9(3)
    for name, data in FRAMES.items():
        first, rest = f"01:{data[0]:02X}", [f"00:{value:02X}" for value in data[1:]]
        assert seen[name].orders == {" ".join([first, *rest]): 3}, name


SENDS = """
import os, pty, sys, time
from protocols.line.line import LineSettings
from protocols.line.tty import TtyLine
master, slave = pty.openpty()
line = TtyLine(os.ttyname(slave), name="A", settings=LineSettings(allow_no_parity=True), now=time.monotonic())
os.write(2, b"BEGIN")
for data in (b"\\x81", b"\\x01\\x01\\x51\\x08"):
    line.send(data, wakeup=True, now=time.monotonic())
    while (at := line.service_at()) is not None:
        time.sleep(max(0.0, at - time.monotonic()))
        line.service(time.monotonic())
os.write(2, b"END")
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing: apt-get install strace")
def test_the_kernel_is_asked_for_nothing_that_waits_and_the_rest_leaves_in_one_write(tmp_path):
    """TCSETS is tcsetattr(TCSANOW). TCSETSW (TCSADRAIN), TCSETSF (TCSAFLUSH) and TCSBRK (tcdrain) sleep."""
    log = tmp_path / "log"
    subprocess.run(
        ["strace", "-o", str(log), "-e", "trace=ioctl,write", sys.executable, "-c", SENDS], check=True, timeout=50
    )
    calls = log.read_text().splitlines()
    assert not [call for call in calls if any(word in call for word in ("TCSETSW", "TCSETSF", "TCSBRK"))]
    began = next(at for at, call in enumerate(calls) if "BEGIN" in call)
    ended = next(at for at, call in enumerate(calls) if '"END"' in call)
    frames = []
    for call in calls[began + 1 : ended]:
        if call.startswith("write"):
            frames.append(call.split(",", 1)[1].split(",")[0].strip())
        elif "TCSETS" in call:
            frames.append("space" if "PARODD" not in call else "mark")
    assert frames == [r'"\201"', r'"\1"', "space", r'"\1Q\10"', "mark"]
