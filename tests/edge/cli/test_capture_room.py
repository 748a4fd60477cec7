"""Captures stop at the level at which room for the books becomes low."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cli.faults import Fault
from edge.cli.trace import LOOK_EVERY, Piece, _Writer
from tests.harness.smalldisk import SmallDisk, why_not

WITHOUT = why_not()


@pytest.mark.skipif(WITHOUT is not None, reason=f"{WITHOUT}")
def test_a_capture_ends_when_its_disk_has_little_room_and_none_is_begun_on_it(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "disk.img", tmp_path / "disk")
    disk.open()
    try:
        with _Writer(disk.place / "one.capture", "A", "") as writer:
            for at in range(LOOK_EVERY):
                writer.put(Piece(1_000_000 + at, ">", b"\x81", b"\x01"))
            disk.fill(leave=disk.size // 10)
            for at in range(LOOK_EVERY):
                writer.put(Piece(2_000_000 + at, ">", b"\x81", b"\x01"))
            assert writer.records == LOOK_EVERY
        assert (disk.place / "one.capture").read_text().count("the disk has little room left") == 1
        with pytest.raises(Fault, match="little room"), _Writer(disk.place / "two.capture", "A", ""):
            raise AssertionError("it was begun")
        assert not (disk.place / "two.capture").exists()
    finally:
        disk.close()
