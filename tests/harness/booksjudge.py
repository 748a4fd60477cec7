"""How a state directory is judged after its power went: by the gateway's own cold start and by what had been acknowledged.

Used by every harness that cuts, kills or breaks a disk under books: `Bench` opens what is left, twice, and says what is
wrong with it. `Image` is a whole disk in memory, `Truth` what had been written, `loop` and `mounted` the block devices.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from edge.config.load import load
from edge.config.model import Settings
from edge.field.coldstart import SecondField, open_books
from edge.field.registry import prepare
from edge.store.anchor import Mark, line_of
from sync.chain_check import verify_chain
from sync.db import Database
from sync.errors import StoreError
from sync.writer import Writer

CONFIG = """[hall]
id = "7"
name = "Hall 7"
time_zone = "Europe/Sofia"
[gateway]
id = "hg-07"
run_directory = "{directory}/run"
[store]
directory = "{directory}/mnt/state"
{anchor}[[consumer]]
name = "central-1"
[[line]]
name = "A"
url = "memory:A"
[[egm]]
asset = 1
line = "A"
address = 1
[[egm]]
asset = 2
line = "A"
address = 2
"""


@dataclass(slots=True)
class Truth:
    """What was written in the end: digest of each record, by position from 1, and its chain value."""

    streamid: str = ""
    digests: list[bytes] = field(default_factory=list)
    chains: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Image:
    """A disk as the cut left it, and the last line that had been marked before."""

    number: int
    cut: int
    tail: str
    disk: bytes
    acknowledged: tuple[int, str] | None


@contextlib.contextmanager
def loop(file: Path) -> Iterator[str]:
    """A block device over this file. Needs root."""
    device = subprocess.run(
        ["losetup", "-f", "--show", str(file)], check=True, capture_output=True, text=True
    ).stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


@contextlib.contextmanager
def mounted(device: str, mnt: Path, kind: str = "ext4") -> Iterator[None]:
    """This device, mounted there. Raises CalledProcessError."""
    subprocess.run(["mount", "-t", kind, device, str(mnt)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(mnt)], check=True)


def truth_of(database: Path) -> Truth:
    """The log of these books. Opening them may be a recovery: on a copy where that counts."""
    with contextlib.closing(Database(database).open_reader()) as conn:
        # None: cut between the tables and the first epoch.
        row = conn.execute("SELECT stream_id FROM epochs WHERE epoch = 1").fetchone()
        truth = Truth("" if row is None else row[0])
        for body, chain in conn.execute("SELECT body, chain FROM log ORDER BY position"):
            truth.digests.append(sha256(body).digest())
            truth.chains.append(chain.hex())
        return truth


def readable_truth(database: Path) -> Truth:
    """As `truth_of`; nothing where there are no books yet, or no tables in them."""
    try:
        return truth_of(database) if database.exists() else Truth()
    except sqlite3.OperationalError:
        return Truth()


class Bench:
    """A place where images are mounted and opened, one after another."""

    def __init__(self, directory: Path, *, anchored: bool = False) -> None:
        self.directory = directory
        self.anchor = directory / "anchor"
        self.mnt = directory / "mnt"
        for path in (self.mnt, directory / "run"):
            path.mkdir(parents=True, exist_ok=True)
        config = directory / "config.toml"
        anchor = f'anchor = "{self.anchor}"\n' if anchored else ""
        config.write_text(CONFIG.format(directory=directory, anchor=anchor), encoding="utf-8")
        self.settings: Settings = load(config)
        self.file = directory / "image"

    def judge(self, image: Image, truth: Truth) -> list[str]:
        """What is wrong with the books on this image; empty: nothing."""
        self.file.write_bytes(image.disk)
        with loop(self.file) as device:
            try:
                here = mounted(device, self.mnt)
                here.__enter__()
            except subprocess.CalledProcessError:
                # Cut before the file system was whole: nothing can have been acknowledged.
                return [] if image.acknowledged is None else ["the file system does not mount"]
            try:
                if not (self.mnt / "state").exists():
                    return [] if image.acknowledged is None else ["the state directory is gone"]
                return self.judge_here(image, truth)
            finally:
                here.__exit__(None, None, None)

    def judge_lying(self, image: Image, truth: Truth) -> tuple[str, list[str]]:
        """An image of a disk that had said "flushed" and was not: what was acknowledged may be gone, but never unnoticed.

        The anchor, on another disk, remembers what was acknowledged last. Returns how it came out (``whole``, ``declared``,
        ``refused``: the books or the file system do not open, or safe mode) and what is wrong.
        """
        self.anchor.unlink(missing_ok=True)
        if image.acknowledged is not None:
            position, chain = image.acknowledged
            self.anchor.write_text(line_of(Mark(truth.streamid, 1, position, position, chain)), encoding="ascii")
        self.file.write_bytes(image.disk)
        with loop(self.file) as device:
            try:
                here = mounted(device, self.mnt)
                here.__enter__()
            except subprocess.CalledProcessError:
                return "refused", []
            try:
                return self._open_lying(image, truth)
            finally:
                here.__exit__(None, None, None)

    def _open_lying(self, image: Image, truth: Truth) -> tuple[str, list[str]]:
        if not (self.mnt / "state").exists() and image.acknowledged is None:
            return "whole", []
        try:
            books = open_books(self.settings)
        except (OSError, sqlite3.Error, StoreError, SecondField):
            return "refused", []
        try:
            if books.verdict.safe is not None:
                return "refused", []
            if books.verdict.new_epoch is not None:
                return "declared", []
            with contextlib.closing(Database(books.database).open_reader()) as conn:
                (head,) = conn.execute("SELECT coalesce(max(position), 0) FROM log").fetchone()
                return "whole", list(_log_wrong(conn, head, image, truth))
        finally:
            os.close(books.lock_fd)

    def truth(self, image: Image) -> Truth | None:
        """The log as it lies on the image; None: there are no books. Opening them may be a recovery: on a copy only."""
        self.file.write_bytes(image.disk)
        with loop(self.file) as device, mounted(device, self.mnt):
            database = self.mnt / "state" / "hall.db"
            try:
                return truth_of(database) if database.exists() else None
            except sqlite3.OperationalError:
                # Cut before the first tables were there.
                return None

    def judge_here(self, image: Image, truth: Truth) -> list[str]:
        """As `judge`, for what stands below ``mnt`` already, however it came there."""
        try:
            before = self._cold_start()
            wrong = _wrong(self.mnt / "state" / "hall.db", before, image, truth)
            again = self._cold_start()
        except Exception as error:  # noqa: BLE001  whatever keeps the books from opening is the finding
            return [f"the books do not open: {type(error).__name__}: {error}"]
        return wrong if again >= before else [*wrong, f"opened again it ends at {again}, not at {before}"]

    def _cold_start(self) -> int:
        """The field's own steps up to its first frame. Returns the position of the head as it was found."""
        books = open_books(self.settings)
        try:
            verdict = getattr(books, "verdict", None)
            if verdict is not None and (verdict.safe or verdict.new_epoch):
                raise AssertionError(f"the cold start says {verdict}")
            died: list[BaseException] = []
            failed: list[Exception] = []
            writer = Writer(
                books.database,
                now_utc=_noon,
                post=lambda call: call(),
                on_fatal=died.append,
            )
            writer.start()
            head = writer.head.position
            writer.submit(
                lambda tx: prepare(tx, self.settings),
                lambda _done, error: failed.append(error) if error is not None else None,
                urgent=True,
            )
            writer.close()
            if died or failed:
                raise (died or failed)[0]
            return head
        finally:
            os.close(books.lock_fd)


