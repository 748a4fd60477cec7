"""A made-up field behind a real socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.board import Board
from edge.seam.server import SeamServer
from tests.edge.seam.made_up import MadeUpField


@pytest.fixture
def board() -> Board:
    made = Board()
    made.update_line("A", state="up")
    made.add_egm(100417, line="A", address=1, link="up")
    made.flush(0.0)
    return made


@pytest.fixture
def field_side() -> MadeUpField:
    return MadeUpField()


@pytest.fixture
async def server(tmp_path: Path, board: Board, field_side: MadeUpField) -> AsyncIterator[SeamServer]:
    made = SeamServer(tmp_path / "field.sock", field_side, board, "1.0-test")
    await made.start()
    yield made
    await made.close()
