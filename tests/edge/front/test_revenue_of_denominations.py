"""What a machine tells of each denomination is its own story told again: no figure of the report holds it twice (MTR-09)."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.front.views.revenue import HallWays, read_report
from edge.hall.meters import Reading
from edge.hall.money import Denomination
from edge.rules.gaming_day import GamingDays
from edge.store import days
from edge.store.devices import Seed, seed_egms
from edge.store.meters import Snapshot, counted, record_snapshot
from edge.store.migrations import create
from tests.edge.store.conftest import HandTx

CENT = Denomination(0x01, 1, 1)
APART, WHOLE = 17, 18
"Machines with the same play: the one is read for each denomination too."
DAY = "2026-11-23"
CODES = (0x00, 0x01, 0x02, 0x05, 0x24)
OF_DENOMINATIONS = (0x00, 0x01, 0x05)

plays = st.lists(
    st.tuples(st.sampled_from([0x01, 0x02]), st.integers(0, 900), st.integers(0, 900), st.integers(0, 30)),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(plays)
def test_mtr_09_a_machine_with_two_denominations_brings_what_its_total_says(
    history: list[tuple[int, int, int, int]],
) -> None:
    """Each play: denomination, credits wagered, credits won, games."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as conn:
        create(conn)
        tx: Any = HandTx(conn)
        tx.now = datetime(2026, 11, 23, 12, tzinfo=UTC)
        seed_egms(tx, [Seed(APART, "A", 1), Seed(WHOLE, "A", 2)])
        days.open_day(tx, DAY, 1, tx.now)
        total = dict.fromkeys(CODES, 1_000)
        told = {(choice, code): 500 for choice in (0x01, 0x02) for code in OF_DENOMINATIONS}
        for denomination, wagered, won, games in [(0x01, 0, 0, 0), *history]:
            for code, more in zip(OF_DENOMINATIONS, (wagered, won, games), strict=True):
                total[code] += more
                told[denomination, code] += more
            tx.now += timedelta(minutes=15)
            whole = [Reading(0, None, code, value, 4) for code, value in total.items()]
            each = [Reading(0, choice, code, value, 4) for (choice, code), value in told.items()]
            for asset, readings in ((WHOLE, whole), (APART, whole), (APART, [*whole, *each])):
                record_snapshot(tx, Snapshot(asset, tx.now, "interval", readings, denomination=CENT), day=DAY)
        ways = HallWays("7", "EUR", "UTC", GamingDays.of("UTC", "06:00"), 60, "test")
        made = read_report(conn, date.fromisoformat(DAY), date.fromisoformat(DAY), ways)
        apart, alone = made.machines
        assert apart.cells == alone.cells
        assert apart.cells["coin_in"].value == sum(wagered for _, wagered, _, _ in history)
        assert made.hall.cells["coin_in"].value == 2 * (apart.cells["coin_in"].value or 0)
        for code in CODES:
            assert counted(conn, APART, code) == counted(conn, WHOLE, code)
        rows = [one for one in days.sums(conn, DAY, DAY) if one.denomination is not None]
        assert {one.asset for one in rows} == {APART}
        assert sum(one.counted for one in rows if one.code == 0x00) == apart.cells["coin_in"].value, "kept, beside it"
