"""Results of jobs become events of the log, and only then their files go."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from edge.clock import ManualClock
from edge.field.upkeep.told import Told
from edge.hall.events import Fact
from sync.errors import StorageFull

MADE = {
    "result": "made", "at": "2026-11-24T03:00:09.000Z", "took_ms": 900, "name": "hall-000001-20261124T030000Z.sealed",
    "size": 8406, "sealed": True, "streamid": "5a" * 16, "sequence": 50, "sha256": "a5" * 32, "pruned": 0,
}  # fmt: skip


class Books:
    """Keeps what was handed over, and answers when it is told to."""

    def __init__(self) -> None:
        self.found: list[Fact] = []
        self.waiting: list[Any] = []

    def record(self, found: list[Any], done: Any) -> None:
        self.found += found
        self.waiting.append(done)


def room(directory: Path) -> tuple[Told, Books]:
    books = Books()
    clock = ManualClock(datetime(2026, 11, 24, 3, 1, tzinfo=UTC))
    return Told(directory, record=books.record, clock=clock, subject="gateway/hg-07"), books


def left(directory: Path, told: object, name: str = "backup-1.json") -> Path:
    (directory / "untold").mkdir(exist_ok=True)
    path = directory / "untold" / name
    path.write_bytes(orjson.dumps(told))
    return path


def test_a_backup_is_told_once_and_its_file_goes_when_the_event_is_on_disk(tmp_path):
    path = left(tmp_path, MADE)
    told, books = room(tmp_path)
    told.look()
    told.look()
    assert [(fact.kind, fact.data["sequence"]) for fact in books.found] == [("hall.gateway.backup.v1", 50)]
    assert path.exists()
    books.waiting[0](None, None)
    assert not path.exists()


def test_a_backup_that_was_not_made_is_an_incident_as_well(tmp_path):
    left(tmp_path, {"result": "not_made", "at": MADE["at"], "took_ms": 9, "error": "no-room", "text": "No room."})
    told, books = room(tmp_path)
    told.look()
    assert [fact.kind for fact in books.found] == ["hall.gateway.backup.v1", "hall.gateway.incident.v1"]
    assert books.found[1].data["code"] == "HE3040"


def test_full_books_keep_the_result_for_later(tmp_path):
    path = left(tmp_path, MADE)
    told, books = room(tmp_path)
    told.look()
    books.waiting[0](None, StorageFull("full"))
    assert path.exists()
    told.look()
    assert len(books.found) == 2


@pytest.mark.parametrize("wrong", [[], {}, {"result": "made"}, {"result": "made", "at": "2026-11-24"}, {"result": 1}])
def test_what_is_no_result_is_dropped_and_harms_nobody(tmp_path, wrong):
    path = left(tmp_path, wrong)
    told, books = room(tmp_path)
    told.look()
    assert (books.found, path.exists()) == ([], False)


def test_no_directory_is_no_trouble(tmp_path):
    told, books = room(tmp_path)
    told.look()
    assert books.found == []
