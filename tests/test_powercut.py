"""The power goes at any write: 200 images of a disk in the suite, and bugs that the judge must see (PW-1, PW-6, DAT-01).

The long form is ``./dev powercut``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.harness import powercut
from tests.harness.blockdisk import Entry
from tests.harness.booksjudge import Truth
from tests.harness.planted import BUGS, try_bug
from tests.harness.powercut import Recording, images

IMAGES = 200
OURS = [bug for bug in BUGS if bug.check[: len(powercut.PLANTED)] == powercut.PLANTED]
lacking = [
    what
    for what, there in (
        ("root", os.geteuid() == 0),
        ("fusermount3", shutil.which("fusermount3") is not None),
        ("mkfs.ext4", shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None),
        ("/dev/fuse", Path("/dev/fuse").exists()),
        ("/dev/loop-control", Path("/dev/loop-control").exists()),
    )
    if not there
]
needs_a_disk = pytest.mark.skipif(bool(lacking), reason=f"a disk of our own needs {', '.join(lacking)}")


@needs_a_disk
@pytest.mark.timeout(300)
def test_pw_1_and_pw_6_whatever_had_reached_the_disk_every_acknowledged_fact_is_there_once_and_whole() -> None:
    """From the first start and its migrations on, the file system's own life among it."""
    report = powercut.run(IMAGES, 2026, workers=1, record_s=5.0)
    assert report["wrong"] == []
    assert report["images"] == IMAGES
    assert report["with_acknowledged"] > IMAGES * 0.8, "too many cuts before anything was acknowledged"
    assert report["records"] > 500


@needs_a_disk
@pytest.mark.timeout(300)
def test_st_8_what_a_lying_disk_dropped_is_declared_by_the_next_start_and_never_silent() -> None:
    """Up to forty flushes were none; the anchor, on another disk, remembers what was acknowledged last."""
    report = powercut.run(30, 2026, workers=1, record_s=2.0, lies=True)
    assert report["wrong"] == []
    assert report["came_out"]["declared"] > 10


@needs_a_disk
@pytest.mark.timeout(300)
@pytest.mark.parametrize("bug", OURS, ids=lambda bug: bug.name)
def test_pw_1_the_judge_sees_a_planted(bug) -> None:  # type: ignore[no-untyped-def]  # the ids need it untyped
    assert try_bug(bug, 5)["caught"]


def test_an_image_holds_all_that_was_flushed_before_the_cut_and_any_pieces_of_the_rest() -> None:
    first, second = b"a" * 1024, b"b" * 1024
    entries = [
        Entry("W", 0, first), Entry("F", 0, b""), Entry("M", 0, b"1 aa\n"), Entry("W", 4096, second), Entry("W", 0, second),
    ]  # fmt: skip
    seen = set()
    for image in images(Recording(entries, Truth()), 4000, 5, size=8192):
        pieces = tuple(image.disk[at : at + 1] for at in (0, 512, 4096, 4608))
        if image.cut >= 2:
            assert pieces[0] in (b"a", b"b"), "what was flushed is there, or what came after it"
        assert image.acknowledged == ((1, "aa") if image.cut >= 3 else None)
        seen.add(pieces)
    assert (b"a", b"b", b"\0", b"b") in seen, "one piece of a write and not the other"
    assert (b"a", b"a", b"b", b"b") in seen, "a prefix"
