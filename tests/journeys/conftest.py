"""A hall of two machines that do nothing by themselves, and the whole house around it, as real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.house import FLOOR, House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory: Path = tmp_path_factory.mktemp("house")
    floor = directory / "floor.toml"
    floor.write_text(FLOOR, encoding="utf-8")
    house = House(directory / "stage", str(floor), with_mqtt=False, meters_every_s=900)
    try:
        house.open()
        house.wait_for_machines()
        yield house
    finally:
        house.close()
