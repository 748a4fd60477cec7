"""Guarded mode: a field that keeps dying polls and writes, and changes no machine until it runs or a person says so."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edge.field import starts
from edge.field.starts import Now, forget_starts, note_start, take_back
from edge.field.upkeep.guarded import Guarded
from tests.edge.field.books import settings_for
from tests.edge.field.guarded_books import RealField, real_field
from tests.edge.field.small_hall import opened
from tests.edge.field.test_dispatch import admit, command, endings
from tests.edge.field.test_safe import caller_of
from tests.harness.processes import REPOSITORY


def at(seconds: int, boot: str = "a") -> Now:
    return Now(boot, seconds)


def test_starts_are_counted_within_five_minutes_of_one_boot(tmp_path: Path) -> None:
    assert [note_start(tmp_path, at(s)) for s in (0, 60, 120, 300, 301)] == [1, 2, 3, 4, 4]
    assert note_start(tmp_path, at(302, boot="b")) == 1, "a box that was switched off starts anew"
    forget_starts(tmp_path)
    assert note_start(tmp_path, at(303, boot="b")) == 1


def test_an_orderly_stop_takes_its_start_back(tmp_path: Path) -> None:
    for second in range(20):
        assert note_start(tmp_path, at(second)) == 1
        take_back(tmp_path, at(second))


def test_a_damaged_or_missing_count_is_no_reason_not_to_start(tmp_path: Path) -> None:
    for text in ("", "{", "[]", '{"boot": "a"}', '{"boot": "a", "starts": ["x", 5, null]}'):
        (tmp_path / "starts").write_text(text)
        assert note_start(tmp_path, at(10)) in (1, 2)
    assert note_start(tmp_path / "nowhere", at(10)) == 1


def killed(directory: Path) -> None:
    with real_field(directory) as field:
        field.waits_for("field is ready")
        os.kill(field.child.pid, signal.SIGKILL)
        field.ends()


def started(directory: Path) -> int:
    """Lives that are in the books; a kill may come before the record of one."""
    with contextlib.closing(sqlite3.connect(f"file:{directory / 'state' / 'hall.db'}?mode=ro", uri=True)) as conn:
        asked = "SELECT count(*) FROM log WHERE CAST(body AS TEXT) LIKE '%hall.gateway.started.v1%'"
        return int(conn.execute(asked).fetchone()[0])


async def gateway_of(field: RealField) -> tuple[str, dict[str, object] | None]:
    async with caller_of(settings_for(field.directory)) as client:
        return client.mirror.gateway.state, client.mirror.gateway.why


async def test_pw_5_a_crash_loop_of_the_field_ends_in_guarded_mode_until_a_person_says_otherwise(
    tmp_path: Path,
) -> None:
    for _ in range(5):
        killed(tmp_path)
    before = started(tmp_path)
    with real_field(tmp_path) as field:
        field.waits_for("guarded mode: no machine is changed")
        field.waits_for("field is ready")
        state, why = await _until_state(field, "guarded")
        assert state == "guarded"
        assert why is not None
        assert (why["slug"], why["code"]) == ("guarded-mode", "HE3026")
        assert "6 times" in str(why["text"])
        assert started(tmp_path) == before + 1, "the books are written on"

        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "edge.cli.main", "store", "unguard", "--config", str(tmp_path / "config.toml")],
            cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        assert "ends within a second" in done.stdout
        state, why = await _until_state(field, "running")
        assert (state, why) == ("running", None)


async def _until_state(field: RealField, wanted: str) -> tuple[str, dict[str, object] | None]:

    for _ in range(50):
        state, why = await gateway_of(field)
        if state == wanted:
            break
        await asyncio.sleep(0.1)
    return state, why


def test_pw_5_five_orderly_restarts_are_no_crash_loop(tmp_path: Path) -> None:
    for _ in range(7):
        with real_field(tmp_path) as field:
            field.waits_for("field is ready")
        assert "guarded mode" not in field.text()
    assert json.loads((field.state / "starts").read_text())["starts"] == []


async def test_while_guarded_a_machine_is_read_and_decided_on_but_not_changed(tmp_path: Path) -> None:
    async with opened(tmp_path, {"A": [17]}) as hall:
        await hall.up(17)
        first = command(hall, command_id="c-0")
        await admit(hall, first)
        await hall.go(2, lambda: not hall.machine(17).egm.machine.is_enabled)

        hall.dispatch.guarded = "The field started 6 times within minutes."
        refused = await admit(hall, command(hall, "egm.enable", "c-1"))
        assert refused.status == "guarded-mode"
        assert "Send this one again" in refused.text
        assert (await admit(hall, first)).status == "repeated", "what was done before is told as before"
        assert (await admit(hall, command(hall, "egm.meters.read", "c-2"))).status == "admitted"

        hall.dispatch.guarded = None
        assert (await admit(hall, command(hall, "egm.enable", "c-1"))).status == "admitted"
        await hall.go(2, lambda: hall.machine(17).egm.machine.is_enabled)


async def test_what_was_open_when_the_field_died_waits_for_the_end_of_guarded_mode(tmp_path: Path) -> None:
    async with opened(tmp_path, {"A": [17]}) as hall:
        await hall.up(17)
        for second in range(5):
            note_start(tmp_path, at(second))
        guarded = Guarded(
            tmp_path, after=6, dispatch=hall.dispatch, board=hall.board, clock=hall.books.clock, now=lambda: at(9)
        )
        assert guarded.active
        reading, disabling = command(hall, "egm.meters.read", "c-1"), command(hall, "egm.disable", "c-2")
        assert guarded.may_go_on([reading, disabling]) == [reading]
        hall.books.clock.advance(599)
        guarded.look()
        assert guarded.active
        hall.books.clock.advance(2)
        guarded.look()
        assert not guarded.active
        assert hall.dispatch.guarded is None
        assert not (tmp_path / "starts").exists(), "a field that is well begins to count anew"
        await hall.go(2, lambda: ("c-2", "expired") in endings(hall))
        assert hall.machine(17).egm.machine.is_enabled, "it was too late by then, and was not done"


def test_a_unit_that_may_not_see_the_name_of_the_boot_still_counts_its_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ProcSubset=pid hides /proc/sys; the field has to start all the same."""
    monkeypatch.setattr(starts, "BOOT_ID", tmp_path / "hidden")
    now = starts.now_of_boot()
    assert now.boot == ""
    assert [starts.note_start(tmp_path, now) for _ in range(3)] == [1, 2, 3]
