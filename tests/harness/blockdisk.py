"""A disk that writes down what reaches it: one file in a FUSE mount, to be put under a loop device.

``python -m tests.harness.blockdisk MOUNT LOG --size N [--image FILE]`` serves three files until it is unmounted:

disk  read and write; each write and each flush is appended to the log, in the order in which they came
mark  write only: the text goes into the same log, so it is known what had been acknowledged before which write
fail  write ``read``, ``write`` or nothing: from then on the disk answers EIO to reads, or to writes and flushes

Log: for each entry kind (one byte: W write, F flush, M mark), offset (8 bytes), length (4), both high first, and the bytes.
"""

from __future__ import annotations

import argparse
import errno
import io
import stat
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mfusepy  # type: ignore[import-untyped]  # it brings no types

HEADER = struct.Struct(">cQI")
NAMES = ("disk", "mark", "fail")


class Entry(NamedTuple):
    """One thing that reached the disk."""

    kind: str
    offset: int
    data: bytes


def read_log(path: Path) -> Iterator[Entry]:
    """The log, oldest first."""
    with path.open("rb") as log:
        while head := log.read(HEADER.size):
            kind, offset, length = HEADER.unpack(head)
            yield Entry(kind.decode(), offset, log.read(length))


class Disk(mfusepy.Operations):  # type: ignore[misc]  # as above
    """The three files."""

    use_ns = True

    def __init__(self, log: io.BufferedWriter, size: int, image: bytes) -> None:
        self._log = log
        self._disk = bytearray(size)
        self._disk[: len(image)] = image
        self._fails = ""

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        """Sizes and modes."""
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path[1:] not in NAMES:
            raise mfusepy.FuseOSError(errno.ENOENT)
        size = len(self._disk) if path == "/disk" else 0
        return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": size}

    def readdir(self, path: str, fh: int) -> Sequence[str]:
        """What there is."""
        return [".", "..", *NAMES]

    def open(self, path: str, flags: int) -> int:
        """Anything that is there."""
        return 0

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        """A disk keeps its size."""
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """From the disk as it stands, flushed or not."""
        if path != "/disk":
            return b""
        if self._fails == "read":
            raise mfusepy.FuseOSError(errno.EIO)
        return bytes(self._disk[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        """Take it and write it down."""
        if path == "/fail":
            self._fails = data.decode().strip()
        elif path == "/mark":
            self._note(b"M", 0, data)
        elif self._fails == "write":
            raise mfusepy.FuseOSError(errno.EIO)
        else:
            self._disk[offset : offset + len(data)] = data
            self._note(b"W", offset, data)
        return len(data)

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        """Whatever was written before is on the platter from here on."""
        if path == "/disk":
            if self._fails == "write":
                raise mfusepy.FuseOSError(errno.EIO)
            self._note(b"F", 0, b"")
        return 0

    def _note(self, kind: bytes, offset: int, data: bytes) -> None:
        self._log.write(HEADER.pack(kind, offset, len(data)) + data)

    def destroy(self, path: str) -> None:
        """Unmounted."""
        self._log.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until unmounted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("mount", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("--size", type=int, default=32 << 20)
    parser.add_argument("--image", type=Path)
    asked = parser.parse_args(arguments)
    image = asked.image.read_bytes() if asked.image else b""
    with asked.log.open("wb", buffering=1 << 20) as log:
        mfusepy.FUSE(
            Disk(log, asked.size, image), str(asked.mount), foreground=True, nothreads=True, fsname="blockdisk"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
