"""Meters: snapshots, the readings in them with their verdicts, and the last booked reading of each series.

A series is one meter of one machine in one generation: asset, generation, game, denomination, code. The verdicts are
made by `edge.rules.meters` from what these tables know; nothing is booked that it does not explain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Literal, NamedTuple

from edge.clock import from_stamp, stamp
from edge.errors import UnknownMachine
from edge.hall.meters import Reading, meter
from edge.hall.money import Denomination
from edge.hall.requests import SnapshotReason
from edge.hall.shapes import Json
from edge.rules.meters import (
    NEEDS_REVIEW,
    NEW_GENERATION,
    Cleared,
    Last,
    MeterKey,
    Pace,
    SnapshotEvidence,
    Verdict,
    key_of,
    snapshot_verdicts,
)
from edge.store import days
from edge.store.devices import open_generation
from edge.store.tx import Reader, Tx

_OWN_DENOMINATION = -1
"In the key of a series: the machine's accounting denomination. SQL's NULL would equal nothing, not even itself."


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read of a machine at one moment."""

    asset: int
    read_at: datetime
    reason: SnapshotReason
    readings: Sequence[Reading]
    unsupported: Sequence[int] = ()
    because: str | None = None
    "Id of the event that caused it."
    coherent: bool = True
    denomination: Denomination | None = None
    "Accounting denomination; None: the machine does not tell."
    clock_trusted: bool = True
    "False: the time since the last reading is unknown, and no fall is explained as a wrap."
    confirmed: bool | None = None
    "A second read at once gave the same (True), or not (False); None: not asked."


class Judged(NamedTuple):
    """A reading and what it is against the last booked one."""

    reading: Reading
    verdict: Verdict
    before: int | None
    "Value of the last booked reading of this meter, also across a generation; None: none."


@dataclass(frozen=True, slots=True)
class Recorded:
    """A snapshot as it stands in the tables."""

    snapshot: int
    source: Snapshot
    generation: int
    previous_generation: int
    judged: tuple[Judged, ...]
    denomination_before: Denomination | None
    denomination_changed: bool
    replaced: bool
    last_event_id: str | None
    "Event id of the snapshot before this one."

    @property
    def cause(self) -> Literal["ram_clear", "replaced"] | None:
        """Why a new generation began with this snapshot; None: none began."""
        if self.generation == self.previous_generation:
            return None
        return "replaced" if self.replaced else "ram_clear"

    @property
    def for_review(self) -> tuple[Judged, ...]:
        """Readings a person must look at."""
        return tuple(judged for judged in self.judged if judged.verdict.kind in NEEDS_REVIEW)

    def data(self) -> dict[str, Json]:
        """The data of ``hall.egm.meters.snapshot.v1``."""
        source = self.source
        return {
            "asset": source.asset,
            "generation": self.generation,
            "reason": source.reason,
            "because": source.because,
            "coherent": source.coherent,
            "denomination": source.denomination.as_data() if source.denomination else None,
            "readings": [
                {
                    "game": reading.game,
                    "denomination": reading.denomination,
                    "code": reading.code,
                    "value": str(reading.value),
                    "width": reading.width,
                    "delta": None if verdict.delta is None else str(verdict.delta),
                    "verdict": verdict.kind,
                }
                for reading, verdict, _ in self.judged
            ],
            "unsupported": list(source.unsupported),
        }


