"""A store with machine 17 on line A and machine 18 on line B."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.edge.field.books import Books, open_books, settings_for


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[Books]:
    async with open_books(settings_for(tmp_path)) as opened:
        yield opened
