"""The days of the books and their sums, kept in the transaction that books; read by reports, which read nothing else.

A day is opened by the first record whose label is later than every day opened so far. From then on all is booked in it,
whatever the clock does, so each record and each count belongs to exactly one day.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from fractions import Fraction

from edge.clock import from_stamp, stamp
from edge.hall.days import HALL, DaySum, Doubt, MachineDay, OpenedDay, Place, Silence
from edge.hall.money import Denomination
from edge.rules.gaming_day import GamingDays
from edge.store.tx import Reader, Tx

LEAP = timedelta(days=31)
"""An untrusted clock opens no day that is further than this after the newest one.

A battery that fails or a wrong year typed in would otherwise swallow all days to come. A box that was off for longer
stays in its last day until its clock is right, and says so.
"""
_OWN_DENOMINATION = -1
"As in the key of a series: SQL's NULL would equal nothing, not even itself."
_KEY = "gamingday, asset, generation, game, denomination, code, worth_numerator, worth_denominator"
_ADD = (
    f"INSERT INTO meter_days ({_KEY}, counted, corrected) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT ({_KEY}) "
    "DO UPDATE SET counted = counted + excluded.counted, corrected = corrected + excluded.corrected"
)
_SHOW = f"INSERT INTO meter_days ({_KEY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT ({_KEY}) DO NOTHING"


def open_day(tx: Tx, label: str, position: int, opened_at: datetime, *, trusted: bool = True) -> str:
    """The day in which all of this transaction is booked; opened here if this label is later than every one before.

    `position`: where the next record goes in the log. `trusted`: whether the clock that made the label is.
    """
    newest = newest_day(tx)
    if newest == label:
        return label
    if newest is not None:
        if label < newest:
            note_doubt(tx, newest, HALL, "clock_behind")
            return newest
        if not trusted and date.fromisoformat(label) - date.fromisoformat(newest) > LEAP:
            note_doubt(tx, newest, HALL, "clock_ahead")
            return newest
    tx.execute(
        "INSERT INTO gaming_days (gamingday, first_position, opened_at) VALUES (?, ?, ?)",
        (label, position, stamp(opened_at)),
    )
    if not trusted:
        note_doubt(tx, label, HALL, "clock_untrusted")
    return label


def newest_day(conn: Reader) -> str | None:
    """The day that is open; None: none was ever."""
    row = conn.execute("SELECT max(gamingday) FROM gaming_days").fetchone()
    return None if row is None or row[0] is None else str(row[0])


def count(
    tx: Tx,
    day: str,
    asset: int,
    generation: int,
    worth: Denomination | None,
    grown: Iterable[tuple[int, int | None, int, int | None]],
) -> None:
    """Add what the meters of one snapshot grew: game, denomination code, meter code, growth (None: may not be counted).

    A meter that was read has a row in the day even if nothing was counted: a count of none is not an unknown one.
    """
    above, below = _worth(worth)
    adds: list[tuple[int | str, ...]] = []
    shows: list[tuple[int | str, ...]] = []
    for game, denomination, code, growth in grown:
        own = _OWN_DENOMINATION if denomination is None else denomination
        key = (day, asset, generation, game, own, code, above, below)
        # The row of a meter that stood still is not written again: an idle machine costs nothing.
        if growth:
            adds.append((*key, growth, 0))
        else:
            shows.append(key)
    tx.executemany(_ADD, adds)
    tx.executemany(_SHOW, shows)


def correct(
    tx: Tx,
    day: str,
    asset: int,
    generation: int,
    game: int,
    denomination: int | None,
    code: int,
    worth: Denomination | Fraction | None,
    amount: int,
) -> None:
    """Add what a person decided is to be counted: a new fact of the day on which it is decided. `amount` is not negative."""
    own = _OWN_DENOMINATION if denomination is None else denomination
    tx.execute(_ADD, (day, asset, generation, game, own, code, *_worth(worth), 0, amount))


def note_read(tx: Tx, day: str, asset: int, snapshot: int, read_at: datetime, since: datetime | None) -> None:
    """A snapshot of which every meter was booked stands in this day. `since`: when the snapshot before it was read, for a
    machine that no day has yet."""
    at = stamp(read_at)
    row = tx.execute(
        "UPDATE day_machines SET last_at = ?, last_snapshot = ?, snapshots = snapshots + 1 "
        "WHERE gamingday = ? AND asset = ? RETURNING asset",
        (at, snapshot, day, asset),
    ).fetchone()
    if row is not None:
        return
    # Not simply the snapshot before: nothing may have been booked of that one, and then this day counts from further back.
    before = tx.execute(
        "SELECT last_at FROM day_machines WHERE gamingday < ? AND asset = ? ORDER BY gamingday DESC LIMIT 1",
        (day, asset),
    ).fetchone()
    since_at = before[0] if before is not None else None if since is None else stamp(since)
    tx.execute(
        "INSERT INTO day_machines (gamingday, asset, since_at, first_at, last_at, first_snapshot, last_snapshot, "
        "snapshots) VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
        (day, asset, since_at, at, at, snapshot, snapshot),
    )


def note_doubt(tx: Tx, day: str, asset: int, kind: str) -> None:
    """Once more there is something that the day does not know; `kind` as in `edge.hall.days.DOUBTS`."""
    tx.execute(
        "INSERT INTO day_doubts (gamingday, asset, kind, count) VALUES (?, ?, ?, 1) "
        "ON CONFLICT (gamingday, asset, kind) DO UPDATE SET count = count + 1",
        (day, asset, kind),
    )


def note_data(
    tx: Tx, asset: int, at: datetime, current_until: datetime, calendar: GamingDays, *, trusted: bool = True
) -> None:
    """Meters of this machine came. The time since the ones before ceased to be current is counted in the days it lies in.

    `current_until`: until when these are current, if nothing happens. `trusted`: whether the clock is; a time of one that
    is not, and that cannot be right, changes nothing. Only days that were opened are counted in: of others no figure is told.
    """
    since = _current_until(tx, asset)
    if since is not None:
        if not trusted and not (since <= current_until and at - since <= LEAP):
            return
        parts = [(day.isoformat(), end - begin) for day, begin, end in calendar.split(since, at)]
        tx.executemany(
            "INSERT INTO day_silences (gamingday, asset, seconds) SELECT gamingday, ?, ? FROM gaming_days "
            "WHERE gamingday = ? ON CONFLICT (gamingday, asset) DO UPDATE SET seconds = seconds + excluded.seconds",
            [(asset, part.days * 86_400 + part.seconds, day) for day, part in parts],
        )
    tx.execute(
        "INSERT INTO machine_data (asset, current_until) VALUES (?, ?) "
        "ON CONFLICT (asset) DO UPDATE SET current_until = excluded.current_until",
        (asset, stamp(current_until)),
    )


def note_silence(tx: Tx, asset: int, at: datetime, *, trusted: bool = True) -> None:
    """It was not heard from this moment on: its meters are not current any more, however young they are."""
    since = _current_until(tx, asset)
    if since is not None and since > at and (trusted or since - at <= LEAP):
        tx.execute("UPDATE machine_data SET current_until = ? WHERE asset = ?", (stamp(at), asset))


def _current_until(tx: Tx, asset: int) -> datetime | None:
    # Before its first reading a machine is silent from the moment it was registered.
    row = tx.execute(
        "SELECT CASE WHEN d.asset IS NULL THEN e.registered_at ELSE d.current_until END "
        "FROM egms e LEFT JOIN machine_data d USING (asset) WHERE e.asset = ?",
        (asset,),
    ).fetchone()
    return None if row is None or row[0] is None else from_stamp(row[0])


def _worth(worth: Denomination | Fraction | None) -> tuple[int, int]:
    if worth is None:
        return 0, 1
    minor = worth.minor if isinstance(worth, Denomination) else worth
    # In lowest terms, whatever the machine's code came from: one worth is one row.
    return minor.numerator, minor.denominator


# Reading -------------------------------------------------------------------------------------------------------------


def days(conn: Reader) -> list[OpenedDay]:
    """Every day that was opened, oldest first."""
    rows = conn.execute("SELECT gamingday, first_position, opened_at FROM gaming_days ORDER BY gamingday").fetchall()
    return [OpenedDay(*row) for row in rows]


def sums(
    conn: Reader,
    first_day: str,
    last_day: str,
    *,
    codes: Collection[int] | None = None,
    game: int | None = None,
) -> list[DaySum]:
    """What was counted from the first to the last day, both included, by machine, generation, game, denomination, code and
    worth. `codes` and `game`: only of these."""
    where, wanted = "gamingday BETWEEN ? AND ?", [first_day, last_day]
    only: list[int] = []
    if game is not None:
        where += " AND game = ?"
        only.append(game)
    if codes is not None:
        where += f" AND code IN ({', '.join('?' * len(codes))})"
        only += codes
    columns = "asset, generation, game, denomination, code, worth_numerator, worth_denominator"
    what, group = "sum(counted), sum(corrected)", f" GROUP BY {columns}"
    if first_day == last_day:
        # The key of the table begins with the day: each row is a group of its own, and they are in order.
        where, wanted, what, group = where.replace("BETWEEN ? AND ?", "= ?", 1), [first_day], "counted, corrected", ""
    rows = conn.execute(
        f"SELECT {columns}, {what} FROM meter_days WHERE {where}{group} ORDER BY {columns}",
        (*wanted, *only),
    ).fetchall()
    worths: dict[tuple[int, int], Fraction | None] = {}
    found = []
    for asset, generation, of_game, own, code, above, below, counted, corrected in rows:
        if (above, below) not in worths:
            worths[above, below] = Fraction(above, below) if above else None
        denomination = None if own == _OWN_DENOMINATION else own
        worth = worths[above, below]
        found.append(DaySum(asset, generation, of_game, denomination, code, worth, counted, corrected))
    return found


def reads(conn: Reader, first_day: str, last_day: str) -> list[MachineDay]:
    """When each machine was first and last read from the first to the last day, both included; no row: not at all."""
    # With one min() or max() SQLite takes the other columns from the row in which it was found.
    begins, ends = (
        conn.execute(
            f"SELECT asset, {which}(gamingday), since_at, first_at, last_at, sum(snapshots) FROM day_machines "
            "WHERE gamingday BETWEEN ? AND ? GROUP BY asset ORDER BY asset",
            (first_day, last_day),
        ).fetchall()
        for which in ("min", "max")
    )
    return [
        MachineDay(asset, since_at, first_at, last_at, snapshots)
        for (asset, _, since_at, first_at, _, snapshots), (_, _, _, _, last_at, _) in zip(begins, ends, strict=True)
    ]


def doubts(conn: Reader, first_day: str, last_day: str) -> list[Doubt]:
    """What these days do not know."""
    rows = conn.execute(
        "SELECT gamingday, asset, kind, count FROM day_doubts WHERE gamingday BETWEEN ? AND ? "
        "ORDER BY gamingday, asset, kind",
        (first_day, last_day),
    ).fetchall()
    return [Doubt(*row) for row in rows]


def silences(conn: Reader, first_day: str, last_day: str) -> list[Silence]:
    """How long nothing was known of each machine on these days, and since when it may be so now."""
    rows = conn.execute(
        "SELECT e.asset, coalesce(s.seconds, 0), CASE WHEN d.asset IS NULL THEN e.registered_at ELSE d.current_until END "
        "FROM egms e LEFT JOIN machine_data d USING (asset) LEFT JOIN (SELECT asset, sum(seconds) AS seconds "
        "FROM day_silences WHERE gamingday BETWEEN ? AND ? GROUP BY asset) s USING (asset) ORDER BY e.asset",
        (first_day, last_day),
    ).fetchall()
    return [Silence(*row) for row in rows]


def places(conn: Reader) -> list[Place]:
    """Every machine that was ever registered, by line and address, as it stands now."""
    rows = conn.execute(
        "SELECT asset, line, location, label, enrolled, registered_at FROM egms ORDER BY line, address, asset"
    ).fetchall()
    return [Place(asset, line, place, label, bool(enrolled), at) for asset, line, place, label, enrolled, at in rows]
