"""The front's connections to the books: read-only, and open only while the seam is up.

While the field is away its recovery may be under way; a file in that state is not read. Whoever wants to read asks for
the connection each time and keeps it no longer than one answer.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator

from edge.seam.errors import FieldAway, SafeMode


class Readers:
    """One connection for the front's loop, and one for each thread that has much to read. `opened` and `closed` are hung on
    the seam."""

    def __init__(
        self, open_reader: Callable[[], sqlite3.Connection], *, barred: Callable[[], SafeMode | None] = lambda: None
    ) -> None:
        """``barred``: asked before each reading; in safe mode it gives the error that is raised then."""
        self._open_reader = open_reader
        self._barred = barred
        self._conn: sqlite3.Connection | None = None
        self._others: set[sqlite3.Connection] = set()
        self._hurried: set[sqlite3.Connection] = set()
        self._allowed = False

    def opened(self) -> None:
        """The seam is up."""
        self._allowed = True

    def closed(self) -> None:
        """The seam is lost: nothing is read until it is back."""
        self._allowed = False
        if self._conn is not None:
            self._conn.close()
            self._conn = None
        for other in tuple(self._others):
            # It belongs to its thread, which closes it; a statement that runs in it ends now.
            with contextlib.suppress(sqlite3.ProgrammingError):
                other.interrupt()

    def hurry(self) -> None:
        """The write-ahead log grows behind a reader: what threads are asking ends now, and may be asked again."""
        for other in tuple(self._others):
            with contextlib.suppress(sqlite3.ProgrammingError):
                other.interrupt()
                self._hurried.add(other)

    def check(self) -> None:
        """May the books be read now? Raises FieldAway or SafeMode if not."""
        if not self._allowed:
            raise FieldAway("The field does not answer, so the books are not read")
        barred = self._barred()
        if barred is not None:
            raise barred

    def connection(self) -> sqlite3.Connection:
        """The connection. Raises FieldAway while the books may not be read (SafeMode: until a person has acted)."""
        self.check()
        if self._conn is None:
            self._conn = self._open_reader()
        return self._conn

    @contextlib.contextmanager
    def own(self) -> Iterator[sqlite3.Connection]:
        """A connection for the calling thread alone, for what takes longer than the loop may stand still. Raises FieldAway,
        also while it is read: when the seam is lost."""
        self.check()
        conn = self._open_reader()
        self._others.add(conn)
        try:
            yield conn
        except sqlite3.OperationalError as error:
            if not self._allowed:
                raise FieldAway("The field went away while the books were read") from error
            if conn in self._hurried:
                raise FieldAway("The books could not be held open so long; ask again, or for less") from error
            raise
        finally:
            self._others.discard(conn)
            self._hurried.discard(conn)
            conn.close()
