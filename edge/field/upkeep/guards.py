"""Is the file we write to still the books, ours alone, on a disk that can be written, with a log that stays small?

Looks twice a second with a few calls of ``stat``, and every two seconds with an empty transaction, in whose beginning
the writer counts what others committed. What breaks the ground under an acknowledgement is a full stop: the writer is
condemned before anything more is told to a machine, and the next start begins with the marker of the last stop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from edge.board import Board
from edge.clock import Clock
from edge.field.incidents import incident
from edge.field.laststop import refuses_writing
from edge.hall.events import Fact
from sync.db import WAL_LIMIT, Transaction
from sync.errors import DatabaseReplaced, StorageFatal
from sync.writer import Writer

LOOK_S = 0.5
"""A disk that turns read-only must have stopped us within a second."""
ASK_EVERY = 4
"""Looks between two empty transactions: a foreign writer is found within two seconds, also in a hall that sleeps."""


class Guards:
    """One per field, built after the writer was started. ``run`` ends only when it is cancelled."""

    def __init__(
        self,
        database: Path,
        *,
        writer: Writer,
        record: Callable[[list[Fact]], None],
        board: Board,
        clock: Clock,
        subject: str,
        wal_limit: int = WAL_LIMIT,
    ) -> None:
        self._database = database
        self._writer = writer
        self._record = record
        self._board = board
        self._clock = clock
        self._subject = subject
        self._wal_limit = wal_limit
        self._wal = database.with_name(database.name + "-wal")
        self._held = {path: _handle(path) for path in (database, self._wal, database.with_name(database.name + "-shm"))}
        self._looks = 0
        self.wal_large = False

    async def run(self) -> None:
        """Look, for as long as the store lives."""
        try:
            while self._writer.fatal is None:
                self.look()
                await asyncio.sleep(LOOK_S)
            await asyncio.Event().wait()  # the field stops for that error; this is no second one
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the files."""
        for handle in self._held.values():
            os.close(handle)

    def look(self) -> None:
        """Once: some microseconds. Condemns the writer if the books are gone, or cannot be written any more."""
        wrong = self._replaced() or self._unwritable()
        if wrong is not None:
            self._writer.condemn(wrong)
            return
        self._watch_wal()
        self._looks += 1
        if self._looks % ASK_EVERY == 0:
            self._writer.submit(_nothing, lambda _result, _error: None)

    def _replaced(self) -> StorageFatal | None:
        for path, handle in self._held.items():
            try:
                ours, there = os.fstat(handle), os.stat(path)
            except FileNotFoundError:
                return DatabaseReplaced(f"{path.name} is gone from its directory.", file=path.name)
            except OSError as error:
                return StorageFatal(f"{path.name} cannot be looked at: {error.strerror}", cause=repr(error))
            if (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino) or ours.st_nlink == 0:
                return DatabaseReplaced(f"{path.name} was replaced by another file.", file=path.name)
        return None

    def _unwritable(self) -> StorageFatal | None:
        error = refuses_writing(self._database.parent)
        if error is None:
            return None
        return StorageFatal(f"The file system of the books lets nothing be written: {error}.", cause=error)

    def _watch_wal(self) -> None:
        size = os.stat(self._wal).st_size
        # In steps: every byte more would be a change for every open page.
        self._board.update_gateway(wal_bytes=size if size > self._wal_limit else size >> 20 << 20)
        if size > self._wal_limit and not self.wal_large:
            self._record([incident("wal-large", {"bytes": size}, subject=self._subject, at=self._clock.wall())])
        self.wal_large = size > self._wal_limit


def _handle(path: Path) -> int:
    # O_PATH: an ordinary descriptor, when closed, would drop every lock SQLite holds on the file in this process.
    return os.open(path, os.O_PATH | os.O_CLOEXEC)


def _nothing(_tx: Transaction) -> None:
    return None
