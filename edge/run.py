"""``hall-edge run``: field and front in the foreground, each a child process, started again when it dies.

For demo, development and boxes without systemd. Imports neither half. Under systemd the two units do this work.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

PARTS = ("field", "front")
FINAL = {78}
"""Exit codes that starting again cannot mend (configuration)."""

STOP_WITHIN_S = 5.0
RESTART_PAUSE_S = 1.0


class _Children:
    def __init__(self, config: Path) -> None:
        self._config = config
        self._alive: dict[str, subprocess.Popen[bytes]] = {}
        self._again_at: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        self.stopping = False
        self.exit_code = 0

    def ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def start_due(self, now: float) -> None:
        for part in PARTS:
            if part not in self._alive and now >= self._again_at[part]:
                self._alive[part] = subprocess.Popen(
                    [sys.executable, "-m", "edge", part, "--config", str(self._config)],
                    start_new_session=True,  # Ctrl-C reaches us alone; we stop them in order
                )

    def reap(self, now: float) -> None:
        for part, child in list(self._alive.items()):
            code = child.poll()
            if code is None:
                continue
            del self._alive[part]
            self._again_at[part] = now + RESTART_PAUSE_S
            if code in FINAL:
                self.stopping, self.exit_code = True, code
            elif not self.stopping:
                print(f"hall-edge: the {part} ended with {code}; starting it again", file=sys.stderr, flush=True)

    def stop(self) -> None:
        # The front first: it only talks. Then the field finishes its wires.
        for part in reversed(PARTS):
            child = self._alive.get(part)
            if child is None:
                continue
            child.send_signal(signal.SIGTERM)
            try:
                code = child.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                child.kill()
                code = child.wait()
            if code != 0 and self.exit_code == 0:
                self.exit_code = 1


def run(config: Path) -> int:
    """Until SIGTERM or SIGINT. Returns 0, the configuration code 78, or 1 when a part did not stop cleanly."""
    children = _Children(config)
    signal.signal(signal.SIGTERM, children.ask_to_stop)
    signal.signal(signal.SIGINT, children.ask_to_stop)
    while not children.stopping:
        now = time.monotonic()
        children.reap(now)
        if not children.stopping:
            children.start_due(now)
        time.sleep(0.1)
    children.stop()
    return children.exit_code
