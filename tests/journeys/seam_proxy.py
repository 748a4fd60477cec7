"""A go-between on the field's socket that does to each side what a broken machine or a wrong release would do."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import time
from pathlib import Path
from types import TracebackType

AWHILE_S = 1.0


class SeamProxy:
    """Takes the field's place on the path while inside; the field itself listens on, under another name.

    The faults act on the newest connection of the front. ``connections``: how many came so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.real = path.with_name("behind.sock")
        self.connections = 0
        self._greeting: bytes | None = None
        self._swallow = False
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._over = threading.Event()

    def __enter__(self) -> SeamProxy:
        os.rename(self.path, self.real)
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._deaf()
        self.cut()
        os.rename(self.real, self.path)

    # faults

    def swallow_answers(self) -> None:
        """From now on nothing reaches the front on this connection."""
        self._swallow = True

    def cut(self) -> None:
        """Both ends at once, now."""
        with self._lock:
            pair, self._pair, self._swallow = self._pair, None, False
        for end in pair or ():
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut_in_a_message_to_the_front(self) -> None:
        self._say_to_front(b'{"type":"beat')
        self.cut()

    def cut_in_a_message_to_the_field(self) -> None:
        self._say_to_field(b'{"type":"advance","id":99,"consumer":"central-1","cursor":{"streamid":"')
        self.cut()

    def garbage_to_the_front(self) -> None:
        self._say_to_front(b"\x00\xff\n")

    def garbage_to_the_field(self) -> None:
        self._say_to_field(b"\x00\xff\n")

    def another_version_to_the_front(self) -> None:
        """The next connection is greeted by a field of another release."""
        self._greeting = b'{"type":"hello","version":2,"part":"field","program":"next"}\n'
        self.cut()

    def refuse_for_a_while(self) -> None:
        """The socket is there and nobody listens."""
        self._deaf(keep_file=True)
        self.cut()
        time.sleep(AWHILE_S)
        self._listen()

    def remove_for_a_while(self) -> None:
        self._deaf()
        self.cut()
        time.sleep(AWHILE_S)
        self._listen()

    # the way through

    def _listen(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(8)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _deaf(self, *, keep_file: bool = False) -> None:
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        if not keep_file:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()

    def _accept(self, listener: socket.socket) -> None:
        while not self._over.is_set():
            try:
                front, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(front,), daemon=True).start()

    def _serve(self, front: socket.socket) -> None:
        greeting, self._greeting = self._greeting, None
        if greeting is not None:
            with front, contextlib.suppress(OSError):
                front.sendall(greeting)
                front.recv(4096)
            self.connections += 1
            return
        field = socket.socket(socket.AF_UNIX)
        try:
            field.connect(str(self.real))
        except OSError:
            front.close()
            return
        with front, field, selectors.DefaultSelector() as ready:
            with self._lock:
                self._pair = (front, field)
            self.connections += 1
            ready.register(front, selectors.EVENT_READ, field)
            ready.register(field, selectors.EVENT_READ, front)
            while True:
                for key, _ in ready.select(timeout=1.0):
                    try:
                        data = key.fileobj.recv(65536)  # type: ignore[union-attr]  # only sockets were registered
                        if not data:
                            return
                        if not (self._swallow and key.data is front):
                            key.data.sendall(data)
                    except OSError:
                        return

    def _say_to_front(self, data: bytes) -> None:
        self._say(0, data)

    def _say_to_field(self, data: bytes) -> None:
        self._say(1, data)

    def _say(self, which: int, data: bytes) -> None:
        # Between two messages: what the other end says at this moment is a whole line or nothing.
        with self._lock, contextlib.suppress(OSError):
            assert self._pair is not None, "no connection"
            self._pair[which].sendall(data)
