"""A machine with a kernel of its own is killed, three times on one disk (PW-1, PW-2, PW-7). Long form: ``./dev machinecut``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.harness import machinecut

lacking = [
    what
    for what, there in (
        ("root", os.geteuid() == 0),
        (machinecut.KERNEL, shutil.which(machinecut.KERNEL) is not None),
        ("/dev/loop-control", Path("/dev/loop-control").exists()),
    )
    if not there
]


@pytest.mark.skipif(bool(lacking), reason=f"a machine of our own needs {', '.join(lacking)}")
@pytest.mark.timeout(300)
def test_pw_1_and_pw_7_a_machine_that_is_killed_again_and_again_keeps_all_it_acknowledged() -> None:
    report = machinecut.run(3, 11)
    assert report["wrong"] == []
    assert report["cuts"] == 3
    assert report["records"] > 20
