"""Where the jobs find and put things: the books, their lock, the backups, and what the field is to be told."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import orjson

from edge.config.model import Settings
from edge.jobs.errors import BackupError, FieldRuns, KeyMissing
from edge.jobs.sealing import read_key

DATABASE = "hall.db"
LOCK = "field.lock"
RESTORED = "restored.json"
"In the state directory: the next start of the field opens a new epoch, and removes the file in the same step."
UNTOLD = "untold"
"In the state directory: results of jobs that the field has not recorded yet, one file each."
UNFINISHED = ".unfinished-"
_NAME = re.compile(r"hall-(\d{6,})-(\d{8}T\d{6}Z)\.(tar\.zst|sealed)")


class Backup(NamedTuple):
    """A finished backup as its name tells it: numbers only rise, whatever the clock did."""

    number: int
    made: str
    sealed: bool
    path: Path


def backups_directory(settings: Settings) -> Path:
    """Where backups are written."""
    return Path(settings.backup.directory or Path(settings.store.directory) / "backups")


def backups_in(directory: Path) -> list[Backup]:
    """The finished ones, oldest first."""
    found = []
    for path in directory.iterdir() if directory.is_dir() else ():
        name = _NAME.fullmatch(path.name)
        if name is not None:
            found.append(Backup(int(name[1]), name[2], name[3] == "sealed", path))
    return sorted(found)


def next_name(directory: Path, now: datetime, *, sealed: bool) -> str:
    """The name of the next backup; nobody else has a say in it."""
    here = backups_in(directory)
    number = here[-1].number + 1 if here else 1
    return f"hall-{number:06d}-{now:%Y%m%dT%H%M%SZ}.{'sealed' if sealed else 'tar.zst'}"


def key_of(settings: Settings) -> bytes | None:
    """The key that backups are sealed with: the credential, or the file. None: they are not. Raises KeyMissing."""
    if settings.backup_key is not None:
        return read_key(settings.backup_key.get_secret_value())
    return None if settings.backup.key is None else key_in(Path(settings.backup.key))


def key_in(path: Path) -> bytes:
    """The key in a file. Raises KeyMissing."""
    try:
        with path.open("r", encoding="ascii") as source:
            return read_key(source.read(1024))
    except (OSError, UnicodeDecodeError) as error:
        raise KeyMissing(f"The key file {path} cannot be read: {type(error).__name__}.") from None


@contextlib.contextmanager
def alone_in(path: Path, busy: BackupError) -> Iterator[None]:
    """Hold a lock file while the job works. Raises ``busy`` when somebody else holds it; OSError."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        give(fd, path.parent)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        yield
    finally:
        os.close(fd)


def give(path: Path | int, directory: Path) -> None:
    """What root makes in a directory of the gateway belongs to the gateway, or it could not be read again."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def field_stopped(directory: Path) -> contextlib.AbstractContextManager[None]:
    """Hold the field's own lock: while we do, none can start. Raises FieldRuns on entering."""
    return alone_in(
        directory / LOCK, FieldRuns(f"A field works on {directory}: stop it first (systemctl stop hall-edge).")
    )


def publish(path: Path, content: bytes) -> None:
    """Write a small file so that it is there whole or not at all. Raises OSError."""
    # One name for all of a kind: what a job that was killed left behind is what the next one begins with.
    part = path.with_name(UNFINISHED + path.stem.split("-")[0])
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, content)
        give(fd, path.parent)
        os.fsync(fd)
    finally:
        os.close(fd)
    part.rename(path)
    sync_directory(path.parent)


def tell_field(directory: Path, name: str, told: object) -> None:
    """Leave a result where the field looks for it. Raises OSError."""
    untold = directory / UNTOLD
    untold.mkdir(mode=0o700, exist_ok=True)
    give(untold, directory)
    publish(untold / f"{name}.json", orjson.dumps(told))


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
