"""kill -9 of the process that writes: what it was told is durable is there, unaltered, and no fact is half there (EVT-03)."""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import orjson

from sync import outbox
from sync.chain_check import verify_chain
from sync.db import Database
from tests.sync.stage import Hall

ROUNDS = 10
ROOT = Path(__file__).resolve().parents[2]


def run_and_kill(path: Path, first: int, after_s: float) -> list[tuple[int, int, str]]:
    """Let the child write for a moment, kill it, and return what it had printed by then."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.sync.writing_child", str(path), str(first)],
        cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert child.stdout is not None
    out = child.stdout.fileno()
    assert select.select([out], [], [], 20)[0], "the child never wrote"
    printed = b""
    until = time.monotonic() + after_s
    while (left := until - time.monotonic()) > 0:
        if select.select([out], [], [], left)[0]:
            printed += os.read(out, 1 << 16)
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    while more := os.read(out, 1 << 16):  # in the pipe before the kill: it counts
        printed += more
    child.stdout.close()
    lines = printed.decode().split("\n")[:-1]  # the last may be cut
    return [(int(nr), int(sequence), chain) for nr, sequence, chain in (line.split() for line in lines)]


def test_what_was_called_durable_survives_ten_kills(store: Path) -> None:
    with contextlib.closing(sqlite3.connect(store)) as conn:
        conn.execute("CREATE TABLE facts (nr INTEGER PRIMARY KEY, sequence INTEGER NOT NULL) STRICT")
        conn.commit()
    chance = random.Random(7)
    durable: dict[int, str] = {}
    told = first = 0
    for _ in range(ROUNDS):
        for nr, sequence, chain in run_and_kill(store, first, chance.uniform(0.05, 0.4)):
            durable[sequence] = chain
            assert nr % 50 != 49
            told += 1
        with contextlib.closing(Database(store).open_reader()) as reader:
            head = outbox.head(reader).position
            assert verify_chain(reader) == head
            rows = reader.execute("SELECT position, body, chain FROM log ORDER BY position").fetchall()
            facts = dict(reader.execute("SELECT sequence, nr FROM facts").fetchall())
        assert [position for position, _, _ in rows] == list(range(1, head + 1))
        for sequence, chain in durable.items():
            assert rows[sequence - 1][2].hex() == chain, f"record {sequence} was called durable and is another one now"
        # A fact and its event: both or none.
        events = {position: orjson.loads(body)["data"]["nr"] for position, body, _ in rows}
        assert facts == events
        first = max(facts.values(), default=-1) + 1
    print(f"\nkills={ROUNDS} durable={told} stored={len(rows)} lost=0 altered=0")
    assert told > 500
    hall = Hall(store)
    assert hall.happen()[0].sequence == len(rows) + 1
    hall.close()
