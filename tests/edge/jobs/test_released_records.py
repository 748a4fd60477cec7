"""Books from which records have left by age, and money is kept beside them: every check begins behind what left."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from edge.field.coldstart import open_books
from edge.jobs import verify
from edge.jobs.backup import backup
from edge.jobs.check import check
from edge.jobs.errors import CopyDamaged
from edge.jobs.restore import restore
from edge.jobs.salvage import salvage
from sync import outbox, retention
from sync.db import Database
from tests.support.keptbooks import NIGHT, Field, events_of, run, running, settings_at

LEFT = 30
"Records that leave the log; every third of them is kept beside it."


def every_third(counted: list[str]) -> Callable[[str], bool]:
    def keeps(kind: str) -> bool:
        counted.append(kind)
        return len(counted) % 3 == 0

    return keeps


async def _let_go(field: Field, through: int) -> None:
    def confirm(tx: outbox.Transaction) -> None:
        outbox.advance(tx, "central-1", outbox.cursor_at(tx, through))

    await field.journal.write(confirm)
    field.clock.advance(86_400)
    gone = await field.journal.write(
        partial(retention.release, older_than=_later(field.clock.wall()), keeps=every_third([]), limit=through)
    )
    assert (gone.records, gone.through) == (through, through)


def _later(now: datetime) -> datetime:
    return now - timedelta(hours=1)


def books_at(directory: Path, *, beyond_the_checkpoint: bool) -> Path:
    """A state directory with 30 records gone. The newest checkpoint stands in the log, or left it with them."""
    settings = settings_at(directory)

    async def life() -> None:
        async with running(settings, orderly=not beyond_the_checkpoint) as field:
            await field.play(40)
            await _let_go(field, LEFT)

    if beyond_the_checkpoint:

        async def signed() -> None:
            async with running(settings) as field:
                await field.play(5)

        run(signed())
    run(life())
    return directory / "state"


def faults_in(state: Path) -> list[verify.Fault]:
    with contextlib.closing(Database(state / "hall.db").open_reader()) as reader:
        return list(verify.faults(reader, pause_s=0))


def wrong_in(state: Path) -> dict[str, str | None]:
    return {answer.question: answer.wrong for answer in check(state / "hall.db")}


def vandal(state: Path, *sql: str) -> None:
    with contextlib.closing(sqlite3.connect(state / "hall.db", isolation_level=None)) as conn:
        guards = conn.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            conn.execute(f"DROP TRIGGER {name}")
        for one in sql:
            assert conn.execute(one).rowcount > 0
        for _, text in guards:
            conn.execute(text)


CHANGED = "UPDATE kept SET body = CAST(replace(body, 'played', 'prayed') AS BLOB) WHERE position = 27"


@pytest.mark.parametrize("beyond", [False, True], ids=["a checkpoint stands in the log", "the checkpoint left too"])
def test_ret_03_books_with_released_records_start_are_verified_backed_up_and_restored(
    tmp_path: Path, beyond: bool
) -> None:
    state = books_at(tmp_path, beyond_the_checkpoint=beyond)
    assert faults_in(state) == []
    assert set(wrong_in(state).values()) == {None}
    made = backup(settings_at(tmp_path))
    box = tmp_path / "box"
    restored = restore(made.path, box / "state")
    with contextlib.closing(Database(state / "hall.db").open_reader()) as reader:
        here = [reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("log", "kept")]
    assert here[1] == LEFT // 3
    assert restored.sound.records == sum(here)
    for directory in (tmp_path, box):

        async def again(directory: Path = directory) -> None:
            async with running(settings_at(directory)) as field:
                await field.play(1, "again")

        run(again())
        assert faults_in(directory / "state") == []
    assert [event["data"]["reason"] for event in events_of(box / "state", "gateway.epoch.opened")] == ["restored"]
    assert events_of(state, "gateway.epoch.opened") == []


def test_a_record_that_is_kept_and_was_changed_is_found_by_start_check_night_and_backup(tmp_path: Path) -> None:
    state = books_at(tmp_path, beyond_the_checkpoint=False)
    vandal(state, CHANGED)
    assert [fault.position for fault in faults_in(state)] == [27]
    wrong = wrong_in(state)
    assert [question for question, told in wrong.items() if told] == ["kept"]
    with pytest.raises(CopyDamaged, match="Kept record 27"):
        backup(settings_at(tmp_path))
    books = open_books(settings_at(tmp_path))
    os.close(books.lock_fd)
    assert books.verdict.safe is not None
    assert books.verdict.safe.facts["position"] == 27


def test_records_that_are_missing_behind_the_released_ones_are_found(tmp_path: Path) -> None:
    state = books_at(tmp_path, beyond_the_checkpoint=False)
    vandal(state, "DELETE FROM log WHERE position BETWEEN 31 AND 33")
    assert [fault.position for fault in faults_in(state)] == [31]
    assert "Record 31 of the log is missing" in str(wrong_in(state)["chain"])
    with pytest.raises(CopyDamaged, match="Record 31"):
        backup(settings_at(tmp_path))


def test_st_5_what_is_kept_is_salvaged_but_for_the_record_that_does_not_fit(tmp_path: Path) -> None:
    state = books_at(tmp_path, beyond_the_checkpoint=False)
    vandal(state, CHANGED)
    saved = salvage(state / "hall.db", tmp_path / "saved", now=lambda: NIGHT)
    assert (saved.refused, saved.kept.first) == ({"kept": 1}, LEFT + 1)
    assert faults_in(tmp_path / "saved") == []
    with contextlib.closing(Database(tmp_path / "saved" / "hall.db").open_reader()) as reader:
        kept = [at for (at,) in reader.execute("SELECT position FROM kept").fetchall()]
    assert kept == [at for at in range(3, LEFT + 1, 3) if at != 27]
    assert json.loads((tmp_path / "saved" / "salvage.json").read_text())["refused"] == {"kept": 1}
