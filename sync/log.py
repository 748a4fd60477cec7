"""The end of the log as the writer knows it: where the next record goes and what it is chained to.

It moves ahead of the disk inside a transaction and goes back with it. Records are written in one go, before the commit
or before anybody reads the log through the same transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sync.envelope import Cursor, chain_next, chain_start

INSERT_LOG = "INSERT INTO log (position, body, chain) VALUES (?, ?, ?)"
INSERT_LIVE = "INSERT INTO live_lane (position, class) VALUES (?, ?)"


@dataclass(frozen=True, slots=True)
class Head:
    """The newest durable record: place in the whole log, epoch, cursor. Sequence 0: the epoch has none yet."""

    position: int
    epoch: int
    cursor: Cursor


class Mark(NamedTuple):
    """A point to go back to."""

    epoch: int
    streamid: str
    first_position: int
    position: int
    chain: bytes
    records: int
    live: int


class LogEnd:
    """Mutable; belongs to the writer's thread."""

    __slots__ = ("_live", "_records", "chain", "epoch", "first_position", "position", "recordedat", "streamid")

    def __init__(self, epoch: int, streamid: str, first_position: int, position: int, chain: bytes) -> None:
        self.epoch = epoch
        self.streamid = streamid
        self.first_position = first_position
        self.position = position
        self.chain = chain
        self.recordedat = ""
        "Stamp of the running transaction, made once for all of its records."
        self._records: list[tuple[int, bytes, bytes]] = []
        self._live: list[tuple[int, str]] = []

    @property
    def sequence(self) -> int:
        """Number of the last record in its epoch; 0: none yet."""
        return self.position - self.first_position + 1

    @property
    def head(self) -> Head:
        """As others see it."""
        return Head(self.position, self.epoch, Cursor(self.streamid, self.sequence, self.chain.hex()))

    def push(self, body: bytes, live_class: str | None) -> bytes:
        """Put one record at the end; returns its chain value."""
        position = self.position + 1
        chain = chain_next(self.chain, position - self.first_position + 1, body)
        self._records.append((position, body, chain))
        if live_class is not None:
            self._live.append((position, live_class))
        self.position, self.chain = position, chain
        return chain

    def begin_epoch(self, epoch: int, streamid: str) -> None:
        """The next record is the first of a new epoch."""
        self.epoch = epoch
        self.streamid = streamid
        self.first_position = self.position + 1
        self.chain = chain_start(streamid)

    def flush(self, executemany: Callable[[str, Iterable[Any]], sqlite3.Cursor]) -> None:
        """Write what was pushed and is not in the tables yet."""
        if self._records:
            executemany(INSERT_LOG, self._records)
            self._records.clear()
        if self._live:
            executemany(INSERT_LIVE, self._live)
            self._live.clear()

    def mark(self) -> Mark:
        """Where it stands now. What is unwritten now must still be unwritten when going back."""
        written = len(self._records), len(self._live)
        return Mark(self.epoch, self.streamid, self.first_position, self.position, self.chain, *written)

    def back_to(self, mark: Mark) -> None:
        """The transaction, or its savepoint, was undone."""
        self.epoch, self.streamid, self.first_position, self.position, self.chain, records, live = mark
        del self._records[records:]
        del self._live[live:]