def _noon() -> datetime:
    return datetime(2026, 11, 24, 12, tzinfo=UTC)


def _wrong(database: Path, head: int, image: Image, truth: Truth) -> list[str]:
    with contextlib.closing(Database(database).open_reader()) as conn:
        return [*_log_wrong(conn, head, image, truth), *_tables_wrong(conn, head)]


def _log_wrong(conn: sqlite3.Connection, head: int, image: Image, truth: Truth) -> Iterator[str]:
    if image.acknowledged is not None:
        position, chain = image.acknowledged
        if head < position:
            yield f"acknowledged up to {position}, the books end at {head}"
        elif position and truth.chains[position - 1] != chain:
            yield f"record {position} was acknowledged with another hash"
    for position, body in conn.execute("SELECT position, body FROM log ORDER BY position"):
        if position > len(truth.digests) or sha256(body).digest() != truth.digests[position - 1]:
            yield f"record {position} is not what was written"
            return
    if verify_chain(conn) != head:
        yield "records are missing in the chain"


def _tables_wrong(conn: sqlite3.Connection, head: int) -> Iterator[str]:
    """Half of a fact: its record without its rows, or the other way round."""
    for sql, what in _PAIRS:
        (difference,) = conn.execute(sql).fetchone()
        if difference:
            yield f"{what}: {difference}"
    if conn.execute("PRAGMA foreign_key_check").fetchall():
        yield "rows point to nothing"
    if (said := conn.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
        yield f"integrity: {said}"
    if any(position > head for (position,) in conn.execute("SELECT position FROM consumers")):
        yield "a cursor is beyond the head"


_PAIRS = (
    (
        "SELECT (SELECT count(*) FROM log WHERE instr(body, 'hall.egm.meters.snapshot.v1')) "
        "- (SELECT count(*) FROM meter_snapshots)",
        "snapshots told less snapshots kept",
    ),
    (
        "SELECT count(*) FROM live_lane WHERE position NOT IN (SELECT position FROM log)",
        "live copies of records that are not there",
    ),
    (
        "SELECT (SELECT coalesce(sum(counted), 0) FROM meter_days) - (SELECT coalesce(sum(delta), 0) FROM meter_readings)",
        "sums of days less the differences of readings",
    ),
)
