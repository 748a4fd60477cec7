"""One marker per line: its last stop was clean (the last reply stored, the 80 that acknowledges it has left).

A marker is cleared durably before the first frame of a run. A line without one stays silent first, because its first
frame could acknowledge what was never stored.
"""

from collections.abc import Iterable

from edge.clock import stamp
from edge.store.tx import Reader, Tx


def take_markers(conn: Reader) -> dict[str, str]:
    """The lines whose last stop was clean, and when. Reading changes nothing: `clear_markers` does."""
    return dict(conn.execute("SELECT line, marked_at FROM line_markers").fetchall())


def clear_markers(tx: Tx, lines: Iterable[str]) -> None:
    """Forget that these lines stopped cleanly. No frame may leave on them before this is durable."""
    tx.executemany("DELETE FROM line_markers WHERE line = ?", [(line,) for line in lines])


def mark_clean(tx: Tx, line: str) -> None:
    """This line has come to its end: nothing is outstanding, everything is stored and acknowledged."""
    tx.execute("INSERT OR REPLACE INTO line_markers (line, marked_at) VALUES (?, ?)", (line, stamp(tx.now)))
