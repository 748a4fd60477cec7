"""One backup is one file: a manifest and its members as a tar, compressed with zstandard, sealed when there is a key.

An unsealed one opens with ``tar --zstd -x`` on any Linux. We read it with our own few lines: the order, names, kinds and
sizes of the members are ours or the archive is refused, and no name that stands in an archive is ever used as a path.
"""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, cast

import zstandard
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from edge.jobs.errors import ArchiveDamaged, ArchiveRefused, ArchiveTruncated, KeyMissing
from edge.jobs.sealing import HEADER_BYTES, Opening, Sealing, is_sealed

DATABASE = "hall.db"
MANIFEST = "manifest.json"
CONFIG_MEMBER = re.compile(r"config(\.[0-9]{1,2})?\.toml")
"""The configuration's own file, and the parts of conf.d in their order."""
MANIFEST_MAX = 64 * 1024
CONFIG_MAX = 1 << 20
RATIO_MAX = 200
"An honest log packs 5 to 20 times smaller; what swells more than this is no backup."
RATIO_FREE = 32 << 20
"But an empty database of a few pages packs better."
_BLOCK = 512
_PIECE = 1 << 20
_WINDOW_MAX = 1 << 27
_LEVEL = 3

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+!-]{0,79}$")]
"It is shown on a terminal: nothing in it may steer one."


class Member(BaseModel):
    """One file of the archive. ``was``: what it was called on the old box, for people; never a path to us."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    name: Annotated[str, StringConstraints(pattern=rf"^({re.escape(DATABASE)}|{CONFIG_MEMBER.pattern})$")]
    size: int = Field(ge=0)
    sha256: Sha256
    was: Annotated[str, StringConstraints(max_length=255)] = ""


class Manifest(BaseModel):
    """What a backup claims to be; everything in it is checked against the members."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    format: Literal[1] = 1
    gateway: Word
    hall: Word
    streamid: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    epoch: int = Field(ge=1)
    sequence: int = Field(ge=0)
    sha256: Sha256
    "Chain value of the head: everything before it hangs on it."
    schema_sha256: Sha256
    made_at: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    clock: Literal["synced", "holdover", "untrusted"]
    version: Word
    "Of the software that made it."
    members: list[Member] = Field(min_length=1, max_length=101)

    @property
    def unpacked(self) -> int:
        """Bytes of all members."""
        return sum(member.size for member in self.members)


def member_of(name: str, path: Path, *, was: str = "") -> Member:
    """Size and hash of a file that is to become a member."""
    with path.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256")
        return Member(name=name, size=source.tell(), sha256=digest.hexdigest(), was=was)


def write(out: BinaryIO, manifest: Manifest, paths: Mapping[str, Path], key: bytes | None) -> None:
    """Put the archive together. ``paths``: where each member lies; none may change meanwhile. Raises OSError."""
    sealing = None if key is None else Sealing(out, key)
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    with compressor.stream_writer(out if sealing is None else cast("BinaryIO", sealing), closefd=False) as packed:
        text = manifest.model_dump_json(indent=1).encode()
        packed.write(_header(MANIFEST, len(text)) + _padded(text))
        for member in manifest.members:
            packed.write(_header(member.name, member.size))
            with paths[member.name].open("rb") as source:
                while piece := source.read(_PIECE):
                    packed.write(piece)
            packed.write(bytes(-member.size % _BLOCK))
        packed.write(bytes(2 * _BLOCK))
    if sealing is not None:
        sealing.finish()


def check(path: Path, key: bytes | None) -> Manifest:
    """Read all of it and write nothing: are all bytes there, and those that were put in? Raises BackupError, OSError."""
    return _read(path, key, lambda _manifest: None, lambda _member: None)


def unpack(path: Path, key: bytes | None, directory: int, allow: Callable[[Manifest], None]) -> Manifest:
    """Write the members into an empty directory of ours, given as a descriptor, under names of ours, mode 0600.

    ``allow`` sees the manifest before anything is written and may raise. Raises BackupError, OSError.
    """

    def make(member: Member) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(own_name(member), flags, 0o600, dir_fd=directory)

    return _read(path, key, allow, make)


def own_name(member: Member) -> str:
    """Under which a member is unpacked: one of two forms, made here."""
    if member.name == DATABASE:
        return DATABASE
    found = CONFIG_MEMBER.fullmatch(member.name)
    if found is None:
        raise ArchiveRefused("A member is called as none of ours is.")
    return f"config{found[1] or ''}.toml"


