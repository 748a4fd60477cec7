"""A running hall."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.edge.front.made_up_hall import Hall, made_up_hall


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    async with made_up_hall(tmp_path) as made:
        yield made
