"""A stream of bytes, sealed in chunks with AES-256-GCM, so that nothing can be changed, moved, swapped or cut off unseen.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the nonce of a chunk is a random prefix, its number,
and one byte that says whether it is the last. The key of each file is derived from the operator's key and a random salt,
so no nonce comes twice under one key. The header is bound to every chunk.

Header, 64 bytes: magic 8, salt 32, nonce prefix 7, reserved 1 (zero), size of a chunk 4 (big-endian), id of the key 8,
reserved 4 (zero). Then chunks of that size and 16 bytes of tag each; only the last may be shorter.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import struct
from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from edge.jobs.errors import ArchiveDamaged, ArchiveRefused, ArchiveTruncated, KeyMissing, WrongKey

MAGIC = b"HALLSEA1"
KEY_BYTES = 32
CHUNK = 1 << 20
CHUNK_MAX = 1 << 24
TAG = 16
_HEADER = struct.Struct(">8s32s7sxI8s4x")
HEADER_BYTES = _HEADER.size


def read_key(text: str) -> bytes:
    """The key in 64 hexadecimal digits, white space around them allowed. Raises KeyMissing; never shows the text."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyMissing("The key of the backups is not 64 hexadecimal digits.")
    return key


def key_id(key: bytes) -> bytes:
    """8 bytes that tell keys apart and say nothing of them: a random key of 256 bits cannot be found from its hash."""
    return hashlib.sha256(b"hall-edge backup key\0" + key).digest()[:8]


def is_sealed(start: bytes) -> bool:
    """Do these first bytes of a file (8 or more) begin a sealed one?"""
    return start.startswith(MAGIC)


class Sealing(io.RawIOBase):
    """What is written goes sealed to ``out``. Only ``finish`` makes it whole: without it the file counts as cut off."""

    def __init__(self, out: BinaryIO, key: bytes, *, chunk: int = CHUNK) -> None:
        salt, self._prefix = secrets.token_bytes(32), secrets.token_bytes(7)
        self._header = _HEADER.pack(MAGIC, salt, self._prefix, chunk, key_id(key))
        self._cipher = AESGCM(_file_key(key, salt))
        self._out, self._chunk, self._count = out, chunk, 0
        self._held = bytearray()
        out.write(self._header)

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]  # narrower than Buffer
        """Take it in; a chunk leaves once it is known not to be the last."""
        self._held += data
        while len(self._held) > self._chunk:
            self._seal(bytes(self._held[: self._chunk]), last=False)
            del self._held[: self._chunk]
        return len(data)

    def finish(self) -> None:
        """Write the last chunk, empty only if nothing was ever written."""
        self._seal(bytes(self._held), last=True)
        self._held.clear()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._prefix, self._count, last=last), plain, self._header))
        self._count += 1


class Opening(io.RawIOBase):
    """Reads what was sealed. Bytes come out only after their chunk was proved.

    Raises, from the constructor or from a read: ArchiveTruncated, ArchiveDamaged, WrongKey, ArchiveRefused. An OSError
    is the disk's and stays one.
    """

    def __init__(self, source: BinaryIO, key: bytes) -> None:
        header = source.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            raise ArchiveTruncated("The file ends within its header.")
        magic, salt, self._prefix, size, sealed_with = _HEADER.unpack(header)
        if magic != MAGIC or not 0 < size <= CHUNK_MAX:
            raise ArchiveRefused("The header is not that of a sealed backup.")
        if sealed_with != key_id(key):
            raise WrongKey("It was sealed with another key.", wanted=sealed_with.hex(), given=key_id(key).hex())
        self._cipher = AESGCM(_file_key(key, salt))
        self._header = header
        self._chunks = self._open_all(source, size + TAG)
        self._held = memoryview(b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # narrower than Buffer
        """Proved bytes; 0 only after the last chunk."""
        while not self._held:
            plain = next(self._chunks, None)
            if plain is None:
                return 0
            self._held = memoryview(plain)
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count

    def _open_all(self, source: BinaryIO, size: int) -> Iterator[bytes]:
        number, here = 0, source.read(size)
        while True:
            following = source.read(size) if len(here) == size else b""
            last = not following
            try:
                yield self._cipher.decrypt(_nonce(self._prefix, number, last=last), here, self._header)
            except InvalidTag:
                raise self._why(here, number, last=last) from None
            if last:
                return
            number, here = number + 1, following

    def _why(self, sealed: bytes, number: int, *, last: bool) -> ArchiveTruncated | ArchiveDamaged:
        # A whole chunk that was not the last one, and nothing after it: the end was cut off between two chunks.
        if last:
            if len(sealed) < TAG:
                return ArchiveTruncated(f"The file ends within chunk {number}.", chunk=number)
            try:
                self._cipher.decrypt(_nonce(self._prefix, number, last=False), sealed, self._header)
            except InvalidTag:
                return ArchiveDamaged(f"Chunk {number}, the last one here, was changed or cut off.", chunk=number)
            return ArchiveTruncated(f"The file ends after chunk {number}, which was not its last.", chunk=number)
        return ArchiveDamaged(f"Chunk {number} was changed, or stands in another's place.", chunk=number)


def _file_key(key: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=b"hall-edge backup 1").derive(key)


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, last)
