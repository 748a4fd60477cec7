"""systemd hears a beat only while every part moves."""

import os
import socket

import pytest

from edge.health.watchdog import Notify, Pillars, Watchdog


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.setblocking(False)
    address = str(tmp_path / "notify") if request.param == "path" else f"@hall-edge-{os.getpid()}"
    server.bind("\0" + address[1:] if address[0] == "@" else address)
    notify = Notify({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid())})
    yield server, notify
    notify.close()
    server.close()


def heard(server: socket.socket) -> list[str]:
    lines: list[str] = []
    while True:
        try:
            lines += server.recv(4096).decode().split("\n")
        except BlockingIOError:
            return lines


def test_ready_stopping_and_a_long_start_are_told(systemd):
    server, notify = systemd
    notify.extend(30)
    notify.ready("polling 2 lines")
    notify.stopping("stopping")
    assert heard(server) == [
        "EXTEND_TIMEOUT_USEC=30000000", "READY=1", "STATUS=polling 2 lines", "STOPPING=1", "STATUS=stopping",
    ]  # fmt: skip
    notify.reloading()
    assert heard(server)[0] == "RELOADING=1"


def test_no_beat_while_a_line_is_stuck_and_again_when_it_moves(systemd):
    server, notify = systemd
    pillars = Pillars()
    pillars.add("line A", 2.0, 100.0)
    pillars.add("writer", 5.0, 100.0)
    watchdog = Watchdog(notify, pillars)
    assert watchdog.beat(100.0, "fine") == []
    assert "WATCHDOG=1" in heard(server)
    pillars.moved("writer", 110.0)
    assert watchdog.beat(110.0, "fine") == ["line A"]
    assert "WATCHDOG=1" not in heard(server)
    pillars.moved("line A", 111.0)
    assert watchdog.beat(111.0, "fine") == []
    assert heard(server) == ["WATCHDOG=1"]


def test_a_line_held_on_purpose_counts_as_moving():
    pillars = Pillars()
    pillars.add("line A", 2.0, 0.0)
    pillars.hold("line A", 0.0, held=True)
    assert pillars.stuck(1000.0) == []
    pillars.hold("line A", 1000.0, held=False)
    assert pillars.stuck(1001.0) == []
    assert pillars.stuck(1003.0) == ["line A"]


def test_beats_are_not_sent_more_often_than_needed(systemd):
    server, notify = systemd
    watchdog = Watchdog(notify, Pillars())
    for tenth in range(100):
        watchdog.beat(tenth / 10, "fine")
    assert heard(server).count("WATCHDOG=1") == 2


def test_without_systemd_nothing_happens():
    notify = Notify({})
    assert notify.watchdog_s is None
    notify.ready("nobody listens")
    assert Watchdog(notify, Pillars()).beat(0.0, "fine") == []


def test_a_watchdog_meant_for_another_process_is_not_ours():
    assert Notify({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog_s is None
