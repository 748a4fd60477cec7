"""What the tables need of a transaction or a connection, so that no table knows who opened it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

Row = tuple[Any, ...]
Params = Sequence[int | str | bytes | None]


class Rows(Protocol):
    """A result of SQLite."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""


class Reader(Protocol):
    """Whoever can ask: `sqlite3.Connection` as well as a transaction."""

    def execute(self, sql: str, parameters: Any = (), /) -> Rows:
        """Run one statement."""


class Tx(Protocol):
    """The one transaction in which a fact is written; made by the writer alone."""

    @property
    def now(self) -> datetime:
        """UTC, start of the transaction."""

    def execute(self, sql: str, parameters: Any = (), /) -> Rows:
        """Run one statement."""

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> object:
        """Run one statement for each set of parameters."""
