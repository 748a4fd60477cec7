"""The anchor: a small file outside the state directory that remembers the head of the log.

One text line for each time the head was noted: ``streamid epoch sequence position sha256 crc32``. Lines are only added;
at 1 MiB the file is written anew with the newest of them. It is evidence, not a log: it shows that a tail of the log is
gone that a disk or a copied directory has silently dropped. Losing it costs nothing but that check.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from sync.log import Head

ROOM = 1 << 20
"Bytes from which on the file is written anew."
KEPT = 1000
"Lines that are kept then: only the newest whole one counts, the others are for people."

_LINE = re.compile(r"([0-9a-f]{32}) (\d{1,18}) (\d{1,18}) (\d{1,18}) ([0-9a-f]{64}) ([0-9a-f]{8})")


class Mark(NamedTuple):
    """The head of the log at one moment, as the anchor remembers it. ``sha256`` is the chain value, hex."""

    streamid: str
    epoch: int
    sequence: int
    position: int
    sha256: str


def mark_of(head: Head) -> Mark:
    """What is noted of this head."""
    return Mark(head.cursor.streamid, head.epoch, head.cursor.sequence, head.position, head.cursor.sha256)


def line_of(mark: Mark) -> str:
    """The mark as a line, with its check sum and the line's end."""
    text = f"{mark.streamid} {mark.epoch} {mark.sequence} {mark.position} {mark.sha256}"
    return f"{text} {crc32(text.encode()):08x}\n"


def parse(line: str) -> Mark | None:
    """The mark of a line without its end; None: torn or wrong."""
    found = _LINE.fullmatch(line)
    if found is None or f"{crc32(line[:-9].encode()):08x}" != found[6]:
        return None
    return Mark(found[1], int(found[2]), int(found[3]), int(found[4]), found[5])


def marks(path: Path) -> Iterator[Mark]:
    """All marks that can be read, the newest first. No such file: none. Raises OSError."""
    try:
        # Latin-1 reads any byte: a line with rubbish in it is just a wrong line.
        text = path.read_text(encoding="latin-1")
    except FileNotFoundError:
        return
    for line in reversed(text.split("\n")):
        mark = parse(line)
        if mark is not None:
            yield mark


def newest(path: Path) -> Mark | None:
    """The newest mark that can be read. Raises OSError."""
    return next(marks(path), None)


class AnchorFile:
    """Adds lines; on disk after ``sync``. One writer at a time: whoever holds the books."""

    def __init__(self, path: Path, *, room: int = ROOM, kept: int = KEPT) -> None:
        self.path = path
        self._room = room
        self._kept = kept
        self._fd: int | None = None

    def add(self, mark: Mark) -> None:
        """Note this head, on disk when this returns. Raises OSError; the next call opens the file anew."""
        self.write(mark)
        self.sync()

    def write(self, mark: Mark) -> None:
        """Note this head: it outlives this process, not yet the box. Raises OSError as ``add`` does."""
        try:
            fd = self._fd = self._open() if self._fd is None else self._fd
            if os.fstat(fd).st_size >= self._room:
                fd = self._rewritten()
            _write_all(fd, line_of(mark).encode())
        except OSError:
            self.close()
            raise

    def sync(self) -> None:
        """What was written is on disk. Raises OSError as ``add`` does."""
        if self._fd is None:
            return
        try:
            os.fdatasync(self._fd)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            with contextlib.suppress(OSError):
                os.close(fd)

    def _open(self) -> int:
        new = not self.path.exists()
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        if new:
            _sync_directory(self.path.parent)
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            _write_all(fd, b"\n")  # the torn line ends here, or ours would be torn with it
        return fd

    def _rewritten(self) -> int:
        keep = [mark for mark, _ in zip(marks(self.path), range(self._kept), strict=False)]
        temporary = self.path.with_name(self.path.name + ".new")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        try:
            _write_all(fd, "".join(line_of(mark) for mark in reversed(keep)).encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, self.path)
        _sync_directory(self.path.parent)
        self.close()
        self._fd = self._open()
        return self._fd


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
