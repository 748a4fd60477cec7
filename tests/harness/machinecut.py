"""``./dev machinecut``: a whole second machine, a Linux kernel of its own, is killed at any moment (PW-1, PW-2 on a real kernel).

User-mode Linux with this system as its read-only root and a data disk of its own: the guest mounts it, the gateway's cold
start opens the books, and they are written as fast as they go; every line on the console says what is acknowledged. Then its
whole process group gets SIGKILL: what the guest's kernel had not written is gone. Each boot goes on with the disk of
the one before, so recovery is cut as well. After each cut a copy of the disk is judged, record by record, against
everything that was ever acknowledged.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.harness.booksjudge import CONFIG, Bench, Image, Truth
from tests.harness.evidence import Figures, add
from tests.harness.powercut import SIZE
from tests.harness.processes import REPOSITORY

KERNEL = "linux.uml"
BOOTS_WITHIN_S = 60.0
A_DISK = 15
"So many cuts, then a new disk: books grow, and the first start must be cut too."
_MARK = re.compile(rb"^(\d+) ([0-9a-f]{64})\r?$", re.MULTILINE)

INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mkdir -p /run/mnt
mount -t ext4 /dev/ubda /run/mnt || exec /bin/sleep 600
cd {repository}
{python} -m tests.harness.busybooks {config} --for 600 --seed {seed}
echo ENDED $?
exec /bin/sleep 600
"""


class Machine:
    """One disk, and the machine that is started on it again and again."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory = directory
        self.seed = seed
        self.disk = directory / "data.ext4"
        self.console = directory / "console"
        directory.mkdir(parents=True, exist_ok=True)
        with self.disk.open("wb") as out:
            out.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(self.disk)], check=True, capture_output=True)
        self.config = directory / "config.toml"
        text = CONFIG.format(directory="/run/hall", anchor="").replace("/run/hall/mnt", "/run/mnt")
        self.config.write_text(text, encoding="utf-8")

    def live(self, for_s: float | None, boot: int) -> tuple[int, str] | None:
        """Boot, write, and be killed: so long after the first acknowledgement, or, None, while it still starts.

        Returns the last acknowledgement the world had heard before the kill. Raises RuntimeError when it does not come up.
        """
        init = self.directory / "init.sh"
        init.write_text(
            INIT.format(repository=REPOSITORY, python=sys.executable, config=self.config, seed=self.seed * 1000 + boot)
        )
        init.chmod(0o755)
        command = [
            KERNEL, "mem=192M", "rootfstype=hostfs", "rootflags=/", "ro", f"init={init}", f"ubd0={self.disk}",
            "con=null", "con0=null,fd:1", "ssl=null", "quiet", f"umid=cut-{os.getpid()}-{boot}",
        ]  # fmt: skip
        with self.console.open("wb") as out:
            guest = subprocess.Popen(
                command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
            )
        try:
            if for_s is None:
                time.sleep(random.Random(boot).uniform(0.5, 4.0))
            else:
                self._wait_for_a_mark(guest)
                time.sleep(for_s)
            heard = self._last_mark()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(guest.pid, signal.SIGKILL)
            guest.wait()
        return heard

    def _wait_for_a_mark(self, guest: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + BOOTS_WITHIN_S
        while self._last_mark() is None:
            told = self.console.read_bytes()
            if time.monotonic() > until or guest.poll() is not None or b"ENDED" in told:
                raise RuntimeError(f"the machine does not come up: {told[-2000:].decode(errors='replace')}")
            time.sleep(0.05)

    def _last_mark(self) -> tuple[int, str] | None:
        marks = _MARK.findall(self.console.read_bytes())
        return (int(marks[-1][0]), marks[-1][1].decode()) if marks else None


def run(cuts: int, seed: int, *, until: float | None = None) -> dict[str, Any]:
    """So many cuts."""
    dice = random.Random(seed)
    wrong: list[str] = []
    done = records = while_starting = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hall-edge-machine-", dir="/var/tmp") as scratch:
        bench = Bench(Path(scratch) / "bench")
        while done < cuts and (until is None or time.monotonic() < until):
            machine = Machine(Path(scratch) / "machine", seed + done)
            seen = Truth()
            heard: tuple[int, str] | None = None
            for boot in range(min(A_DISK, cuts - done)):
                starting = boot > 0 and dice.random() < 0.25
                # Silence while it starts says nothing new: what was heard before still counts.
                heard = machine.live(None if starting else dice.uniform(0.0, 4.0), boot) or heard
                done += 1
                while_starting += starting
                texts, seen = _judge(bench, machine.disk, heard, seen, done)
                wrong += [f"seed {seed}, cut {done}, boot {boot}: {text}" for text in texts]
            records += len(seen.digests)
            shutil.rmtree(machine.directory)
    return {
        "ok": not wrong,
        "cuts": done,
        "while_starting": while_starting,
        "records": records,
        "seed": seed,
        "took_s": round(time.monotonic() - began),
        "wrong": wrong[:40],
        "wrongs": len(wrong),
    }


def _judge(
    bench: Bench, disk: Path, heard: tuple[int, str] | None, seen: Truth, number: int
) -> tuple[list[str], Truth]:
    """The books on a copy of the disk, against all that was seen on it before."""
    image = Image(number, 0, "all", disk.read_bytes(), heard)
    truth = bench.truth(image)
    if truth is None:
        return ([] if heard is None else ["there are no books"]), seen
    wrong = bench.judge(image, truth)
    known = heard[0] if heard is not None else 0
    before = seen.digests[:known]
    if truth.digests[: len(before)] != before:
        wrong.append("records that were seen before are not the same any more")
    return wrong, truth


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when anything acknowledged was lost, altered or half there."""
    parser = argparse.ArgumentParser(prog="./dev machinecut", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--cuts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--for", dest="for_s", type=float, help="seconds after which no new disk is begun")
    parser.add_argument("--evidence", action="store_true", help="add the figures to docs/evidence.json")
    asked = parser.parse_args(arguments)
    report = run(asked.cuts, asked.seed, until=None if asked.for_s is None else time.monotonic() + asked.for_s)
    print(json.dumps(report))
    if asked.evidence:
        add(Figures("PW-1", "whole machines killed (user-mode Linux)", report["cuts"], report["wrongs"], report["seed"],
                    None if report["ok"] else report["seed"], report["took_s"], "./dev machinecut"))  # fmt: skip
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