def record_snapshot(
    tx: Tx,
    snapshot: Snapshot,
    *,
    day: str | None = None,
    pace: Pace = Pace(),  # noqa: B008 - frozen
) -> Recorded:
    """Judge each reading against the last booked one and write all of it down. Raises UnknownMachine.

    `day`: the day of the books in which it is counted; None: the one that is open, and if none ever was, the UTC date. A
    cleared memory or another machine opens a new generation, in the same transaction. The caller appends the event
    (`Recorded.data`) and then names the snapshot after it (`name_snapshot`).
    """
    asset = snapshot.asset
    row = tx.execute(
        "SELECT generation, generation_cause, clear_pending FROM egms WHERE asset = ?", (asset,)
    ).fetchone()
    if row is None:
        raise UnknownMachine(f"Machine {asset} is not registered", asset=asset)
    generation, cause, pending = int(row[0]), str(row[1]), row[2]
    before = last_snapshot(tx, asset)
    last, series = _last(tx, asset, generation, snapshot)
    # The first snapshot of a machine that was found replaced: compared with its predecessor only to say so.
    replaced = before is not None and before.generation < generation and cause == "replaced"
    known = _last(tx, asset, before.generation, snapshot)[0] if replaced and before is not None else last
    changed = before is not None and not replaced and _differ(before.denomination, snapshot.denomination)
    cleared: Cleared | None = pending
    verdicts = snapshot_verdicts(
        known,
        snapshot.readings,
        SnapshotEvidence(
            serial_changed=replaced,
            denomination_changed=changed,
            cleared=cleared,
            pace=pace,
            confirmed=snapshot.confirmed,
            coherent=snapshot.coherent,
        ),
    )
    previous = before.generation if before is not None else generation
    certain = pending == "certain" and before is not None
    if not replaced and (certain or any(verdict.kind in NEW_GENERATION for verdict in verdicts)):
        generation = open_generation(tx, asset, "ram_clear")
        series = {}
    elif pending is not None and (
        before is None
        or (snapshot.confirmed is not False and any(key_of(reading) in known for reading in snapshot.readings))
    ):
        # Settled: nothing was there to be cleared, or it was compared and found in order. A snapshot of meters never
        # read before, or one that its second read contradicts, shows nothing and leaves the question open.
        tx.execute("UPDATE egms SET clear_pending = NULL WHERE asset = ?", (asset,))
    number = _insert_snapshot(tx, snapshot, generation)
    _insert_readings(tx, snapshot, generation, number, verdicts, series)
    judged = tuple(
        Judged(reading, verdict, known[key].reading.value if (key := key_of(reading)) in known else None)
        for reading, verdict in zip(snapshot.readings, verdicts, strict=True)
    )
    recorded = Recorded(
        number,
        snapshot,
        generation,
        previous,
        judged,
        before.denomination if before else None,
        changed,
        replaced,
        before.event_id if before else None,
    )
    if day is None:
        day = days.newest_day(tx) or days.open_day(tx, snapshot.read_at.astimezone(UTC).date().isoformat(), 1, tx.now)
    _count(tx, day, recorded, before)
    return recorded


def _count(tx: Tx, day: str, recorded: Recorded, before: "StoredSnapshot | None") -> None:
    """The day's sums, when the machine was read, and what the day cannot know of it."""
    source, asset = recorded.source, recorded.source.asset
    rising = [judged for judged in recorded.judged if meter(judged.reading.code).monotonic]
    days.count(
        tx,
        day,
        asset,
        recorded.generation,
        source.denomination,
        [
            (reading.game, reading.denomination, reading.code, verdict.delta)
            for reading, verdict, _ in rising
            if verdict.booked
        ],
    )
    # What grew up to a reading that is not booked is counted later, maybe in another day: it closes none.
    if all(judged.verdict.booked for judged in rising):
        days.note_read(tx, day, asset, recorded.snapshot, source.read_at, before.read_at if before else None)
    for kind, true in (
        ("first", before is None),
        ("denomination_change", recorded.denomination_changed),
        ("incoherent", not source.coherent),
    ):
        if true:
            days.note_doubt(tx, day, asset, kind)
    if recorded.cause is not None:
        days.note_doubt(tx, day, asset, recorded.cause)


def name_snapshot(tx: Tx, snapshot: int, event_id: str) -> None:
    """Write down under which event the snapshot stands in the log."""
    tx.execute("UPDATE meter_snapshots SET event_id = ? WHERE snapshot = ?", (event_id, snapshot))


def _differ(before: Denomination | None, now: Denomination | None) -> bool:
    # A machine that does not tell (None) has not changed anything.
    return before is not None and now is not None and before.minor != now.minor


