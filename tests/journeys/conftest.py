"""A hall of two machines that do nothing by themselves, and the whole house around it, as real processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.house import House, open_house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house")) as house:
        yield house
