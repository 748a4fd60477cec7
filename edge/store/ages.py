"""When each meter of a machine was read last: a value without its age is none (MTR-16)."""

from typing import NamedTuple

from edge.store.tx import Reader


class LastRead(NamedTuple):
    """One meter of the machine's present generation, as last booked."""

    game: int
    denomination: int | None
    "Code the game was asked for; None: the machine's accounting denomination."
    code: int
    value: int
    read_at: str
    "Stamp of the reading that was booked last; a doubtful one after it does not make the value younger."


def last_read(conn: Reader, asset: int) -> list[LastRead]:
    """All of them, by game, denomination and code."""
    rows = conn.execute(
        "SELECT s.game, nullif(s.denomination, -1), s.code, l.value, l.read_at FROM meter_series s "
        "JOIN meter_last l USING (series) JOIN egms e ON e.asset = s.asset AND e.generation = s.generation "
        "WHERE s.asset = ? ORDER BY s.game, s.denomination, s.code",
        (asset,),
    ).fetchall()
    return [LastRead(*row) for row in rows]
