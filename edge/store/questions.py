"""Questions whose answer the machine deletes once it is acknowledged: written down before they are sent.

A row stands from before the question until the transaction that stores its answer, so after any restart it is known what
must be asked first again (sas-core 2, rule 11). Handpays are the first of them; tickets and transfers follow.
"""

from typing import Literal, NamedTuple

from edge.clock import stamp
from edge.store.tx import Reader, Tx

QuestionKind = Literal["handpay"]


class Question(NamedTuple):
    """Something asked, or to be asked, of a machine."""

    kind: QuestionKind
    asked_at: str
    because: str | None
    "Id of the event that made it necessary."


def open_questions(conn: Reader, asset: int) -> list[Question]:
    """What must be asked of this machine before anything else, oldest first."""
    rows = conn.execute(
        "SELECT kind, asked_at, because FROM questions WHERE asset = ? ORDER BY asked_at, kind", (asset,)
    ).fetchall()
    return [Question(*row) for row in rows]


def ask_question(tx: Tx, asset: int, kind: QuestionKind, because: str | None) -> None:
    """This will be asked. One that is open already stays as it is: its answer answers both."""
    tx.execute(
        "INSERT INTO questions (asset, kind, asked_at, because) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (asset, kind, stamp(tx.now), because),
    )


def answer_question(tx: Tx, asset: int, kind: QuestionKind) -> bool:
    """Its answer is stored in this very transaction. False: it was not open."""
    row = tx.execute("DELETE FROM questions WHERE asset = ? AND kind = ? RETURNING 1", (asset, kind)).fetchone()
    return row is not None
