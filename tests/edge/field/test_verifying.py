"""The whole log is read once a night, and what does not hold becomes an incident (HX-10, ST-6)."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.clock import ManualClock
from edge.field.upkeep.verifying import Verifying
from edge.hall.events import Fact, check
from tests.harness.gateway import Gateway
from tests.harness.processes import REPOSITORY
from tests.support.keptbooks import NIGHT, run, run_once, settings_at


def verifying(database: Path, told: list[Fact], hours: list[datetime]) -> Verifying:
    return Verifying(database, ManualClock(NIGHT), lambda: hours[-1], told.extend, subject="gateway/hg-07")


def harm(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as conn:
        conn.execute("DROP TRIGGER log_is_never_changed")
        conn.execute("UPDATE log SET body = CAST(replace(body, 'synced', 'sunken') AS BLOB) WHERE position = 4")


def test_it_is_due_once_in_the_night_and_never_later_than_a_day_and_an_hour(tmp_path: Path) -> None:
    hours = [datetime(2026, 11, 23, 3, 30, tzinfo=UTC)]
    job = verifying(tmp_path / "hall.db", [], hours)
    due = []
    for minutes in range(0, 60 * 60, 5):
        hours.append(hours[0] + timedelta(minutes=minutes))
        if job.is_due():
            due.append(hours[-1].strftime("%d %H:%M"))
            job._done = hours[-1]
    assert due == ["24 04:00", "25 04:00"], "the start itself has looked at the end of the log"


def test_a_sound_log_is_no_news(tmp_path: Path) -> None:
    run_once(settings_at(tmp_path), 5)
    told: list[Fact] = []
    job = verifying(tmp_path / "state" / "hall.db", told, [datetime(2026, 11, 23, 4, tzinfo=UTC)])
    run(job.check())
    assert (told, job.found) == ([], 0)


def test_hx_10_st_6_what_the_night_finds_becomes_an_incident_with_the_position(tmp_path: Path) -> None:
    run_once(settings_at(tmp_path), 5)
    database = tmp_path / "state" / "hall.db"
    harm(database)
    told: list[Fact] = []
    run(verifying(database, told, [datetime(2026, 11, 23, 4, tzinfo=UTC)]).check())
    (fact,) = told
    check(fact)
    facts = fact.data["facts"]
    assert isinstance(facts, dict)
    assert facts["faults"][0] == {"damage": "Record 4 of the log was changed.", "position": 4}
    assert fact.data["text"] == "The books do not hold: Record 4 of the log was changed."


def test_a_person_runs_the_same_check_by_hand(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "gw", "")
    gateway.write()
    run_once(settings_at(gateway.directory), 5)
    command = [sys.executable, "-m", "edge", "verify", "--config", str(gateway.config)]
    assert subprocess.run(command, cwd=REPOSITORY, capture_output=True).returncode == 0
    harm(gateway.state / "hall.db")
    found = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert (found.returncode, found.stdout.count("Record 4 of the log was changed")) == (1, 1)
