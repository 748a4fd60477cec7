"""The first start of restored books (BAK-02): a new epoch with its reason, no command revived, and the marker is gone."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from edge.field.restored import MARKER, with_marker
from edge.field.verdicts import CLEAN, Finding, Verdict
from edge.jobs.backup import backup
from edge.jobs.restore import restore
from edge.jobs.sealing import read_key
from sync import outbox
from sync.db import Database
from tests.harness.restores import KEY, Hall, Life

pytestmark = pytest.mark.timeout(60)


def events(database: Path) -> list[dict[str, object]]:
    with closing(Database(database).open_reader()) as reader:
        return [json.loads(body) for (body,) in reader.execute("SELECT body FROM log ORDER BY position")]


async def restored(tmp_path: Path) -> tuple[Hall, Path]:
    """A command is open in the backup, is done after it, and then the backup is restored."""
    hall = Hall(random.Random(1), tmp_path, True, Counter())
    state = tmp_path / "state"
    life = Life(hall, state)
    await life.begin()
    await life.append(3)
    await life.command(again=False)
    made = backup(life.settings)
    await life.do_open()
    await life.append(3)
    await life.end()
    restore(made.path, state, key=read_key(KEY), replace=True)
    return hall, state


async def test_bak_02_a_command_that_was_open_in_the_backup_ends_as_failed_and_is_not_done_again(tmp_path):
    hall, state = await restored(tmp_path)
    assert hall.done == {"c-1": 1}
    life = Life(hall, state)
    assert life.books.verdict.new_epoch is not None
    assert life.books.verdict.new_epoch.slug == "restored"
    await life.begin()
    await life.end()
    assert hall.done == {"c-1": 1}
    (ended,) = [one["data"] for one in events(state / "hall.db") if one["type"] == "hall.command.failed.v1"]
    assert (ended["command_id"], ended["error"]) == ("c-1", "restored")
    with closing(Database(state / "hall.db").open_reader()) as reader:
        assert reader.execute("SELECT count(*) FROM inbox WHERE result IS NULL").fetchone() == (0,)


async def test_bak_02_the_stream_is_not_gone_on_with_and_the_next_start_is_an_ordinary_one(tmp_path):
    hall, state = await restored(tmp_path)
    with closing(Database(state / "hall.db").open_reader()) as reader:
        before = outbox.head(reader).cursor
    life = Life(hall, state)
    await life.begin()
    assert life.writer.head.cursor.streamid != before.streamid
    assert not (state / MARKER).exists()
    await life.end()
    opened = [one["data"] for one in events(state / "hall.db") if one["type"] == "hall.gateway.epoch.opened.v1"]
    assert [(one["reason"], one["previous_streamid"], one["last_sequence"]) for one in opened] == [
        ("restored", before.streamid, before.sequence)
    ]
    again = Life(hall, state)
    assert again.books.verdict.new_epoch is None
    await again.begin()
    await again.end()


async def test_a_field_that_dies_before_the_new_epoch_is_on_disk_finds_the_marker_again(tmp_path):
    hall, state = await restored(tmp_path)
    verdicts = []
    for _ in range(2):
        life = Life(hall, state)
        verdicts.append(life.books.verdict.new_epoch)
        os.close(life.books.lock_fd)
    assert [found.slug for found in verdicts if found is not None] == ["restored", "restored"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b'{"reason": ["x"], "sequence": {}}'])
def test_a_marker_that_cannot_be_read_opens_an_epoch_all_the_same(tmp_path, text):
    (tmp_path / MARKER).write_bytes(text)
    assert with_marker(tmp_path, CLEAN).new_epoch == Finding("restored", {})


def test_what_was_found_besides_the_marker_becomes_a_note(tmp_path):
    moved = Finding("moved", {"changed": ["inode"]})
    assert with_marker(tmp_path, Verdict(None, moved, ())).new_epoch == moved
    (tmp_path / MARKER).write_bytes(b'{"sequence": 5}')
    verdict = with_marker(tmp_path, Verdict(None, moved, ()))
    assert (verdict.new_epoch, verdict.notes) == (Finding("restored", {"sequence": 5}), (moved,))
