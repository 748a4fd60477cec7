"""Readings that a person must decide: one row for each that was judged ambiguous or a corrupt read (MTR-05, MTR-12).

A row is decided once, and nothing is counted of it before. Two of the four choices are a person's:

- ``count``: this amount is added to what was counted, as a correction of the day on which it is decided;
- ``none``: nothing is added.

The other two are the gateway's own, told by an event like a person's, because a later reading has answered the question and
nobody is needed any more. They are about a corrupt read only, which is never booked: the next booked reading of the same
meter is compared with the one before it.

- ``refuted``: that reading stood on the old line, so the growth over the doubtful one is counted already, to the credit;
  or it is the first that this meter has in this generation at all, and there was nothing to count from;
- ``confirmed``: it stood where the doubtful one did and is ambiguous itself; its own review has the whole growth.

So an amount cannot be counted of a corrupt read while a later reading may still count over it (`awaits_next`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge.clock import stamp
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.rules.meters import key_of, modulus
from edge.store.meters import Recorded
from edge.store.tx import Reader, Row, Tx

Cause = Literal["ambiguous", "corrupt_read"]
Choice = Literal["count", "none", "refuted", "confirmed"]
GATEWAY = "gateway"
"Stands for whoever decided where no person did."
_OWN_DENOMINATION = -1


@dataclass(frozen=True, slots=True)
class Review:
    """One doubtful reading with the booked one before it, and what was decided. Instants are stamps in UTC."""

    review: int
    asset: int
    generation: int
    before: Reading | None
    "The last booked reading; None: this meter had none in this generation."
    before_snapshot: int | None
    after: Reading
    "The doubtful one."
    cause: Cause
    snapshot: int
    event_id: str | None
    "The event that told of it (``hall.egm.meters.review.v1``)."
    gamingday: str
    opened_at: str
    choice: Choice | None = None
    "None: open."
    amount: int | None = None
    "Counted by the decision, in the unit of the meter; 0 for every choice but ``count``."
    comment: str | None = None
    central: str | None = None
    "Who decided."
    decided_at: str | None = None
    decided_day: str | None = None
    "The day in which the amount is booked."
    decision_id: str | None = None

    @property
    def is_open(self) -> bool:
        """Nobody has decided it, and no later reading has."""
        return self.choice is None

    @property
    def rise(self) -> int | None:
        """Growth if the meter did not wrap; None: that cannot be, for it stands lower than before, or had no before."""
        growth = self._growth
        return None if growth is None or growth < 0 else growth

    @property
    def wrapped(self) -> int | None:
        """Growth if the meter wrapped once; None: there is no reading before."""
        growth = self._growth
        return None if growth is None else growth + self._wrap

    @property
    def limit(self) -> int:
        """An amount to be counted is below this: twice what the meter can show."""
        return 2 * modulus(max(self.after.width, self.before.width if self.before else 0))

    @property
    def _wrap(self) -> int:
        return modulus(min(self.after.width, self.before.width if self.before else self.after.width))

    @property
    def _growth(self) -> int | None:
        # Readings of different widths agree only in the digits that both have.
        return None if self.before is None else self.after.value % self._wrap - self.before.value % self._wrap


def open_reviews(tx: Tx, recorded: Recorded, day: str) -> list[Review]:
    """A row for each reading of this snapshot that needs a person. The caller appends the event, then `name_reviews`."""
    opened = []
    for judged in recorded.for_review:
        reading = judged.reading
        value, width, snapshot = _booked_before(tx, recorded, reading) or (None, None, None)
        row = tx.execute(
            "INSERT INTO reviews (asset, generation, game, denomination, code, before, before_width, before_snapshot, "
            "after, width, cause, snapshot, gamingday, opened_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "RETURNING review",
            (
                recorded.source.asset, recorded.generation, reading.game, _own(reading), reading.code,
                value, width, snapshot, reading.value, reading.width, judged.verdict.kind, recorded.snapshot, day,
                stamp(tx.now),
            ),
        ).fetchone()  # fmt: skip
        review = find(tx, int(row[0]))
        assert review is not None
        opened.append(review)
    return opened


def name_reviews(tx: Tx, reviews: Sequence[Review], event_id: str) -> None:
    """Write down which event told of these."""
    tx.executemany("UPDATE reviews SET event_id = ? WHERE review = ?", [(event_id, one.review) for one in reviews])


def answered_by(tx: Tx, recorded: Recorded) -> list[tuple[Review, Literal["refuted", "confirmed"]]]:
    """Corrupt reads that this snapshot has answered; the caller decides them (`decide`).

    A reading over which nothing is counted for another reason (another denomination, a new generation) answers none.
    """
    rows = tx.execute(
        _SELECT
        + "WHERE asset = ? AND decided_at IS NULL AND cause = 'corrupt_read' AND generation = ? ORDER BY review",
        (recorded.source.asset, recorded.generation),
    ).fetchall()
    if not rows:
        return []
    verdicts = {key_of(judged.reading): judged.verdict for judged in recorded.judged if judged.verdict.booked}
    answered: list[tuple[Review, Literal["refuted", "confirmed"]]] = []
    for row in rows:
        review = _review(row)
        verdict = verdicts.get(key_of(review.after))
        if verdict is None:
            continue
        booked = _booked_before(tx, recorded, review.after)
        if (booked and booked[2]) != review.before_snapshot:
            continue  # another denomination came between: over this one nothing was counted
        if verdict.delta is not None or booked is None:
            answered.append((review, "refuted"))
        elif verdict.kind == "ambiguous":
            answered.append((review, "confirmed"))
    return answered


def awaits_next(conn: Reader, review: Review) -> bool:
    """Is it a corrupt read over which the next reading of the same meter may still count?"""
    row = conn.execute(
        "SELECT l.snapshot FROM meter_series s LEFT JOIN meter_last l USING (series) "
        "JOIN egms e ON e.asset = s.asset AND e.generation = s.generation "
        "WHERE s.asset = ? AND s.generation = ? AND s.game = ? AND s.denomination = ? AND s.code = ?",
        _series(review),
    ).fetchone()
    return review.cause == "corrupt_read" and row is not None and row[0] == review.before_snapshot


@dataclass(frozen=True, slots=True)
class Moment:
    """A snapshot of the machine, as far as it matters for a decision."""

    snapshot: int
    read_at: str
    reason: str
    coherent: bool
    denomination: Denomination | None
    event_id: str | None


def moments(conn: Reader, review: Review) -> tuple[Moment | None, Moment]:
    """The snapshots of the two readings: the booked one, if there is one, and the doubtful one."""
    before = None if review.before_snapshot is None else _moment(conn, review.before_snapshot)
    return before, _moment(conn, review.snapshot)


def worth_of(conn: Reader, review: Review) -> Denomination | None:
    """The accounting denomination in which the doubtful reading was made; None: the machine did not tell."""
    return _moment(conn, review.snapshot).denomination


def decide(
    tx: Tx, review: Review, choice: Choice, *, amount: int, comment: str, central: str, day: str, decision_id: str
) -> bool:
    """Write the decision down, once. False: it was decided before, and nothing changed."""
    row = tx.execute(
        "UPDATE reviews SET choice = ?, amount = ?, comment = ?, central = ?, decided_at = ?, decided_day = ?, "
        "decision_id = ? WHERE review = ? AND decided_at IS NULL RETURNING review",
        (choice, amount, comment, central, stamp(tx.now), day, decision_id, review.review),
    ).fetchone()
    return row is not None


def find(conn: Reader, review: int) -> Review | None:
    """One of them, decided or not; None: there is none of this number."""
    row = conn.execute(_SELECT + "WHERE review = ?", (review,)).fetchone()
    return None if row is None else _review(row)


def open_of(conn: Reader, asset: int | None = None) -> list[Review]:
    """All that wait for a decision, of one machine or of all, oldest first."""
    rows = conn.execute(
        _SELECT + "WHERE decided_at IS NULL AND (? IS NULL OR asset = ?) ORDER BY review", (asset, asset)
    ).fetchall()
    return [_review(row) for row in rows]


def newest(conn: Reader, asset: int | None = None, limit: int = 200) -> list[Review]:
    """The newest, decided or not, of one machine or of all, newest first."""
    rows = conn.execute(
        _SELECT + "WHERE ? IS NULL OR asset = ? ORDER BY review DESC LIMIT ?", (asset, asset, limit)
    ).fetchall()
    return [_review(row) for row in rows]


def opened_in(conn: Reader, first_day: str, last_day: str) -> list[Review]:
    """Those that belong to these gaming days, both included, whenever they were decided."""
    rows = conn.execute(_SELECT + "WHERE gamingday BETWEEN ? AND ? ORDER BY review", (first_day, last_day)).fetchall()
    return [_review(row) for row in rows]


def open_counts(conn: Reader) -> dict[int, int]:
    """How many are open, by asset; machines without any are left out."""
    rows = conn.execute("SELECT asset, count(*) FROM reviews WHERE decided_at IS NULL GROUP BY asset").fetchall()
    return {int(asset): int(count) for asset, count in rows}


def open_count(conn: Reader, asset: int) -> int:
    """How many of this machine are open."""
    row = conn.execute("SELECT count(*) FROM reviews WHERE asset = ? AND decided_at IS NULL", (asset,)).fetchone()
    return int(row[0])


def _booked_before(tx: Tx, recorded: Recorded, reading: Reading) -> tuple[int, int, int] | None:
    """Value, width and snapshot of the last reading of this meter that was booked before this snapshot, in its generation."""
    # Walks back over the machine's snapshots and not over all readings, of which there are hundreds of millions.
    row = tx.execute(
        "SELECT r.value, r.width, r.snapshot FROM meter_series s "
        "JOIN meter_snapshots m ON m.asset = s.asset AND m.snapshot < ? "
        "JOIN meter_readings r ON r.snapshot = m.snapshot AND r.series = s.series "
        "WHERE s.asset = ? AND s.generation = ? AND s.game = ? AND s.denomination = ? AND s.code = ? "
        "AND r.verdict != 'corrupt_read' ORDER BY m.snapshot DESC LIMIT 1",
        (recorded.snapshot, recorded.source.asset, recorded.generation, reading.game, _own(reading), reading.code),
    ).fetchone()
    return None if row is None else (int(row[0]), int(row[1]), int(row[2]))


def _moment(conn: Reader, snapshot: int) -> Moment:
    row = conn.execute(
        "SELECT read_at, reason, coherent, denomination_code, denomination_numerator, denomination_denominator, event_id "
        "FROM meter_snapshots WHERE snapshot = ?",
        (snapshot,),
    ).fetchone()
    read_at, reason, coherent, code, above, below, event_id = row
    denomination = None if code is None else Denomination(code, above, below)
    return Moment(snapshot, read_at, reason, bool(coherent), denomination, event_id)


def _own(reading: Reading) -> int:
    return _OWN_DENOMINATION if reading.denomination is None else reading.denomination


def _series(review: Review) -> tuple[int, int, int, int, int]:
    after = review.after
    return review.asset, review.generation, after.game, _own(after), after.code


_SELECT = (
    "SELECT review, asset, generation, game, denomination, code, before, before_width, before_snapshot, after, width, cause, "
    "snapshot, event_id, gamingday, opened_at, choice, amount, comment, central, decided_at, decided_day, decision_id "
    "FROM reviews "
)


def _review(row: Row) -> Review:
    (
        number, asset, generation, game, own, code, before, before_width, before_snapshot, after, width, cause, *rest
    ) = row  # fmt: skip
    denomination = None if own == _OWN_DENOMINATION else int(own)
    return Review(
        number,
        asset,
        generation,
        None if before is None else Reading(game, denomination, code, before, before_width),
        before_snapshot,
        Reading(game, denomination, code, after, width),
        cause,
        *rest,
    )
