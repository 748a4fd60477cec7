"""Central was away: all of it comes afterwards, whole and in order, and what is urgent does not wait (UP-1).

The long form is ``./dev month``: 30 days of 100 machines.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from simulators.central.store import CentralStore
from tests.harness import month
from tests.harness.monthbooks import DATABASE, Plan, filled

needs_a_broker = pytest.mark.skipif(shutil.which("mosquitto", path="/usr/sbin:/usr/bin") is None, reason="no mosquitto")


@needs_a_broker
@pytest.mark.timeout(120)
def test_up_1_a_day_of_twenty_machines_that_nobody_fetched_drains_over_both_ways_whole_and_in_order() -> None:
    report = month.run(Plan(days=1, machines=20, seed=7), None, for_s=90)
    assert report["differences"] == {"pull": [], "mqtt": []}
    assert report["backlog"] >= 20 * (24 * 60 + 96)
    assert report["live_copies"] >= 1
    assert report["exits"] == {}
    assert report["rss_peak_mib"]["front"] <= month.FRONT_MAX_MIB
    assert report["mib_a_day"] * 30 * 100 / 20 <= month.MONTH_MAX_BYTES / (1 << 20)


def test_up_1_a_record_that_is_other_or_missing_at_central_is_called_a_difference(tmp_path: Path) -> None:
    """The judge of the drain can fail: one byte, one record, one too many."""
    filled(tmp_path / "books", Plan(days=1, machines=1, seed=7))
    log = tmp_path / "books" / "state" / DATABASE
    with closing(sqlite3.connect(log)) as conn:
        rows = conn.execute("SELECT position, body, chain FROM log ORDER BY position").fetchall()
        streamid = conn.execute("SELECT stream_id FROM epochs").fetchone()[0]
    last = rows[-1][0]

    def judged(kept: list[tuple[int, bytes, bytes]], name: str) -> list[str]:
        path = tmp_path / name
        CentralStore(path).close()
        with closing(sqlite3.connect(path)) as conn, conn:
            conn.executemany(
                "INSERT INTO record(streamid, epoch, sequence, body, chain, arrived_at, way) VALUES (?,1,?,?,?,'','')",
                [(streamid, *row) for row in kept],
            )
        return month.differences(log, path, last)

    assert judged(rows, "same") == []
    other = [(p, body.replace(b'"asset"', b'"assex"') if p == 40 else body, chain) for p, body, chain in rows]
    assert "record 40 of the log differs from 40 of central" in judged(other, "other")
    assert judged(rows[:-1], "short") == [f"central ends before record {last}"]
    assert judged([*rows, (last + 1, b"{}", b"0" * 32)], "long") == ["central has records that are not in the log"]
