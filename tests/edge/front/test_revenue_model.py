"""The report against a model of other arithmetic: random lives of machines, ranges that begin and end on any of their days.

The model never sees a meter or a table: it keeps what was played in half cents, by the latest day the clock ever showed.
"""

import sqlite3
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.front.views.revenue import HallWays, read_report
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.rules.gaming_day import GamingDays
from edge.store import days
from edge.store.devices import Seed, seed_egms
from edge.store.last_exceptions import note_exception
from edge.store.meters import Snapshot, record_snapshot
from edge.store.migrations import create
from tests.edge.store.conftest import HandTx

WORTHS = {1: Denomination(26, 1, 2), 2: Denomination(1, 1, 1), 10: Denomination(2, 5, 1)}
"By half cents."

steps = st.lists(
    st.fixed_dictionaries(
        {
            "asset": st.sampled_from([1, 2, 3]),
            # Hours that pass; now and then the clock is set back.
            "hours": st.sampled_from([0, 1, 1, 5, 9, 23, 49, -4, -30]),
            "games": st.integers(0, 4_000),
            "won": st.integers(0, 90),
            "happens": st.sampled_from(["", "", "", "", "clear", "correct", "other worth"]),
        }
    ),
    min_size=2,
    max_size=30,
)


class Machine:
    """Counts as a machine does, in credits of its present worth; its memory may be cleared."""

    def __init__(self, worth: int, start: int) -> None:
        self.worth = worth
        self.meters = {0x00: start, 0x01: 70, 0x02: 0, 0x05: 9, 0x24: 0}
        self.known = False

    def play(self, games: int, won: int) -> tuple[int, int]:
        coin_in, coin_out = 3 * games, 3 * games * won // 100
        for code, more in ((0x00, coin_in), (0x01, coin_out), (0x05, games)):
            self.meters[code] += more
        return coin_in, coin_out

    def change(self, worth: int) -> None:
        """Another accounting denomination: the meters of credits are told in the new one (sas-core 9.5)."""
        for code in (0x00, 0x01, 0x02, 0x24):
            self.meters[code] = self.meters[code] * self.worth // worth
        self.worth = worth


@settings(deadline=None, max_examples=100)
@given(
    steps,
    st.sampled_from(["Europe/Sofia", "America/New_York", "Australia/Lord_Howe"]),
    st.sampled_from([date(2026, 3, 27), date(2026, 10, 23), date(2026, 4, 3)]),
    st.sampled_from([1_000, 5_000_000]),
    st.data(),
)
def test_mtr_06_the_report_of_any_range_is_what_the_model_says_was_played_in_it(
    history: list[dict[str, Any]], zone: str, begins: date, start: int, data: st.DataObject
) -> None:
    conn = sqlite3.connect(":memory:", isolation_level=None)
    create(conn)
    tx: Any = HandTx(conn)
    tx.now = datetime(2025, 1, 1, tzinfo=UTC)
    seed_egms(tx, [Seed(asset, "AB"[asset % 2], asset) for asset in (1, 2, 3)])
    tx.now = datetime(begins.year, begins.month, begins.day, 12, tzinfo=UTC)
    calendar = GamingDays.of(zone, "03:30")
    machines = {asset: Machine(worth, start) for asset, worth in zip((1, 2, 3), WORTHS, strict=True)}
    model: Counter[tuple[str, int, str]] = Counter()
    latest, seen = "", []
    for step in history:
        asset, machine = step["asset"], machines[step["asset"]]
        tx.now += timedelta(hours=step["hours"])
        latest = max(latest, calendar.label(tx.now))
        seen.append(latest)
        if step["happens"] == "other worth":
            machine.change(10 if machine.worth != 10 else 2)
            coin_in = coin_out = 0
        else:
            coin_in, coin_out = machine.play(step["games"], step["won"])
        if step["happens"] == "clear" and machine.known:
            machine.meters = dict.fromkeys(machine.meters, 0)
            note_exception(tx, asset, 0x7A, len(seen))
        elif machine.known:
            model[latest, asset, "coin_in"] += coin_in * machine.worth
            model[latest, asset, "coin_out"] += coin_out * machine.worth
        day = days.open_day(tx, calendar.label(tx.now), 1, tx.now)
        if step["happens"] == "correct":
            days.correct(tx, day, asset, 1, 0, None, 0x00, WORTHS[machine.worth], 7)
            model[latest, asset, "coin_in"] += 7 * machine.worth
        readings = [Reading(0, None, code, value, 5) for code, value in machine.meters.items()]
        snapshot = Snapshot(asset, tx.now, "interval", readings, denomination=WORTHS[machine.worth])
        record_snapshot(tx, snapshot, day=day)
        machine.known = True
    first, last = sorted(data.draw(st.tuples(st.sampled_from(seen), st.sampled_from(seen)), label="range"))
    ways = HallWays("7", "EUR", zone, calendar, 60, "test")
    made = read_report(conn, date.fromisoformat(first), date.fromisoformat(last), ways)
    conn.close()

    def played(name: str, *assets: int) -> Fraction:
        found = [n for (day, a, what), n in model.items() if first <= day <= last and a in assets and what == name]
        return Fraction(sum(found), 2)

    for row in made.machines:
        for name in ("coin_in", "coin_out"):
            cell = row.cells[name]
            assert (cell.value or 0) == played(name, int(row.name))
            assert (cell.value is None) == (row.last_at is None)
    for row, assets in ((made.hall, (1, 2, 3)), *zip(made.banks, ((2,), (1, 3)), strict=True)):
        assert (row.cells["ggr"].value or 0) == played("coin_in", *assets) - played("coin_out", *assets)