def _last(tx: Tx, asset: int, generation: int, snapshot: Snapshot) -> tuple[dict[MeterKey, Last], dict[MeterKey, int]]:
    rows = tx.execute(
        "SELECT s.series, s.game, s.denomination, s.code, l.value, l.width, l.read_at, l.suspect_value, "
        "l.suspect_width, n.denomination_numerator, n.denomination_denominator FROM meter_series s "
        "LEFT JOIN meter_last l USING (series) LEFT JOIN meter_snapshots n USING (snapshot) "
        "WHERE s.asset = ? AND s.generation = ?",
        (asset, generation),
    ).fetchall()
    last: dict[MeterKey, Last] = {}
    series: dict[MeterKey, int] = {}
    for number, game, denomination, code, value, width, read_at, suspect_value, suspect_width, above, below in rows:
        own = None if denomination == _OWN_DENOMINATION else int(denomination)
        key = (int(game), own, int(code))
        series[key] = int(number)
        if value is None:
            continue  # Read, and never yet believed.
        suspect = None
        if suspect_value is not None:
            suspect = Reading(game, own, code, suspect_value, suspect_width)
        elapsed = (snapshot.read_at - from_stamp(read_at)).days * 86_400
        elapsed += (snapshot.read_at - from_stamp(read_at)).seconds
        # A reading from the future means that the clock went back: how long it was is not known.
        trusted = snapshot.clock_trusted and elapsed >= 0
        scale = _scale(above, below, snapshot.denomination)
        last[key] = Last(Reading(game, own, code, value, width), elapsed if trusted else None, suspect, scale)
    return last, series


def _scale(above: int | None, below: int | None, now: Denomination | None) -> Fraction | None:
    """What a credit of the base is in credits of now; None: the same, or one of them was not told.

    Of each base, because the first snapshot after a change need not hold every meter.
    """
    if above is None or below is None or now is None:
        return None
    scale = Fraction(above * now.denominator, below * now.numerator)
    return None if scale == 1 else scale


def _insert_snapshot(tx: Tx, snapshot: Snapshot, generation: int) -> int:
    denomination = snapshot.denomination
    row = tx.execute(
        "INSERT INTO meter_snapshots (asset, generation, read_at, reason, because, coherent, denomination_code, "
        "denomination_numerator, denomination_denominator) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING snapshot",
        (
            snapshot.asset,
            generation,
            stamp(snapshot.read_at),
            snapshot.reason,
            snapshot.because,
            int(snapshot.coherent),
            denomination.code if denomination else None,
            denomination.numerator if denomination else None,
            denomination.denominator if denomination else None,
        ),
    ).fetchone()
    return int(row[0])


def _insert_readings(
    tx: Tx,
    snapshot: Snapshot,
    generation: int,
    number: int,
    verdicts: Sequence[Verdict],
    series: dict[MeterKey, int],
) -> None:
    booked, suspects, rows = [], [], []
    read_at = stamp(snapshot.read_at)
    for reading, verdict in zip(snapshot.readings, verdicts, strict=True):
        key = key_of(reading)
        if key not in series:
            series[key] = _new_series(tx, snapshot.asset, generation, reading)
        rows.append((number, series[key], reading.value, reading.width, verdict.delta, verdict.kind))
        if verdict.booked:
            booked.append((series[key], reading.value, reading.width, read_at, number))
        else:
            suspects.append((reading.value, reading.width, series[key]))
    tx.executemany(
        "INSERT INTO meter_readings (snapshot, series, value, width, delta, verdict) VALUES (?, ?, ?, ?, ?, ?)", rows
    )
    tx.executemany(
        "INSERT INTO meter_last (series, value, width, read_at, snapshot) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (series) DO UPDATE SET value = excluded.value, width = excluded.width, "
        "read_at = excluded.read_at, snapshot = excluded.snapshot, suspect_value = NULL, suspect_width = NULL",
        booked,
    )
    tx.executemany("UPDATE meter_last SET suspect_value = ?, suspect_width = ? WHERE series = ?", suspects)


