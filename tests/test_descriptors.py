"""The real field while its file descriptors are used up by callers: lines and books keep theirs."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from pathlib import Path

from tests.harness.processes import wait_until
from tests.harness.smallplay import SmallPlay, faults_of

CALLERS = 500


def test_rs_3_five_hundred_callers_take_no_descriptor_from_lines_or_books(tmp_path: Path) -> None:
    stage = SmallPlay(tmp_path, seed=9)
    callers: list[socket.socket] = []
    try:
        stage.open()
        stage.wait_for_polls()
        assert stage.field.child is not None
        pid = stage.field.child.pid
        own = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (own + 40, own + 40))
        for _ in range(CALLERS):
            caller = socket.socket(socket.AF_UNIX)
            caller.setblocking(False)
            callers.append(caller)
            with contextlib.suppress(OSError):
                caller.connect(str(stage.gateway.run_directory / "field.sock"))
        time.sleep(0.5)
        before = len(stage.events("hall.egm"))
        time.sleep(2.0)
        assert stage.field.alive
        assert len(stage.events("hall.egm")) > before, "machines are polled and stored all the same"
        for caller in callers:
            caller.close()
        wait_until("it answers again", stage.moves, within_s=8)
        verdict = stage.settle()
        assert faults_of(verdict) == []
        assert stage.count("hall.egm.link.down.v1") == 0
        assert stage.count("hall.line.lost.v1") == 0
    finally:
        for caller in callers:
            caller.close()
        stage.close()
