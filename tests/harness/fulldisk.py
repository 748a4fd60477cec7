"""``./dev fulldisk --rounds N --seed S``: fill the disk of the books at random moments, then free it.

The state directory is a loop-mounted ext4 of 24 MiB. In each round the disk is filled to the last byte (or to a few KiB)
while machines play, stays so for some seconds, and is freed. The field must go on by itself, and at the end each machine's
own book is laid beside the log. Resumable: ``--keep DIR`` writes one line a round to DIR/rounds.jsonl, and rounds that are
in it are not played again. The last line of the output is one JSON object of figures.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.harness.evidence import Figures, add
from tests.harness.processes import wait_until
from tests.harness.smalldisk import SmallDisk, why_not
from tests.harness.smallplay import SmallPlay, faults_of

AGAIN_WITHIN_S = 15.0
BATCH = 5
"Rounds on one disk and one field; then both are made anew, and the books are judged."


def play(directory: Path, seed: int, rounds: int, *, full_s: tuple[float, float] = (0.5, 8.0)) -> dict[str, Any]:
    """So many rounds on one disk; figures, with ``faults`` empty when all held."""
    dice = random.Random(seed)
    disk = SmallDisk(directory / "disk.img", directory / "gateway" / "state")
    stage = SmallPlay(directory, seed=seed)
    faults: list[str] = []
    held = 0
    again_s: list[float] = []
    try:
        stage.open(lambda _state: disk.open())
        stage.wait_for_polls()
        for _ in range(rounds):
            time.sleep(dice.uniform(0.1, 2.0))
            disk.fill(leave=dice.choice((0, 0, 4096, 40_960, 200_000)))
            time.sleep(dice.uniform(*full_s))
            if not stage.field.alive:
                faults.append(f"the field died: {stage.field.tail(5)}")
                break
            held += not stage.moves(0.2)
            disk.release()
            again_s.append(wait_until("polls again", stage.moves, within_s=AGAIN_WITHIN_S))
        verdict = stage.settle()
        levels = [event["data"]["level"] for event in stage.events("hall.gateway.storage.v1")]
        faults += faults_of(verdict)
        return {
            "seed": seed,
            "rounds": rounds,
            "held": held,
            "again_s_max": round(max(again_s, default=0.0), 1),
            "levels": levels,
            "raised": verdict.total("raised"),
            "acknowledged": verdict.total("acknowledged"),
            "lost": verdict.total("lost"),
            "doubled": verdict.total("doubled"),
            "faults": faults,
        }
    except TimeoutError as late:
        return {"seed": seed, "rounds": rounds, "faults": [*faults, str(late), stage.field.tail(8)]}
    finally:
        stage.close()
        disk.close()


def main(arguments: list[str] | None = None) -> int:
    """0: all held; 1: not; 2: cannot be played here."""
    parser = argparse.ArgumentParser(prog="./dev fulldisk", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="directory in which rounds that were played are remembered")
    parser.add_argument("--evidence", action="store_true", help="add the figures to docs/evidence.json")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    played: list[int] = []
    missing = why_not()
    if missing is not None:
        print(missing, file=sys.stderr)
        return 2
    kept = None if chosen.keep is None else chosen.keep / "rounds.jsonl"
    done: dict[int, dict[str, Any]] = {}
    if kept is not None:
        chosen.keep.mkdir(parents=True, exist_ok=True)
        if kept.exists():
            done = {told["seed"]: told for told in map(json.loads, kept.read_text().splitlines())}
    for number in range((chosen.rounds + BATCH - 1) // BATCH):
        seed = chosen.seed + number
        if seed in done:
            continue
        with tempfile.TemporaryDirectory(prefix="fulldisk-") as place:
            played.append(seed)
            done[seed] = play(Path(place), seed, min(BATCH, chosen.rounds - number * BATCH))
        print(json.dumps(done[seed]), file=sys.stderr, flush=True)
        if kept is not None:
            with kept.open("a") as out:
                out.write(json.dumps(done[seed]) + "\n")
    told = [done[seed] for seed in sorted(done)]
    sums = {name: sum(int(one.get(name, 0)) for one in told)
            for name in ("rounds", "held", "raised", "acknowledged", "lost", "doubled")}  # fmt: skip
    faults = [fault for one in told for fault in one["faults"]]
    again_s = max((float(one.get("again_s_max", 0.0)) for one in told), default=0.0)
    print(json.dumps({"ok": not faults, **sums, "again_s_max": again_s, "faults": faults[:10]}))
    if chosen.evidence and played:
        # Rounds remembered by --keep were added when they were played.
        bad = [seed for seed in played if done[seed]["faults"]]
        add(Figures("ST-1", "a real disk filled and freed", sum(int(done[seed]["rounds"]) for seed in played),
                    sum(len(done[seed]["faults"]) for seed in bad), played[0], bad[0] if bad else None,
                    round(time.monotonic() - began), "./dev fulldisk"))  # fmt: skip
    return 0 if not faults else 1


if __name__ == "__main__":
    raise SystemExit(main())
