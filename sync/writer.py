"""The one connection that writes and checkpoints: its thread, group commit, and what each storage error means.

Whoever wants to write hands in a piece of work; it runs in the writer's thread inside the group's transaction and is
called back, in the loop, once it is on disk. A piece of work may run twice (once in the group, once alone), so it must
change nothing but the transaction. In the product only the field makes a Writer.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from sync.db import PAGES_MAX, Transaction, open_writing
from sync.envelope import stamp
from sync.errors import ConstraintBroken, ForeignWriter, StorageFatal, StorageFull, WriterClosed
from sync.log import Head, LogEnd
from sync.places import read_end

T = TypeVar("T")
Done = Callable[[Any, Exception | None], None]

_FULL = 13
_CONSTRAINT = 19
# BUSY and LOCKED are here too: nobody else may write, and two who do can damage the file (fixed only in SQLite 3.51.3).
_FATAL = frozenset((2, 3, 5, 6, 7, 8, 10, 11, 14, 15, 22, 26))
"INTERNAL PERM BUSY LOCKED NOMEM READONLY IOERR CORRUPT CANTOPEN PROTOCOL NOLFS NOTADB, with all their extended codes"


class _Tx:
    """The running transaction."""

    __slots__ = ("_conn", "execute", "executemany", "log", "now")

    def __init__(self, conn: sqlite3.Connection, log: LogEnd, now: datetime) -> None:
        self._conn = conn
        self.log = log
        self.now = now
        self.execute = conn.execute
        self.executemany = conn.executemany


# Plain tuples: three of each are made for every fact. An item: the work, whom to tell, when it must be committed at the
# latest (monotonic), and whether somebody awaits it and must hear that the store is dead (a plain callback must not: it
# could acknowledge). An outcome: whom to tell, the result, the error.
_Item = tuple[Callable[[Any], Any], Done, float, bool]
_Outcome = tuple[Done, Any, Exception | None]
_DONE: Final = 1
_DUE: Final = 2
_AWAITED: Final = 3


class _Undo(Exception):
    """The group must be undone and done again one by one."""


class Writer:
    """One per store.

    ``post`` brings a callable into the event loop (``loop.call_soon_threadsafe``); it is called once per commit.
    ``on_fatal`` is called once, in the writer's thread: from then on nothing is ever reported durable.
    ``group_s``: how long the first of a group waits for others; ``group_max``: a full group does not wait.
    """

    def __init__(
        self,
        path: Path,
        *,
        now_utc: Callable[[], datetime],
        post: Callable[[Callable[[], None]], object],
        on_fatal: Callable[[BaseException], object],
        group_s: float = 0.010,
        group_max: int = 256,
        pages_max: int = PAGES_MAX,
    ) -> None:
        self.on_commit: Callable[[], None] | None = None
        "Called in the loop after each commit, after the callbacks of its group; ``head`` is new then."
        self.commits = 0
        self.redone = 0
        "Groups that were undone and done again one by one."
        self.last_commit_s = 0.0
        "From BEGIN to the end of COMMIT of the last group."
        self.fatal: StorageFatal | None = None
        self._path = path
        self._now_utc = now_utc
        self._post = post
        self._on_fatal = on_fatal
        self._group_s = group_s
        self._group_max = group_max
        self._pages_max = pages_max
        self._wake = threading.Condition()
        self._waiting: deque[_Item] = deque()
        self._running: list[_Item] = []
        self._hurry = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self._conn: sqlite3.Connection | None = None
        self._log: LogEnd | None = None
        self._head: Head | None = None
        self._data_version = 0
        self._condemned = False

    # for whoever wants to write ---------------------------------------------------------------------------------------

    @property
    def head(self) -> Head:
        """The last durable record."""
        if self._head is None:
            raise WriterClosed("The writer was not started.")
        return self._head

    @property
    def waiting(self) -> int:
        """Pieces of work that are not on disk yet."""
        return len(self._waiting) + len(self._running)

    def start(self) -> None:
        """Open the file and begin. Raises NotMigrated, PragmaRefused, ChainBroken, sqlite3.Error."""
        conn = open_writing(self._path, pages_max=self._pages_max, any_thread=True)
        try:
            self._data_version = _data_version(conn)
            self._log = read_end(conn)
        except BaseException:
            conn.close()
            raise
        self._conn = conn
        self._head = self._log.head
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what waits, checkpoint, close. Blocks; callbacks of the last group are still posted."""
        thread = self._thread
        with self._wake:
            self._closing = True
            self._wake.notify()
        if thread is not None:
            thread.join()
            self._thread = None

    def submit(
        self,
        work: Callable[[Transaction], T],
        done: Callable[[T | None, Exception | None], None],
        *,
        urgent: bool = False,
    ) -> None:
        """Write ``work`` with the next group; ``done(result, None)`` in the loop when it is on disk.

        ``done(None, error)``: nothing of it was written (StorageFull, ConstraintBroken, what ``work`` raised). After a
        fatal storage error ``done`` is never called. ``urgent``: commit at once. Raises WriterClosed.
        """
        self._put((work, cast("Done", done), time.monotonic() + (0.0 if urgent else self._group_s), False))

    async def run(self, work: Callable[[Transaction], T], *, urgent: bool = True) -> T:
        """The same, awaited. Raises what ``work`` raises, StorageFull, ConstraintBroken, StorageFatal."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(result: T, error: Exception | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self._put((work, done, time.monotonic() + (0.0 if urgent else self._group_s), True))
        return await future

    def condemn(self, error: StorageFatal) -> None:
        """From the loop: the file is not what it should be. The group in work may still end; nothing is told, nothing follows.

        What was posted and not yet called is not called either. The first error counts; later ones do nothing.
        """
        self._condemned = True
        if self.fatal is None:
            self._die(error)
        with self._wake:
            self._wake.notify()

    def hurry(self) -> None:
        """A frame that would acknowledge is due: commit what waits now. Nothing waits: nothing happens."""
        with self._wake:
            if self._waiting:
                self._hurry = True
                self._wake.notify()

    def _put(self, item: _Item) -> None:
        with self._wake:
            if self._closing or self._thread is None:
                raise WriterClosed("The writer was closed or never started.")
            if self.fatal is not None:
                if item[_AWAITED]:
                    raise self.fatal
                return
            self._waiting.append(item)
            count = len(self._waiting)
            # Only the first, a full group and an urgent one change what the thread waits for.
            first_due = self._waiting[0][_DUE]
            if count == 1 or count == self._group_max or item[_DUE] < first_due:
                self._hurry = self._hurry or item[_DUE] < first_due
                self._wake.notify()

    # the thread -------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        conn, log = self._conn, self._log
        assert conn is not None
        assert log is not None
        try:
            while group := self._next_group():
                began = time.monotonic()
                outcomes = self._commit(conn, log, group)
                self.last_commit_s = time.monotonic() - began
                self.commits += 1
                self._head = log.head
                with self._wake:
                    self._running = []
                self._deliver(outcomes)
            if self.fatal is None:
                conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except BaseException as error:  # noqa: BLE001  whatever it was, nothing may be called durable any more
            self._die(error)
        finally:
            # After a failure closing would checkpoint and could write again: the process ends instead.
            if self.fatal is None:
                conn.close()

    def _next_group(self) -> list[_Item]:
        """Wait for work, then for company. Empty: closing, and nothing is left."""
        with self._wake:
            while not self._waiting and not self._closing and self.fatal is None:
                self._wake.wait()
            if self.fatal is not None:
                return []
            while self._waiting and not (self._hurry or self._closing or len(self._waiting) >= self._group_max):
                left = self._waiting[0][_DUE] - time.monotonic()
                if left <= 0:
                    break
                self._wake.wait(left)
            count = min(len(self._waiting), self._group_max)
            group = [self._waiting.popleft() for _ in range(count)]
            self._hurry = self._hurry and bool(self._waiting)
            self._running = group
            return group

    def _commit(self, conn: sqlite3.Connection, log: LogEnd, group: list[_Item]) -> list[_Outcome]:
        mark = log.mark()
        try:
            return self._together(conn, log, group)
        except _Undo:
            self._undo(conn, log, mark)
        except sqlite3.Error as error:
            if _primary(error) in _FATAL:
                raise
            self._undo(conn, log, mark)
            if _primary(error) == _FULL:
                return _all_full(group, error)
        self.redone += 1
        try:
            return self._one_by_one(conn, log, group)
        except sqlite3.Error as error:
            if _primary(error) in _FATAL:
                raise
            self._undo(conn, log, mark)
            if _primary(error) == _FULL:
                return _all_full(group, error)
            # A constraint that is only judged at COMMIT: each must have a transaction of its own.
            if len(group) == 1:
                return [(group[0][_DONE], None, _as_error(error))]
        return [outcome for item in group for outcome in self._commit(conn, log, [item])]

    def _together(self, conn: sqlite3.Connection, log: LogEnd, group: list[_Item]) -> list[_Outcome]:
        tx = self._begin(conn, log)
        outcomes: list[_Outcome] = []
        for work, done, _, _ in group:
            position, changes = log.position, conn.total_changes
            try:
                result = work(tx)
            except sqlite3.Error as error:
                if _primary(error) in _FATAL or _primary(error) == _FULL:
                    raise
                raise _Undo from error
            except MemoryError:
                raise  # whose it was is not known: a full stop, nobody is answered
            except Exception as error:
                # A refusal that wrote nothing needs no undoing; it is the usual case for a wrong acknowledgement.
                if not conn.in_transaction or (log.position, conn.total_changes) != (position, changes):
                    raise _Undo from error
                outcomes.append((done, None, error))
            else:
                outcomes.append((done, result, None))
        log.flush(conn.executemany)
        conn.execute("COMMIT")
        return outcomes

    def _one_by_one(self, conn: sqlite3.Connection, log: LogEnd, group: list[_Item]) -> list[_Outcome]:
        tx = self._begin(conn, log)
        outcomes: list[_Outcome] = []
        for work, done, _, _ in group:
            mark = log.mark()
            conn.execute("SAVEPOINT fact")
            try:
                result = work(tx)
                log.flush(conn.executemany)
            except MemoryError:
                raise
            except Exception as error:
                if isinstance(error, sqlite3.Error) and _primary(error) in (_FATAL | {_FULL}):
                    raise
                conn.execute("ROLLBACK TO fact")
                log.back_to(mark)
                outcomes.append((done, None, _as_error(error)))
            else:
                outcomes.append((done, result, None))
            conn.execute("RELEASE fact")
        conn.execute("COMMIT")
        return outcomes

    def _begin(self, conn: sqlite3.Connection, log: LogEnd) -> _Tx:
        now = self._now_utc()
        log.recordedat = stamp(now)
        conn.execute("BEGIN IMMEDIATE")
        # Counts what others committed, not us: before anything of ours is laid on top of theirs.
        if _data_version(conn) != self._data_version:
            raise ForeignWriter(f"Another program wrote into {self._path.name}; nothing of ours was added to it.")
        return _Tx(conn, log, now)

    def _undo(self, conn: sqlite3.Connection, log: LogEnd, mark: Any) -> None:
        # Some errors have undone the transaction already.
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        log.back_to(mark)

    # back to the loop -------------------------------------------------------------------------------------------------

    def _deliver(self, outcomes: Iterable[_Outcome]) -> None:
        left = deque(outcomes)

        def tell() -> None:
            while left and not self._condemned:
                done, result, error = left.popleft()
                told = False
                try:
                    done(result, error)
                    told = True
                finally:
                    if not told:  # its error goes to the loop's handler; the others must still hear
                        self._to_loop(tell)
            if self.on_commit is not None and not self._condemned:
                self.on_commit()

        self._to_loop(tell)

    def _to_loop(self, call: Callable[[], None]) -> None:
        try:
            self._post(call)
        except RuntimeError:
            # The loop is closed: nobody is left to be told, and what is on disk stays.
            return

    def _die(self, error: BaseException) -> None:
        if isinstance(error, StorageFatal):
            fatal = error
        else:
            told = f"The store {self._path.name} failed: {type(error).__name__}: {error}"
            fatal = StorageFatal(told, cause=getattr(error, "sqlite_errorname", None) or repr(error))
            fatal.__cause__ = error
        with self._wake:
            self.fatal = fatal
            waiters = [item for item in (*self._running, *self._waiting) if item[_AWAITED]]
            self._running = []
            self._waiting.clear()
        # Whoever owns the writer first: nothing that a waiter does may come before the stop.
        self._on_fatal(fatal)
        for item in waiters:
            self._to_loop(lambda item=item: item[_DONE](None, fatal))  # type: ignore[misc]  # the default binds early


def _primary(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 1 (a mistake in SQL) where Python itself refused."""
    return int(getattr(error, "sqlite_errorcode", 1)) & 0xFF


def _data_version(conn: sqlite3.Connection) -> int:
    return int(conn.execute("PRAGMA data_version").fetchone()[0])


def _as_error(error: Exception) -> Exception:
    if isinstance(error, sqlite3.Error) and _primary(error) == _CONSTRAINT:
        broken = ConstraintBroken(f"The tables refuse it: {error}", constraint=getattr(error, "sqlite_errorname", None))
        broken.__cause__ = error
        return broken
    return error


def _all_full(group: list[_Item], error: sqlite3.Error) -> list[_Outcome]:
    full = StorageFull(f"No room for what is to be stored: {error}")
    return [(item[_DONE], None, full) for item in group]
