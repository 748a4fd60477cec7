"""``./dev powercut``: the power is cut at any moment of a disk's life, and every acknowledged fact must be there (PW-1, PW-6).

A recording is made of everything that reaches a disk while books are written on it as fast as they go (``blockdisk``,
``busybooks``), the first start among it. Then, image by image: what had been flushed before the cut, and of what came after
it any 512-byte piece or none; the file system replays its journal, the gateway's own cold start opens the books, and they
are judged by what had been marked as acknowledged before the cut and by what was written in the end.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.blockdisk import Entry, read_log
from tests.harness.booksjudge import CONFIG, Bench, Image, Truth, loop, mounted, truth_of
from tests.harness.evidence import Figures, add
from tests.harness.processes import REPOSITORY, python, wait_until

PLANTED = ("tests.harness.powercut", "--images", "30", "--record", "2")
"The run that a planted bug must turn red."
SIZE = 48 << 20
PIECE = 512
RECORD_S = 8.0
IMAGES_A_RECORDING = 1000
END = b"end of the recording"
TAILS = ("pieces", "none", "all", "prefix")
"What of the writes after the last flush had reached the platter."
TAIL_WEIGHTS = (7, 1, 1, 3)
CAME_OUT = ("whole", "declared", "refused")


@dataclass(slots=True)
class Recording:
    """All that reached the disk, in order."""

    entries: list[Entry]
    truth: Truth


# recording --------------------------------------------------------------------------------------------------------


def record(directory: Path, seed: int, for_s: float = RECORD_S) -> Recording:
    """Make a file system on a recording disk and write books on it. Needs root for the loop device."""
    directory.mkdir(parents=True, exist_ok=True)
    fuse, mnt, log = directory / "fuse", directory / "mnt", directory / "blocks.log"
    for path in (fuse, mnt, directory / "run"):
        path.mkdir(exist_ok=True)
    config = directory / "config.toml"
    config.write_text(CONFIG.format(directory=directory, anchor=""), encoding="utf-8")
    with recording_disk(fuse, log), loop(fuse / "disk") as device:
        subprocess.run(
            ["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", device], check=True, capture_output=True
        )
        with mounted(device, mnt):
            subprocess.run(
                python("-m", "tests.harness.busybooks", str(config), "--for", str(for_s), "--seed", str(seed),
                       "--mark", str(fuse / "mark")),
                cwd=REPOSITORY, check=True, capture_output=True, timeout=for_s + 60,
            )  # fmt: skip
            truth = truth_of(mnt / "state" / "hall.db")
            (fuse / "mark").write_bytes(END)
    # What the file system writes at its orderly end is no power cut, and a torn super block only a repair can mount.
    entries = list(itertools.takewhile(lambda entry: entry.data != END, read_log(log)))
    log.unlink()
    return Recording(entries, truth)


@contextlib.contextmanager
def recording_disk(mount: Path, log: Path, *more: str) -> Iterator[None]:
    """The disk file in this FUSE mount, and its log; see ``blockdisk`` for more arguments."""
    command = python("-m", "tests.harness.blockdisk", str(mount), str(log), "--size", str(SIZE), *more)
    with subprocess.Popen(command, cwd=REPOSITORY) as server:
        try:
            wait_until("the recording disk is there", lambda: (mount / "disk").exists(), within_s=20)
            yield
        finally:
            subprocess.run(["fusermount3", "-u", str(mount)], check=False, capture_output=True)
            server.wait(20)


# images -----------------------------------------------------------------------------------------------------------


def images(recording: Recording, count: int, seed: int, size: int = SIZE, *, lies: bool = False) -> Iterator[Image]:
    """So many cuts, in the order of the recording; a third of them right at a flush, where most can go wrong.

    ``lies``: the disk keeps some of the last flushes for itself, up to forty of them.
    """
    dice = random.Random(seed)
    entries = recording.entries
    flushes = [place for place, entry in enumerate(entries) if entry.kind == "F"]
    cuts = sorted(
        dice.choice(flushes) + dice.choice((0, 1)) if dice.random() < 0.3 else dice.randint(1, len(entries))
        for _ in range(count)
    )
    durable = bytearray(size)
    loose: list[Entry] = []
    kept: deque[int] = deque()
    "With ``lies``: how many of the loose writes each flush was about."
    mark: bytes = b""
    place = 0
    for number, cut in enumerate(cuts):
        for entry in entries[place:cut]:
            if entry.kind == "W":
                loose.append(entry)
            elif entry.kind == "M":
                mark = entry.data
            elif not lies:
                _keep(durable, loose, len(loose))
            else:
                kept.append(len(loose))
                if len(kept) > 40:
                    done = kept.popleft()
                    _keep(durable, loose, done)
                    kept = deque(count - done for count in kept)
        place = max(place, cut)
        disk = bytearray(durable)
        tail = dice.choices(TAILS, TAIL_WEIGHTS)[0]
        _scatter(disk, loose, tail, dice)
        words = mark.decode().split()
        yield Image(number, cut, tail, bytes(disk), (int(words[0]), words[1]) if words else None)


def _keep(durable: bytearray, loose: list[Entry], count: int) -> None:
    for write in loose[:count]:
        durable[write.offset : write.offset + len(write.data)] = write.data
    del loose[:count]


def _scatter(disk: bytearray, loose: Sequence[Entry], tail: str, dice: random.Random) -> None:
    if tail == "none":
        return
    writes = loose if tail != "prefix" else loose[: dice.randint(0, len(loose))]
    for write in writes:
        for at in range(0, len(write.data), PIECE):
            if tail != "pieces" or dice.random() < 0.5:
                piece = write.data[at : at + PIECE]
                disk[write.offset + at : write.offset + at + len(piece)] = piece


# running ----------------------------------------------------------------------------------------------------------


def _share(task: tuple[Recording, int, int, int, int, bool]) -> tuple[Counter[str], list[str]]:
    """One worker's part of a recording's images: every ``of``-th from ``which``."""
    recording, count, seed, which, of, lies = task
    found: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="hall-edge-cut-", dir=_memory()) as scratch:
        bench = Bench(Path(scratch), anchored=lies)
        for image in images(recording, count, seed, lies=lies):
            if image.number % of != which:
                continue
            found["images"] += 1
            found[image.tail] += 1
            if image.acknowledged is not None:
                found["with_acknowledged"] += 1
            if lies:
                came_out, texts = bench.judge_lying(image, recording.truth)
                found[came_out] += 1
            else:
                texts = bench.judge(image, recording.truth)
            where = f"seed {seed}, image {image.number}, cut {image.cut}, tail {image.tail}"
            wrong += [f"{where}: {text}" for text in texts]
    return found, wrong


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() and shutil.disk_usage("/dev/shm").free > 8 * SIZE else None


def run(
    count: int,
    seed: int,
    *,
    workers: int = 2,
    record_s: float = RECORD_S,
    until: float | None = None,
    lies: bool = False,
) -> dict[str, Any]:
    """So many images, a thousand from each recording; ``until``: no new recording begins after this moment."""
    found: Counter[str] = Counter()
    wrong: list[str] = []
    first_bad: int | None = None
    began = time.monotonic()
    recordings = 0
    while found["images"] < count and (until is None or time.monotonic() < until):
        here = seed + recordings
        recordings += 1
        wanted = min(IMAGES_A_RECORDING, count - found["images"])
        with tempfile.TemporaryDirectory(prefix="hall-edge-record-", dir=_memory()) as scratch:
            recording = record(Path(scratch), here, record_s)
        found["records"] += len(recording.truth.digests)
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            parts = pool.map(_share, [(recording, wanted, here, which, workers, lies) for which in range(workers)])
        for counted, texts in parts:
            found += counted
            wrong += texts
        if wrong and first_bad is None:
            first_bad = here
    return {
        "ok": not wrong,
        "images": found["images"],
        "with_acknowledged": found["with_acknowledged"],
        "tails": {tail: found[tail] for tail in TAILS},
        "came_out": {name: found[name] for name in CAME_OUT} if lies else None,
        "recordings": recordings,
        "records": found["records"],
        "seed": seed,
        "first_bad_seed": first_bad,
        "took_s": round(time.monotonic() - began),
        "wrong": wrong[:40],
        "wrongs": len(wrong),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when anything acknowledged was lost, altered or half there."""
    parser = argparse.ArgumentParser(prog="./dev powercut", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--record", type=float, default=RECORD_S, help="seconds of work in each recording")
    parser.add_argument("--lies", action="store_true", help="a disk that says flushed and is not (ST-8)")
    parser.add_argument("--for", dest="for_s", type=float, help="seconds after which no new recording begins")
    parser.add_argument("--evidence", action="store_true", help="add the figures to docs/evidence.json")
    asked = parser.parse_args(arguments)
    until = None if asked.for_s is None else time.monotonic() + asked.for_s
    report = run(asked.images, asked.seed, workers=asked.workers, record_s=asked.record, until=until, lies=asked.lies)
    print(json.dumps(report))
    if asked.evidence:
        row, method = (
            ("ST-8", "images of a disk that lies") if asked.lies else ("PW-1", "power-cut images of a block device")
        )
        add(Figures(row, method, report["images"], report["wrongs"], report["seed"],
                    report["first_bad_seed"], report["took_s"], "./dev powercut"))  # fmt: skip
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
