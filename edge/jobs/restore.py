"""``hall-edge restore``: books from a backup into a state directory, as a new file that was checked before it counts.

What a restore must not revive: no line is known to have stopped cleanly, and the stream is not gone on with. The marker
``restored.json`` is there before the books are, so no start of the field can miss it: it opens a new epoch, and what was
commanded before and is still open ends as failed. Nothing is ever deleted that was there before.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import orjson

from edge import exit_codes
from edge.clock import Clock, SystemClock, stamp
from edge.errors import EdgeError
from edge.jobs import archive, places
from edge.jobs.backup import RESERVE
from edge.jobs.copying import Sound
from edge.jobs.errors import DatabaseRefused, NoRoom, Occupied
from edge.jobs.hostile import copy_checked

CHECKED = "checked.db"
"In the staging directory: the new file, made by our migrations."
_SIDES = ("", "-wal", "-shm", "-journal")


class Restored(NamedTuple):
    """What was restored, and where what was there before is now."""

    manifest: archive.Manifest
    sound: Sound
    aside: Path | None


def restore(
    path: Path, into: Path, *, key: bytes | None = None, replace: bool = False, clock: Clock | None = None
) -> Restored:
    """Put the books of a backup into a state directory.

    ``replace``: books that are there are moved aside, into a directory beside them. Raises BackupError (Occupied,
    FieldRuns, whatever is wrong with the archive), OSError, sqlite3.Error; then the books there are those from before.
    """
    clock = clock or SystemClock()
    if not into.exists():
        into.mkdir(mode=0o700, parents=True)
        places.sync_directory(into.parent)
    with places.field_stopped(into):
        here = [into / (places.DATABASE + side) for side in _SIDES if os.path.lexists(into / (places.DATABASE + side))]
        if here and not replace:
            raise Occupied(f"{into} holds books already. Say --replace, and they are moved aside.")
        staging = into / f"{places.UNFINISHED}restore"
        if staging.exists():
            shutil.rmtree(staging)
        staging.mkdir(mode=0o700)
        manifest, sound = _checked(path, staging, key)
        stamped = f"{clock.wall():%Y%m%dT%H%M%SZ}-{os.urandom(3).hex()}"
        # First the marker: a new epoch without need costs a notice, a stream gone on with costs the truth.
        places.publish(into / places.RESTORED, _marker(path, manifest, clock))
        _put_configuration(staging, into, manifest, stamped)
        aside = _move_aside(here, into / f"replaced-{stamped}") if here else None
        places.give(staging / CHECKED, into)
        (staging / CHECKED).rename(into / places.DATABASE)
        places.sync_directory(into)
        shutil.rmtree(staging)
        return Restored(manifest, sound, aside)


def verify(path: Path, *, key: bytes | None = None, beside: Path | None = None) -> Restored:
    """Restore into a directory that is thrown away: does it open, does all of it hold? ``beside``: where there is room.

    Raises BackupError, OSError, sqlite3.Error.
    """
    with tempfile.TemporaryDirectory(prefix=places.UNFINISHED, dir=beside or path.parent) as staging:
        manifest, sound = _checked(path, Path(staging), key)
        return Restored(manifest, sound, None)


def run(path: Path, into: Path, key_file: Path | None, *, replace: bool) -> int:
    """``hall-edge restore``. Exit codes: 0 restored, 74 not restored."""
    try:
        key = None if key_file is None else places.key_in(key_file)
        restored = restore(path, into, key=key, replace=replace)
    except (EdgeError, OSError, sqlite3.Error) as error:
        print(f"hall-edge restore: {error} Nothing was restored.", file=sys.stderr)
        return exit_codes.STORAGE
    manifest = restored.manifest
    print(
        f"Restored into {into}: gateway {manifest.gateway}, hall {manifest.hall}, up to record {manifest.sequence} of "
        f"epoch {manifest.epoch}, made at {manifest.made_at}; {restored.sound.records} records checked."
    )
    if restored.aside is not None:
        print(f"What was there before is now in {restored.aside}.")
    print("The next start of the field opens a new epoch and tells central so.")
    return 0


def _checked(path: Path, staging: Path, key: bytes | None) -> tuple[archive.Manifest, Sound]:
    """The members under names of ours, and ``checked.db``: every row of the database in a file of ours."""

    def allow(manifest: archive.Manifest) -> None:
        free, needed = shutil.disk_usage(staging).free, 2 * manifest.unpacked + RESERVE
        if free < needed:
            raise NoRoom(f"{staging.parent} has {free} bytes free; this backup may need {needed}.", free=free)

    with _descriptor(staging) as directory:
        manifest = archive.unpack(path, key, directory, allow)
    sound = copy_checked(staging / archive.DATABASE, staging / CHECKED)
    (staging / archive.DATABASE).unlink()
    cursor = sound.head.cursor
    claimed = (manifest.streamid, manifest.epoch, manifest.sequence, manifest.sha256, manifest.schema_sha256)
    if claimed != (cursor.streamid, sound.head.epoch, cursor.sequence, cursor.sha256, sound.schema_sha256):
        raise DatabaseRefused("Its head or its tables are not those that the manifest claims.")
    return manifest, sound


@contextmanager
def _descriptor(directory: Path) -> Iterator[int]:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _marker(path: Path, manifest: archive.Manifest, clock: Clock) -> bytes:
    told = manifest.model_dump(include={"gateway", "hall", "streamid", "epoch", "sequence", "sha256", "made_at"})
    return orjson.dumps({**told, "backup": path.name[:255], "restored_at": stamp(clock.wall())})


def _put_configuration(staging: Path, into: Path, manifest: archive.Manifest, stamped: str) -> None:
    # Beside the books, never in force by itself: a person compares and copies it. Names are ours.
    parts = [archive.own_name(member) for member in manifest.members[1:]]
    if not parts:
        return
    put = into / f"configuration-{stamped}"
    put.mkdir(mode=0o700)
    places.give(put, into)
    for name in parts:
        (staging / name).rename(put / name)
        places.give(put / name, into)
    places.sync_directory(put)


def _move_aside(here: list[Path], aside: Path) -> Path:
    aside.mkdir(mode=0o700)
    places.give(aside, aside.parent)
    if [path.name for path in here] == [places.DATABASE]:
        # Stopped cleanly, so this one file is all: a second name for it now, and the rename that follows is the one step.
        os.link(here[0], aside / places.DATABASE)
    else:
        # An old WAL must never lie beside new books. Between these steps there are none, and the field starts with none.
        for path in here:
            path.rename(aside / path.name)
    places.sync_directory(aside)
    places.sync_directory(aside.parent)
    return aside
