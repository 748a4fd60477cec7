"""Device servers for tests: pyserial's PortManager over a port that writes down what happens to it, and ser2net on a pty.

PortManager is pyserial's own RFC 2217 server side; only the port below it is ours.
"""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import serial
from serial.rfc2217 import PortManager

SER2NET = shutil.which("ser2net") or ("/usr/sbin/ser2net" if Path("/usr/sbin/ser2net").exists() else None)


class RecordingPort:
    """As much of a serial port as PortManager touches. ``log`` holds (moment, ``byte 01 M`` or ``parity S``)."""

    bytesize, stopbits, xonxoff, rtscts = 8, 1, False, False
    cts = dsr = ri = cd = False
    break_condition = False

    def __init__(self, *, change_takes_s: float = 0.0, refuses: str = "") -> None:
        self.baudrate = 9600
        self.dtr = self.rts = False
        self.log: list[tuple[float, str]] = []
        self.change_takes_s = change_takes_s
        "A server that drains first, or a slow bus behind it."
        self._refuses = refuses
        "Parities it takes without a word and does not set: N, O, E, M or S."
        self._parity = serial.PARITY_NONE

    @property
    def parity(self) -> str:
        return self._parity

    @parity.setter
    def parity(self, value: str) -> None:
        time.sleep(self.change_takes_s)
        if value not in self._refuses:
            self._parity = value
            self.log.append((time.monotonic(), f"parity {value}"))

    def write(self, data: bytes) -> None:
        at = time.monotonic()
        self.log.extend((at, f"byte {value:02X} {self._parity}") for value in data)

    def reset_input_buffer(self) -> None:
        self.log.append((time.monotonic(), "purged in"))

    def reset_output_buffer(self) -> None:
        self.log.append((time.monotonic(), "purged out"))


class PyserialServer:
    """PortManager for one connection after the other; ``say`` sends what a machine says, escaped as the server does."""

    def __init__(self, port: RecordingPort | serial.Serial) -> None:
        self.port = port
        self.error: Exception | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.number: int = self._listener.getsockname()[1]
        self._connection: socket.socket | None = None
        self._manager: PortManager | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """PortManager's way out."""
        assert self._connection is not None
        self._connection.sendall(data)

    def say(self, data: bytes) -> None:
        assert self._manager is not None
        self.write(b"".join(self._manager.escape(data)))

    def _serve(self) -> None:
        while True:
            try:
                self._connection, _ = self._listener.accept()
            except OSError:
                return
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self._manager = PortManager(self.port, self)
                while octets := self._connection.recv(4096):
                    # One octet at a time, as the port would: a byte leaves before the next order is carried out.
                    for data in self._manager.filter(octets):
                        self.port.write(data)
            except Exception as error:  # noqa: BLE001  # whatever kills the server is what the test wants to know
                self.error = error
            self._connection.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(2.0)


@contextmanager
def ser2net(directory: Path) -> Iterator[tuple[int, int]]:
    """Debian's ser2net with a pty as its port: its TCP port, and the descriptor of the pty's master."""
    assert SER2NET is not None
    master, slave = pty.openpty()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number: int = probe.getsockname()[1]
    config = directory / "ser2net.yaml"
    config.write_text(
        "%YAML 1.1\n---\nconnection: &c1\n"
        f"  accepter: telnet(rfc2217),tcp,127.0.0.1,{number}\n"
        f"  connector: serialdev,{os.ttyname(slave)},19200n81,local\n",
        encoding="ascii",
    )
    process = subprocess.Popen(
        [SER2NET, "-n", "-d", "-c", str(config), "-P", str(directory / "ser2net.pid")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", number)).close()
                break
            time.sleep(0.02)
        time.sleep(0.1)  # it frees the port of the connection before
        yield number, master
    finally:
        process.terminate()
        process.wait(5)
        os.close(slave)
        os.close(master)
