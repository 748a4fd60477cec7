"""``./dev fscut``: the file system is shut down under books that are being written, and what it had not logged is gone (PW-1).

A loop-mounted ext4 (or xfs, where its tools are); at a random moment the kernel is told to stop the file system without
writing its journal; then it is unmounted, mounted again, and the field's own cold start opens the books. The acknowledged
are those that were heard before the shutdown was asked for: a synchronisation in flight may still return success.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.harness.booksjudge import Bench, Image, loop, mounted, readable_truth
from tests.harness.evidence import Figures, add
from tests.harness.processes import REPOSITORY, python, wait_until

SHUTDOWN = 0x8004587D
"EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN."
NO_LOG_FLUSH = 2
CUTS_A_DISK = 8
"Then a new one: the first start must be cut too."
SIZES = {"ext4": 48 << 20, "xfs": 320 << 20}


def missing() -> str | None:
    """What this machine lacks for it; None: nothing."""
    if os.geteuid() != 0:
        return "root is missing: mounting needs it"
    if not Path("/dev/loop-control").exists():
        return "/dev/loop-control is missing"
    return None if _has("mkfs.ext4") else "mkfs.ext4 is missing"


def _has(tool: str) -> bool:
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def kinds() -> tuple[str, ...]:
    """File systems that can be made here."""
    return tuple(kind for kind in SIZES if _has(f"mkfs.{kind}"))


class OneDisk:
    """Cut again and again; each life goes on with what the cut before has left."""

    def __init__(self, directory: Path, kind: str, seed: int) -> None:
        self.bench = Bench(directory)
        self.kind, self.seed = kind, seed
        self.image = directory / "fs.image"
        self.marks = directory / "marks"
        self.heard: tuple[int, str] | None = None
        with self.image.open("wb") as out:
            out.truncate(SIZES[kind])
        force = ["-F"] if kind == "ext4" else ["-f"]
        subprocess.run([f"mkfs.{kind}", "-q", *force, str(self.image)], check=True, capture_output=True)

    def cut(self, after_s: float, number: int) -> list[str]:
        """Write for so long, counted from the first acknowledgement (below 0: from the program's start), and cut."""
        mnt = self.bench.mnt
        with loop(self.image) as device:
            with mounted(device, mnt, self.kind):
                self._write_and_shut_down(after_s, number)
            with mounted(device, mnt, self.kind):
                return self._judge(number)

    def _write_and_shut_down(self, after_s: float, number: int) -> None:
        command = python("-m", "tests.harness.busybooks", str(self.bench.directory / "config.toml"), "--for", "60",
                         "--seed", str(self.seed * 1000 + number), "--mark", str(self.marks))  # fmt: skip
        self.marks.unlink(missing_ok=True)
        place = os.open(self.bench.mnt, os.O_RDONLY)
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            try:
                if after_s >= 0:
                    wait_until("something is acknowledged", lambda: self._mark() is not None, within_s=30, every_s=0.01)
                time.sleep(abs(after_s))
                self.heard = self._mark() or self.heard
                fcntl.ioctl(place, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
            finally:
                os.close(place)
                child.kill()

    def _mark(self) -> tuple[int, str] | None:
        if not self.marks.exists():
            return None
        found = re.match(r"(\d+) ([0-9a-f]{64})\n", self.marks.read_text())
        return None if found is None else (int(found[1]), found[2])

    def _judge(self, number: int) -> list[str]:
        state = self.bench.mnt / "state"
        if not state.exists():
            return [] if self.heard is None else ["the state directory is gone"]
        copy = self.bench.directory / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(state, copy)
        # A chain value that was acknowledged vouches for each record up to it.
        truth = readable_truth(copy / "hall.db")
        return self.bench.judge_here(Image(number, 0, self.kind, b"", self.heard), truth)


def run(cuts: int, seed: int, *, until: float | None = None) -> dict[str, Any]:
    """So many cuts, the file systems in turn."""
    dice = random.Random(seed)
    began = time.monotonic()
    wrong: list[str] = []
    done = dict.fromkeys(kinds(), 0)
    disks = 0
    while sum(done.values()) < cuts and (until is None or time.monotonic() < until):
        kind = list(done)[disks % len(done)]
        disks += 1
        with tempfile.TemporaryDirectory(prefix="hall-edge-fscut-", dir=_memory()) as scratch:
            disk = OneDisk(Path(scratch), kind, seed + disks)
            for number in range(min(CUTS_A_DISK, cuts - sum(done.values()))):
                starting = dice.random() < 0.2
                texts = disk.cut(-dice.uniform(0.2, 0.5) if starting else dice.uniform(0.0, 1.0), number)
                done[kind] += 1
                wrong += [f"seed {seed}, disk {disks}, {kind}, cut {number}: {text}" for text in texts]
                if texts:
                    break
    return {"ok": not wrong, "cuts": sum(done.values()), "file_systems": done, "disks": disks, "seed": seed,
            "took_s": round(time.monotonic() - began), "wrongs": len(wrong), "wrong": wrong[:40]}  # fmt: skip


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() and shutil.disk_usage("/dev/shm").free > (1 << 30) else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when anything acknowledged was lost, altered or half there."""
    parser = argparse.ArgumentParser(prog="./dev fscut", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--for", dest="for_s", type=float, help="seconds after which no new disk is begun")
    parser.add_argument("--evidence", action="store_true", help="add the figures to docs/evidence.json")
    asked = parser.parse_args(arguments)
    if (lacks := missing()) is not None:
        print(json.dumps({"ok": False, "wrong": [lacks]}))
        return 2
    report = run(asked.runs, asked.seed, until=None if asked.for_s is None else time.monotonic() + asked.for_s)
    if asked.evidence:
        add(Figures("PW-1", "file system shut down without its log", report["cuts"], report["wrongs"], report["seed"],
                    None if report["ok"] else report["seed"], report["took_s"], "./dev fscut"))  # fmt: skip
    print(json.dumps(report))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
