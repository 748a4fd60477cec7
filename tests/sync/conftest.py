"""A store on a real disk, a writer without a loop, and a real broker on a free port of the loopback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.migrate import migrate
from tests.sync.stage import NIGHT, STREAM, Broker, Hall


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A migrated, empty store whose stream id is known."""
    path = tmp_path / "hall.db"
    migrate(path, stream_id=STREAM, now_utc=lambda: NIGHT)
    return path


@pytest.fixture
def hall(store: Path) -> Iterator[Hall]:
    it = Hall(store, group_s=0.001)
    yield it
    it.close()


def mosquitto_program() -> str:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("mosquitto is missing: apt-get install mosquitto")
        pytest.skip("mosquitto is missing: apt-get install mosquitto")
    return program


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    it = Broker(mosquitto_program(), tmp_path)
    it.start()
    yield it
    it.stop()
