"""The last exception stored of each machine: after an unclean stop the first one may be the same once more.

Also the place where an exception that tells of a cleared memory leaves its trace for the next meter snapshot.
"""

from typing import NamedTuple

from edge.clock import stamp
from edge.hall.exceptions import CLEAR_CERTAIN, CLEAR_POSSIBLE
from edge.store.tx import Reader, Tx


class LastException(NamedTuple):
    """The exception that was stored last of a machine, its record's sequence, and when it was stored."""

    code: int
    sequence: int
    noted_at: str
    "Stamp of the transaction that stored it."


def last_exception(conn: Reader, asset: int) -> LastException | None:
    """None: none was ever stored of this machine."""
    row = conn.execute("SELECT code, sequence, noted_at FROM last_exceptions WHERE asset = ?", (asset,)).fetchone()
    return None if row is None else LastException(*row)


def note_exception(tx: Tx, asset: int, code: int, sequence: int, *, maybe_repeat: bool = False) -> None:
    """Write down that this exception was stored, in the transaction that stores it.

    7A says for certain that the meters restarted, 31 to 33 and 3A that they may have; the next snapshot decides. A 7A
    that may be a repeat only makes it possible, for the first one has already opened a generation.
    """
    tx.execute(
        "INSERT INTO last_exceptions (asset, code, sequence, noted_at) VALUES (?, ?, ?, ?) ON CONFLICT (asset) "
        "DO UPDATE SET code = excluded.code, sequence = excluded.sequence, noted_at = excluded.noted_at",
        (asset, code, sequence, stamp(tx.now)),
    )
    if code in CLEAR_CERTAIN and not maybe_repeat:
        tx.execute("UPDATE egms SET clear_pending = 'certain' WHERE asset = ?", (asset,))
    elif code in CLEAR_POSSIBLE or code in CLEAR_CERTAIN:
        tx.execute("UPDATE egms SET clear_pending = 'possible' WHERE asset = ? AND clear_pending IS NULL", (asset,))