def _read(
    path: Path, key: bytes | None, allow: Callable[[Manifest], None], make: Callable[[Member], int | None]
) -> Manifest:
    with path.open("rb") as source:
        start = source.read(HEADER_BYTES)
        source.seek(0)
        plain: BinaryIO = source
        if is_sealed(start):
            if key is None:
                raise KeyMissing("This backup is sealed; its key was not given.")
            plain = cast("BinaryIO", Opening(source, key))
        unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW_MAX)
        with unpacker.stream_reader(plain, closefd=False) as packed:
            try:
                return _members(_Exactly(packed.read), path.stat().st_size, allow, make)
            except zstandard.ZstdError as error:
                raise ArchiveDamaged(f"It does not unpack: {error}.") from None


def _members(
    packed: _Exactly, size: int, allow: Callable[[Manifest], None], make: Callable[[Member], int | None]
) -> Manifest:
    length = _size_of(packed.read(_BLOCK), MANIFEST)
    if length > MANIFEST_MAX:
        raise ArchiveRefused(f"A manifest of {length} bytes is none of ours.", size=length)
    try:
        manifest = Manifest.model_validate_json(packed.padded(length))
    except ValidationError as error:
        raise ArchiveRefused(f"The manifest is not one of ours: {error.errors()[0]['msg']}.") from None
    _bounded(manifest, size)
    allow(manifest)
    for member in manifest.members:
        if _size_of(packed.read(_BLOCK), member.name) != member.size:
            raise ArchiveRefused(f"{member.name} has another size than the manifest says.", member=member.name)
        out = make(member)
        try:
            _copy(packed, member, out)
        finally:
            if out is not None:
                os.close(out)
    if any(packed.read(2 * _BLOCK)) or packed.more():
        raise ArchiveRefused("Something follows the last member.")
    return manifest


def _bounded(manifest: Manifest, size: int) -> None:
    names = [member.name for member in manifest.members]
    if names[0] != DATABASE or len({own_name(member) for member in manifest.members}) != len(names):
        raise ArchiveRefused("The members are not one database and then the configuration, each once.")
    if any(member.size > CONFIG_MAX for member in manifest.members[1:]):
        raise ArchiveRefused(f"A file of the configuration is larger than {CONFIG_MAX} bytes.")
    if manifest.unpacked > RATIO_FREE + RATIO_MAX * size:
        raise ArchiveRefused(
            f"{size} bytes claim to be {manifest.unpacked}: no backup packs so well.",
            size=size, unpacked=manifest.unpacked,
        )  # fmt: skip


def _copy(packed: _Exactly, member: Member, out: int | None) -> None:
    digest, left = hashlib.sha256(), member.size
    while left:
        piece = packed.read(min(left, _PIECE))
        left -= len(piece)
        digest.update(piece)
        if out is not None:
            _write_all(out, piece)
    packed.read(-member.size % _BLOCK)
    if digest.hexdigest() != member.sha256:
        raise ArchiveDamaged(f"{member.name} is not the file that was put in.", member=member.name)
    if out is not None:
        os.fsync(out)


def _write_all(out: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(out, view) :]


def _header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry.tobuf(tarfile.GNU_FORMAT)


def _padded(text: bytes) -> bytes:
    return text + bytes(-len(text) % _BLOCK)


def _size_of(header: bytes, name: str) -> int:
    """The size in a tar header, which must be exactly the header we would write for this name: kind, mode and all."""
    raw = header[124:136]
    if raw[:1] == b"\x80":
        size = int.from_bytes(raw[1:], "big")
    else:
        digits = raw.rstrip(b"\0 ")
        if not digits or any(digit not in b"01234567" for digit in digits):
            raise ArchiveRefused("A member's size is no number.")
        size = int(digits, 8)
    if size >= 1 << 62 or header != _header(name, size):
        raise ArchiveRefused(f"Where {name} should begin, something else does.", member=name)
    return size


class _Exactly:
    """Reads as many bytes as asked for, or says that the archive ends too early."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def read(self, count: int) -> bytes:
        pieces: list[bytes] = []
        while count:
            piece = self._read(count)
            if not piece:
                raise ArchiveTruncated("The file ends before its archive does.")
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def padded(self, count: int) -> bytes:
        text = self.read(count)
        self.read(-count % _BLOCK)
        return text

    def more(self) -> bool:
        return bool(self._read(1))


def names_of(parts: Iterable[Path]) -> list[tuple[str, Path]]:
    """Members' names for the files of a configuration, the main one first."""
    return [("config.toml" if number == 0 else f"config.{number}.toml", part) for number, part in enumerate(parts)]