def _new_series(tx: Tx, asset: int, generation: int, reading: Reading) -> int:
    own = _OWN_DENOMINATION if reading.denomination is None else reading.denomination
    row = tx.execute(
        "INSERT INTO meter_series (asset, generation, game, denomination, code) VALUES (?, ?, ?, ?, ?) "
        "RETURNING series",
        (asset, generation, reading.game, own, reading.code),
    ).fetchone()
    return int(row[0])


class StoredReading(NamedTuple):
    """One reading of a stored snapshot."""

    reading: Reading
    delta: int | None
    verdict: str


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot as the tables have it."""

    snapshot: int
    asset: int
    generation: int
    read_at: datetime
    reason: str
    because: str | None
    coherent: bool
    denomination: Denomination | None
    event_id: str | None


_SNAPSHOT = (
    "SELECT snapshot, asset, generation, read_at, reason, because, coherent, denomination_code, "
    "denomination_numerator, denomination_denominator, event_id FROM meter_snapshots "
)


def last_snapshot(conn: Reader, asset: int) -> StoredSnapshot | None:
    """The newest snapshot of a machine; None: none yet."""
    row = conn.execute(_SNAPSHOT + "WHERE asset = ? ORDER BY snapshot DESC LIMIT 1", (asset,)).fetchone()
    if row is None:
        return None
    number, asset, generation, read_at, reason, because, coherent, code, above, below, event_id = row
    denomination = None if code is None else Denomination(code, above, below)
    return StoredSnapshot(
        number, asset, generation, from_stamp(read_at), reason, because, bool(coherent), denomination, event_id
    )


def readings_of(conn: Reader, snapshot: int) -> list[StoredReading]:
    """The readings of one snapshot, by game and code."""
    rows = conn.execute(
        "SELECT s.game, s.denomination, s.code, r.value, r.width, r.delta, r.verdict FROM meter_readings r "
        "JOIN meter_series s USING (series) WHERE r.snapshot = ? ORDER BY s.game, s.denomination, s.code",
        (snapshot,),
    ).fetchall()
    return [
        StoredReading(Reading(game, None if own == _OWN_DENOMINATION else own, code, value, width), delta, verdict)
        for game, own, code, value, width, delta, verdict in rows
    ]


def latest_meters(conn: Reader, asset: int) -> list[Reading]:
    """The last booked value of each meter in the machine's present generation."""
    rows = conn.execute(
        "SELECT s.game, s.denomination, s.code, l.value, l.width FROM meter_series s JOIN meter_last l USING (series) "
        "JOIN egms e ON e.asset = s.asset AND e.generation = s.generation WHERE s.asset = ? "
        "ORDER BY s.game, s.denomination, s.code",
        (asset,),
    ).fetchall()
    return [
        Reading(game, None if own == _OWN_DENOMINATION else own, code, value, width)
        for game, own, code, value, width in rows
    ]


def codes_read(conn: Reader, asset: int) -> tuple[int, ...]:
    """Which meters of the machine as a whole were ever read in its present generation."""
    rows = conn.execute(
        "SELECT DISTINCT s.code FROM meter_series s JOIN egms e ON e.asset = s.asset AND e.generation = s.generation "
        "WHERE s.asset = ? AND s.game = 0 AND s.denomination = ? ORDER BY s.code",
        (asset, _OWN_DENOMINATION),
    ).fetchall()
    return tuple(int(code) for (code,) in rows)


def counted(conn: Reader, asset: int, code: int, *, game: int = 0) -> int:
    """All that was ever counted of this meter, over every generation: the sum of the booked differences. What single
    denominations count is in it already."""
    row = conn.execute(
        "SELECT sum(r.delta) FROM meter_readings r JOIN meter_series s USING (series) "
        "WHERE s.asset = ? AND s.game = ? AND s.code = ? AND s.denomination = ?",
        (asset, game, code, _OWN_DENOMINATION),
    ).fetchone()
    return int(row[0] or 0)
