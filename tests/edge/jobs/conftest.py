"""A state directory with small real books."""

from pathlib import Path

import pytest

from edge.store.migrations import MIGRATIONS
from sync.migrate import migrate
from tests.edge.jobs.small_books import fill


@pytest.fixture
def state(tmp_path: Path) -> Path:
    directory = tmp_path / "state"
    directory.mkdir()
    migrate(directory / "hall.db", MIGRATIONS)
    fill(directory / "hall.db", 50)
    return directory
