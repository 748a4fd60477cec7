"""``hall-edge backup``: a copy of the books and the configuration as one file, checked before it counts.

At every instant a backup is there whole or not at all: it is made under another name, synced, read back, then renamed.
Older ones go only after that. The job writes nothing into the books: it leaves its result for the field to record.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from edge import exit_codes
from edge.clock import Clock, SystemClock, stamp
from edge.config.model import Settings
from edge.errors import EdgeError
from edge.jobs import archive, places
from edge.jobs.copying import Sound, copy_online, examine, open_still
from edge.jobs.errors import ArchiveRefused, BackupError, NoRoom
from edge.version import program_version

RESERVE = 64 << 20
"Bytes that stay free for the field whatever a backup needs."


class Made(NamedTuple):
    """A backup that was made and checked."""

    path: Path
    manifest: archive.Manifest
    size: int
    pruned: int


def backup(settings: Settings, configuration: Sequence[Path] = (), *, clock: Clock | None = None) -> Made:
    """Make one backup, check it, then prune. ``configuration``: the main file first, then the parts of conf.d.

    Raises BackupError, sqlite3.Error, OSError; then nothing was published, and no older backup is gone.
    """
    clock = clock or SystemClock()
    directory = places.backups_directory(settings)
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True)
        places.give(directory, directory.parent)
    database = Path(settings.store.directory) / places.DATABASE
    key = places.key_of(settings)
    with places.alone_in(directory / ".lock", BackupError(f"Another backup is being made in {directory}.")):
        # The copy is not sealed: it stays beside the books, and only the archive goes to the other disk.
        working = database.parent / f"{places.UNFINISHED}backup"
        copy, part = working / places.DATABASE, directory / f"{places.UNFINISHED}archive"
        _sweep(part, working)
        _room(directory, database)
        working.mkdir(mode=0o700)
        copy_online(database, copy)
        with closing(open_still(copy)) as conn:
            sound = examine(conn)
        paths = {places.DATABASE: copy, **_configuration(configuration, working)}
        was = dict(zip(paths, ["", *(path.name for path in configuration)], strict=False))
        manifest = _manifest(settings, sound, clock, [archive.member_of(n, p, was=was[n]) for n, p in paths.items()])
        with part.open("xb") as out:
            os.chmod(part, 0o600)
            places.give(out.fileno(), directory)
            archive.write(out, manifest, paths, key)
            out.flush()
            os.fsync(out.fileno())
        # What the disk was told to keep is read once more: only what opens counts.
        if archive.check(part, key) != manifest:
            raise ArchiveRefused("The archive does not read back as it was written.")
        made = directory / places.next_name(directory, clock.wall(), sealed=key is not None)
        size = part.stat().st_size
        part.rename(made)
        places.sync_directory(directory)
        shutil.rmtree(working)
        return Made(made, manifest, size, _prune(directory, settings.backup.keep))


def run(settings: Settings, config_path: Path) -> int:
    """``hall-edge backup``. Exit codes: 0 made and checked, 74 not made."""
    clock = SystemClock()
    began = time.monotonic()
    told: dict[str, object] = {}
    try:
        made = backup(settings, [config_path, *sorted((config_path.parent / "conf.d").glob("*.toml"))], clock=clock)
    except (EdgeError, OSError, sqlite3.Error) as error:
        told |= {"result": "not_made", "error": _slug(error), "text": str(error)[:400]}
        print(f"hall-edge backup: {error}", file=sys.stderr)
        code = exit_codes.STORAGE
    else:
        told |= {
            "result": "made", "name": made.path.name, "size": made.size, "sealed": made.path.suffix == ".sealed",
            "streamid": made.manifest.streamid, "sequence": made.manifest.sequence, "sha256": made.manifest.sha256,
            "pruned": made.pruned,
        }  # fmt: skip
        print(f"{made.path}: {made.size} bytes, up to record {made.manifest.sequence} of epoch {made.manifest.epoch}")
        code = 0
    told |= {"at": stamp(clock.wall()), "took_ms": int((time.monotonic() - began) * 1000)}
    try:
        places.tell_field(Path(settings.store.directory), f"backup-{time.time_ns()}", told)
    except OSError as error:
        print(f"hall-edge backup: the field cannot be told: {error}", file=sys.stderr)
    return code


def _slug(error: Exception) -> str:
    if isinstance(error, EdgeError):
        return error.slug
    return "disk-error" if isinstance(error, OSError) else "database-error"


def _sweep(part: Path, working: Path) -> None:
    # Left by a job that was killed; nobody else works here while we hold the lock.
    part.unlink(missing_ok=True)
    if working.exists():
        shutil.rmtree(working)


def _room(directory: Path, database: Path) -> None:
    size = sum(path.stat().st_size for path in (database, database.with_name("hall.db-wal")) if path.exists())
    twice = 2 if directory.stat().st_dev == database.parent.stat().st_dev else 1
    for where in (database.parent, directory):
        free, needed = shutil.disk_usage(where).free, twice * size + RESERVE
        if free < needed:
            raise NoRoom(f"{where} has {free} bytes free; a backup of {size} bytes may need {needed}.", free=free)


def _configuration(parts: Sequence[Path], working: Path) -> dict[str, Path]:
    found = {}
    for name, part in archive.names_of(parts):
        # A copy: it must not change between its hash and its place in the archive.
        content = part.read_bytes()
        if len(content) > archive.CONFIG_MAX:
            raise ArchiveRefused(f"{part} is larger than {archive.CONFIG_MAX} bytes.")
        found[name] = working / name
        found[name].write_bytes(content)
    return found


def _manifest(settings: Settings, sound: Sound, clock: Clock, members: list[archive.Member]) -> archive.Manifest:
    cursor = sound.head.cursor
    return archive.Manifest(
        gateway=settings.gateway.id,
        hall=settings.hall.id,
        streamid=cursor.streamid,
        epoch=sound.head.epoch,
        sequence=cursor.sequence,
        sha256=cursor.sha256,
        schema_sha256=sound.schema_sha256,
        made_at=stamp(clock.wall()),
        clock=clock.quality(),
        version=program_version(),
        members=members,
    )


def _prune(directory: Path, keep: int) -> int:
    older = places.backups_in(directory)[:-keep]
    for one in older:
        one.path.unlink()
    return len(older)
